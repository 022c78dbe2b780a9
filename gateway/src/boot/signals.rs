//! The signals that tell the process to stop.

use std::{fs, pin::pin};

use futures_util::future::{self, Either};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Exit;

/// SIGTERM and SIGINT, and the two that would end the process without a drain: SIGHUP, which a closed
/// terminal sends, and SIGQUIT.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    /// None where the process was started to ignore it (`nohup`).
    hangup: Option<Signal>,
}

impl StopSignals {
    /// Takes them over from the system's own treatment.
    pub fn install() -> Result<Self, Exit> {
        let of = |kind| signal(kind).map_err(Exit::unavailable);
        let ignored = is_ignored(SignalKind::hangup());
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            quit: of(SignalKind::quit())?,
            hangup: match ignored {
                true => None,
                false => Some(of(SignalKind::hangup())?),
            },
        })
    }

    /// Resolves with the next of them, and says whether it was SIGTERM or SIGINT.
    pub async fn next(&mut self) -> bool {
        let Self {
            terminate,
            interrupt,
            quit,
            hangup,
        } = self;
        let hung_up = match hangup {
            Some(hangup) => Either::Left(hangup.recv()),
            None => Either::Right(future::pending()),
        };
        let others = async {
            tokio::select! {
                _ = quit.recv() => {}
                _ = hung_up => {}
            }
        };
        tokio::select! {
            _ = terminate.recv() => true,
            _ = interrupt.recv() => true,
            () = pin!(others) => false,
        }
    }

    /// Resolves with the next SIGTERM or SIGINT: a process manager may follow the first with SIGHUP,
    /// which must not cut a drain short.
    pub async fn next_urgent(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Whether the process was started with this signal ignored. False where the system does not tell.
fn is_ignored(kind: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = kind.as_raw_value();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}
