//! The whole server as a datagram sees it: a UDP worker with zones, rules, counters and access
//! lists, without its socket.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bailiwick_server::Offline;

use crate::seeds;
use crate::world::options;

thread_local! {
    static SERVER: RefCell<Offline> = RefCell::new(Offline::new(&options(Vec::new())));
}

/// The first two octets say from whom, the rest is the datagram.
pub(crate) fn run(octets: &[u8]) {
    let Some(([host, port], message)) = octets.split_first_chunk::<2>() else {
        return;
    };
    let ip: IpAddr = match host & 3 {
        0 | 1 => Ipv4Addr::new(127, 0, 0, *host).into(),
        2 => Ipv4Addr::new(192, 0, 2, *host).into(),
        _ => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(*host)).into(),
    };
    ask(message, (ip, u16::from(*port)).into());
}

/// Sends a datagram through the worker and checks what comes back.
pub(crate) fn ask(message: &[u8], from: SocketAddr) {
    SERVER.with_borrow_mut(|server| {
        let response = server.datagram(message, from);
        if !response.is_empty() {
            crate::message::check(message, response, 1232);
            // RELIABILITY P14: none of these is a client.
            assert!(!matches!(from.port(), 0 | 7 | 19));
        }
    });
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let questions = seeds::questions().into_iter().zip(0u8..);
    questions
        .map(|(question, number)| [&[number, number | 0x80][..], &question].concat())
        .collect()
}
