//! The OPT record of a response (RFC 6891 6.1.2) and the options in it.

use crate::options::{self, Asked};
use crate::rcode::Rcode;
use crate::request::Edns;

/// An Extended DNS Error (RFC 8914) for the OPT record of a response.
#[derive(Clone, Copy, Debug)]
pub struct ExtendedError<'t> {
    /// The code of the IANA registry.
    pub code: u16,
    /// Text for people; cut to what fits 100 octets.
    pub text: &'t str,
}

/// The record to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opt<'t> {
    pub(crate) udp_size: u16,
    pub(crate) dnssec_ok: bool,
    pub(crate) rcode_high: u8,
    pub(crate) error: Option<ExtendedError<'t>>,
    /// What the query's options asked for.
    pub(crate) asked: Option<&'t Asked>,
    /// The server's identifier, where it was asked for (RFC 5001); empty: none.
    pub(crate) nsid: &'t [u8],
    /// The agent domain of RFC 9567 in wire form; empty: none. It is sent where there is room left.
    pub(crate) channel: &'t [u8],
}

/// Octets of an OPT record without options.
pub(crate) const OPT_LEN: usize = 11;
/// Longest text of an Extended DNS Error that is sent.
const ERROR_TEXT_MAX: usize = 100;

impl<'t> Opt<'t> {
    /// The OPT that answers `edns`, without options.
    #[inline]
    pub(crate) fn answering(edns: &Edns, udp_size: u16, rcode: Rcode) -> Self {
        Self {
            udp_size,
            dnssec_ok: edns.dnssec_ok,
            rcode_high: rcode.high(),
            error: None,
            asked: None,
            nsid: &[],
            channel: &[],
        }
    }

    /// Octets for which room has to be kept: all but the report channel and padding.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match (self.error, self.asked) {
            (None, None) => OPT_LEN,
            (error, asked) => OPT_LEN + options_len(error, asked, self.nsid),
        }
    }

    /// There is more to it than [`Self::len`]: what is only sent where there is room left.
    #[inline]
    pub(crate) fn has_more(&self) -> bool {
        !self.channel.is_empty() || self.asked.is_some_and(|asked| asked.padding)
    }

    /// Fills `space`, which is as long as the record.
    #[inline]
    pub(crate) fn write(&self, space: &mut [u8]) {
        let Some((fixed, options)) = space.split_first_chunk_mut::<OPT_LEN>() else {
            return;
        };
        let [s1, s0] = self.udp_size.to_be_bytes();
        // RFC 3225 3: DO comes back as it was sent.
        let dnssec_ok = if self.dnssec_ok { 0x80 } else { 0 };
        let [n1, n0] = (options.len() as u16).to_be_bytes();
        // RFC 6891 6.1.3: version 0 is the highest served; 6.1.4: other flags are 0.
        *fixed = [0, 0, 41, s1, s0, self.rcode_high, 0, dnssec_ok, 0, n1, n0];
        if !options.is_empty() {
            self.write_options(options);
        }
    }

    #[cold]
    fn write_options(&self, mut space: &mut [u8]) {
        if let Some(asked) = self.asked {
            space = asked.write(space);
        }
        if !self.nsid.is_empty() {
            space = options::put(space, options::NSID, self.nsid);
        }
        if let Some(error) = self.error {
            let text = error_text(error.text);
            let mut data = [0; 2 + ERROR_TEXT_MAX];
            let (code, rest) = data.split_at_mut(2);
            code.copy_from_slice(&error.code.to_be_bytes());
            rest[..text.len()].copy_from_slice(text);
            space = options::put(space, options::EXTENDED_ERROR, &data[..2 + text.len()]);
        }
        if !self.channel.is_empty() {
            space = options::put(space, options::REPORT_CHANNEL, self.channel);
        }
        // RFC 7830 3: what is left is padding, of zeros.
        if let Some(padding) = space.len().checked_sub(4) {
            let (head, zeros) = space.split_at_mut(4);
            head[..2].copy_from_slice(&options::PADDING.to_be_bytes());
            head[2..].copy_from_slice(&(padding as u16).to_be_bytes());
            zeros.fill(0);
        }
    }
}

#[cold]
fn options_len(error: Option<ExtendedError<'_>>, asked: Option<&Asked>, nsid: &[u8]) -> usize {
    let error = error.map_or(0, |error| 6 + error_text(error.text).len());
    let nsid = if nsid.is_empty() { 0 } else { 4 + nsid.len() };
    error + asked.map_or(0, Asked::len) + nsid
}

/// The text of an error as it is sent, cut between characters.
fn error_text(text: &str) -> &[u8] {
    let mut end = text.len().min(ERROR_TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.as_bytes().get(..end).unwrap_or(&[])
}
