//! Names that are special, and names that no person would have chosen.

use bailiwick_plugin_sdk::name;

/// The entry of the special-use registry (RFC 6761 and those that followed) that the name is at or
/// below, or takes in.
pub(crate) fn special_use(apex: &str) -> Option<&'static str> {
    if apex == "." {
        return Some(".");
    }
    SPECIAL_USE
        .iter()
        .copied()
        .find(|reserved| name::is_at_or_below(apex, reserved))
}

/// Does a label look like the output of a generator? Long, and either nearly without vowels, or
/// letters and digits in turn, or long runs that nobody can say.
pub(crate) fn looks_random(label: &str) -> bool {
    // What is in another script has been turned into ASCII by a machine.
    if label.len() < 10 || label.starts_with("xn--") {
        return false;
    }
    let letters = label.bytes().filter(u8::is_ascii_alphabetic).count();
    let vowels = label
        .bytes()
        .filter(|byte| b"aeiouy".contains(byte))
        .count();
    let turns = label
        .as_bytes()
        .windows(2)
        .filter(|pair| {
            pair[0].is_ascii_digit() != pair[1].is_ascii_digit() && !pair.contains(&b'-')
        })
        .count();
    let longest = label
        .split(|c: char| !c.is_ascii_alphabetic() || "aeiouy".contains(c))
        .map(str::len)
        .max()
        .unwrap_or(0);
    (letters >= 8 && vowels * 100 < letters * 18) || turns >= 4 || longest >= 7
}

/// Sorted by nothing: short enough to be read through.
const SPECIAL_USE: [&str; 49] = [
    "alt.",
    "example.",
    "example.com.",
    "example.net.",
    "example.org.",
    "internal.",
    "invalid.",
    "local.",
    "localhost.",
    "onion.",
    "test.",
    "6tisch.arpa.",
    "eap-noob.arpa.",
    "home.arpa.",
    "ipv4only.arpa.",
    "resolver.arpa.",
    "service.arpa.",
    // RFC 6303: reverse names of private and local addresses.
    "0.in-addr.arpa.",
    "10.in-addr.arpa.",
    "127.in-addr.arpa.",
    "254.169.in-addr.arpa.",
    "168.192.in-addr.arpa.",
    "2.0.192.in-addr.arpa.",
    "100.51.198.in-addr.arpa.",
    "113.0.203.in-addr.arpa.",
    "255.255.255.255.in-addr.arpa.",
    "16.172.in-addr.arpa.",
    "17.172.in-addr.arpa.",
    "18.172.in-addr.arpa.",
    "19.172.in-addr.arpa.",
    "20.172.in-addr.arpa.",
    "21.172.in-addr.arpa.",
    "22.172.in-addr.arpa.",
    "23.172.in-addr.arpa.",
    "24.172.in-addr.arpa.",
    "25.172.in-addr.arpa.",
    "26.172.in-addr.arpa.",
    "27.172.in-addr.arpa.",
    "28.172.in-addr.arpa.",
    "29.172.in-addr.arpa.",
    "30.172.in-addr.arpa.",
    "31.172.in-addr.arpa.",
    "d.f.ip6.arpa.",
    "8.e.f.ip6.arpa.",
    "9.e.f.ip6.arpa.",
    "a.e.f.ip6.arpa.",
    "b.e.f.ip6.arpa.",
    "8.b.d.0.1.0.0.2.ip6.arpa.",
    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6761 6.5, RFC 6303 4.1: reserved names and what is below them.
    #[test]
    fn special_use_names_are_known() {
        assert_eq!(special_use("shop.example."), Some("example."));
        assert_eq!(special_use("1.10.in-addr.arpa."), Some("10.in-addr.arpa."));
        assert_eq!(special_use("."), Some("."));
        assert_eq!(special_use("test.com."), None);
        assert_eq!(special_use("110.in-addr.arpa."), None);
    }

    /// Generators give themselves away; words, compounds and other scripts do not.
    #[test]
    fn generated_labels_look_random() {
        for label in ["xkqzvbnwrtpl", "a7f3k9d2q8", "qwrtzpsdfghk"] {
            assert!(looks_random(label), "{label}");
        }
        for label in [
            "bailiwick",
            "donaudampfschifffahrt",
            "my-little-shop24",
            "strengthening",
            "rhythmandblues",
            "catchphrase",
            "xn--bcher-kva",
            "example123",
            "worldwatch",
        ] {
            assert!(!looks_random(label), "{label}");
        }
    }
}
