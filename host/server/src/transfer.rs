//! A zone going out over a stream.
//!
//! Messages are made on a thread that may block, a few ahead of what the other side has taken, so a
//! slow reader costs a few messages of memory and no zone is held up by it. Only so many run at once;
//! who may transfer at all was asked before (RELIABILITY X13).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bailiwick_meter::Transport;
use bailiwick_zone::{Name, RecordType, Zone};
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::connections::Activity;
use crate::control::Control;
use crate::stream::{Closed, write_all};
use crate::tcp::{TcpShared, ThreadContext};

/// What is to be sent to whom.
pub(crate) struct Order {
    pub(crate) zone: Arc<Zone>,
    pub(crate) request: Vec<u8>,
    pub(crate) from: (SocketAddr, Transport),
}

/// Sends the zone and counts it; false if there was nothing to send.
pub(crate) async fn carry_out(
    order: Order,
    context: &ThreadContext,
    activity: &Activity,
    writer: &mut (impl AsyncWrite + Unpin),
) -> Result<bool, Closed> {
    let control = Arc::clone(&context.worker.borrow().core.control);
    let (from, zone) = (order.from, Arc::clone(&order.zone));
    let (qtype, asked) = (qtype_of(&order.request), order.request.len() as u32);
    activity.set_busy(true);
    let sent = send(order, control, &context.shared, writer).await;
    activity.set_busy(false);
    let octets = sent?;
    if octets > 0 {
        let octets = (asked, u32::try_from(octets).unwrap_or(u32::MAX));
        let core = &mut context.worker.borrow_mut().core;
        core.count_transfer(from, &zone, qtype, octets);
    }
    Ok(octets > 0)
}

/// Sends the zone; returns how many octets it took, 0 if there was nothing to send.
async fn send(
    order: Order,
    control: Arc<dyn Control>,
    shared: &TcpShared,
    writer: &mut (impl AsyncWrite + Unpin),
) -> Result<u64, Closed> {
    let Ok(Ok(slot)) = timeout(SLOT_WAIT, Arc::clone(&shared.transfers).acquire_owned()).await
    else {
        return Ok(0);
    };
    let (messages, mut next) = mpsc::channel(MESSAGES_AHEAD);
    // Ends by itself: when the zone is through, or when nobody takes the next message.
    let making = tokio::task::spawn_blocking(move || {
        let _slot = slot;
        for message in control.transfer_out(order.zone, &order.request, order.from.0) {
            if messages.blocking_send(message).is_err() {
                return;
            }
        }
    });
    let mut octets = 0u64;
    let mut frame = Vec::new();
    while let Some(message) = next.recv().await {
        let Ok(len) = u16::try_from(message.len()) else {
            return Err(Closed);
        };
        frame.clear();
        frame.extend_from_slice(&len.to_be_bytes());
        frame.extend_from_slice(&message);
        write_all(writer, &frame, shared.limits.transfer_stall).await?;
        octets = octets.saturating_add(frame.len() as u64);
    }
    // A transfer that broke off must not look like one that ended.
    making.await.map_err(|_| Closed)?;
    Ok(octets)
}

/// AXFR or IXFR: the type of a message's question.
fn qtype_of(message: &[u8]) -> RecordType {
    let at = Name::skip(message, bailiwick_answer::request::HEADER_LEN).ok();
    let fixed = at
        .and_then(|at| message.get(at..))
        .and_then(|rest| rest.first_chunk::<2>());
    fixed.map_or(RecordType::AXFR, |octets| {
        RecordType(u16::from_be_bytes(*octets))
    })
}

/// How long a transfer waits for others to end before it is told SERVFAIL.
const SLOT_WAIT: Duration = Duration::from_secs(30);
const MESSAGES_AHEAD: usize = 4;
