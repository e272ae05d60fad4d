//! Names: out of a message, out of text, and how the readers agree (RFC 1035 3.1, 4.1.4).

use bailiwick_zone::LookupName;
use bailiwick_zone::name::{Name, compare_wire, wire_len};

use crate::world::key;

/// The first octet says where in the rest a name is read.
pub(crate) fn run(octets: &[u8]) {
    let Some((&at, message)) = octets.split_first() else {
        return;
    };
    let at = usize::from(at);
    if let Ok((name, next)) = Name::read(message, at) {
        let wire = name.as_wire();
        assert!(wire.len() <= 255, "RFC 1035 2.3.4");
        assert!(name.labels().all(|label| label.len() <= 63));
        assert_eq!(wire_len(wire), Ok(wire.len()));
        assert_eq!(Name::skip(message, at), Ok(next), "skipping ends elsewhere");
        assert!(next <= message.len() && next > at);
        agree(&name, &message[at..next]);
    }
    let _ = Name::skip(message, at);
    if let Ok(text) = std::str::from_utf8(message)
        && let Ok(name) = Name::parse(text)
    {
        agree(&name, name.as_wire());
    }
}

/// What holds for every name; `spelled` is how it stood in the message.
fn agree(name: &Name, spelled: &[u8]) {
    let wire = name.as_wire();
    assert_eq!(Name::from_wire(wire).as_ref(), Ok(name));
    let again = Name::parse(&name.to_string()).expect("what is printed can be read");
    assert_eq!(again.as_wire(), wire, "{name}");
    assert_eq!(name.label_count(), name.labels().rev().count());
    assert!(
        compare_wire(wire, &wire.to_ascii_uppercase()).is_eq(),
        "RFC 4343"
    );
    if let Some(parent) = name.parent() {
        assert!(name.is_at_or_below(&parent) && !parent.is_at_or_below(name));
        assert!(
            parent < *name,
            "RFC 4034 6.1: a name comes before what is below it"
        );
    }
    // The reader of questions takes plain names alone.
    let mut lookup = LookupName::new();
    match lookup.read(spelled, 0, &key()) {
        Ok(end) => assert_eq!((lookup.wire(), end), (wire, wire.len())),
        Err(_) => assert_ne!(spelled, wire),
    }
    lookup.set_wire(wire, &key()).expect("a name is a name");
    assert_eq!(lookup.folded(), wire.to_ascii_lowercase());
    assert_eq!(lookup.labels(), name.label_count());
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    vec![
        b"\x09\x07example\x00\x03www\xc0\x00rest".to_vec(),
        b"\x00\xc0\x00".to_vec(),
        b"\x00\x01a\xc0\x00".to_vec(),
        b"\x00www.Example.COM.".to_vec(),
        b"\x00a\\.b\\000\\255.example".to_vec(),
        [&[0u8][..], &[1, b'a'].repeat(127), &[0]].concat(),
        [&[0u8][..], &[63; 64].repeat(4), &[0]].concat(),
        [&[12u8][..], &[0xc0, 0].repeat(20)].concat(),
    ]
}
