//! Is a label somebody's protected name, or made to be taken for it?
//!
//! Both are reduced to a skeleton in which what the eye confuses is the same (`rn` and `m`, `0` and
//! `o`, letters of other scripts and their Latin doubles). An internationalised label is decoded
//! first (RFC 3492), since it is the decoded form that is seen.

use bailiwick_plugin_sdk::{AbuseCategory, Finding, name};

use crate::settings::{Brand, Brands};

/// How a label is like a protected name, the most telling first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Likeness {
    /// Looks the same, is spelt otherwise.
    Disguised,
    /// Together with a word that makes it look official.
    WithKeyword,
    /// The name itself.
    Same,
    /// A slip of the finger away.
    Misspelt,
    /// Somewhere within, which may well be chance.
    Inside,
}

/// The protected names, prepared once a call.
pub(crate) struct Protected<'a> {
    brands: Vec<(&'a Brand, String)>,
    settings: &'a Brands,
}

/// A likeness and whose.
pub(crate) struct Found<'a> {
    pub(crate) likeness: Likeness,
    brand: &'a Brand,
}

impl<'a> Protected<'a> {
    pub(crate) fn of(settings: &'a Brands) -> Self {
        let brands = settings.protected.iter();
        Self {
            brands: brands.map(|brand| (brand, skeleton(&brand.name))).collect(),
            settings,
        }
    }

    /// The most telling likeness of one label.
    pub(crate) fn likeness(&self, label: &str) -> Option<Found<'a>> {
        let label = label.to_ascii_lowercase();
        if self
            .settings
            .harmless
            .iter()
            .any(|one| one.eq_ignore_ascii_case(&label))
        {
            return None;
        }
        let seen = label
            .strip_prefix("xn--")
            .and_then(punycode)
            .unwrap_or_else(|| label.clone());
        let joined: String = seen.chars().filter(|c| !matches!(c, '-' | '_')).collect();
        let bones = skeleton(&joined);
        self.brands
            .iter()
            .filter_map(|(brand, skeleton)| {
                let likeness = self.compare(&seen, &joined, &bones, brand, skeleton)?;
                Some(Found { likeness, brand })
            })
            .min_by_key(|found| found.likeness as u8)
    }

    fn compare(
        &self,
        seen: &str,
        joined: &str,
        bones: &str,
        brand: &Brand,
        brand_bones: &str,
    ) -> Option<Likeness> {
        let brand = brand.name.to_lowercase();
        if seen == brand {
            return Some(Likeness::Same);
        }
        if bones == brand_bones {
            return Some(Likeness::Disguised);
        }
        if let Some(at) = bones.find(brand_bones) {
            let rest = [&bones[..at], &bones[at + brand_bones.len()..]];
            let is_keyword = |rest: &&str| {
                self.settings
                    .keywords
                    .iter()
                    .any(|word| rest.contains(skeleton(word).as_str()))
            };
            if rest.iter().any(is_keyword) {
                return Some(Likeness::WithKeyword);
            }
            // Chance makes short names appear in long words.
            let is_telling = brand.chars().count() >= 6 && joined.contains(&brand);
            return is_telling.then_some(Likeness::Inside);
        }
        let slips = match brand.chars().count() {
            0..=5 => return None,
            6..=9 => 1,
            _ => 2,
        };
        (distance(bones, brand_bones) <= slips).then_some(Likeness::Misspelt)
    }
}

impl Found<'_> {
    /// Does the name belong to whom the protected name belongs?
    pub(crate) fn is_at_home(&self, owner: &str) -> bool {
        let mut domains = self.brand.domains.iter();
        domains.any(|domain| name::is_at_or_below(owner, &name::absolute(domain)))
    }

    pub(crate) fn finding(&self, label: &str) -> Finding {
        let brand = &self.brand.name;
        let (code, message) = match self.likeness {
            Likeness::Disguised => (
                "disguised-name",
                format!("{label} is made to be read as {brand}"),
            ),
            Likeness::WithKeyword => (
                "name-with-keyword",
                format!("{label} joins {brand} with a word that makes it look official"),
            ),
            Likeness::Same => ("protected-name", format!("{brand} is a protected name")),
            Likeness::Misspelt => (
                "misspelt-name",
                format!("{label} is a slip of the finger away from {brand}"),
            ),
            Likeness::Inside => ("name-inside", format!("{label} contains {brand}")),
        };
        Finding::new(code, message)
            .category(AbuseCategory::TrademarkCopyright)
            .with("abuse.protected", brand)
    }
}

/// What is left when everything that looks alike is made the same.
fn skeleton(text: &str) -> String {
    let single: String = text.to_lowercase().chars().map(double).collect();
    // After single letters, so that `rn` in any script counts; `cl` reads as `d` in many typefaces.
    single
        .replace("rn", "m")
        .replace("vv", "w")
        .replace("cl", "d")
}

/// The Latin letter that a character is taken for. A selection of Unicode's confusables: what
/// registries let into labels.
fn double(c: char) -> char {
    match c {
        '0' | 'ο' | 'о' | 'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'ọ' | 'ơ' | 'օ' => 'o',
        '1' | 'i' | '|' | 'ı' | 'і' | 'ι' | 'ì'..='ï' | 'ī' | 'ị' | 'ӏ' | 'ł' | 'ḷ' => {
            'l'
        }
        '3' | 'е' | 'ε' | 'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ẹ' => 'e',
        '4' | 'а' | 'α' | 'à'..='å' | 'ā' | 'ă' | 'ą' | 'ạ' => 'a',
        '5' | 'ѕ' | 'ś' | 'ş' | 'š' | 'ș' => 's',
        '7' | 'т' | 'τ' | 'ţ' | 'ť' | 'ț' => 't',
        '8' | 'в' => 'b',
        '9' | 'ɡ' | 'ğ' | 'ģ' | 'ġ' => 'g',
        'с' | 'ç' | 'ć' | 'č' => 'c',
        'ԁ' | 'đ' | 'ď' => 'd',
        'һ' | 'ħ' => 'h',
        'ј' => 'j',
        'к' | 'κ' | 'ķ' => 'k',
        'м' => 'm',
        'п' | 'ñ' | 'ń' | 'ň' | 'ņ' | 'ո' => 'n',
        'р' | 'ρ' | 'þ' => 'p',
        'ԛ' => 'q',
        'г' | 'ŕ' | 'ř' => 'r',
        'υ' | 'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ụ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' | 'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    }
}

/// Insertions, deletions, changes and swaps of neighbours that lead from one to the other.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    // Labels have at most 63 octets, so this is small. Too different in length is too different.
    if left.len().abs_diff(right.len()) > 2 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = vec![0; right.len() + 1];
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, r) in right.iter().enumerate() {
            let mut best = (last[j] + usize::from(l != r))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *l == right[j - 1] && left[i - 1] == *r {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

/// RFC 3492 6.2; none for what is no encoding.
fn punycode(text: &str) -> Option<String> {
    let (basic, deltas) = text.rsplit_once('-').unwrap_or(("", text));
    let mut output: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = deltas.bytes().peekable();
    while digits.peek().is_some() {
        let (old, mut weight, mut k) = (i, 1_u32, 36_u32);
        loop {
            let digit = match digits.next()? {
                byte @ b'a'..=b'z' => u32::from(byte - b'a'),
                byte @ b'0'..=b'9' => u32::from(byte - b'0') + 26,
                _ => return None,
            };
            i = i.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(36 - threshold)?;
            k += 36;
        }
        let count = u32::try_from(output.len()).ok()?.checked_add(1)?;
        bias = adapt(i - old, count, old == 0);
        n = n.checked_add(i / count)?;
        i %= count;
        output.insert(usize::try_from(i).ok()?, char::from_u32(n)?);
        i += 1;
    }
    Some(output.into_iter().collect())
}

/// RFC 3492 6.1.
fn adapt(delta: u32, count: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / 700 } else { delta / 2 };
    delta += delta / count;
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(label: &str) -> Option<Likeness> {
        let settings = Brands::default();
        let protected = Protected::of(&settings);
        protected.likeness(label).map(|found| found.likeness)
    }

    /// RFC 3492 7.1, and what a registry would hand on.
    #[test]
    fn punycode_is_decoded() {
        assert_eq!(punycode("bcher-kva").as_deref(), Some("bücher"));
        assert_eq!(punycode("80akhbyknj4f").as_deref(), Some("испытание"));
        assert_eq!(punycode("99999999"), None);
    }

    /// Cyrillic а for a, 1 for l, rn for m: seen the same, spelt otherwise.
    #[test]
    fn homoglyphs_are_disguises() {
        for label in [
            "paypa1",
            "rnicrosoft",
            "xn--pypal-4ve",
            "g00gle",
            "pay-pal",
            "netf1ix",
        ] {
            assert_eq!(likeness(label), Some(Likeness::Disguised), "{label}");
        }
    }

    /// The name and a word of trust.
    #[test]
    fn keywords_make_it_bait() {
        for label in [
            "paypal-login",
            "secure-paypal",
            "paypa1verify",
            "account-microsoft-support",
        ] {
            assert_eq!(likeness(label), Some(Likeness::WithKeyword), "{label}");
        }
    }

    /// One slip: left out, doubled, swapped, or a wrong key.
    #[test]
    fn single_slips_are_seen() {
        for label in [
            "payal",
            "payppal",
            "papyal",
            "micorsoft",
            "gooogle",
            "facebok",
        ] {
            assert_eq!(likeness(label), Some(Likeness::Misspelt), "{label}");
        }
    }

    /// What only contains it, or has nothing to do with it.
    #[test]
    fn ordinary_names_are_left_alone() {
        assert_eq!(likeness("paypalfans"), Some(Likeness::Inside));
        assert_eq!(likeness("paypal"), Some(Likeness::Same));
        for label in [
            "amazing",
            "example",
            "pay",
            "netfix-it",
            "booking",
            "google-",
        ] {
            assert_ne!(likeness(label), Some(Likeness::WithKeyword), "{label}");
        }
        for label in [
            "amazing",
            "example",
            "pay",
            "booking",
            "bailiwick",
            "soft",
            "a",
        ] {
            assert_eq!(likeness(label), None, "{label}");
        }
    }

    /// The operator's own list of exceptions.
    #[test]
    fn harmless_labels_are_exempt() {
        let settings = Brands {
            harmless: vec!["payal".into()],
            ..Brands::default()
        };
        assert!(Protected::of(&settings).likeness("payal").is_none());
    }
}
