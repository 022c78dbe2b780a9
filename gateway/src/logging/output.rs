//! Writing whole lines to a descriptor that may be closed, full, or not take all of a line at once.

use std::{io, os::fd::AsFd};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{Errno, write},
};

/// A descriptor that lines are written to. It may block the thread that writes.
pub(super) struct Output<F> {
    descriptor: F,
    /// The last line was cut short, so that the next would be appended to it.
    torn: bool,
}

impl<F: AsFd> Output<F> {
    pub(super) fn new(descriptor: F) -> Self {
        Self {
            descriptor,
            torn: false,
        }
    }

    /// Writes a line with its end, in as many pieces as it takes; waits where the descriptor is
    /// non-blocking and full.
    pub(super) fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.write_all(b"\n")?;
            self.torn = false;
        }
        self.write_all(line)
    }

    fn write_all(&mut self, mut left: &[u8]) -> io::Result<()> {
        while !left.is_empty() {
            match write(&self.descriptor, left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    left = &left[written..];
                    self.torn = !left.is_empty();
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait()?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Until the descriptor takes more, or has failed; the next write tells which.
    fn wait(&self) -> io::Result<()> {
        let mut waiting = [PollFd::new(&self.descriptor, PollFlags::OUT)];
        match poll(&mut waiting, None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read, pipe},
        thread,
    };

    use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};

    use super::*;

    #[test]
    fn a_full_non_blocking_pipe_is_waited_for_and_lines_arrive_whole() {
        let (mut reader, writer) = pipe().unwrap();
        ioctl_fionbio(&writer, true).unwrap();
        fcntl_setfd(&writer, FdFlags::CLOEXEC).unwrap();
        let line = [vec![b'x'; 100_000], b"\n".to_vec()].concat();
        let sent = line.clone();
        let writing = thread::spawn(move || {
            let mut output = Output::new(writer);
            (0..3).for_each(|_| output.write_line(&sent).unwrap());
        });
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        writing.join().unwrap();
        assert!(read == line.repeat(3));
    }

    #[test]
    fn a_pipe_without_a_reader_and_a_full_disk_are_errors_and_no_panic() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let error = Output::new(writer).write_line(b"lost\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let error = Output::new(full).write_line(b"lost\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_line_that_was_cut_short_does_not_swallow_the_next() {
        let (mut reader, writer) = pipe().unwrap();
        let mut output = Output::new(writer);
        output.torn = true;
        output.write_line(b"next\n").unwrap();
        drop(output);
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert_eq!(read, "\nnext\n");
    }
}
