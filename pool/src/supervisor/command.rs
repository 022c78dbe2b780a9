//! What an operator can ask of an actor, and when that contradicts what it is doing.

use super::{
    Effect,
    slot::{Intent, SessionState, Slot},
};

/// An operator's wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// A fresh session; the old one serves until it is there.
    Restart,
    /// No further requests, the session kept.
    Pause,
    /// Requests again, with a fresh session if it was given up.
    Resume,
    /// No further requests, and the session given up once all it held is answered.
    Drain,
}

impl Command {
    /// The command of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "restart" => Some(Self::Restart),
            "pause" => Some(Self::Pause),
            "resume" => Some(Self::Resume),
            "drain" => Some(Self::Drain),
            _ => None,
        }
    }
}

/// Why a command is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// There is no such actor.
    #[error("there is no such actor; GET /admin/actors lists them")]
    Unknown,
    /// It does that already, or has no such state to leave.
    #[error("the actor is {0}; {1}")]
    State(&'static str, &'static str),
}

impl Slot {
    pub(super) fn command(&mut self, command: Command) -> Result<Vec<Effect>, Conflict> {
        match command {
            Command::Restart => self.restart(),
            Command::Pause => self.pause(),
            Command::Resume => self.resume(),
            Command::Drain => self.drain(),
        }
    }

    fn restart(&mut self) -> Result<Vec<Effect>, Conflict> {
        match (&self.session, self.intent) {
            (SessionState::Ready, Intent::Drain) => self.refuse("wait until it is drained"),
            (SessionState::Loading, _) => self.refuse("its next session is on its way"),
            (SessionState::Ready, _) if self.recycling => {
                self.refuse("its next session is on its way")
            }
            (SessionState::Ready, _) => {
                self.counts.restarts += 1;
                Ok(self.recycle())
            }
            (SessionState::Waiting { .. }, _) => {
                self.counts.restarts += 1;
                Ok(vec![self.load()])
            }
            (SessionState::Parked | SessionState::Released, _) => Ok(self.bring_back()),
        }
    }

    fn pause(&mut self) -> Result<Vec<Effect>, Conflict> {
        match (&self.session, self.intent) {
            (SessionState::Parked | SessionState::Released, _) => {
                self.refuse("it takes no requests as it is")
            }
            (_, Intent::Serve) => {
                self.intent = Intent::Pause;
                Ok(vec![Effect::Reroute])
            }
            (_, Intent::Pause | Intent::Drain) => self.refuse("it takes no requests as it is"),
        }
    }

    fn resume(&mut self) -> Result<Vec<Effect>, Conflict> {
        match (&self.session, self.intent) {
            (SessionState::Parked | SessionState::Released, _) => Ok(self.bring_back()),
            (_, Intent::Pause) => {
                self.intent = Intent::Serve;
                Ok(vec![Effect::Reroute])
            }
            (_, Intent::Drain) => self.refuse("wait until it is drained"),
            (_, Intent::Serve) => self.refuse("there is nothing to resume"),
        }
    }

    fn drain(&mut self) -> Result<Vec<Effect>, Conflict> {
        match (&self.session, self.intent) {
            (SessionState::Parked | SessionState::Released, _) | (_, Intent::Drain) => {
                self.refuse("there is nothing to drain")
            }
            (SessionState::Loading, _) => self.refuse("wait until its session is there"),
            (SessionState::Ready, _) if self.recycling => {
                self.refuse("wait until its session is there")
            }
            (SessionState::Ready, _) => {
                self.intent = Intent::Drain;
                Ok(vec![Effect::Reroute, Effect::Drain])
            }
            (SessionState::Waiting { .. }, _) => {
                self.intent = Intent::Drain;
                Ok(self.release("this actor was drained by an operator"))
            }
        }
    }

    fn bring_back(&mut self) -> Vec<Effect> {
        self.counts.restarts += 1;
        self.failures_in_row = 0;
        self.intent = Intent::Serve;
        vec![self.load(), Effect::Reroute]
    }

    fn refuse(&self, mend: &'static str) -> Result<Vec<Effect>, Conflict> {
        Err(Conflict::State(self.label(), mend))
    }
}
