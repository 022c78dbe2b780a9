//! A cache folder, a small pinned wheel, and a `pip` that is a shell script.

#![expect(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

pub(crate) const WHEEL: &str = "package-1.0-py3-none-any.whl";
pub(crate) const CONTENTS: &[u8] = b"the library, word for word";

/// Everything below one temporary folder.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let stage = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let wheel = wheel(CONTENTS);
        fs::write(stage.path("good.whl"), &wheel).unwrap();
        stage.pin(&wheel, CONTENTS);
        stage
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.path("cache")
    }

    pub(crate) fn installed(&self) -> PathBuf {
        self.cache().join("package/1.0/library")
    }

    /// How often a pip made here was asked to download.
    pub(crate) fn downloads(&self) -> usize {
        fs::read_to_string(self.path("downloads"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    pub(crate) fn pin(&self, wheel: &[u8], contents: &[u8]) {
        let pins = serde_json::json!({ "sources": [{
            "name": "Package 1.0",
            "requirement": "package==1.0",
            "into": "package/1.0",
            "builds": [{
                "platform": "any",
                "pip_platform": "any",
                "wheel": WHEEL,
                "wheel_bytes": wheel.len(),
                "wheel_sha256": sha256(wheel),
                "files": [{
                    "member": "package/library",
                    "name": "library",
                    "bytes": contents.len(),
                    "sha256": sha256(contents),
                }],
            }],
        }]});
        fs::write(self.path("pins.json"), pins.to_string()).unwrap();
    }

    /// A pip whose `download` runs `script`, with `$wheel` where the wheel belongs and `$stage`
    /// this folder.
    pub(crate) fn pip(&self, script: &str) -> PathBuf {
        let path = self.path("pip");
        self.executable(
            "pip",
            &format!(
                "stage={}\n\
                 if [ \"$1\" = --version ]; then echo pip 24.0; exit 0; fi\n\
                 echo \"$*\" >> $stage/downloads\n\
                 while [ $# -gt 0 ]; do [ \"$1\" = --dest ] && wheel=\"$2/{WHEEL}\"; shift; done\n\
                 {script}\n",
                self.folder.path().display(),
            ),
        );
        path
    }

    /// A pip that brings the right wheel.
    pub(crate) fn good_pip(&self) -> PathBuf {
        self.pip("cp $stage/good.whl $wheel")
    }

    /// Written by a child: a script that this process holds open for writing, or that a fork made
    /// by a test beside this one still holds, cannot be run ("text file busy").
    pub(crate) fn executable(&self, name: &str, script: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer = Command::new("sh")
            .args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"])
            .arg(path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        write!(writer.stdin.take().unwrap(), "#!/bin/sh\n{script}").unwrap();
        assert!(writer.wait().unwrap().success());
    }

    pub(crate) fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        path
    }

    /// Returns once a script wrote to the pipe.
    pub(crate) fn wait_for(&self, fifo: &Path) {
        let (sender, receiver) = sync_channel(1);
        let fifo = fifo.to_path_buf();
        // Opening waits for the writer, without a limit of its own.
        std::thread::spawn(move || sender.send(fs::read(fifo).unwrap()));
        receiver
            .recv_timeout(Duration::from_secs(120))
            .expect("the script never started");
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("fetch").arg("--cache").arg(self.cache());
        command.arg("--pins").arg(self.path("pins.json"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn fetch_with(&self, pip: &Path) -> Output {
        self.command().arg("--pip").arg(pip).output().unwrap()
    }
}

/// Asserts that `output` ended well.
pub(crate) fn assert_fetched(output: &Output) {
    assert!(output.status.success(), "{}", text(output));
}

/// Asserts that `output` ended 69 with one error line, and returns the line.
pub(crate) fn error_line(output: &Output) -> String {
    let text = text(output);
    assert_eq!(output.status.code(), Some(69), "{text}");
    let errors: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with("fetch: "))
        .collect();
    assert_eq!(errors.len(), 1, "{text}");
    errors[0].to_owned()
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn wheel(contents: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive
        .start_file("package/library", zip::write::SimpleFileOptions::default())
        .unwrap();
    archive.write_all(contents).unwrap();
    archive.finish().unwrap().into_inner()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
