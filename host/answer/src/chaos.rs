//! What a server says of itself in class CHAOS: `id.server` and `version.server` (RFC 4892), and the
//! two older names that everybody asks for.

use bailiwick_zone::RecordType;

use crate::encode::{Full, Message, Section, pointer};
use crate::request::HEADER_LEN;
use crate::settings::Settings;

/// Class CHAOS.
pub(crate) const CHAOS: u16 = 3;

/// The text that `name` (in wire form and lower case) stands for; none: the query is refused.
pub(crate) fn text<'s>(name: &[u8], settings: &'s Settings) -> Option<&'s str> {
    let text = match name {
        b"\x02id\x06server\x00" | b"\x08hostname\x04bind\x00" => &settings.identity,
        b"\x07version\x06server\x00" | b"\x07version\x04bind\x00" => &settings.version,
        _ => return None,
    };
    text.as_deref()
}

/// Writes the TXT record; for another type there is nothing to write.
pub(crate) fn put(message: &mut Message<'_>, qtype: RecordType, text: &str) -> Result<(), Full> {
    if !matches!(qtype, RecordType::TXT | RecordType::ANY) {
        return Ok(());
    }
    let text = text
        .as_bytes()
        .get(..text.len().min(255))
        .unwrap_or_default();
    let [p1, p0] = pointer(HEADER_LEN);
    let len = text.len() as u8;
    let [n1, n0] = (text.len() as u16 + 1).to_be_bytes();
    // RFC 4892 2: nobody is to keep it, so the TTL is 0.
    let head = [p1, p0, 0, 16, 0, CHAOS as u8, 0, 0, 0, 0, n1, n0, len];
    let (fixed, rest) = message
        .reserve(head.len() + text.len())?
        .split_at_mut(head.len());
    fixed.copy_from_slice(&head);
    rest.copy_from_slice(text);
    message.add_count(Section::Answer, 1);
    Ok(())
}
