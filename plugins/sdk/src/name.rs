//! Names as plugins get them: absolute, lower case, in presentation form.

/// The labels from the left, still escaped; the root has none.
pub fn labels(name: &str) -> Vec<&str> {
    let mut labels = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            // An escape is `\.` or `\DDD`; only the octet after the backslash can be a dot.
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'.' => {
                labels.push(&name[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if start < name.len() {
        labels.push(&name[start..]);
    }
    labels.retain(|label| !label.is_empty());
    labels
}

/// Is `name` the same as `other` or below it? Compares labels: `notexample.com.` is not below
/// `example.com.`.
pub fn is_at_or_below(name: &str, other: &str) -> bool {
    let (name, other) = (labels(name), labels(other));
    name.len() >= other.len()
        && name[name.len() - other.len()..]
            .iter()
            .zip(&other)
            .all(|(left, right)| left.eq_ignore_ascii_case(right))
}

/// Below and not equal.
pub fn is_below(name: &str, other: &str) -> bool {
    is_at_or_below(name, other) && labels(name).len() > labels(other).len()
}

/// `name` below `apex`: its labels without those of the apex, joined by dots.
pub fn relative<'a>(name: &'a str, apex: &str) -> Option<&'a str> {
    if !is_below(name, apex) {
        return None;
    }
    let keep = labels(name).len() - labels(apex).len();
    let first = labels(name)[..keep]
        .iter()
        .map(|label| label.len() + 1)
        .sum::<usize>();
    name.get(..first.saturating_sub(1))
}

/// Puts a label in front of a name.
pub fn child(label: &str, parent: &str) -> String {
    if parent == "." {
        return format!("{label}.");
    }
    format!("{label}.{parent}")
}

/// Lower case with the final dot, as settings written by people may lack it.
pub fn absolute(name: &str) -> String {
    let mut name = name.trim().to_ascii_lowercase();
    if !name.ends_with('.') {
        name.push('.');
    }
    name
}

/// Is every label letters, digits and inner hyphens, and all of it short enough? RFC 952 and RFC 1123
/// 2.1 for names of hosts; owner names in general may be anything.
pub fn is_host_name(name: &str) -> bool {
    let labels = labels(name);
    let length: usize = labels.iter().map(|label| label.len() + 1).sum();
    !labels.is_empty()
        // RFC 1035 2.3.4: 255 octets with the root's.
        && length < 255
        && labels.iter().all(|label| {
            label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1035 5.1: an escaped dot belongs to its label.
    #[test]
    fn escaped_dots_do_not_end_a_label() {
        assert_eq!(labels(r"a\.b.c\\.d."), [r"a\.b", r"c\\", "d"]);
        assert_eq!(labels("."), [""; 0]);
    }

    /// P4.2: a common ending is not enough, labels must agree.
    #[test]
    fn below_is_a_matter_of_labels() {
        assert!(is_below("ns1.example.com.", "example.com."));
        assert!(!is_at_or_below("notexample.com.", "example.com."));
        assert!(!is_at_or_below("example.com.evil.net.", "example.com."));
        assert!(!is_below("example.com.", "example.com."));
        assert!(is_below("com.", "."));
    }

    /// P7.8: letters, digits, hyphens for hosts.
    #[test]
    fn underscores_and_outer_hyphens_are_no_host_names() {
        assert!(is_host_name("ns1.ex-ample.com."));
        for name in [
            "_dmarc.example.com.",
            "-a.example.",
            "a-.example.",
            "*.example.",
            ".",
        ] {
            assert!(!is_host_name(name), "{name}");
        }
    }

    /// The part that a zone's owner chose.
    #[test]
    fn relative_part_keeps_its_labels() {
        assert_eq!(relative("a.b.example.", "example."), Some("a.b"));
        assert_eq!(relative("example.", "example."), None);
        assert_eq!(relative("a.", "."), Some("a"));
    }
}
