//! What the server asks of whoever keeps the zones.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bailiwick_answer::ErrorReport;
use bailiwick_zone::{Name, Serial, Zone};

/// Takes what is not a question. Implemented by the daemon over `authority`.
pub trait Control: Send + Sync {
    /// A primary says that `zone` changed, perhaps to `serial` (RFC 1996). Called on the thread that
    /// answers queries: it must note the fact and return.
    fn notify(&self, zone: &Name, serial: Option<Serial>, from: SocketAddr) -> NotifyReply;

    /// The messages that carry `zone` to whoever sent `request` (RFC 5936, RFC 1995), without their
    /// length prefix, one at a time so that a slow reader costs no memory. The sender has been
    /// authorised. Runs on a thread that may block. No message at all is answered SERVFAIL.
    fn transfer_out(
        &self,
        zone: Arc<Zone>,
        request: &[u8],
        from: SocketAddr,
    ) -> Box<dyn Iterator<Item = Vec<u8>> + Send>;

    /// A resolver at `from`, whose address is proven, reports that it could not resolve a name of
    /// ours (RFC 9567). Called on the thread that answers queries: it must note the fact and return.
    fn error_report(&self, report: &ErrorReport<'_>, from: IpAddr) {
        let _ = (report, from);
    }
}

/// How a NOTIFY is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotifyReply {
    /// NOERROR: the primary will be asked.
    Accepted,
    /// REFUSED: the sender is not one of the zone's primaries.
    Refused,
    /// NOTAUTH: the zone is not transferred from anywhere.
    NotAuthoritative,
}
