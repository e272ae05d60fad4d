//! Reading files that an operator named: regular ones, whole, and no larger than was agreed.
//!
//! A path can lead to more than text. A named pipe without a writer blocks whoever opens it, a device may
//! never end, a directory gives an error that nobody understands. So what is there is looked at before
//! it is opened, the opening does not wait, and what was opened is looked at again, since it may be
//! another thing by then.

use std::fs::{FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The octets of a regular file.
///
/// # Errors
/// What the system says, or in words what is there instead, or that it has more than `size_max` octets.
pub fn read(path: &Path, size_max: u64) -> io::Result<Vec<u8>> {
    Ok(read_with_metadata(path, size_max)?.0)
}

/// The text of a regular file.
///
/// # Errors
/// As [`read`], and if it is not UTF-8.
pub fn read_text(path: &Path, size_max: u64) -> io::Result<String> {
    let not_text = |e: std::string::FromUtf8Error| {
        let at = e.utf8_error().valid_up_to();
        let line = 1 + e
            .as_bytes()
            .iter()
            .take(at)
            .filter(|o| **o == b'\n')
            .count();
        let words = format!("it is not UTF-8 text (line {line})");
        io::Error::new(ErrorKind::InvalidData, words)
    };
    String::from_utf8(read(path, size_max)?).map_err(not_text)
}

/// The octets of a regular file, and its state just before they were read.
///
/// # Errors
/// As [`read`].
pub fn read_with_metadata(path: &Path, size_max: u64) -> io::Result<(Vec<u8>, Metadata)> {
    // To open a device can already do something.
    must_be_regular(path)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let metadata = file.metadata()?;
    refuse_special(metadata.file_type())?;
    let mut octets = Vec::new();
    if metadata.len() <= size_max {
        octets.reserve_exact(metadata.len() as usize + 1);
        // It may be growing.
        file.take(size_max.saturating_add(1))
            .read_to_end(&mut octets)?;
    }
    if metadata.len().max(octets.len() as u64) > size_max {
        let words = format!("it has more than {size_max} octets");
        return Err(io::Error::new(ErrorKind::FileTooLarge, words));
    }
    Ok((octets, metadata))
}

/// Whether there is a regular file, without opening it.
///
/// # Errors
/// There is none, with what the system says or what is there instead.
pub fn must_be_regular(path: &Path) -> io::Result<()> {
    refuse_special(std::fs::metadata(path)?.file_type())
}

fn refuse_special(found: FileType) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let what = if found.is_dir() {
        "a directory"
    } else if found.is_fifo() {
        "a named pipe"
    } else if found.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(io::Error::new(
        ErrorKind::InvalidInput,
        format!("it is {what}, and only regular files are read"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 2, point 8: nothing that could block or never end is opened, and the words say what it is.
    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "text").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        let mut pipe = std::process::Command::new("mkfifo");
        assert!(pipe.arg(at("pipe")).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert_eq!(read(&at("file"), 4).unwrap(), b"text");
        assert_eq!(read(&at("link"), 4).unwrap(), b"text");
        for (name, what) in [
            (".", "a directory"),
            ("pipe", "a named pipe"),
            ("socket", "a socket"),
            ("zero", "a device"),
        ] {
            let words = read(&at(name), 100).unwrap_err().to_string();
            assert!(words.contains(what), "{name}: {words}");
        }
    }

    /// A file that is too large costs no memory; one that is not text says where.
    #[test]
    fn size_and_form_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"one\ntwo \xff\n").unwrap();
        let kind = |size_max| read(&file, size_max).map_err(|e| e.kind());
        assert_eq!(kind(9).unwrap_err(), ErrorKind::FileTooLarge);
        let words = read_text(&file, 100).unwrap_err().to_string();
        assert!(words.contains("line 2"), "{words}");
    }
}
