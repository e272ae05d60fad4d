//! The authority against real sockets on loopback.

mod hosted;
mod hostile;
mod kill;
mod life;
mod primary;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bailiwick_store::Store;
use bailiwick_transfer::AxfrLimits;
use bailiwick_zone::{SharedZones, ZoneSet};
use tokio::runtime::{Builder, Runtime};

use crate::testing::{key, name};
use crate::{Authority, AuthorityOptions, TransferLimits, ZoneState, ZoneStatus};

/// An authority with its runtime and zone set.
struct Node {
    runtime: Runtime,
    authority: Authority,
    zones: Arc<SharedZones>,
}

impl Node {
    fn start(data: &Path) -> Self {
        Self::with(data, quick_limits(), None)
    }

    fn with(data: &Path, limits: TransferLimits, store: Option<Arc<dyn Store>>) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let zones = Arc::new(SharedZones::from_pointee(ZoneSet::new(&key())));
        let mut options = AuthorityOptions::new(data.to_owned(), Arc::clone(&zones), key());
        options.limits = limits;
        options.store = store;
        let authority = Authority::start(options, runtime.handle()).unwrap();
        Self {
            runtime,
            authority,
            zones,
        }
    }

    fn serial(&self, zone: &str) -> Option<u32> {
        self.zones
            .load()
            .get(&name(zone))
            .map(|zone| zone.serial().0)
    }

    fn status(&self, zone: &str) -> ZoneStatus {
        self.authority.zone_status(&name(zone)).unwrap()
    }

    /// Waits until `ready`; a failure shows where the zone stands.
    fn wait(&self, zone: &str, ready: impl Fn(&ZoneStatus) -> bool) -> ZoneStatus {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let status = self.status(zone);
            if ready(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "still {status:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn wait_serial(&self, zone: &str, serial: u32) -> ZoneStatus {
        self.wait(zone, |status| {
            status.serial == Some(serial) && status.state == ZoneState::Ok
        })
    }

    fn stop(self) {
        self.runtime.block_on(self.authority.stop());
    }
}

/// Limits at which every misbehaviour shows within a second.
fn quick_limits() -> TransferLimits {
    TransferLimits {
        axfr: AxfrLimits {
            bytes_max: 256 << 10,
            records_max: 100_000,
        },
        probe_timeout: Duration::from_millis(150),
        probe_tries: 1,
        connect_timeout: Duration::from_millis(800),
        message_timeout: Duration::from_millis(800),
        total_timeout: Duration::from_secs(5),
        rate_span: Duration::from_millis(400),
        rate_min: 4096,
        restart_spread: Duration::ZERO,
        ..TransferLimits::default()
    }
}
