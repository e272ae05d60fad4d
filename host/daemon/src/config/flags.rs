//! What the flags of `serve` add to a configuration: zones, one by one or as lists.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use bailiwick_zone::Name;

use super::load::text_of;
use super::problem::{Problem, Problems};
use super::{ZoneConfig, ZoneSource};
use crate::cli::ServeArgs;

/// The zones that `--zone`, `--zones` and `--secondary` name.
pub(super) fn flag_zones(args: &ServeArgs) -> Result<Vec<ZoneConfig>, Problems> {
    let mut zones = Vec::new();
    for flag in &args.zone {
        zones.push(ZoneConfig::new(
            flag.name.clone(),
            ZoneSource::File(flag.file.clone()),
        ));
    }
    for list in &args.zones {
        zones.extend(zone_list(list)?);
    }
    for flag in &args.secondary {
        zones.push(ZoneConfig::new(
            flag.name.clone(),
            ZoneSource::Primaries(flag.primaries.clone()),
        ));
    }
    Ok(zones)
}

/// "origin file" lines; empty ones and those that start with `#` are skipped.
fn zone_list(path: &Path) -> Result<Vec<ZoneConfig>, Problems> {
    let text = text_of(path)?;
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    let mut zones = Vec::new();
    let mut problems = Vec::new();
    let mut first: HashMap<Name, usize> = HashMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let parsed = match line.split_once(char::is_whitespace) {
            Some((name, file)) => name.parse::<super::ZoneName>().and_then(|name| {
                match first.insert(name.0.clone(), index + 1) {
                    Some(line) => Err(format!(
                        "zone `{}` is given twice; first on line {line}",
                        name.0
                    )),
                    None => Ok((name.0, file.trim_start())),
                }
            }),
            None => Err(format!("`{line}` is not \"origin file\"")),
        };
        match parsed {
            Ok((name, file)) => {
                zones.push(ZoneConfig::new(name, ZoneSource::File(base.join(file))))
            }
            Err(message) => {
                problems.push(Problem {
                    file: path.to_owned(),
                    line: index + 1,
                    column: 1,
                    message,
                });
            }
        }
    }
    if problems.is_empty() {
        Ok(zones)
    } else {
        Err(Problems(problems))
    }
}

impl ZoneConfig {
    fn new(name: Name, source: ZoneSource) -> Self {
        Self {
            name,
            source,
            account: None,
            brand: Vec::new(),
            signing: false,
            settings: BTreeMap::new(),
        }
    }
}

pub(super) fn refuse_twice(zones: &[ZoneConfig], problems: &mut Vec<Problem>) {
    let mut seen = HashSet::with_capacity(zones.len());
    for zone in zones {
        if !seen.insert(&zone.name) {
            problems.push(Problem::outside(format!(
                "zone `{}` is given twice: by flags, or by a flag and in the configuration",
                zone.name
            )));
        }
    }
}
