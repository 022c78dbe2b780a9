//! The worker's side: waits for one coordinator after the other.

use std::{
    io::{BufReader, Error},
    net::{TcpListener, TcpStream},
    sync::{Mutex, PoisonError, atomic::Ordering, mpsc},
    time::Duration,
};

use super::{Order, Word, read_line, write_line};
use crate::run::{Hooks, RunPlan, execute};

const ALIVE_EVERY: Duration = Duration::from_secs(1);
/// A coordinator that has gone must not hold a worker for ever.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves coordinators, one at a time; `tell` hears what goes on. Ends after `runs` of them, or
/// never.
pub(crate) fn serve(listener: &TcpListener, runs: Option<u32>, tell: impl Fn(String)) {
    for (served, stream) in (1..).zip(listener.incoming()) {
        let outcome = stream.and_then(|stream| serve_one(&stream));
        match outcome {
            Ok(()) => tell("run done".to_owned()),
            Err(fault) => tell(format!("run given up: {fault}")),
        }
        if runs.is_some_and(|runs: u32| served >= runs) {
            return;
        }
    }
}

fn serve_one(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let Order::Prepare(plan) = read_line(&mut reader)? else {
        return Err(Error::other("the coordinator started before it prepared"));
    };
    let writer = Mutex::new(stream.try_clone()?);
    let say = |word: &Word| {
        write_line(
            &mut *writer.lock().unwrap_or_else(PoisonError::into_inner),
            word,
        )
    };
    let hooks = Hooks::default();
    let (ended, end) = mpsc::sync_channel::<()>(1);
    std::thread::scope(|scope| {
        let (say, stop) = (&say, &hooks.stop);
        scope.spawn(move || {
            // Once nobody listens any more the run serves no purpose.
            while let Err(mpsc::RecvTimeoutError::Timeout) = end.recv_timeout(ALIVE_EVERY) {
                if say(&Word::Alive).is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
            }
        });
        let word = run(&plan, &hooks, &mut reader, say);
        drop(ended);
        say(&word)
    })
}

fn run(
    plan: &RunPlan,
    hooks: &Hooks,
    reader: &mut BufReader<TcpStream>,
    say: impl Fn(&Word) -> std::io::Result<()>,
) -> Word {
    let begin = || {
        let start = say(&Word::Ready).and_then(|()| read_line(reader));
        if let Ok(Order::Start { in_s }) = start {
            return Duration::try_from_secs_f64(in_s).unwrap_or_default();
        }
        // Without a start the run ends before its first request.
        hooks.stop.store(true, Ordering::Relaxed);
        Duration::ZERO
    };
    match execute(plan, hooks, begin) {
        Ok(output) if output.stopped_at.is_none() => Word::Done {
            recording: Box::new(output.recording),
            cpu_s: output.cpu.as_secs_f64(),
            wall_s: output.wall.as_secs_f64(),
        },
        Ok(_) => Word::Failed {
            why: "stopped".to_owned(),
        },
        Err(fault) => Word::Failed {
            why: fault.to_string(),
        },
    }
}
