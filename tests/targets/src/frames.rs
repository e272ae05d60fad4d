//! A TCP connection (RFC 1035 4.2.2): any octets in any pieces, to a server on loopback. Answers are
//! whole frames, in number no more than the questions (transfers aside), and no query panics.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bailiwick_meter::Meter;
use bailiwick_server::Server;
use socket2::SockRef;

use crate::seeds;
use crate::world::options;

static SERVER: LazyLock<(Server, Arc<Meter>)> = LazyLock::new(|| {
    let options = options(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]);
    let server = Server::start(&options).expect("loopback has ports");
    (server, options.meter)
});

/// The first octet says into what pieces the rest is cut.
pub(crate) fn run(octets: &[u8]) {
    let Some((&cut, rest)) = octets.split_first() else {
        return;
    };
    let (server, meter) = &*SERVER;
    let mut stream = TcpStream::connect(server.addresses()[0]).expect("the server accepts");
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    // No TIME-WAIT: thousands of connections a second would use up the ports.
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    let at = usize::from(cut) * rest.len() / 256;
    let (first, second) = rest.split_at(at);
    // A server that closes early is within its rights.
    let _ = stream
        .write_all(first)
        .and_then(|()| stream.write_all(second));
    let _ = stream.shutdown(Shutdown::Write);
    let mut answers = Vec::new();
    let ended = stream.read_to_end(&mut answers);
    assert_eq!(meter.totals().panics, 0, "a query panicked");
    if ended.is_ok() {
        let count = frames(&answers);
        assert!(count <= frames_at_most(rest), "{count} answers");
    }
}

/// How many frames there are; nothing may follow the last.
fn frames(mut octets: &[u8]) -> usize {
    let mut count = 0;
    while let Some((len, rest)) = octets.split_first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*len));
        assert!(len >= 12, "a frame of {len} octets");
        octets = rest.get(len..).expect("answers are whole frames");
        count += 1;
    }
    assert!(octets.is_empty(), "half a length");
    count
}

fn frames_at_most(mut octets: &[u8]) -> usize {
    let mut count = 0;
    while let Some((len, rest)) = octets.split_first_chunk::<2>() {
        let Some(after) = rest.get(usize::from(u16::from_be_bytes(*len))..) else {
            break;
        };
        octets = after;
        count += 1;
    }
    count
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let framed = |message: &Vec<u8>| [&(message.len() as u16).to_be_bytes()[..], message].concat();
    let questions = seeds::questions();
    let groups = questions.chunks(5).zip(0u8..);
    groups
        .map(|(group, number)| {
            let frames: Vec<Vec<u8>> = group.iter().map(framed).collect();
            [&[number.wrapping_mul(13)][..], &frames.concat()].concat()
        })
        .collect()
}
