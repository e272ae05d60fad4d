//! Version 0.1 of `bailiwick:policy`: the generated bindings, the imports they ask for, and the
//! conversions to and from [`crate::types`].
//!
//! A later version gets a module of its own beside this one; both end in the same plain types.

mod bindings;
mod convert;
mod guest;
mod imports;

pub(crate) use guest::{Guest, Program, Report};
pub(crate) use imports::link;

/// The package and version that this module speaks.
pub(crate) const PACKAGE: &str = "bailiwick:policy";
/// Interfaces that a plugin may import, by capability name after `import.`.
pub(crate) const IMPORTS: [&str; 5] = ["log", "config", "kv-read", "kv", "dns-facts"];

/// `interface` of a name such as `bailiwick:policy/quota@0.1.0`, if it is of this version.
pub(crate) fn interface(name: &str) -> Option<&str> {
    let (path, version) = name.split_once('@')?;
    let interface = path.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    let rest = version.strip_prefix("0.1.")?;
    (!rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())).then_some(interface)
}

#[cfg(test)]
mod tests {
    use super::interface;

    /// wasm notes 7: a guest of 0.1.x is ours whatever the x; another minor is not.
    #[test]
    fn any_patch_of_the_minor_is_ours() {
        assert_eq!(interface("bailiwick:policy/quota@0.1.0"), Some("quota"));
        assert_eq!(
            interface("bailiwick:policy/kv-read@0.1.17"),
            Some("kv-read")
        );
        assert_eq!(interface("bailiwick:policy/quota@0.2.0"), None);
        assert_eq!(interface("bailiwick:policy/quota@0.1.0-rc"), None);
        assert_eq!(interface("wasi:io/poll@0.1.0"), None);
    }
}
