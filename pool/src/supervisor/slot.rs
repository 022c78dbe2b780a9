//! One actor's place: what is wanted of it, what its session is doing, what happened to it.

use std::time::Instant;

use super::{Effect, Failure, Policy};

/// What the operator wants of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Requests go to it.
    Serve,
    /// No further requests go to it; its session is kept warm.
    Pause,
    /// No further requests go to it, and its session is given up once it has answered all it held.
    Drain,
}

/// What an actor's session is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SessionState {
    /// One is being loaded.
    Loading,
    /// It has one.
    Ready,
    /// It lost one and waits for the next.
    Waiting {
        /// Until when.
        until: Instant,
    },
    /// It failed too often; it gets none until an operator acts.
    Parked,
    /// It was drained; it gets none until an operator acts.
    Released,
}

/// How often what happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Panics of its engine.
    pub panics: u64,
    /// Sessions that could not be loaded.
    pub load_failures: u64,
    /// Threads given up because a run did not end.
    pub kills: u64,
    /// Sessions replaced because they had grown past their limit.
    pub recycles: u64,
    /// Sessions replaced because an operator asked.
    pub restarts: u64,
}

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) intent: Intent,
    pub(crate) session: SessionState,
    /// A session that is to replace the present one is being loaded.
    pub(crate) recycling: bool,
    pub(crate) incarnation: u64,
    pub(crate) failures_in_row: u32,
    pub(crate) counts: Counts,
    pub(crate) last_cause: String,
}

impl Slot {
    pub(super) fn serving() -> Self {
        Self {
            intent: Intent::Serve,
            session: SessionState::Ready,
            recycling: false,
            incarnation: 0,
            failures_in_row: 0,
            counts: Counts::default(),
            last_cause: String::new(),
        }
    }

    /// Whether requests may go to it: one that waits for a session counts, since it holds them
    /// until it has one.
    pub(crate) fn takes_requests(&self) -> bool {
        let has_future = !matches!(self.session, SessionState::Parked | SessionState::Released);
        self.intent == Intent::Serve && has_future
    }

    /// A word for what it is doing.
    pub(crate) fn label(&self) -> &'static str {
        match (&self.session, self.intent) {
            (SessionState::Parked, _) => "parked",
            (SessionState::Released, _) => "drained",
            (_, Intent::Drain) => "draining",
            (_, Intent::Pause) => "paused",
            (SessionState::Ready, Intent::Serve) if self.recycling => "recycling",
            (SessionState::Ready, Intent::Serve) => "serving",
            (SessionState::Loading, Intent::Serve) => "loading",
            (SessionState::Waiting { .. }, Intent::Serve) => "waiting",
        }
    }

    /// Loads the session it lacks.
    pub(super) fn load(&mut self) -> Effect {
        self.session = SessionState::Loading;
        Effect::Load {
            incarnation: self.incarnation,
        }
    }

    /// Loads a session that is to replace the present one.
    pub(super) fn recycle(&mut self) -> Vec<Effect> {
        self.recycling = true;
        vec![Effect::Load {
            incarnation: self.incarnation,
        }]
    }

    /// Gives the session up for good.
    pub(super) fn release(&mut self, reason: &str) -> Vec<Effect> {
        self.session = SessionState::Released;
        vec![
            Effect::Reroute,
            Effect::Release {
                reason: reason.to_owned(),
            },
        ]
    }

    /// Gives the session up until an operator acts, whatever it is doing.
    pub(super) fn park(&mut self, reason: &str) -> Vec<Effect> {
        self.recycling = false;
        self.session = SessionState::Parked;
        reason.clone_into(&mut self.last_cause);
        let reason = reason.to_owned();
        vec![Effect::Reroute, Effect::Release { reason }]
    }

    /// The session is gone, by a panic or with its thread.
    pub(super) fn lose_session(&mut self, failure: Failure, policy: &Policy) -> Vec<Effect> {
        if matches!(self.session, SessionState::Parked | SessionState::Released) {
            return Vec::new();
        }
        if self.intent == Intent::Drain {
            self.last_cause = failure.cause;
            self.recycling = false;
            return self.release("this actor was being drained when its engine failed");
        }
        if std::mem::take(&mut self.recycling) {
            // The session that was to replace it is on its way.
            self.session = SessionState::Loading;
            self.failures_in_row += 1;
            self.last_cause = failure.cause;
            return Vec::new();
        }
        self.fail(failure, policy)
    }

    /// There is no session, and the next try waits or is given up.
    pub(super) fn fail(&mut self, failure: Failure, policy: &Policy) -> Vec<Effect> {
        let Failure { cause, now, jitter } = failure;
        self.failures_in_row += 1;
        if self.failures_in_row >= policy.park_after {
            self.session = SessionState::Parked;
            let reason = format!("its actors keep failing: {cause}");
            self.last_cause = cause;
            return vec![Effect::Reroute, Effect::Release { reason }];
        }
        self.last_cause = cause;
        let doublings = (self.failures_in_row - 1).min(20);
        let wait = policy
            .restart_delay
            .saturating_mul(1 << doublings)
            .min(policy.restart_delay_max);
        // 80 to 120 %: enough to part actors that failed together.
        let until = now + wait.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
        self.session = SessionState::Waiting { until };
        vec![Effect::WakeAt(until)]
    }
}
