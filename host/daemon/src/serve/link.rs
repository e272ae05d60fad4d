//! What the sockets ask of the authority: NOTIFY and transfers out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bailiwick_answer::ErrorReport;
use bailiwick_authority::Authority;
use bailiwick_server::{Control, NotifyReply};
use bailiwick_zone::{Name, Serial, Zone};
use tracing::debug;

use super::error_reports::ErrorReports;
use crate::clock;

/// The authority as the server knows it, and where reports of errors go.
pub(super) struct Link {
    pub(super) authority: Authority,
    pub(super) error_reports: Arc<ErrorReports>,
}

impl Control for Link {
    fn notify(&self, zone: &Name, serial: Option<Serial>, from: SocketAddr) -> NotifyReply {
        use bailiwick_authority::NotifyReply as Theirs;
        match self.authority.notify(zone, serial, from) {
            Theirs::Accepted => NotifyReply::Accepted,
            Theirs::Refused => NotifyReply::Refused,
            Theirs::NotAuth => NotifyReply::NotAuthoritative,
        }
    }

    fn transfer_out(
        &self,
        zone: Arc<Zone>,
        request: &[u8],
        from: SocketAddr,
    ) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
        match self.authority.transfer_out(zone, request) {
            Ok(messages) => messages,
            Err(error) => {
                debug!(peer.addr = %from, "a transfer request from {from} was not understood: {error}");
                Box::new(std::iter::empty())
            }
        }
    }

    fn error_report(&self, report: &ErrorReport<'_>, from: IpAddr) {
        self.error_reports.note(report, from, clock::unix_now());
    }
}
