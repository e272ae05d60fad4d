//! A client that keeps a number of queries in flight.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::rules;
use crate::world::World;

/// Asks `count` queries, `window` at a time, and says how many were answered.
pub(crate) fn run(world: &World, port: u16, count: usize, window: usize) -> usize {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let plain = client(Ipv4Addr::LOCALHOST, address);
    let watched = client(rules::WATCHED, address);
    let (mut sent, mut received, mut answer) = (0, 0, [0; 4096]);
    while received < count {
        while sent < count && sent - received < window {
            let query = &world.queries[sent % world.queries.len()];
            sent += 1;
            // Three in four of the 1 % that meet a rule do so by where they come from.
            if sent % 133 == 0 {
                watched.send(query).unwrap();
                watched.recv(&mut answer).unwrap();
                received += 1;
            } else {
                plain.send(query).unwrap();
            }
        }
        if sent == received {
            continue;
        }
        if plain.recv(&mut answer).is_err() {
            break;
        }
        received += 1;
    }
    received
}

fn client(from: Ipv4Addr, to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((from, 0)).unwrap();
    socket.connect(to).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    socket
}
