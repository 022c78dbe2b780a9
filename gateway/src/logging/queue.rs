//! The queue between whoever logs and the thread that writes.
//!
//! Bounded by lines and by bytes. A line that does not fit is dropped and counted; nobody waits.

use std::{
    io,
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

use super::output::Output;

/// Lines that wait for the writer: some seconds of a busy log.
const MAX_LINES: usize = 4096;
/// Their bytes together.
const MAX_BYTES: usize = 8 << 20;
/// Where lines are dropped all the time, the log says so after this many that were written.
const NOTICE_EVERY_LINES: usize = 1000;
/// How often a flush looks for room in a full queue.
const FLUSH_STEP: Duration = Duration::from_millis(20);

enum Entry {
    Line(Vec<u8>),
    /// Answered once all that came before it was written or dropped.
    Flush(SyncSender<()>),
}

/// Counts of one queue. Relaxed throughout: each is a figure of its own, and the channel orders lines.
#[derive(Debug, Default)]
struct Counts {
    waiting_lines: AtomicUsize,
    waiting_bytes: AtomicUsize,
    dropped: AtomicU64,
}

/// A handle on the queue; each write is one line.
#[derive(Clone)]
pub(super) struct LogQueue {
    sender: SyncSender<Entry>,
    counts: Arc<Counts>,
}

impl LogQueue {
    /// Starts the thread that writes to `output`.
    pub(super) fn start<F: AsFd + Send + 'static>(output: Output<F>) -> io::Result<Self> {
        let (sender, entries) = sync_channel(MAX_LINES);
        let counts = Arc::<Counts>::default();
        let writer = Writer {
            output,
            counts: Arc::clone(&counts),
            reported: 0,
            since_notice: 0,
        };
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || writer.run(&entries))?;
        Ok(Self { sender, counts })
    }

    /// Lines that were not written, for want of room or of a working output.
    pub(super) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all lines that were queued so far are written or dropped, at most for `timeout`.
    pub(super) fn flush(&self, timeout: Duration) {
        let (done, written) = sync_channel(1);
        let steps = timeout.as_millis() / FLUSH_STEP.as_millis();
        for _ in 0..steps {
            match self.sender.try_send(Entry::Flush(done.clone())) {
                Ok(()) => {
                    // Timed out, the lines are lost with the process.
                    let _ = written.recv_timeout(timeout);
                    return;
                }
                Err(TrySendError::Disconnected(_)) => return,
                // Nothing comes here: this only lets time pass.
                Err(TrySendError::Full(_)) => drop(written.recv_timeout(FLUSH_STEP)),
            }
        }
    }

    fn push(&self, line: &[u8]) {
        let Counts {
            waiting_lines,
            waiting_bytes,
            dropped,
        } = &*self.counts;
        let fits = waiting_bytes.fetch_add(line.len(), Ordering::Relaxed) + line.len() <= MAX_BYTES;
        waiting_lines.fetch_add(1, Ordering::Relaxed);
        if !fits || self.sender.try_send(Entry::Line(line.to_vec())).is_err() {
            waiting_lines.fetch_sub(1, Ordering::Relaxed);
            waiting_bytes.fetch_sub(line.len(), Ordering::Relaxed);
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl io::Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogQueue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

struct Writer<F> {
    output: Output<F>,
    counts: Arc<Counts>,
    /// Dropped lines that the log has told of.
    reported: u64,
    since_notice: usize,
}

impl<F: AsFd> Writer<F> {
    fn run(mut self, entries: &Receiver<Entry>) {
        while let Ok(entry) = entries.recv() {
            match entry {
                Entry::Line(line) => self.write(&line),
                // Whoever waited may have given up.
                Entry::Flush(done) => drop(done.try_send(())),
            }
        }
    }

    fn write(&mut self, line: &[u8]) {
        let written = self.output.write_line(line);
        let counts = &self.counts;
        counts
            .waiting_bytes
            .fetch_sub(line.len(), Ordering::Relaxed);
        let waiting = counts.waiting_lines.fetch_sub(1, Ordering::Relaxed) - 1;
        if written.is_err() {
            counts.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.since_notice += 1;
        let dropped = counts.dropped.load(Ordering::Relaxed);
        let due = waiting == 0 || self.since_notice >= NOTICE_EVERY_LINES;
        if dropped > self.reported && due {
            let lines = dropped - self.reported;
            self.reported = dropped;
            self.since_notice = 0;
            // Through the queue, as all events are; if it is dropped too, the next notice counts it.
            tracing::warn!(
                lines,
                "log lines were dropped because standard error did not take them"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write, pipe};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn lines_are_written_in_order_before_a_flush_returns() {
        let (mut reader, writer) = pipe().unwrap();
        let mut queue = LogQueue::start(Output::new(writer)).unwrap();
        for number in 0..100 {
            queue.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        queue.flush(PATIENCE);
        assert_eq!(queue.dropped(), 0);
        drop(queue);
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        let expected: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn a_reader_that_stands_still_costs_lines_and_no_time_and_no_more_memory_than_the_bound() {
        let (reader, writer) = pipe().unwrap();
        let mut queue = LogQueue::start(Output::new(writer)).unwrap();
        let line = [vec![b'x'; 999], b"\n".to_vec()].concat();
        let many = 10 * MAX_LINES;
        for _ in 0..many {
            queue.write_all(&line).unwrap();
        }
        // The pipe holds 64 KiB, the queue its bound, and the writer one line.
        let dropped = usize::try_from(queue.dropped()).unwrap();
        assert!(dropped >= many - MAX_LINES - 200, "{dropped}");
        assert!(queue.counts.waiting_bytes.load(Ordering::Relaxed) <= MAX_BYTES);
        queue.flush(Duration::from_millis(40));
        drop(reader);
    }

    #[test]
    fn lines_too_large_together_are_dropped_by_their_bytes() {
        let (_reader, writer) = pipe().unwrap();
        let mut queue = LogQueue::start(Output::new(writer)).unwrap();
        let line = vec![b'x'; MAX_BYTES / 4];
        for _ in 0..8 {
            queue.write_all(&line).unwrap();
        }
        assert!(queue.dropped() >= 3, "{}", queue.dropped());
    }

    #[test]
    fn an_output_that_fails_is_counted_and_the_queue_goes_on() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut queue = LogQueue::start(Output::new(writer)).unwrap();
        for _ in 0..10 {
            queue.write_all(b"lost\n").unwrap();
        }
        queue.flush(PATIENCE);
        assert_eq!(queue.dropped(), 10);
    }
}
