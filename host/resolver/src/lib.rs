//! Looks up what other people's name servers say.
