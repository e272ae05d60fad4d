//! Octets of messages that are not whole yet, over all streams of a connection.
//!
//! A client may open many streams and fill each with all but the last octet of a long message. What a
//! connection holds that way is bounded as a whole; the stream that would pass the bound is given up.

use std::cell::Cell;
use std::rc::Rc;

/// The octets held by one connection.
#[derive(Clone, Default)]
pub(crate) struct Holding(Rc<Cell<usize>>);

/// One message as it comes in; what it holds is given back with it.
pub(crate) struct Incoming {
    octets: Vec<u8>,
    holding: Holding,
}

impl Holding {
    /// A message of which nothing has come yet.
    pub(crate) fn incoming(&self) -> Incoming {
        Incoming {
            octets: Vec::new(),
            holding: self.clone(),
        }
    }
}

impl Incoming {
    /// Takes the next octets, unless the message gets longer than `len_max` or the connection has no
    /// room for them.
    #[must_use]
    pub(crate) fn take(&mut self, octets: &[u8], len_max: usize) -> bool {
        let held = self.holding.0.get().saturating_add(octets.len());
        if held > HELD_MAX || self.octets.len().saturating_add(octets.len()) > len_max {
            return false;
        }
        self.holding.0.set(held);
        self.octets.extend_from_slice(octets);
        true
    }

    /// What has come so far.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let held = self.holding.0.get().saturating_sub(self.octets.len());
        self.holding.0.set(held);
    }
}

/// Three messages of the longest kind, or hundreds of ordinary ones.
const HELD_MAX: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_makes_room() {
        let holding = Holding::default();
        let mut long = holding.incoming();
        assert!(long.take(&vec![0; HELD_MAX], usize::MAX));
        let mut next = holding.incoming();
        assert!(!next.take(&[0], usize::MAX));
        drop(long);
        assert!(next.take(&[0], 1));
        assert!(!next.take(&[0], 1));
        assert_eq!(next.octets(), [0]);
    }
}
