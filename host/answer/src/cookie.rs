//! DNS cookies that every server of a zone can make and check alike (RFC 7873, RFC 9018).
//!
//! A server cookie is a time and a keyed hash over the client's cookie, that time and the client's
//! address: nothing is kept per client. Servers behind one address share secrets. A change of secrets
//! goes in three steps without a cookie lost (RFC 9018 5): the new one is added as `next` everywhere,
//! then it becomes `current` and the old one `previous`, then `previous` is dropped an hour later.
//! The time has 32 bits and is compared by serial arithmetic, so neither 2038 nor 2106 is special
//! (RELIABILITY P15).

use std::fmt;
use std::net::IpAddr;

use siphasher::sip::SipHasher24;

/// A key of server cookies; it shows in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 16]);

impl Secret {
    /// The secret of these octets.
    #[must_use]
    pub const fn new(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// The hash of RFC 9018 4.4: over client cookie, version, reserved octets, time and address.
    fn hash(&self, client: [u8; 8], head: [u8; 8], address: IpAddr) -> [u8; 8] {
        let mut input = [0; 32];
        let (start, rest) = input.split_at_mut(16);
        start[..8].copy_from_slice(&client);
        start[8..].copy_from_slice(&head);
        let len = match address.to_canonical() {
            IpAddr::V4(v4) => {
                rest[..4].copy_from_slice(&v4.octets());
                20
            }
            IpAddr::V6(v6) => {
                rest.copy_from_slice(&v6.octets());
                32
            }
        };
        SipHasher24::new_with_key(&self.0)
            .hash(&input[..len])
            .to_le_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secrets in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Makes cookies, and checks them.
    pub current: Secret,
    /// Made cookies until a moment ago; checks them still.
    pub previous: Option<Secret>,
    /// Will make them soon, and does on servers that are ahead of this one.
    pub next: Option<Secret>,
}

/// What is done about cookies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cookies {
    /// The option is ignored, as by a server that does not know it (RFC 7873 5.2.1).
    #[default]
    Off,
    /// Who sends one gets one.
    Answer(Secrets),
    /// And who sends one over UDP is answered only once it is good (RFC 7873 5.2.3, 5.2.4).
    Require(Secrets),
}

/// What a query's cookie shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cookie {
    /// There is none, or nobody looks.
    #[default]
    None,
    /// The client's part alone (RFC 7873 5.2.3).
    Client,
    /// A server's part that is not ours, or is too old (RFC 7873 5.2.4).
    Bad,
    /// The client received an answer of ours at this address within the last hour (RFC 7873 5.2.5).
    Good,
}

/// Octets of a cookie option that we send: the client's part and ours.
pub(crate) const COOKIE_LEN: usize = 24;

impl Cookies {
    pub(crate) fn secrets(&self) -> Option<&Secrets> {
        match self {
            Self::Off => None,
            Self::Answer(secrets) | Self::Require(secrets) => Some(secrets),
        }
    }
}

impl Secrets {
    /// One secret, and no change of it under way.
    #[must_use]
    pub const fn only(current: Secret) -> Self {
        Self {
            current,
            previous: None,
            next: None,
        }
    }

    /// Judges the cookie option's data that a client at `address` sent at `now` (seconds since 1970,
    /// the lower 32 bits of them), and gives what the answer carries. None: it is no cookie.
    #[must_use]
    pub fn judge(
        &self,
        option: &[u8],
        address: IpAddr,
        now: u32,
    ) -> Option<(Cookie, [u8; COOKIE_LEN])> {
        let (client, server) = option.split_first_chunk::<8>()?;
        let (cookie, fresh) = self.check(*client, server, address, now);
        let server = match (fresh, server.try_into()) {
            (true, Ok(server)) => server,
            _ => self.make(*client, address, now),
        };
        let mut answer = [0; COOKIE_LEN];
        answer[..8].copy_from_slice(client);
        answer[8..].copy_from_slice(&server);
        Some((cookie, answer))
    }

    /// What a server cookie is worth, and whether the answer may repeat it.
    fn check(&self, client: [u8; 8], server: &[u8], address: IpAddr, now: u32) -> (Cookie, bool) {
        if server.is_empty() {
            return (Cookie::Client, false);
        }
        let Some((head, hash)) = server.split_first_chunk::<8>() else {
            return (Cookie::Bad, false);
        };
        let Ok(hash) = <[u8; 8]>::try_from(hash) else {
            return (Cookie::Bad, false);
        };
        let [version, r2, r1, r0, t3, t2, t1, t0] = *head;
        // RFC 1982: the difference of 32-bit times, whatever the century.
        let age = now.wrapping_sub(u32::from_be_bytes([t3, t2, t1, t0])) as i32;
        if version != VERSION || !(-AHEAD_MAX..=AGE_MAX).contains(&age) {
            return (Cookie::Bad, false);
        }
        let is_of = |secret: &Secret| {
            // As one number: the time it takes tells nothing about where they differ.
            u64::from_ne_bytes(secret.hash(client, *head, address)) == u64::from_ne_bytes(hash)
        };
        if is_of(&self.current) {
            return (Cookie::Good, age <= AGE_FRESH && [r2, r1, r0] == [0; 3]);
        }
        let others = [&self.previous, &self.next];
        match others.into_iter().flatten().any(is_of) {
            true => (Cookie::Good, false),
            false => (Cookie::Bad, false),
        }
    }

    /// A server cookie for this client.
    fn make(&self, client: [u8; 8], address: IpAddr, now: u32) -> [u8; 16] {
        let mut cookie = [0; 16];
        cookie[0] = VERSION;
        cookie[4..8].copy_from_slice(&now.to_be_bytes());
        let mut head = [0; 8];
        head.copy_from_slice(&cookie[..8]);
        cookie[8..].copy_from_slice(&self.current.hash(client, head, address));
        cookie
    }
}

/// RFC 9018 4.1.
const VERSION: u8 = 1;
/// RFC 9018 4.3: cookies of the last hour are good, and five minutes of clock difference are borne.
const AGE_MAX: i32 = 3600;
const AHEAD_MAX: i32 = 300;
/// RFC 9018 4.3: older ones are renewed.
const AGE_FRESH: i32 = 1800;

#[cfg(test)]
mod tests;
