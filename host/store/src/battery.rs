//! What every backend must do. A new backend runs this and needs no test of its own for it.

use crate::{KvChange, Store, TransferState, Tree, VersionRow};

/// Runs everything against an empty store.
pub(crate) fn run(store: &dyn Store) {
    values_come_back(store);
    scan_is_ordered_and_bounded(store);
    trees_are_apart(store);
    versions_and_notes_are_per_plugin(store);
    zone_states_come_back(store);
    documents_come_back(store);
}

fn tree(plugin: &str, state_version: u32) -> Tree {
    Tree {
        plugin: plugin.to_owned(),
        state_version,
    }
}

fn set(key: &[u8], value: &[u8]) -> KvChange {
    KvChange {
        key: key.to_vec(),
        value: Some(value.to_vec()),
    }
}

fn values_come_back(store: &dyn Store) {
    let tree = tree("values", 1);
    assert_eq!(store.kv(&tree, b"a").unwrap(), None);
    store
        .kv_apply(&tree, &[set(b"a", b"1"), set(b"b", b""), set(b"a", b"2")])
        .unwrap();
    assert_eq!(store.kv(&tree, b"a").unwrap(), Some(b"2".to_vec()));
    assert_eq!(store.kv(&tree, b"b").unwrap(), Some(Vec::new()));
    store
        .kv_apply(
            &tree,
            &[KvChange {
                key: b"a".to_vec(),
                value: None,
            }],
        )
        .unwrap();
    assert_eq!(store.kv(&tree, b"a").unwrap(), None);
}

fn scan_is_ordered_and_bounded(store: &dyn Store) {
    let tree = tree("scan", 1);
    let changes: Vec<_> = ["zone/c", "zone/a", "zone/b", "other", "zonf"]
        .iter()
        .map(|k| set(k.as_bytes(), b"v"))
        .collect();
    store.kv_apply(&tree, &changes).unwrap();
    let keys = |limit| -> Vec<Vec<u8>> {
        store
            .kv_scan(&tree, b"zone/", None, limit)
            .unwrap()
            .into_iter()
            .map(|(key, _)| key)
            .collect()
    };
    assert_eq!(keys(10), [b"zone/a", b"zone/b", b"zone/c"]);
    assert_eq!(keys(2), [b"zone/a", b"zone/b"]);
    assert_eq!(store.kv_scan(&tree, b"", None, 100).unwrap().len(), 5);
    let after = |after: &[u8]| store.kv_scan(&tree, b"zone/", Some(after), 10).unwrap();
    assert_eq!(after(b"zone/a").len(), 2);
    assert_eq!(after(b"zone/c").len(), 0);
    // A place before the prefix is as good as none.
    assert_eq!(after(b"a").len(), 3);
}

/// A rollback finds the old state as it was; a plugin cannot reach another's keys by its name.
fn trees_are_apart(store: &dyn Store) {
    for (name, version) in [("p", 1), ("p", 2), ("p", u32::MAX), ("pq", 1)] {
        store
            .kv_apply(&tree(name, version), &[set(b"k", name.as_bytes())])
            .unwrap();
    }
    assert_eq!(store.kv_trees("p").unwrap(), [1, 2, u32::MAX]);
    store.kv_drop(&tree("p", 2)).unwrap();
    assert_eq!(store.kv_trees("p").unwrap(), [1, u32::MAX]);
    assert_eq!(
        store.kv(&tree("pq", 1), b"k").unwrap(),
        Some(b"pq".to_vec())
    );
    assert_eq!(
        store.kv_scan(&tree("p", 1), b"", None, 10).unwrap().len(),
        1
    );
}

fn versions_and_notes_are_per_plugin(store: &dyn Store) {
    let row = |hash: &str| VersionRow {
        sha256: hash.to_owned(),
        record: hash.as_bytes().to_vec(),
    };
    store.put_version("quota", &row("bb")).unwrap();
    store.put_version("quota", &row("aa")).unwrap();
    store.put_version("quota2", &row("cc")).unwrap();
    assert_eq!(store.versions("quota").unwrap(), [row("aa"), row("bb")]);
    store.remove_version("quota", "aa").unwrap();
    assert_eq!(store.versions("quota").unwrap(), [row("bb")]);
    store.put_note("abuse", "active", Some(b"dd")).unwrap();
    assert_eq!(store.note("abuse", "active").unwrap(), Some(b"dd".to_vec()));
    assert_eq!(store.note("abuse", "settings").unwrap(), None);
    assert_eq!(store.plugins().unwrap(), ["abuse", "quota", "quota2"]);
    store.put_note("abuse", "active", None).unwrap();
    assert_eq!(store.plugins().unwrap(), ["quota", "quota2"]);
}

fn zone_states_come_back(store: &dyn Store) {
    let state = TransferState {
        last_success: Some(1_800_000_000),
        last_failure: None,
        last_error: Some("the primary refused".to_owned()),
        serial: Some(u32::MAX),
        primary: Some("[2001:db8::1]:53".to_owned()),
    };
    let rows = [
        (b"\x01a\x00".to_vec(), state.clone()),
        (b"\x00".to_vec(), TransferState::default()),
    ];
    store.put_zone_states(&rows).unwrap();
    assert_eq!(store.zone_state(b"\x01a\x00").unwrap(), Some(state));
    assert_eq!(store.zone_states().unwrap().len(), 2);
    store.remove_zone_state(b"\x00").unwrap();
    assert_eq!(store.zone_states().unwrap().len(), 1);
}

fn documents_come_back(store: &dyn Store) {
    assert_eq!(store.document("leases").unwrap(), None);
    store.put_document("leases", Some(b"{}")).unwrap();
    assert_eq!(store.document("leases").unwrap(), Some(b"{}".to_vec()));
    store.put_document("leases", None).unwrap();
    assert_eq!(store.document("leases").unwrap(), None);
}
