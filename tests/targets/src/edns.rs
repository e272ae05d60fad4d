//! The options of an OPT record (RFC 6891 6.1.2): any octets in the place of its fields and its RDATA,
//! in a message that is otherwise good, to the whole worker.

use std::net::{Ipv4Addr, SocketAddr};

use bailiwick_answer::text;
use bailiwick_zone::{Name, RecordType};

use crate::server;

/// Where from, UDP size, the four octets in TTL's place, then the options. With 0xff first, the length
/// of RDATA is the next two octets' affair too.
pub(crate) fn run(octets: &[u8]) {
    let Some((&[first, s1, s0, upper, version, z1, z0], options)) = octets.split_first_chunk::<7>()
    else {
        return;
    };
    let names = [
        "www.plain.",
        "x.nsec.",
        "big.nsec3.",
        "cut.nsec.",
        "elsewhere.",
    ];
    let name = Name::parse(names[usize::from(first) % names.len()]).unwrap();
    let mut message = text::query(&name, RecordType::A, false);
    message[11] = 1;
    message.extend([0, 0, 41, s1, s0, upper, version, z1, z0]);
    let (len, options) = match options.split_first_chunk::<2>() {
        Some((len, rest)) if first == 0xff => (*len, rest),
        _ => ((options.len() as u16).to_be_bytes(), options),
    };
    message.extend(len);
    message.extend(options);
    let from = SocketAddr::from((Ipv4Addr::new(192, 0, 2, first), 4242));
    server::ask(&message, from);
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let head = |first: u8| [first, 4, 208, 0, 0, 0x80, 0];
    let option = |code: u8, data: &[u8]| [&[0, code, 0, data.len() as u8][..], data].concat();
    // NSID, DAU, client subnet, EXPIRE, cookies of both lengths, keepalive, padding, EDE, ZONEVERSION,
    // Report-Channel.
    let options = [
        option(3, b""),
        option(5, &[8, 13]),
        option(8, &[0, 1, 24, 0, 192, 0, 2]),
        option(9, b""),
        option(10, &[1; 8]),
        option(10, &[2; 24]),
        option(10, &[3; 5]),
        option(11, b""),
        option(12, &[0; 16]),
        option(15, &[0, 1]),
        option(18, b"\x02er\x05agent\x00"),
        option(19, b""),
    ];
    let mut all: Vec<Vec<u8>> = options
        .iter()
        .zip(0..)
        .map(|(option, first)| [&head(first)[..], option].concat())
        .collect();
    all.push([&head(0)[..], &options.concat()].concat());
    all.push([&head(0xff)[..], &[0, 9], &options[5]].concat());
    all
}
