//! The options of a query's OPT record: what they ask of its answer.
//!
//! Few queries carry any. They are read out of line, once, into an [`Asked`]; the answer that heeds it
//! carries the options that answer them. Options that are not known here are ignored (RFC 6891 6.1.2)
//! and never sent back (RFC 8906 8.2.3).

use std::net::IpAddr;

use bailiwick_zone::Name;

use crate::cookie::{COOKIE_LEN, Cookie};
use crate::job::Job;
use crate::kind::Transport;
use crate::request::{self, Edns, Reading};
use crate::settings::Settings;

/// What the options of one query ask, and what they show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// The cookie's worth. A good one shows that the address is the sender's own.
    pub cookie: Cookie,
    /// The cookie of the answer.
    given: [u8; COOKIE_LEN],
    /// The sender asks for the server's identifier (RFC 5001).
    nsid: bool,
    /// Labels of the zone's name and the zone's serial (RFC 9660 2.1), where asked for.
    zone_version: Option<(u8, u32)>,
    wants_keepalive: bool,
    wants_padding: bool,
    /// How long the connection may be idle, in tenths of a second (RFC 7828 3.1); see [`Self::granting`].
    keepalive: Option<u16>,
    /// The answer is padded (RFC 7830); see [`Self::granting`].
    pub(crate) padding: bool,
}

impl Asked {
    /// Reads the options of `message`, sent by a client at `client` at `now` (seconds since 1970).
    pub(crate) fn read(
        job: &Job<'_>,
        message: &[u8],
        client: IpAddr,
        now: u64,
        settings: &Settings,
    ) -> Self {
        let mut asked = Self::default();
        let Some(edns) = &job.request.edns else {
            return asked;
        };
        for (code, data) in each(message, edns) {
            match code {
                // RFC 7873 5.2: of several the first counts.
                COOKIE if asked.cookie == Cookie::None => {
                    if let Some(secrets) = settings.cookies.secrets() {
                        // RFC 9018 4.3: the lower 32 bits of the time.
                        (asked.cookie, asked.given) =
                            secrets.judge(data, client, now as u32).unwrap_or_default();
                    }
                }
                NSID => asked.nsid = true,
                // RFC 9660 3.2: what the query has in it does not matter, and referrals and errors
                // of a zone carry its version like other answers.
                ZONEVERSION if settings.zone_version => {
                    asked.zone_version = job
                        .zone
                        .map(|zone| (zone.apex_labels() as u8, zone.serial().0));
                }
                KEEPALIVE => asked.wants_keepalive = true,
                PADDING => asked.wants_padding = true,
                _ => {}
            }
        }
        asked
    }

    /// Grants what depends on the connection, where it was asked for: how long it may be idle, in tenths
    /// of a second (RFC 7828 3.3.2: never over UDP), and padding (RFC 7830 6: only under encryption).
    #[must_use]
    pub fn granting(mut self, idle: Option<u16>, padding: bool) -> Self {
        self.keepalive = idle.filter(|_| self.wants_keepalive);
        self.padding = padding && self.wants_padding;
        self
    }

    /// The identifier that the answer carries; empty: none.
    pub(crate) fn nsid<'s>(&self, settings: &'s Settings) -> &'s [u8] {
        match &settings.nsid {
            Some(nsid) if self.nsid => nsid,
            _ => &[],
        }
    }

    /// Octets of the options of the answer, but for the identifier and padding.
    pub(crate) fn len(&self) -> usize {
        let cookie = if self.cookie == Cookie::None {
            0
        } else {
            4 + COOKIE_LEN
        };
        let keepalive = self.keepalive.map_or(0, |_| 4 + 2);
        cookie + keepalive + self.zone_version.map_or(0, |_| 4 + ZONEVERSION_LEN)
    }

    /// Writes the options of the answer, but for the identifier and padding; returns what is left of `space`.
    pub(crate) fn write<'o>(&self, mut space: &'o mut [u8]) -> &'o mut [u8] {
        if self.cookie != Cookie::None {
            space = put(space, COOKIE, &self.given);
        }
        if let Some((labels, serial)) = self.zone_version {
            let [s3, s2, s1, s0] = serial.to_be_bytes();
            space = put(space, ZONEVERSION, &[labels, SOA_SERIAL, s3, s2, s1, s0]);
        }
        if let Some(tenths) = self.keepalive {
            space = put(space, KEEPALIVE, &tenths.to_be_bytes());
        }
        space
    }
}

/// Does a query say edns-tcp-keepalive (RFC 7828)? Over QUIC that breaks the rules (RFC 9250 5.5.2).
#[must_use]
pub fn carries_keepalive(message: &[u8]) -> bool {
    let read_name = |message: &[u8], at| Name::skip(message, at).ok();
    match request::read(message, Transport::Stream, read_name) {
        Reading::Good(request) | Reading::Faulty(request, _) => request
            .edns
            .is_some_and(|edns| each(message, &edns).any(|(code, _)| code == KEEPALIVE)),
        Reading::Silence => false,
    }
}

/// Code and data of every option. The reader has checked that they fill RDATA exactly.
fn each<'m>(message: &'m [u8], edns: &Edns) -> impl Iterator<Item = (u16, &'m [u8])> {
    let mut rest = request::options(message, edns).unwrap_or_default();
    std::iter::from_fn(move || {
        let (code, data, after) = request::split_option(rest)?;
        rest = after;
        Some((code, data))
    })
}

/// Writes one option; returns what is left. Where it does not fit nothing is written.
pub(crate) fn put<'o>(space: &'o mut [u8], code: u16, data: &[u8]) -> &'o mut [u8] {
    if space.len() < 4 + data.len() {
        return space;
    }
    let (head, rest) = space.split_at_mut(4);
    head[..2].copy_from_slice(&code.to_be_bytes());
    head[2..].copy_from_slice(&(data.len() as u16).to_be_bytes());
    let (place, rest) = rest.split_at_mut(data.len());
    place.copy_from_slice(data);
    rest
}

/// Codes of the IANA registry.
pub(crate) const NSID: u16 = 3;
pub(crate) const COOKIE: u16 = 10;
const KEEPALIVE: u16 = 11;
pub(crate) const PADDING: u16 = 12;
pub(crate) const EXTENDED_ERROR: u16 = 15;
pub(crate) const REPORT_CHANNEL: u16 = 18;
const ZONEVERSION: u16 = 19;

/// RFC 9660 2.1: LABELCOUNT, TYPE and four octets of serial.
const ZONEVERSION_LEN: usize = 6;
/// RFC 9660 2.1.1: the only type there is.
const SOA_SERIAL: u8 = 0;
