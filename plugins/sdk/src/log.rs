//! Lines and counters for the operator; needs the capability `import.log`.

#[cfg(not(target_arch = "wasm32"))]
use crate::testing::log as imports;
#[cfg(target_arch = "wasm32")]
use crate::wit::base::bailiwick::policy::log as imports;

pub use crate::wit::base::bailiwick::policy::log::Level;

/// Writes a line at a level of choice.
pub fn write(level: Level, text: impl AsRef<str>) {
    imports::write(level, text.as_ref());
}

/// What an operator wants to have read: a rule came or went.
pub fn info(text: impl AsRef<str>) {
    write(Level::Info, text);
}

/// Something is not as it should be, and a default was taken.
pub fn warn(text: impl AsRef<str>) {
    write(Level::Warn, text);
}

/// Adds to a counter that the server shows under the plugin's name.
pub fn count(counter: &str, delta: u64) {
    imports::count(counter, delta);
}
