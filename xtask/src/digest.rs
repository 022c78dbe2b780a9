//! SHA-256 of files and streams, as lower-case hex.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// What passed through: its digest and its length in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Digested {
    pub sha256: String,
    pub bytes: u64,
}

/// Copies `from` to `to`, digesting on the way, so that what is checked is what was written.
pub(crate) fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<Digested> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        bytes += read as u64;
    }
    Ok(Digested {
        sha256: hex(&hasher.finalize()),
        bytes,
    })
}

pub(crate) fn file(path: &Path) -> io::Result<Digested> {
    copy(&mut File::open(path)?, &mut io::sink())
}

pub(crate) fn bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    let mut text = String::with_capacity(digest.len() * 2);
    for byte in digest {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_match_the_published_vector_and_the_copy_is_whole() {
        let mut out = Vec::new();
        let digested = copy(&mut &b"abc"[..], &mut out).unwrap();
        assert_eq!(out, b"abc");
        assert_eq!(digested.bytes, 3);
        // FIPS 180-4's example for "abc".
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digested.sha256, expected);
        assert_eq!(bytes(b"abc"), expected);
    }
}
