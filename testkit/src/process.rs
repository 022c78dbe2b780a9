//! A program in a process of its own: what it prints, where it listens, how it ends.

use std::{
    io::{self, BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread::JoinHandle,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::STEP_TIMEOUT;

/// Lines of standard output that may wait to be read; further ones are dropped.
const STDOUT_LINES_MAX: usize = 64;
/// Lines of standard error that are kept; further ones are dropped.
const LOG_LINES_MAX: usize = 100_000;

/// Where a gateway listens: `listening http=ADDR grpc=ADDR|- admin=ADDR [thrift=ADDR]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening {
    pub http: SocketAddr,
    /// None while the gateway serves no gRPC.
    pub grpc: Option<SocketAddr>,
    pub admin: SocketAddr,
    /// None where no address is configured.
    pub thrift: Option<SocketAddr>,
}

impl Listening {
    /// None where the line is not such a line.
    pub fn parse(line: &str) -> Option<Self> {
        let words = line.strip_prefix("listening ")?;
        let of = |key: &str| {
            let mut words = words.split_whitespace();
            words.find_map(|word| word.strip_prefix(key)?.parse().ok())
        };
        Some(Self {
            http: of("http=")?,
            grpc: of("grpc="),
            admin: of("admin=")?,
            thrift: of("thrift="),
        })
    }
}

/// A program that did not print its `listening` line.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    #[error("cannot start {program}: {source}")]
    Spawn { program: String, source: io::Error },
    #[error("{program} did not print where it listens (it printed {line:?}); its log: {log}")]
    Silent {
        program: String,
        line: String,
        log: String,
    },
}

/// How a process ended and what it said.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status; none if a signal ended it.
    pub status: Option<i32>,
    /// The same with the signal that ended it.
    pub exit: ExitStatus,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

/// A running program. Dropping it kills it.
pub struct Process {
    child: Child,
    /// Locked only so that a process can be shared by threads.
    stdout: Mutex<Receiver<String>>,
    stderr: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Runs the command with its output captured; its standard input is the caller's to set.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (sender, stdout) = sync_channel(STDOUT_LINES_MAX);
        let out = read_lines(child.stdout.take().unwrap(), move |line| {
            // Once nobody listens, the lines are still read, so that the process never blocks.
            let _ = sender.try_send(line);
        });
        let stderr = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&stderr);
        let err = read_lines(child.stderr.take().unwrap(), move |line| {
            let mut log = log.lock().unwrap();
            if log.len() < LOG_LINES_MAX {
                log.push(line);
            }
        });
        Ok(Self {
            child,
            stdout: Mutex::new(stdout),
            stderr,
            readers: vec![out, err],
        })
    }

    /// Runs the command and waits until it says where it listens.
    pub fn start(command: &mut Command) -> Result<(Self, Listening), NotStarted> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut process = Self::spawn(command).map_err(|source| NotStarted::Spawn {
            program: program.clone(),
            source,
        })?;
        let line = process.next_line().unwrap_or_default();
        match Listening::parse(&line) {
            Some(listening) => Ok((process, listening)),
            None => Err(NotStarted::Silent {
                program,
                line,
                log: process.kill().stderr.join("\n"),
            }),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its standard output.
    pub fn next_line(&mut self) -> Result<String, RecvTimeoutError> {
        self.stdout.get_mut().unwrap().recv_timeout(STEP_TIMEOUT)
    }

    /// Its standard input, where the command asked for one.
    pub fn input(&mut self) -> Option<&mut ChildStdin> {
        self.child.stdin.as_mut()
    }

    /// What it has written to standard error so far.
    pub fn log(&self) -> Vec<String> {
        self.stderr.lock().unwrap().clone()
    }

    /// Tells it to stop, as an orchestrator would.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits for the end; a process that does not end is killed, and the test fails.
    pub fn end(mut self) -> Ended {
        let mut stdout = Vec::new();
        loop {
            match self.next_line() {
                Ok(line) => stdout.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it did not end: {:?}", self.kill()),
            }
        }
        let status = self.child.wait().unwrap();
        self.ended(status, stdout)
    }

    fn kill(&mut self) -> Ended {
        // One that has ended already is what is wanted.
        let _ = self.child.kill();
        let status = self.child.wait().unwrap();
        self.ended(status, Vec::new())
    }

    fn ended(&mut self, status: ExitStatus, stdout: Vec<String>) -> Ended {
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        Ended {
            status: status.code(),
            exit: status,
            stdout,
            stderr: self.log(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(
    pipe: impl Read + Send + 'static,
    mut take: impl FnMut(String) + Send + 'static,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let lines = BufReader::new(pipe).split(b'\n').map_while(Result::ok);
        lines.for_each(|line| take(String::from_utf8_lossy(&line).into_owned()));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_line_names_the_ports_that_are_open() {
        let line = "listening http=127.0.0.1:1 grpc=- admin=127.0.0.1:3";
        let found = Listening::parse(line).unwrap();
        assert_eq!(
            (found.http.port(), found.grpc, found.admin.port()),
            (1, None, 3)
        );
        let all = Listening::parse(&format!("{} thrift=[::1]:4", line.replace('-', "[::1]:2")));
        let all = all.unwrap();
        assert_eq!(
            (all.grpc.unwrap().port(), all.thrift.unwrap().port()),
            (2, 4)
        );
        assert_eq!(Listening::parse("listening http=127.0.0.1:1"), None);
        assert_eq!(Listening::parse("gateway 0.1.0"), None);
    }

    #[test]
    fn a_program_that_says_nothing_is_an_error_with_its_log() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no port >&2; exit 3"]);
        let error = Process::start(&mut command).err().unwrap();
        assert!(error.to_string().contains("no port"), "{error}");
        let missing = Process::start(&mut Command::new("/no/such/program"));
        let error = missing.err().unwrap().to_string();
        assert!(
            error.starts_with("cannot start /no/such/program"),
            "{error}"
        );
    }

    #[test]
    fn the_end_gives_the_status_and_both_outputs() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 7"]);
        let ended = Process::spawn(&mut command).unwrap().end();
        assert_eq!(ended.status, Some(7));
        assert_eq!(
            (ended.stdout, ended.stderr),
            (vec!["out".into()], vec!["err".into()])
        );
    }
}
