//! From text to a [`Spec`], or to every key and value that does not fit.
//!
//! serde stops at the first mistake, a person wants all of them: what it complained about is taken out of the
//! tree and the rest is tried again. What is left in the end is looked at for what it means together, with
//! a list of the places where something was taken out: what seems to be missing there is no mistake.

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::problem::{Problem, nearest};
use super::spec::Spec;

/// What could be read, and what could not.
pub(super) struct ReadSpec {
    /// Everything that fits; none where not even that can be told.
    pub(super) spec: Option<Spec>,
    pub(super) problems: Vec<Problem>,
    /// What was taken out.
    pub(super) taken: Vec<Taken>,
}

/// Something that does not fit and was taken out.
pub(super) struct Taken {
    /// Of the table or array it was in.
    pub(super) place: Range<usize>,
    /// Its key; none in an array.
    pub(super) key: String,
    /// The key at the top under which it was.
    pub(super) under: String,
}

/// Reads the text of the file `path`.
pub(super) fn read(path: &Path, text: &str) -> ReadSpec {
    let (mut root, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|error| Problem::from_toml(path, text, error))
        .collect();
    if !problems.is_empty() {
        problems.truncate(MISTAKES_MAX);
        return ReadSpec {
            spec: None,
            problems,
            taken: Vec::new(),
        };
    }
    let mut taken: Vec<Taken> = Vec::new();
    let mut spec = None;
    while problems.len() + taken.len() < MISTAKES_MAX {
        let error = match Spec::deserialize(Deserializer::from(root.clone())) {
            Ok(whole) => {
                spec = Some(whole);
                break;
            }
            Err(error) => error,
        };
        let missing = missing_field(error.message());
        // What is missing may be what was taken out, or what a misspelt key was to be.
        let follows = missing.is_some_and(|key| {
            taken.iter().any(|out| {
                Some(&out.place) == error.span().as_ref() && nearest(&out.key, &[key]).is_some()
            })
        });
        if !follows {
            problems.push(Problem::from_toml(path, text, &error));
        }
        let at = error.span().filter(|at| *at != root.span());
        let Some(at) = at else { break };
        let place = root.span();
        let Some(out) = take_from_root(root.get_mut(), &place, &at) else {
            break;
        };
        taken.push(out);
    }
    ReadSpec {
        spec,
        problems,
        taken,
    }
}

fn take_from_root(
    root: &mut DeTable<'_>,
    place: &Range<usize>,
    at: &Range<usize>,
) -> Option<Taken> {
    for (under, value) in root.iter_mut() {
        if let Some((place, key)) = take_from_value(value, at) {
            return Some(Taken {
                place,
                key,
                under: under.get_ref().to_string(),
            });
        }
    }
    let (place, key) = take_from_table(root, place, at)?;
    Some(Taken {
        place,
        under: key.clone(),
        key,
    })
}

/// Takes out the innermost entry that covers `at`. `Some` when there was one, with the place of its table
/// or array, and its key (none in an array).
fn take_from_table(
    table: &mut DeTable<'_>,
    place: &Range<usize>,
    at: &Range<usize>,
) -> Option<(Range<usize>, String)> {
    for (_, value) in table.iter_mut() {
        if let Some(out) = take_from_value(value, at) {
            return Some(out);
        }
    }
    let covering = table
        .iter()
        .find(|(key, value)| covers(&key.span(), at) || covers(&value.span(), at))
        .map(|(key, _)| key.clone())?;
    table.remove(&covering);
    Some((place.clone(), covering.into_inner().into_owned()))
}

fn take_from_value(
    value: &mut Spanned<DeValue<'_>>,
    at: &Range<usize>,
) -> Option<(Range<usize>, String)> {
    let place = value.span();
    match value.get_mut() {
        DeValue::Table(table) => take_from_table(table, &place, at),
        DeValue::Array(items) => {
            for item in items.iter_mut() {
                if let Some(out) = take_from_value(item, at) {
                    return Some(out);
                }
            }
            if !items.iter().any(|item| covers(&item.span(), at)) {
                return None;
            }
            let kept = items.clone().into_iter();
            *items = kept.filter(|item| !covers(&item.span(), at)).collect();
            Some((place, String::new()))
        }
        _ => None,
    }
}

fn covers(place: &Range<usize>, at: &Range<usize>) -> bool {
    place.start <= at.start && at.end <= place.end && !place.is_empty()
}

/// The field that serde says is missing.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// More would hide the first ones.
const MISTAKES_MAX: usize = 100;
