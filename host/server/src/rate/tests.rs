//! What limiting promises, one thread's view of it.

use super::*;

fn settings(rate: u32) -> RateLimit {
    RateLimit {
        rate,
        burst: rate,
        exempt: vec!["127.0.0.0/8".parse().unwrap()],
        ..RateLimit::default()
    }
}

fn limiter(settings: &RateLimit) -> (Arc<RateLimiter>, ThreadLimiter) {
    let limiter = Arc::new(RateLimiter::new(settings));
    let mut thread = limiter.register();
    thread.begin(Tick::from_millis(1000));
    (limiter, thread)
}

fn v4(a: u8, b: u8, c: u8, d: u8) -> Source {
    Source::from_v4(u32::from_be_bytes([a, b, c, d]))
}

/// How many of `n` queries are answered in full.
fn answered(thread: &mut ThreadLimiter, source: Source, zone: Option<u32>, n: usize) -> usize {
    (0..n)
        .filter(|_| thread.admit(source, zone) == Admission::Charged)
        .count()
}

#[test]
fn a_host_over_its_rate_about_a_zone_is_told_to_come_over_tcp() {
    let (limiter, mut thread) = limiter(&settings(10));
    let host = v4(192, 0, 2, 1);
    assert_eq!(answered(&mut thread, host, Some(5), 30), 10);
    assert_eq!(thread.admit(host, Some(5)), Admission::Slip);
    assert_eq!(limiter.counts().slipped, 21);
}

/// One zone's flood does not silence another's clients, nor one host's its neighbours.
#[test]
fn another_zone_and_another_host_go_on() {
    let (_, mut thread) = limiter(&settings(10));
    assert_eq!(answered(&mut thread, v4(192, 0, 2, 1), Some(5), 10_000), 10);
    assert_eq!(answered(&mut thread, v4(192, 0, 2, 1), Some(6), 10), 10);
    assert_eq!(answered(&mut thread, v4(192, 0, 2, 2), Some(5), 10), 10);
}

#[test]
fn a_network_is_limited_about_one_zone_and_about_all() {
    let (_, mut thread) = limiter(&settings(10));
    let sent = (0..=255).map(|host| answered(&mut thread, v4(198, 51, 100, host), Some(5), 10));
    assert_eq!(sent.sum::<usize>(), 10 * NET_AND_ZONE_TIMES as usize);
    assert_eq!(answered(&mut thread, v4(198, 51, 101, 1), Some(5), 10), 10);
    let sent = (0..100).map(|zone| answered(&mut thread, v4(203, 0, 113, 9), Some(zone), 10));
    assert_eq!(sent.sum::<usize>(), 10 * NET_TIMES as usize);
}

#[test]
fn ipv6_hosts_are_64s_and_networks_56s() {
    let (_, mut thread) = limiter(&settings(10));
    let at = |text: &str| Source::from(text.parse::<std::net::IpAddr>().unwrap());
    assert_eq!(answered(&mut thread, at("2001:db8::1"), Some(5), 30), 10);
    assert_eq!(answered(&mut thread, at("2001:db8::2"), Some(5), 30), 0);
    assert_eq!(
        answered(&mut thread, at("2001:db8:0:1::1"), Some(5), 30),
        10
    );
    let others = (2..=255u32).map(|n| {
        answered(
            &mut thread,
            at(&format!("2001:db8:0:{n:x}::1")),
            Some(5),
            10,
        )
    });
    assert_eq!(others.sum::<usize>(), 60, "the /56 has 80 in all");
    assert_eq!(
        answered(&mut thread, at("2001:db8:0:100::1"), Some(5), 30),
        10
    );
}

/// RELIABILITY P12: large answers cost more, and what cannot be paid is shortened.
#[test]
fn p12_an_answer_costs_by_how_much_larger_than_its_query_it_is() {
    let (limiter, mut thread) = limiter(&settings(100));
    let host = v4(192, 0, 2, 1);
    let mut octets = 0;
    for _ in 0..1000 {
        if thread.admit(host, Some(5)) == Admission::Charged {
            octets += if thread.affords(host, Some(5), 50, 1200) {
                1200
            } else {
                50
            };
        }
    }
    // 100 tokens of four queries' length each, and the last one that was shortened.
    assert!(octets <= 100 * 4 * 50 + 1200, "{octets}");
    let counts = limiter.counts();
    assert!(counts.shortened > 0, "{counts:?}");
    let small = v4(192, 0, 2, 2);
    let plain = (0..100).filter(|_| {
        thread.admit(small, Some(5)) == Admission::Charged
            && thread.affords(small, Some(5), 50, 200)
    });
    assert_eq!(plain.count(), 100, "four times its query costs one token");
}

#[test]
fn one_in_slip_is_told_and_the_rest_get_nothing() {
    let told = |slip| {
        let (limiter, mut thread) = limiter(&RateLimit {
            slip,
            ..settings(10)
        });
        answered(&mut thread, v4(192, 0, 2, 1), None, 110);
        let counts = limiter.counts();
        (counts.slipped, counts.dropped)
    };
    assert_eq!(told(0), (0, 100));
    assert_eq!(told(1), (100, 0));
    assert_eq!(told(4), (25, 75));
}

#[test]
fn looking_only_limits_nothing_and_counts_all() {
    let (limiter, mut thread) = limiter(&RateLimit {
        mode: RateLimitMode::Log,
        ..settings(10)
    });
    let host = v4(192, 0, 2, 1);
    assert_eq!(answered(&mut thread, host, Some(5), 110), 110);
    assert!(thread.affords(host, Some(5), 50, 1200));
    assert_eq!(
        limiter.counts(),
        RateLimitCounts {
            would_limit: 101,
            ..RateLimitCounts::default()
        }
    );
}

#[test]
fn the_exempt_are_free_and_new_rules_hold_from_the_next_batch() {
    let (limiter, mut thread) = limiter(&settings(10));
    let here = v4(127, 1, 2, 3);
    assert!((0..1000).all(|_| thread.admit(here, None) == Admission::Free));
    limiter.set(&RateLimit {
        exempt: Vec::new(),
        ..settings(10)
    });
    thread.begin(Tick::from_millis(1001));
    assert_eq!(answered(&mut thread, here, None, 1000), 10);
    limiter.set(&RateLimit {
        mode: RateLimitMode::Off,
        ..settings(10)
    });
    thread.begin(Tick::from_millis(1002));
    assert_eq!(thread.admit(here, None), Admission::Free);
}

#[test]
fn a_note_is_kept_until_it_is_read() {
    let note = Note::default();
    assert_eq!(note.take(), None);
    let (one, other) = (v4(192, 0, 2, 1), v4(192, 0, 2, 2));
    note.leave(one, 1, Some(7));
    note.leave(other, 2, None);
    let noted = note.take().unwrap();
    assert_eq!((noted.source, noted.level, noted.zone), (one, 1, Some(7)));
    note.leave(other, 2, None);
    assert_eq!(note.take().unwrap().zone, None);
}
