//! How many files and connections the process may have open.

use common::config::Settings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Exit;
use crate::app::worker_count;

/// What a worker thread opens for itself: its event loop, its wakers, its timers.
const PER_WORKER: u64 = 8;
/// Everything else that is open before a connection is: ports, library, store, models, logs.
const OTHERS: u64 = 64;

/// Raises the limit to what the system allows this process, and refuses a start that it is too low
/// for: threads would fail at their first file, with a reason that names something else.
pub(super) fn raise(settings: &Settings) -> Result<(), Exit> {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limits.maximum,
        maximum: limits.maximum,
    };
    if limits.current != limits.maximum {
        // One that cannot be raised is judged as it is.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    let now = getrlimit(Resource::Nofile).current;
    let workers = worker_count(settings);
    match too_low(now, workers) {
        Some(needed) => Err(Exit::unavailable(format!(
            "the limit of open files is {}, and {workers} worker threads need {needed} and one for each connection: raise it (`ulimit -n 65536`, LimitNOFILE= of a systemd unit, --ulimit nofile= of a container)",
            now.unwrap_or_default()
        ))),
        None => Ok(()),
    }
}

/// What would be needed, where the limit is below it.
fn too_low(limit: Option<u64>, workers: usize) -> Option<u64> {
    let needed = OTHERS + PER_WORKER * workers as u64;
    limit.is_some_and(|limit| limit < needed).then_some(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_below_what_the_threads_open_is_too_low() {
        assert_eq!(too_low(Some(79), 2), Some(80));
        assert_eq!(too_low(Some(80), 2), None);
        assert_eq!(too_low(None, 512), None);
    }
}
