//! Names that are compressed in every way there is, against the rule of RFC 1035 4.1.4 written a second
//! time: a pointer names an earlier place than where the octets it belongs to begin. RELIABILITY P1
//! (T-NAME).
#![allow(clippy::unwrap_used, reason = "a test")]

use bailiwick_zone::Name;

/// The rule. The octets of the name in wire form and where reading goes on, or none.
fn model(message: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    let (mut name, mut start, mut at, mut next) = (Vec::new(), at, at, None);
    let mut jumps = 0;
    loop {
        match *message.get(at)? {
            0 => {
                name.push(0);
                return (name.len() <= 255).then_some((name, next.unwrap_or(at + 1)));
            }
            len @ 1..=63 => {
                let end = at + 1 + usize::from(len);
                name.extend_from_slice(message.get(at..end)?);
                at = end;
            }
            high @ 0xc0.. => {
                let target = usize::from(high & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
                next.get_or_insert(at + 2);
                jumps += 1;
                if target >= start || jumps > JUMPS_MAX {
                    return None;
                }
                (start, at) = (target, target);
            }
            _ => return None,
        }
    }
}

/// RELIABILITY P1: no name needs more.
const JUMPS_MAX: usize = 126;

fn agrees(message: &[u8], at: usize) {
    let read = Name::read(message, at).ok();
    let read = read.map(|(name, next)| (name.as_wire().to_vec(), next));
    assert_eq!(read, model(message, at), "{message:02x?} at {at}");
}

/// P1: every message of up to eight labels, ends and pointers, at most two of them pointers, to each
/// place in it and one behind it; read from every place. Some 800,000 graphs.
#[test]
fn p1_every_graph_of_two_pointers_is_read_by_the_rule() {
    let mut graphs = 0;
    for len in 1..=8usize {
        // Each place has two octets, a label or an end with an octet of nothing.
        for ends in 0..1u32 << len {
            let plain: Vec<u8> = (0..len)
                .flat_map(|place| {
                    if ends >> place & 1 == 1 {
                        [0, 0]
                    } else {
                        [1, b'a']
                    }
                })
                .collect();
            for first in 0..len {
                for second in first..len {
                    // A place that is a pointer is no end, so that nothing is tried twice.
                    if (ends >> first | ends >> second) & 1 == 1 {
                        continue;
                    }
                    graphs += pointers(&plain, first, second);
                }
            }
        }
    }
    assert!((500_000..1_000_000).contains(&graphs), "{graphs}");
}

/// All targets of pointers at two places, which may be the same.
fn pointers(plain: &[u8], first: usize, second: usize) -> usize {
    let mut message = plain.to_vec();
    let mut graphs = 0;
    for one in 0..=plain.len() {
        message[2 * first..2 * first + 2].copy_from_slice(&[0xc0, one as u8]);
        for two in 0..=plain.len() {
            if first == second && two != one {
                continue;
            }
            message[2 * second..2 * second + 2].copy_from_slice(&[0xc0, two as u8]);
            for at in (0..plain.len()).step_by(2) {
                agrees(&message, at);
            }
            graphs += 1;
        }
    }
    graphs
}

/// P1: ten million messages, mostly of what names are made of.
#[test]
fn p1_ten_million_messages_are_read_by_the_rule() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut names = 0u64;
    for _ in 0..10_000_000 {
        let (a, b, c) = (random(), random(), random());
        let mut message = [0; 24];
        for (octet, word) in message
            .iter_mut()
            .zip([a, b, c].map(u64::to_le_bytes).as_flattened())
        {
            *octet = match word >> 5 {
                0..=4 => word & 3,
                5 => 0xc0,
                6 => word & 31,
                _ => *word,
            };
        }
        let at = (random() % 24) as usize;
        let read = Name::read(&message, at);
        names += u64::from(read.is_ok());
        match (read, model(&message, at)) {
            (Ok((name, next)), Some(expected)) => {
                assert_eq!(
                    (name.as_wire(), next),
                    (&expected.0[..], expected.1),
                    "{message:02x?} at {at}"
                );
            }
            (Err(_), None) => {}
            (read, expected) => panic!("{read:?}, not {expected:?}: {message:02x?} at {at}"),
        }
    }
    assert!(names > 1_000_000, "only {names} were names");
}

/// P1: chains of pointers end, at a hundred and twenty-six steps if nothing else ends them.
#[test]
fn p1_long_chains_end() {
    // The root, then "a" under each name before it; then pointers to pointers, as far as one can point.
    for step in [&[1, b'a'][..], &[]] {
        let (mut message, mut at) = (vec![0], 0);
        for jumps in 1..8000 {
            let next = message.len();
            message.extend(step);
            message.extend((0xc000 | at as u16).to_be_bytes());
            at = next;
            if at > 0x3fff {
                break;
            }
            agrees(&message, at);
            assert_eq!(
                Name::read(&message, at).is_ok(),
                jumps <= JUMPS_MAX,
                "{jumps}"
            );
        }
    }
}
