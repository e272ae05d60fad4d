//! The server that is measured: one zone, one UDP thread.
#![allow(clippy::print_stdout, reason = "the client reads the port from there")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bailiwick_meter::Meter;
use bailiwick_server::{Control, Limits, NotifyReply, Server, ServerOptions};
use bailiwick_zone::{Name, Serial, SharedZones, Zone, ZoneSet};

use crate::rules;
use crate::world::World;

/// Says its port and serves until its input ends.
pub(crate) fn run(world: &World, on: bool) {
    let meter = Arc::new(Meter::new(world.key));
    if on {
        rules::install(&meter, &world.names);
    }
    let slot = if on { rules::SLOT } else { rules::NO_SLOT };
    let zone = Arc::new(world.zone.clone().with_slot(slot));
    let zones = ZoneSet::new(&world.key).with(zone);
    let options = options(Arc::new(ArcSwap::from_pointee(zones)), meter);
    let server = Server::start(&options).unwrap();
    println!("{}", server.addresses()[0].port());
    let _ = std::io::stdin().read_line(&mut String::new());
    server.stop(Duration::ZERO);
}

/// One UDP thread on a port of its own.
pub(crate) fn options(zones: Arc<SharedZones>, meter: Arc<Meter>) -> ServerOptions {
    ServerOptions {
        listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        threads: 1,
        zones,
        meter,
        allow_transfer: Arc::default(),
        control: Arc::new(Nobody),
        answers: Arc::default(),
        unix_now: || 0,
        rate_limiter: Arc::default(),
        limits: Limits::default(),
        encrypted: None,
    }
}

/// Nothing but questions is asked here.
struct Nobody;

impl Control for Nobody {
    fn notify(&self, _: &Name, _: Option<Serial>, _: SocketAddr) -> NotifyReply {
        NotifyReply::Refused
    }

    fn transfer_out(
        &self,
        _: Arc<Zone>,
        _: &[u8],
        _: SocketAddr,
    ) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
        Box::new(std::iter::empty())
    }
}
