//! Order, equality, compression, limits; and any octets.

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// RFC 4343 3: case does not matter for equality, and is kept.
#[test]
fn equality_ignores_case_and_keeps_it() {
    assert_eq!(name("Example.COM"), name("example.com."));
    assert_eq!(name("Example.COM").to_string(), "Example.COM.");
}

/// RFC 4034 6.1: the order given there as example.
#[test]
fn order_is_canonical() {
    let sorted = [
        "example",
        "a.example",
        "yljkjljk.a.example",
        "Z.a.example",
        "zABC.a.EXAMPLE",
        "z.example",
        "\\001.z.example",
        "*.z.example",
        "\\200.z.example",
    ];
    for (one, two) in sorted.iter().zip(sorted.iter().skip(1)) {
        assert!(name(one) < name(two), "{one} {two}");
    }
}

/// RFC 1035 4.1.4: a pointer names an earlier place.
#[test]
fn compressed_names_are_read() {
    let message = b"\x07example\x00\x03www\xc0\x00rest";
    let (read, next) = Name::read(message, 9).unwrap();
    assert_eq!((read, next), (name("www.example"), 15));
    assert_eq!(Name::skip(message, 9), Ok(15));
}

/// P1: no loop, whatever the message says.
#[test]
fn pointers_must_go_backwards() {
    assert_eq!(
        Name::read(b"\xc0\x00", 0).unwrap_err(),
        NameError::BadPointer
    );
    assert_eq!(
        Name::read(b"\x01a\xc0\x00", 0).unwrap_err(),
        NameError::BadPointer
    );
    assert_eq!(
        Name::read(b"\xc0\x02\xc0\x00", 0).unwrap_err(),
        NameError::BadPointer
    );
    assert_eq!(
        Name::read(b"\x00\xc0", 1).unwrap_err(),
        NameError::Truncated
    );
}

#[test]
fn labels_come_from_both_ends() {
    let name = name("a.b.example");
    assert_eq!(
        name.labels().collect::<Vec<_>>(),
        [&b"a"[..], b"b", b"example"]
    );
    assert_eq!(name.labels().next_back(), Some(&b"example"[..]));
    assert_eq!(name.label_count(), 3);
    assert_eq!(Name::root().label_count(), 0);
}

#[test]
fn below_means_whole_labels() {
    assert!(name("www.Example").is_at_or_below(&name("example")));
    assert!(name("example").is_at_or_below(&name("example")));
    assert!(!name("notexample").is_at_or_below(&name("example")));
    assert!(name("example").is_at_or_below(&Name::root()));
    assert!(!Name::root().is_at_or_below(&name("example")));
}

#[test]
fn names_end_at_255_octets() {
    let long = ["a".repeat(63).as_str(); 3].join(".") + "." + &"b".repeat(61);
    assert_eq!(Name::parse(&long).unwrap().as_wire().len(), 255);
    assert_eq!(Name::parse(&(long + "b")), Err(NameError::NameTooLong));
    assert_eq!(Name::parse(&"a".repeat(64)), Err(NameError::LabelTooLong));
}

#[test]
fn child_and_parent_undo_each_other() {
    let apex = name("example");
    assert_eq!(apex.child(b"*").unwrap().parent(), Some(apex.clone()));
    assert!(apex.child(b"*").unwrap().is_wildcard());
    assert_eq!(Name::root().parent(), None);
}

fn names() -> impl Strategy<Value = Name> {
    let octet = prop_oneof![
        any::<u8>(),
        proptest::sample::select(&b"aAbB.*\\\"@$; \x00"[..])
    ];
    let label = proptest::collection::vec(octet, 1..6);
    proptest::collection::vec(label, 0..5).prop_map(|labels| {
        labels
            .iter()
            .rev()
            .fold(Name::root(), |name, label| name.child(label).unwrap())
    })
}

/// RFC 4034 6.1 said in another way: the lists of folded labels from the right.
fn by_labels(name: &Name) -> Vec<Vec<u8>> {
    name.labels()
        .rev()
        .map(<[u8]>::to_ascii_lowercase)
        .collect()
}

proptest! {
    /// RFC 1035 5.1: text says everything about a name, its case included.
    #[test]
    fn text_round_trips(name in names()) {
        let again = Name::parse(&name.to_string()).unwrap();
        prop_assert_eq!(again.as_wire(), name.as_wire());
    }

    #[test]
    fn order_is_that_of_labels_from_the_right(a in names(), b in names()) {
        prop_assert_eq!(a.cmp(&b), by_labels(&a).cmp(&by_labels(&b)));
        prop_assert_eq!(a == b, a.cmp(&b) == Ordering::Equal);
        let below = by_labels(&a).starts_with(&by_labels(&b));
        prop_assert_eq!(a.is_at_or_below(&b), below);
    }

    /// P1: whatever a message holds, reading a name ends, and gives a name or an error.
    #[test]
    fn any_octets_are_a_name_or_an_error(message in proptest::collection::vec(prop_oneof![0u8..8, 0xc0u8..=0xc1, any::<u8>()], 0..60), at in 0usize..64) {
        let _ = Name::skip(&message, at);
        let _ = compare_wire(&message, &[0]);
        let _ = Name::from_wire(&message);
        if let Ok((name, next)) = Name::read(&message, at) {
            prop_assert_eq!(wire_len(name.as_wire()), Ok(name.as_wire().len()));
            prop_assert_eq!(Name::skip(&message, at), Ok(next));
        }
    }

    #[test]
    fn any_text_is_a_name_or_an_error(text in "[ -~]{0,80}|[a.\\\\0-9]{0,80}") {
        if let Ok(name) = Name::parse(&text) {
            prop_assert_eq!(wire_len(name.as_wire()), Ok(name.as_wire().len()));
        }
    }
}
