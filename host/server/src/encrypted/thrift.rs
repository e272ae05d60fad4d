//! Gives memory back after a flood (RELIABILITY, "server stays well").
//!
//! A connection under TLS or QUIC takes tens of kilobytes, and after thousands of them the allocator keeps
//! what the peak took: free pieces lie between others that are in use. So there is a look every other
//! second at what is in use and what is resident; when much was freed since the last time, or much more
//! is resident, free pages go back to the system. A server at rest, or one whose connections stand, is
//! looked at and left alone.

use std::fs;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::sys;
use crate::tcp::{Stop, ThreadContext};

/// What there was when something was given back.
struct Thrift {
    /// The most that was in use since.
    in_use_max: u64,
    resident: u64,
}

/// Looks until the server stops. It has no connections to hand back.
pub(super) async fn look_after_memory(context: Rc<ThreadContext>) -> JoinSet<()> {
    let mut stop = context.stop.clone();
    let mut thrift = Thrift {
        in_use_max: sys::heap_in_use(),
        resident: resident(),
    };
    while *stop.borrow_and_update() == Stop::No {
        tokio::select! {
            changed = stop.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(EVERY) => {
                if thrift.is_worth_while(sys::heap_in_use(), resident()) {
                    sys::give_back_memory();
                    thrift = Thrift { in_use_max: sys::heap_in_use(), resident: resident() };
                }
            }
        }
    }
    JoinSet::new()
}

impl Thrift {
    fn is_worth_while(&mut self, in_use: u64, resident: u64) -> bool {
        self.in_use_max = self.in_use_max.max(in_use);
        self.in_use_max - in_use >= MUCH || resident.saturating_sub(self.resident) >= MUCH
    }
}

/// Octets of this process that are in memory; 0 where the system does not say.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|field| field.parse().ok());
    pages.map_or(0, |pages: u64| pages * PAGE)
}

/// Often enough to be done within the ten seconds that an attack may be felt.
const EVERY: Duration = Duration::from_secs(2);
/// Octets that are worth the trouble.
const MUCH: u64 = 2 << 20;
/// Octets of a page, or less: then there is less resident than it seems, and the measure is coarser.
const PAGE: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_worth_while_when_much_was_freed_or_is_resident() {
        let mut thrift = Thrift {
            in_use_max: 10 * MUCH,
            resident: 20 * MUCH,
        };
        assert!(!thrift.is_worth_while(9 * MUCH + 1, 21 * MUCH - 1));
        assert!(thrift.is_worth_while(9 * MUCH + 1, 21 * MUCH));
        assert!(thrift.is_worth_while(9 * MUCH, 20 * MUCH));
        // The peak counts, not where it began.
        assert!(!thrift.is_worth_while(12 * MUCH, 20 * MUCH));
        assert!(thrift.is_worth_while(11 * MUCH, 20 * MUCH));
    }
}
