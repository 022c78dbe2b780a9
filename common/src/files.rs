//! Reading files that others put in place: regular ones only, opened without waiting, within a bound.
//!
//! A named pipe in the place of a file would hold the reader for ever, a device would never end.

use std::{
    fs::{File, FileType, Metadata},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

use rustix::fs::OFlags;

/// Opens a regular file, or what a link to one leads to. Never waits for a writer.
pub fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    let mut options = File::options();
    // The bits of open(2) are the same whichever integer holds them.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = options.read(true).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    if found.is_file() {
        return Ok((file, found));
    }
    let kind = kind(found.file_type());
    Err(io::Error::other(format!(
        "it is {kind}, not a regular file"
    )))
}

/// The contents of a regular file of at most `max_bytes`.
pub fn read_regular(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let (file, found) = open_regular(path)?;
    let too_large = |bytes: u64| {
        let most = crate::ByteSize(max_bytes);
        io::Error::other(format!(
            "it has {bytes} bytes or more; at most {most} are read"
        ))
    };
    if found.len() > max_bytes {
        return Err(too_large(found.len()));
    }
    let mut contents = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0));
    // The file may grow, and some of /proc tell a size of 0.
    file.take(max_bytes.saturating_add(1))
        .read_to_end(&mut contents)?;
    match contents.len() as u64 > max_bytes {
        true => Err(too_large(contents.len() as u64)),
        false => Ok(contents),
    }
}

/// The text of a regular file of at most `max_bytes`.
pub fn read_regular_text(path: &Path, max_bytes: u64) -> io::Result<String> {
    let contents = read_regular(path, max_bytes)?;
    String::from_utf8(contents).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

fn kind(of: FileType) -> &'static str {
    if of.is_dir() {
        "a folder"
    } else if of.is_fifo() {
        "a named pipe"
    } else if of.is_char_device() || of.is_block_device() {
        "a device"
    } else {
        "a socket"
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn files_and_links_to_files_are_read_within_their_bound() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        std::fs::write(&path, b"12345").unwrap();
        symlink(&path, root.path().join("link")).unwrap();
        assert_eq!(read_regular(&path, 5).unwrap(), b"12345");
        assert_eq!(
            read_regular_text(&root.path().join("link"), 5).unwrap(),
            "12345"
        );
        let error = read_regular(&path, 4).unwrap_err().to_string();
        assert!(error.contains("5 bytes"), "{error}");
        let missing = read_regular(&root.path().join("no"), 5).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn pipes_devices_and_folders_are_refused_without_waiting() {
        let root = tempfile::tempdir().unwrap();
        let pipe = root.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let refused = |path: &Path| read_regular(path, 1 << 20).unwrap_err().to_string();
        assert!(refused(&pipe).contains("a named pipe"));
        assert!(refused(root.path()).contains("a folder"));
        assert!(refused(Path::new("/dev/zero")).contains("a device"));
    }
}
