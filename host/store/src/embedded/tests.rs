//! What only a file can do: survive, be damaged, be swapped.

use super::*;

fn tree() -> Tree {
    Tree {
        plugin: "quota".to_owned(),
        state_version: 1,
    }
}

fn set(store: &EmbeddedStore, key: &[u8], value: &[u8]) {
    let change = KvChange {
        key: key.to_vec(),
        value: Some(value.to_vec()),
    };
    store.kv_apply(&tree(), &[change]).unwrap();
}

/// ARCHITECTURE 7: one battery over every backend.
#[test]
fn redb_passes_the_battery() {
    let folder = tempfile::tempdir().unwrap();
    crate::battery::run(&EmbeddedStore::open(&folder.path().join("store.redb")).unwrap());
}

/// RELIABILITY S1: what was written is there after the next start, and the generation has grown.
#[test]
fn writes_survive_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = EmbeddedStore::open(&path).unwrap();
    set(&store, b"k", b"v");
    let before = store.generation();
    drop(store);
    let store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(store.kv(&tree(), b"k").unwrap(), Some(b"v".to_vec()));
    assert_eq!(store.generation(), before + 1);
}

#[test]
fn second_opener_is_told_that_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let _first = EmbeddedStore::open(&path).unwrap();
    assert!(matches!(
        EmbeddedStore::open(&path),
        Err(StoreError::Locked { .. })
    ));
}

/// RELIABILITY S5: a store that is empty though it was not is refused, and set aside on request.
#[test]
fn empty_store_in_place_of_a_used_one_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    drop(EmbeddedStore::open(&path).unwrap());
    drop(EmbeddedStore::open(&path).unwrap());
    fs::remove_file(&path).unwrap();
    assert!(matches!(
        EmbeddedStore::open(&path),
        Err(StoreError::Older {
            found: 0,
            expected: 2,
            ..
        })
    ));
    let opened = EmbeddedStore::open_or_set_aside(&path).unwrap();
    assert!(opened.set_aside.is_some_and(|(aside, _)| aside.exists()));
}

/// RELIABILITY S6: bytes that are no store are named, set aside, and never stop the server.
#[test]
fn damaged_store_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    fs::write(&path, vec![0x5A; 8192]).unwrap();
    assert!(matches!(
        EmbeddedStore::open(&path),
        Err(StoreError::Damaged { .. })
    ));
    let opened = EmbeddedStore::open_or_set_aside(&path).unwrap();
    assert!(opened.set_aside.is_some());
    set(&opened.store, b"k", b"v");
}

/// A row written by a newer program is an error, not a guess.
#[test]
fn row_of_another_version_is_refused() {
    assert!(matches!(
        decode::<u32>("zone-states", &[9, 1]),
        Err(StoreError::Row { .. })
    ));
}
