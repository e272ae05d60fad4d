//! Where a value inside a table of the file stands.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The place of what a JSON Pointer names inside the table at `table`; of the innermost thing that is there
/// where the rest is missing.
pub(crate) fn inside(text: &str, table: &Range<usize>, pointer: &str) -> Range<usize> {
    let (root, _) = DeTable::parse_recoverable(text);
    let found = root
        .get_ref()
        .iter()
        .find_map(|(_, value)| at(value, table));
    let Some(mut here) = found else {
        return table.clone();
    };
    let mut place = table.clone();
    for part in pointer.split('/').skip(1) {
        // RFC 6901 4.
        let part = part.replace("~1", "/").replace("~0", "~");
        let next = match here.get_ref() {
            DeValue::Table(table) => {
                let found = table.iter().find(|(key, _)| key.get_ref().as_ref() == part);
                found.map(|(key, value)| (key.span(), value))
            }
            DeValue::Array(items) => {
                let item = part.parse().ok().and_then(|index: usize| items.get(index));
                item.map(|item| (item.span(), item))
            }
            _ => None,
        };
        let Some((next_place, value)) = next else {
            break;
        };
        place = next_place;
        here = value;
    }
    place
}

/// The value at a place.
fn at<'v, 't>(
    value: &'v Spanned<DeValue<'t>>,
    place: &Range<usize>,
) -> Option<&'v Spanned<DeValue<'t>>> {
    if value.span() == *place {
        return Some(value);
    }
    match value.get_ref() {
        DeValue::Table(table) => table.iter().find_map(|(_, value)| at(value, place)),
        DeValue::Array(items) => items.iter().find_map(|item| at(item, place)),
        _ => None,
    }
}
