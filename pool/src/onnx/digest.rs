//! Files of the weight cache: written and copied with their SHA-256.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use common::files::open_regular;
use sha2::{Digest, Sha256};

use super::external::Source;

/// The name of a model in its folder.
pub(super) const MODEL: &str = "model.onnx";

/// A file of an entry, as it was written.
pub(super) struct Written {
    /// Relative to the model's folder.
    pub(super) path: PathBuf,
    pub(super) sha256: String,
}

/// Writes a file of an entry and tells its digest.
pub(super) fn write_file(folder: &Path, name: &str, contents: &[u8]) -> io::Result<Written> {
    let mut file = File::create_new(folder.join(name))?;
    file.write_all(contents)?;
    file.sync_all()?;
    Ok(Written {
        path: name.into(),
        sha256: hex(&Sha256::digest(contents)),
    })
}

/// Copies a file and tells the digest of what was copied.
pub(super) fn copy(source: &Source, out: impl Write) -> io::Result<Written> {
    let (mut file, _) = open_regular(&source.path)?;
    let mut hashed = Hashed::new(out);
    // Larger pieces than the default: the digest and the disk work on them by turns.
    let mut piece = vec![0u8; 1 << 20];
    loop {
        match io::Read::read(&mut file, &mut piece)? {
            0 => break,
            read => hashed.write_all(&piece[..read])?,
        }
    }
    Ok(Written {
        path: source.relative.clone(),
        sha256: hashed.finish(),
    })
}

/// Passes bytes on and keeps their digest.
pub(super) struct Hashed<W> {
    out: W,
    digest: Sha256,
}

impl<W: Write> Hashed<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            digest: Sha256::new(),
        }
    }

    pub(super) fn finish(self) -> String {
        hex(&self.digest.finalize())
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
