//! From text to a [`Spec`], or to every key and value that does not fit.
//!
//! serde stops at the first mistake, a person wants all of them: what it complained about is taken out of the
//! tree and the rest is tried again. Only a file whose keys and values all fit is looked at for what
//! they mean together.

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::problem::{Problem, Problems, nearest};
use super::spec::Spec;

/// Reads the text of the file `path`.
pub(super) fn read(path: &Path, text: &str) -> Result<Spec, Problems> {
    let (mut root, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|error| Problem::from_toml(path, text, error))
        .collect();
    if !problems.is_empty() {
        problems.truncate(MISTAKES_MAX);
        return Err(Problems(problems));
    }
    // Keys taken out because of their values, each with the place of its table.
    let mut taken: Vec<(Range<usize>, String)> = Vec::new();
    while problems.len() + taken.len() < MISTAKES_MAX {
        let error = match Spec::deserialize(Deserializer::from(root.clone())) {
            Ok(spec) if problems.is_empty() => return Ok(spec),
            Ok(_) => break,
            Err(error) => error,
        };
        let missing = missing_field(error.message());
        // What is missing may be what was taken out, or what a misspelt key was to be.
        let follows = missing.is_some_and(|key| {
            taken.iter().any(|(table, name)| {
                Some(table) == error.span().as_ref() && nearest(name, &[key]).is_some()
            })
        });
        if !follows {
            problems.push(Problem::from_toml(path, text, &error));
        }
        let at = error.span().filter(|at| *at != root.span());
        let Some(at) = at else { break };
        let place = root.span();
        let Some(out) = take_from_table(root.get_mut(), &place, &at) else {
            break;
        };
        taken.extend(out);
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Err(Problems(problems))
}

/// Takes out the innermost entry that covers `at`. `Some` when there was one, with the table and the
/// key if it was an entry of a table.
fn take_from_table(
    table: &mut DeTable<'_>,
    place: &Range<usize>,
    at: &Range<usize>,
) -> Option<Option<(Range<usize>, String)>> {
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
    Some(Some((place.clone(), covering.into_inner().into_owned())))
}

fn take_from_value(
    value: &mut Spanned<DeValue<'_>>,
    at: &Range<usize>,
) -> Option<Option<(Range<usize>, String)>> {
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
            Some(None)
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
