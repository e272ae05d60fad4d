//! `$INCLUDE` (RFC 1035 5.1), bound to the zone's own folder.
//!
//! A zone file may come from somebody who must not read this machine's files. So the file that is
//! really meant, symbolic links resolved, has to lie inside the folder, and depth and number of
//! includes are limited: eight files that include each other ten times would be read 10^8 times.

use std::path::Path;

/// How deep includes may nest.
pub(super) const DEPTH_MAX: usize = 8;
/// How many includes one zone may have.
pub(super) const INCLUDES_MAX: usize = 256;
/// One included file.
const FILE_SIZE_MAX: u64 = 1 << 30;

/// Reads a file inside `folder`; the error is a reason in words that says nothing about files
/// elsewhere.
pub(super) fn read(folder: Option<&Path>, name: &[u8]) -> Result<Vec<u8>, String> {
    let folder = folder.ok_or("$INCLUDE is not allowed here")?;
    let name = std::str::from_utf8(name).map_err(|_| "file name is not UTF-8")?;
    let outside = || format!("`{name}` is not a readable file inside the zone's folder");
    let folder = folder.canonicalize().map_err(|_| outside())?;
    let path = folder.join(name).canonicalize().map_err(|_| outside())?;
    if !path.starts_with(&folder) {
        return Err(outside());
    }
    // A pipe would block, a device would never end: `file::read` takes neither.
    crate::file::read(&path, FILE_SIZE_MAX).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => format!("`{name}`: {error}"),
        _ => outside(),
    })
}
