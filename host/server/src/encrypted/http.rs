//! What HTTP adds to a DNS message, whatever version carries it (RFC 8484): method, path, media type on
//! the way in; status, media type and freshness on the way out. No socket, no stream: heads in, heads out.

#![warn(clippy::indexing_slicing)]

use bailiwick_answer::request::HEADER_LEN;
use bailiwick_zone::{Name, RecordType};
use data_encoding::BASE64URL_NOPAD;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};

/// The longest message a POST may bring: as long as any DNS message can be.
pub(crate) const BODY_MAX: usize = u16::MAX as usize;

/// A request that makes sense so far.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    /// GET: the message was in the path.
    Message(Vec<u8>),
    /// POST: the message is the body.
    Body,
}

/// Reads the head of a request.
///
/// # Errors
/// The status to answer with.
pub(crate) fn read(head: &Parts) -> Result<Asked, StatusCode> {
    if head.uri.path() != PATH {
        return Err(StatusCode::NOT_FOUND);
    }
    if let Some(accept) = head.headers.get(ACCEPT)
        && !accepts_message(accept)
    {
        return Err(StatusCode::NOT_ACCEPTABLE);
    }
    match head.method {
        Method::GET => {
            let encoded = parameter(head.uri.query().unwrap_or_default())?;
            let message = BASE64URL_NOPAD.decode(encoded.as_bytes());
            message
                .map(Asked::Message)
                .map_err(|_| StatusCode::BAD_REQUEST)
        }
        Method::POST => {
            let is_message = head
                .headers
                .get(CONTENT_TYPE)
                .is_some_and(|given| given.as_bytes().eq_ignore_ascii_case(MEDIA_TYPE.as_bytes()));
            if !is_message {
                return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
            }
            let length = head.headers.get(CONTENT_LENGTH);
            let announced = length.and_then(|given| given.to_str().ok()?.parse::<u64>().ok());
            if announced.is_some_and(|octets| octets > BODY_MAX as u64) {
                return Err(StatusCode::PAYLOAD_TOO_LARGE);
            }
            Ok(Asked::Body)
        }
        _ => Err(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// DNS has no answer to it: shorter than a header, or itself a response.
pub(crate) fn is_no_query(message: &[u8]) -> bool {
    message.len() < HEADER_LEN || message.get(2).is_some_and(|flags| flags & 0x80 != 0)
}

/// The head that goes before an answer (RFC 8484 4.2, 5.1).
pub(crate) fn found(message: &[u8]) -> Response<()> {
    let mut response = Response::new(());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(message.len()));
    if let Ok(value) = HeaderValue::from_str(&format!("max-age={}", freshness(message))) {
        headers.insert(CACHE_CONTROL, value);
    }
    response
}

/// The head that says what is wrong with the HTTP of a request; DNS has its own codes.
pub(crate) fn failed(status: StatusCode) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(http::header::ALLOW, HeaderValue::from_static("GET, POST"));
    }
    response
}

/// The value of `dns=`, whose length is judged before it is decoded (RELIABILITY P19).
fn parameter(query: &str) -> Result<&str, StatusCode> {
    let mut values = query
        .split('&')
        .filter_map(|part| part.strip_prefix("dns="));
    let value = values.next().ok_or(StatusCode::BAD_REQUEST)?;
    if value.len() > ENCODED_MAX {
        return Err(StatusCode::URI_TOO_LONG);
    }
    // RFC 8484 6: no padding; some clients send it all the same.
    Ok(value.trim_end_matches('='))
}

/// Any media range that takes our type in; quality values are for those who have a choice.
fn accepts_message(accept: &HeaderValue) -> bool {
    let Ok(text) = accept.to_str() else {
        return false;
    };
    text.split(',').any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        [MEDIA_TYPE, "application/*", "*/*"]
            .iter()
            .any(|ours| range.eq_ignore_ascii_case(ours))
    })
}

/// How long an answer may be kept, in seconds (RFC 8484 5.1): no longer than the least TTL of its answer
/// section; without one, as a negative answer (RFC 2308 5); an error not at all.
fn freshness(message: &[u8]) -> u32 {
    least_ttl(message).unwrap_or(0)
}

fn least_ttl(message: &[u8]) -> Option<u32> {
    let header = message.first_chunk::<HEADER_LEN>()?;
    let [_, _, _, flags, q1, q0, a1, a0, n1, n0, _, _] = *header;
    // NOERROR and NXDOMAIN are facts about the name; the rest is about this server.
    if !matches!(flags & 0xf, 0 | 3) {
        return None;
    }
    let mut at = HEADER_LEN;
    for _ in 0..u16::from_be_bytes([q1, q0]) {
        at = Name::skip(message, at).ok()? + 4;
    }
    let mut least = None;
    for _ in 0..u16::from_be_bytes([a1, a0]) {
        let record = Record::read(message, at)?;
        least = Some(least.map_or(record.ttl, |least: u32| least.min(record.ttl)));
        at = record.end;
    }
    if least.is_some() {
        return least;
    }
    for _ in 0..u16::from_be_bytes([n1, n0]) {
        let record = Record::read(message, at)?;
        if record.rtype == RecordType::SOA {
            // RFC 2308 5: the lesser of the SOA's TTL and its last field.
            let minimum = message.get(..record.end)?.last_chunk::<4>()?;
            return Some(record.ttl.min(u32::from_be_bytes(*minimum)));
        }
        at = record.end;
    }
    None
}

/// What freshness needs of a record.
struct Record {
    rtype: RecordType,
    ttl: u32,
    end: usize,
}

impl Record {
    fn read(message: &[u8], at: usize) -> Option<Self> {
        let fixed_at = Name::skip(message, at).ok()?;
        let [t1, t0, _, _, l3, l2, l1, l0, n1, n0] =
            *message.get(fixed_at..)?.first_chunk::<10>()?;
        Some(Self {
            rtype: RecordType(u16::from_be_bytes([t1, t0])),
            ttl: u32::from_be_bytes([l3, l2, l1, l0]),
            end: fixed_at + 10 + usize::from(u16::from_be_bytes([n1, n0])),
        })
    }
}

/// The path that RFC 8484 4.1 uses in its examples, and every client knows.
const PATH: &str = "/dns-query";
const MEDIA_TYPE: &str = "application/dns-message";
/// Characters of `dns=`: 1,536 octets, several times what a query has.
const ENCODED_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn status(method: &str, uri: &str, headers: &[(&str, &str)]) -> u16 {
        read(&head(method, uri, headers)).unwrap_err().as_u16()
    }

    /// RFC 8484 4.1.1: the example of a GET.
    #[test]
    fn the_get_of_the_rfc_is_understood() {
        let uri = "https://dnsserver.example.net/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB";
        let Asked::Message(message) =
            read(&head("GET", uri, &[("accept", "application/dns-message")])).unwrap()
        else {
            panic!("not a message");
        };
        assert!(message.starts_with(&[0, 0, 1, 0, 0, 1]) && message.len() == 33);
    }

    /// RFC 8484 4.1, 4.2.1: what is wrong with the HTTP is said in HTTP.
    #[test]
    fn each_mistake_has_its_status() {
        let post = [("content-type", MEDIA_TYPE)];
        assert_eq!(read(&head("POST", "/dns-query", &post)), Ok(Asked::Body));
        assert_eq!(status("GET", "/", &[]), 404);
        assert_eq!(status("GET", "/dns-query", &[]), 400);
        assert_eq!(status("GET", "/dns-query?dns=%%%", &[]), 400);
        assert_eq!(status("PUT", "/dns-query", &[]), 405);
        assert_eq!(status("POST", "/dns-query", &[]), 415);
        assert_eq!(
            status(
                "POST",
                "/dns-query",
                &[("content-type", "application/dns-json")]
            ),
            415
        );
        assert_eq!(
            status("GET", "/dns-query?dns=AAAA", &[("accept", "text/html")]),
            406
        );
        let long = [post[0], ("content-length", "65536")];
        assert_eq!(status("POST", "/dns-query", &long), 413);
    }

    /// RELIABILITY P19 (GO-2026-5164): at the limit, and one past it.
    #[test]
    fn an_oversized_get_is_refused_before_it_is_decoded() {
        let uri = |len| format!("/dns-query?dns={}", "A".repeat(len));
        assert!(read(&head("GET", &uri(ENCODED_MAX), &[])).is_ok());
        // Not even base64.
        let uri = format!("/dns-query?dns={}", "!".repeat(ENCODED_MAX + 1));
        assert_eq!(status("GET", &uri, &[]), 414);
    }

    fn message(rcode: u8, answers: &[u32], soa: Option<(u32, u32)>) -> Vec<u8> {
        let counts = [0, 0, 0x84, rcode, 0, 1, 0, answers.len() as u8, 0];
        let mut message = counts.to_vec();
        message.extend_from_slice(&[u8::from(soa.is_some()), 0, 0]);
        message.extend_from_slice(b"\x01a\x00\x00\x01\x00\x01");
        for ttl in answers {
            message.extend_from_slice(b"\xc0\x0c\x00\x01\x00\x01");
            message.extend_from_slice(&ttl.to_be_bytes());
            message.extend_from_slice(&[0, 4, 192, 0, 2, 1]);
        }
        if let Some((ttl, minimum)) = soa {
            message.extend_from_slice(b"\xc0\x0c\x00\x06\x00\x01");
            message.extend_from_slice(&ttl.to_be_bytes());
            message.extend_from_slice(&[0, 22, 0, 0]);
            message.extend_from_slice(&[0; 16]);
            message.extend_from_slice(&minimum.to_be_bytes());
        }
        message
    }

    /// RFC 8484 5.1: never longer than the least TTL of the answer; RFC 2308 5 for negative ones.
    #[test]
    fn freshness_is_the_least_ttl() {
        assert_eq!(freshness(&message(0, &[300, 60, 3600], None)), 60);
        assert_eq!(freshness(&message(3, &[], Some((900, 300)))), 300);
        assert_eq!(freshness(&message(0, &[], Some((200, 300)))), 200);
        assert_eq!(freshness(&message(5, &[300], None)), 0);
        assert_eq!(freshness(&message(0, &[], None)), 0);
    }

    #[test]
    fn a_message_that_is_cut_off_is_not_kept() {
        let whole = message(0, &[300], None);
        for len in 0..whole.len() - 6 {
            assert_eq!(freshness(&whole[..len]), 0, "{len}");
        }
    }
}
