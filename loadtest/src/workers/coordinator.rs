//! The coordinator's side: splits, starts together, merges, and owns up to what was lost.

use std::{
    io::BufReader,
    net::{TcpStream, ToSocketAddrs},
    sync::{Barrier, Mutex, PoisonError},
    time::Duration,
};

use super::{Order, Word, read_line, write_line};
use crate::{
    clock::RunClock,
    record::{Recorder, Recording},
    run::{Load, Part, RunOutput, RunPlan},
};

/// Between the order to start and the schedule's zero: time for the order to reach everyone.
const LEAD: Duration = Duration::from_millis(500);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Workers say once a second that they are alive.
const SILENCE: Duration = Duration::from_secs(5);

/// Why a run on workers did not come about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkersError {
    /// A worker could not be reached before the start.
    #[error("cannot reach the worker {worker}; is `loadtest worker` running there?")]
    Unreachable {
        /// Its address.
        worker: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A worker refused the run before its start.
    #[error("the worker {worker} cannot run this: {why}")]
    Refused {
        /// Its address.
        worker: String,
        /// What it said.
        why: String,
    },
}

/// What a run on workers gave.
#[derive(Debug)]
pub(crate) struct Together {
    /// Everything merged, what was lost counted as scheduled and not sent.
    pub output: RunOutput,
    /// Workers lost, and why.
    pub lost: Vec<String>,
}

struct Seat {
    name: String,
    plan: RunPlan,
    reader: BufReader<TcpStream>,
    stream: TcpStream,
}

/// Runs a plan on workers.
pub(crate) fn run_on_workers(plan: &RunPlan, workers: &[String]) -> Result<Together, WorkersError> {
    let mut seats = Vec::with_capacity(workers.len());
    for (index, name) in workers.iter().enumerate() {
        let part = Part {
            index: index as u32,
            of: workers.len() as u32,
        };
        seats.push(prepare(name, share(plan, part))?);
    }
    for seat in &mut seats {
        wait_ready(seat)?;
    }
    let clock = RunClock::starting_in(LEAD);
    let gather = Mutex::new((
        Together {
            output: empty_output(),
            lost: Vec::new(),
        },
        0_u32,
    ));
    let together = Barrier::new(seats.len());
    std::thread::scope(|scope| {
        for seat in seats {
            let (gather, together) = (&gather, &together);
            scope.spawn(move || {
                let mut seat = seat;
                together.wait();
                // Each is told how long is left at the moment of telling.
                let in_s = clock.until_start().as_secs_f64();
                let word = write_line(&mut seat.stream, &Order::Start { in_s })
                    .and_then(|()| listen(&mut seat));
                let mut gather = gather.lock().unwrap_or_else(PoisonError::into_inner);
                take(&mut gather.0, &seat, word);
                gather.1 += 1;
            });
        }
    });
    let (result, _) = gather.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(result)
}

/// A worker's share of the plan. A closed loop is split by connections.
fn share(plan: &RunPlan, part: Part) -> RunPlan {
    let mut plan = RunPlan {
        part,
        ..plan.clone()
    };
    let of = part.of as usize;
    plan.max_in_flight = (plan.max_in_flight / of).max(1);
    plan.connections = plan.connections.div_ceil(of);
    if let Load::Closed { connections, .. } = &mut plan.load {
        *connections = *connections / of + usize::from((part.index as usize) < *connections % of);
    }
    plan
}

fn prepare(name: &str, plan: RunPlan) -> Result<Seat, WorkersError> {
    let unreachable = |source| WorkersError::Unreachable {
        worker: name.to_owned(),
        source,
    };
    let connect = || {
        let address = name.to_socket_addrs()?.next();
        let address = address.ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        let mut stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE + CONNECT_LIMIT))?;
        write_line(&mut stream, &Order::Prepare(Box::new(plan.clone())))?;
        Ok((BufReader::new(stream.try_clone()?), stream))
    };
    let (reader, stream) = connect().map_err(unreachable)?;
    Ok(Seat {
        name: name.to_owned(),
        plan,
        reader,
        stream,
    })
}

fn wait_ready(seat: &mut Seat) -> Result<(), WorkersError> {
    loop {
        match read_line(&mut seat.reader) {
            Ok(Word::Ready) => return Ok(()),
            Ok(Word::Alive) => {}
            Ok(Word::Failed { why }) => {
                return Err(WorkersError::Refused {
                    worker: seat.name.clone(),
                    why,
                });
            }
            Ok(Word::Done { .. }) => {
                let why = "it ended before it started".to_owned();
                return Err(WorkersError::Refused {
                    worker: seat.name.clone(),
                    why,
                });
            }
            Err(source) => {
                return Err(WorkersError::Unreachable {
                    worker: seat.name.clone(),
                    source,
                });
            }
        }
    }
}

/// Waits for the worker's last word; silence is an error.
fn listen(seat: &mut Seat) -> std::io::Result<Word> {
    seat.stream.set_read_timeout(Some(SILENCE))?;
    loop {
        match read_line(&mut seat.reader)? {
            Word::Alive | Word::Ready => {}
            word => return Ok(word),
        }
    }
}

fn take(all: &mut Together, seat: &Seat, word: std::io::Result<Word>) {
    let why = match word {
        Ok(Word::Done {
            recording,
            cpu_s,
            wall_s,
        }) => {
            let output = &mut all.output;
            output.recording.merge(&recording);
            output.cpu += Duration::try_from_secs_f64(cpu_s).unwrap_or_default();
            output.wall = output
                .wall
                .max(Duration::try_from_secs_f64(wall_s).unwrap_or_default());
            return;
        }
        Ok(Word::Failed { why }) => why,
        Ok(Word::Ready | Word::Alive) => "it never ended".to_owned(),
        Err(fault) => fault.to_string(),
    };
    all.lost.push(format!("{}: {why}", seat.name));
    all.output.recording.merge(&scheduled_only(&seat.plan));
}

/// What a lost worker should have sent.
fn scheduled_only(plan: &RunPlan) -> Recording {
    let mut recorder = Recorder::new(plan.layout());
    if let Load::Open(schedule) = &plan.load {
        let part = plan.part;
        schedule
            .arrivals()
            .filter(|arrival| arrival.index % u64::from(part.of) == u64::from(part.index))
            .for_each(|arrival| recorder.scheduled(arrival.due));
    }
    recorder.finish()
}

fn empty_output() -> RunOutput {
    RunOutput {
        recording: Recording::default(),
        cpu: Duration::ZERO,
        wall: Duration::ZERO,
        stopped_at: None,
    }
}
