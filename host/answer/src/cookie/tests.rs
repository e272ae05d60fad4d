//! The vectors of RFC 9018 appendix A, and what time and a change of secrets may not break.

use super::*;

fn hex<const N: usize>(text: &str) -> [u8; N] {
    assert_eq!(text.len(), 2 * N, "{text}");
    std::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
}

fn secret(text: &str) -> Secret {
    Secret::new(hex(text))
}

fn vectors() -> Secrets {
    Secrets::only(secret("e5e973e5a6b2a43f48e7dc849e37bfcf"))
}

fn judge(secrets: &Secrets, option: &[u8], address: &str, now: u32) -> (Cookie, [u8; COOKIE_LEN]) {
    secrets
        .judge(option, address.parse().unwrap(), now)
        .unwrap()
}

/// RFC 9018 A.1: learning a new server cookie.
#[test]
fn a1_a_client_cookie_alone_is_given_a_server_cookie() {
    let asked = hex::<8>("2464c4abcf10c957");
    let given = hex("2464c4abcf10c957010000005cf79f111f8130c3eee29480");
    let judged = judge(&vectors(), &asked, "198.51.100.100", 1_559_731_985);
    assert_eq!(judged, (Cookie::Client, given));
}

/// RFC 9018 A.2: the same client learning a renewed (fresh) server cookie 40 minutes later.
#[test]
fn a2_a_good_cookie_of_40_minutes_is_renewed() {
    let asked = hex::<24>("2464c4abcf10c957010000005cf79f111f8130c3eee29480");
    let given = hex("2464c4abcf10c957010000005cf7a871d4a564a1442aca77");
    let judged = judge(&vectors(), &asked, "198.51.100.100", 1_559_734_385);
    assert_eq!(judged, (Cookie::Good, given));
}

/// RFC 9018 A.3: another client learning a renewed server cookie. Its reserved octets are set and
/// are part of the hash. It is 112 minutes old when the vector sends it, which 4.3 no longer calls
/// good; the cookie given in return is the vector's.
#[test]
fn a3_reserved_octets_are_hashed_and_come_back_as_zero() {
    let asked = hex::<24>("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5");
    let (cookie, _) = judge(&vectors(), &asked, "203.0.113.203", 1_559_727_985 + 60);
    assert_eq!(cookie, Cookie::Good);
    let given = hex("fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e");
    let judged = judge(&vectors(), &asked, "203.0.113.203", 1_559_734_700);
    assert_eq!(judged, (Cookie::Bad, given));
}

/// RFC 9018 A.4: IPv6 query with rolled over secret.
#[test]
fn a4_a_cookie_of_the_previous_secret_is_good_and_renewed() {
    let secrets = Secrets {
        previous: Some(secret("dd3bdf9344b678b185a6f5cb60fca715")),
        ..Secrets::only(secret("445536bcd2513298075a5d379663c962"))
    };
    let asked = hex::<24>("22681ab97d52c298010000005cf7c57926556bd0934c72f8");
    let given = hex("22681ab97d52c298010000005cf7c609a6bb79d16625507a");
    let from = "2001:db8:220:1:59de:d0f4:8769:82b8";
    assert_eq!(
        judge(&secrets, &asked, from, 1_559_741_961),
        (Cookie::Good, given)
    );
}

const CLIENT: [u8; 8] = *b"a client";
const FROM: &str = "192.0.2.7";

/// The cookie a client at `FROM` is given at `now`.
fn given(secrets: &Secrets, now: u32) -> [u8; COOKIE_LEN] {
    judge(secrets, &CLIENT, FROM, now).1
}

/// RELIABILITY P15; RFC 9018 4.3: the end of signed time in 2038 and of unsigned time in 2106 are
/// seconds like any other.
#[test]
fn p15_cookies_stay_good_across_2038_and_2106() {
    let secrets = vectors();
    for end in [0x8000_0000u32, 0] {
        for offset in [-3600i32, -1800, -1, 0, 1, 1800, 3600] {
            let made = end.wrapping_add_signed(offset);
            let cookie = given(&secrets, made);
            for age in [-300i32, 0, 1, 1799, 3600] {
                let now = made.wrapping_add_signed(age);
                assert_eq!(
                    judge(&secrets, &cookie, FROM, now).0,
                    Cookie::Good,
                    "{made} {age}"
                );
            }
            for age in [-301i32, 3601, 86_400] {
                let now = made.wrapping_add_signed(age);
                assert_eq!(
                    judge(&secrets, &cookie, FROM, now).0,
                    Cookie::Bad,
                    "{made} {age}"
                );
            }
        }
    }
}

/// RFC 9018 4.3: a cookie is repeated for half an hour and renewed after.
#[test]
fn a_fresh_cookie_is_repeated_and_an_older_one_renewed() {
    let (secrets, made) = (vectors(), 1_700_000_000);
    let cookie = given(&secrets, made);
    assert_eq!(
        judge(&secrets, &cookie, FROM, made + 1800),
        (Cookie::Good, cookie)
    );
    let renewed = judge(&secrets, &cookie, FROM, made + 1801).1;
    assert_eq!(renewed, given(&secrets, made + 1801));
}

/// RELIABILITY P15; RFC 9018 5: through all steps of a change of secrets, on two servers that take
/// them at different moments, every cookie of one is good at the other.
#[test]
fn p15_no_cookie_is_lost_while_secrets_change() {
    let (old, new) = (secret(&"01".repeat(16)), secret(&"02".repeat(16)));
    let steps = [
        Secrets::only(old.clone()),
        Secrets {
            next: Some(new.clone()),
            ..Secrets::only(old.clone())
        },
        Secrets {
            previous: Some(old),
            ..Secrets::only(new.clone())
        },
        Secrets::only(new),
    ];
    // A server is at most one step ahead of another; the last step waits until old cookies have aged.
    for pair in steps.windows(2).take(2) {
        for (maker, judge_) in [
            (&pair[0], &pair[1]),
            (&pair[1], &pair[0]),
            (&pair[0], &pair[0]),
        ] {
            let cookie = given(maker, 1_700_000_000);
            assert_eq!(judge(judge_, &cookie, FROM, 1_700_000_060).0, Cookie::Good);
        }
    }
    let cookie = given(&steps[0], 1_700_000_000);
    assert_eq!(
        judge(&steps[3], &cookie, FROM, 1_700_000_060).0,
        Cookie::Bad
    );
}

/// RFC 7873 4.2: a cookie is worth nothing at another address, with another client cookie, of
/// another version or length, or with one bit changed.
#[test]
fn a_cookie_that_is_not_exactly_ours_is_bad() {
    let (secrets, now) = (vectors(), 1_700_000_000);
    let cookie = given(&secrets, now);
    assert_eq!(judge(&secrets, &cookie, "192.0.2.8", now).0, Cookie::Bad);
    for bit in 0..COOKIE_LEN * 8 {
        let mut other = cookie;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            judge(&secrets, &other, FROM, now).0,
            Cookie::Bad,
            "bit {bit}"
        );
    }
    for len in 9..24 {
        assert_eq!(judge(&secrets, &cookie[..len], FROM, now).0, Cookie::Bad);
    }
    let longer = [&cookie[..], &[0]].concat();
    assert_eq!(judge(&secrets, &longer, FROM, now).0, Cookie::Bad);
}

/// RFC 4291 2.5.5.2: a client of an IPv6 socket that came by IPv4 is an IPv4 client.
#[test]
fn a_mapped_address_is_the_ipv4_one() {
    let (secrets, now) = (vectors(), 1_700_000_000);
    let cookie = given(&secrets, now);
    assert_eq!(
        judge(&secrets, &cookie, "::ffff:192.0.2.7", now).0,
        Cookie::Good
    );
}

/// Secrets show in no log.
#[test]
fn secrets_are_not_printed() {
    assert_eq!(
        format!("{:?}", vectors()),
        "Secrets { current: Secret(…), previous: None, next: None }"
    );
}
