//! The live view's thread: reads the board once a second and draws.

use std::{
    io::{IsTerminal, Write, stderr},
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{Board, Glance};
use crate::units::show_us;

const TICK: Duration = Duration::from_secs(1);
/// Without a terminal a line every so many seconds is enough.
const PLAIN_EVERY: u64 = 5;
/// Seconds that the panel's curve goes back.
const CURVE_SECONDS: usize = 60;

/// What the view is told about the run.
#[derive(Clone, Debug)]
pub(crate) struct ViewOptions {
    /// Length of the whole run.
    pub total: Duration,
    /// Of it, warm-up.
    pub warmup: Duration,
}

/// A running view; stops when dropped.
pub(crate) struct View {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl View {
    /// Starts drawing to standard error.
    pub(crate) fn start(board: Arc<Board>, options: ViewOptions) -> Self {
        let (stop, stopped) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("live-view".to_owned())
            .spawn(move || {
                let mut screen = Screen::new(options, stderr().is_terminal());
                let mut second = 0;
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
                    second += 1;
                    let frame = screen.frame(second, &board.glance());
                    // A closed standard error must not end the run.
                    drop(stderr().lock().write_all(frame.as_bytes()));
                }
                drop(stderr().lock().write_all(screen.end().as_bytes()));
            });
        // Without a thread to spare the run goes on unseen.
        Self {
            stop: Some(stop),
            thread: thread.ok(),
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Turns glances into text; pure, so that it can be tested.
struct Screen {
    options: ViewOptions,
    is_terminal: bool,
    drawn_lines: usize,
    before: (u64, u64),
    curve: Vec<f64>,
}

impl Screen {
    fn new(options: ViewOptions, is_terminal: bool) -> Self {
        Self {
            options,
            is_terminal,
            drawn_lines: 0,
            before: (0, 0),
            curve: Vec::new(),
        }
    }

    fn frame(&mut self, second: u64, glance: &Glance) -> String {
        let rate = glance.answered.saturating_sub(self.before.0);
        let failing = glance.failed.saturating_sub(self.before.1);
        self.before = (glance.answered, glance.failed);
        self.curve.push(glance.recent.quantile_us(0.99));
        if self.curve.len() > CURVE_SECONDS {
            self.curve.remove(0);
        }
        let total = self.options.total.as_secs_f64().ceil() as u64;
        let phase = if second <= self.options.warmup.as_secs() {
            " warm-up"
        } else {
            ""
        };
        let now = format!(
            "{second:>4}/{total} s{phase}  {rate}/s answered  p50 {}  p99 {}  max {}  failed {} (+{failing})",
            show_us(glance.recent.quantile_us(0.5)),
            show_us(glance.recent.quantile_us(0.99)),
            show_us(glance.recent.max_us()),
            glance.failed,
        );
        if !self.is_terminal {
            return if second.is_multiple_of(PLAIN_EVERY) {
                now + "\n"
            } else {
                String::new()
            };
        }
        let highest = self.curve.iter().copied().fold(0.0, f64::max);
        let lines = [
            bar(second as f64 / total.max(1) as f64),
            now,
            format!(
                "p99, last {} s: {}  top {}",
                self.curve.len(),
                curve(&self.curve),
                show_us(highest)
            ),
        ];
        let back = if self.drawn_lines > 0 {
            format!("\x1b[{}A", self.drawn_lines)
        } else {
            String::new()
        };
        self.drawn_lines = lines.len();
        lines
            .iter()
            .fold(back, |text, line| text + "\r\x1b[2K" + line + "\n")
    }

    /// Takes the panel away; the summary takes its place.
    fn end(&self) -> String {
        match self.drawn_lines {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\r\x1b[0J"),
        }
    }
}

fn bar(share: f64) -> String {
    const WIDTH: usize = 40;
    let full = (share.clamp(0.0, 1.0) * WIDTH as f64).round() as usize;
    format!(
        "[{}{}] {:>3.0} %",
        "█".repeat(full),
        "·".repeat(WIDTH - full),
        share.min(1.0) * 100.0
    )
}

/// Eighths of a line's height, on a logarithmic scale: latency doubles more often than it adds.
fn curve(values: &[f64]) -> String {
    const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let seen = values.iter().copied().filter(|value| *value > 0.0);
    let (low, high) = seen.fold((f64::MAX, 1.0_f64), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    let span = (high / low).ln().max(0.7);
    let step = |value: &f64| {
        if *value <= 0.0 {
            return ' ';
        }
        STEPS[(((value / low).ln() / span * 7.0).round() as usize).min(7)]
    };
    values.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Hist;

    fn glance(answered: u64, us: f64) -> Glance {
        let mut recent = Hist::default();
        recent.record_us(us, 10);
        Glance {
            sent: answered,
            answered,
            failed: 0,
            recent,
        }
    }

    fn screen(is_terminal: bool) -> Screen {
        let options = ViewOptions {
            total: Duration::from_secs(20),
            warmup: Duration::from_secs(2),
        };
        Screen::new(options, is_terminal)
    }

    #[test]
    fn without_a_terminal_plain_lines_come_every_few_seconds() {
        let mut screen = screen(false);
        let text: String = (1..=10)
            .map(|s| screen.frame(s, &glance(s * 100, 500.0)))
            .collect();
        assert_eq!(text.lines().count(), 2);
        assert!(!text.contains('\x1b'));
        assert!(text.contains("100/s answered"), "{text}");
        assert!(screen.end().is_empty());
    }

    #[test]
    fn a_terminal_panel_is_drawn_over_itself() {
        let mut screen = screen(true);
        let first = screen.frame(1, &glance(100, 500.0));
        let second = screen.frame(2, &glance(200, 90_000.0));
        assert!(!first.contains("\x1b[3A") && second.starts_with("\x1b[3A"));
        assert!(second.contains("▁█"), "{second}");
    }
}
