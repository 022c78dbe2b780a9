//! A thread's decisions on who gets in, and what it learns from how they fare.
//!
//! In this order: predicted deadline, criticality and adaptive concurrency, breaker. The ticket of
//! the breaker comes last, so that nothing that is shed has taken one.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use breaker::{
    Admission, Directory, FrontView, KeyProfile, Observation, Outcome, OutcomeBuffer, Report,
    Ticket,
};
use common::{ErrorCode, Source};
use inference_actor::RunTimes;

use super::{
    concurrency::LimiterSettings,
    lanes::{Lane, LaneKey, Lanes},
};
use crate::{failure::Failure, request::RequestContext};

/// How long an outcome may wait for company on its way to the breaker.
pub(crate) const OUTCOME_WAIT: std::time::Duration = std::time::Duration::from_millis(50);

/// How one version in one scene stands with this thread.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct ModelAdmissionSnapshot {
    /// `model:version:scene`.
    pub key: String,
    /// Requests let in and not yet answered.
    pub in_flight: usize,
    /// How many may be in flight together now.
    pub limit: usize,
}

/// See the module.
pub(crate) struct AdmissionController {
    profile: KeyProfile,
    lanes: RefCell<Lanes>,
    breakers: RefCell<FrontView>,
    outcomes: RefCell<OutcomeBuffer>,
}

impl AdmissionController {
    /// A thread's admission over the breakers of the process.
    #[must_use]
    pub(crate) fn new(
        directory: Arc<Directory>,
        profile: KeyProfile,
        limiter: LimiterSettings,
    ) -> Self {
        Self {
            profile,
            lanes: RefCell::new(Lanes::new(limiter)),
            breakers: RefCell::new(FrontView::new(directory)),
            outcomes: RefCell::new(OutcomeBuffer::new(OUTCOME_WAIT)),
        }
    }

    /// Lets a request in, or says why not.
    pub(crate) fn admit(
        &self,
        key: LaneKey<'_>,
        context: &RequestContext<'_>,
        now: Instant,
    ) -> Result<AdmissionPermit<'_>, Failure> {
        let lane = self.lanes.borrow_mut().lane(key, now);
        let in_flight = lane.in_flight.get();
        let remaining = context.deadline.remaining(now);
        if let Some(expected) = lane.predictor.borrow_mut().predict(in_flight, now) {
            if expected.run > remaining {
                let message = "the model's run time (95th percentile) exceeds the time that remains; give the request more time";
                return Err(Failure::new(ErrorCode::Deadline, message));
            }
            if expected.wait + expected.run > remaining {
                let message = "the requests ahead of this one would use up the time that remains";
                return Err(Failure::new(ErrorCode::Overloaded, message));
            }
        }
        let class = context.criticality;
        if !lane.limiter.borrow_mut().admit(in_flight, class) {
            let message = format!("the model's concurrency limit for {class} requests is reached");
            return Err(Failure::new(ErrorCode::Overloaded, message));
        }
        let profile = KeyProfile {
            deadline: context.configured_deadline,
            ..self.profile
        };
        let verdict = self.breakers.borrow_mut().admit(&lane.key, profile, now);
        let ticket = match verdict {
            Admission::Allow(ticket) => ticket,
            Admission::Reject(rejection) => {
                let message = format!("the breaker of {} is {}", lane.key, rejection.state.name());
                let failure = Failure::new(ErrorCode::BreakerOpen, message);
                return Err(Failure {
                    retry_after: Some(rejection.retry_after),
                    ..failure
                });
            }
        };
        lane.in_flight.set(in_flight + 1);
        Ok(AdmissionPermit {
            keeper: self,
            lane,
            ticket: Some(ticket),
            short_deadline: context.deadline.limit() < context.configured_deadline,
        })
    }

    /// Hands out the outcomes that are due at the breaker, if any.
    pub(crate) fn due_outcomes(&self, now: Instant) -> Option<Vec<Observation>> {
        let mut outcomes = self.outcomes.borrow_mut();
        outcomes.is_due(now).then(|| outcomes.take())
    }

    /// Takes back outcomes that the breaker had no room for.
    pub(crate) fn put_back(&self, outcomes: Vec<Observation>) {
        self.outcomes.borrow_mut().put_back(outcomes);
    }

    /// What this thread lets in, model by model.
    pub(crate) fn snapshot(&self) -> Vec<ModelAdmissionSnapshot> {
        let lanes = self.lanes.borrow();
        let of = |lane: &Rc<Lane>| ModelAdmissionSnapshot {
            key: lane.key.to_string(),
            in_flight: lane.in_flight.get(),
            limit: lane.limiter.borrow().limit(),
        };
        let mut all: Vec<_> = lanes.iter().map(of).collect();
        all.sort_by(|a, b| a.key.cmp(&b.key));
        all
    }

    /// Moves every lane to other settings of its limiter, without losing what it has learned.
    pub(crate) fn set_limiter(&self, settings: LimiterSettings) {
        self.lanes.borrow_mut().set_limiter(settings);
    }

    /// Drops what was learned of versions and scenes that nobody asks any more.
    pub(crate) fn drop_idle(&self, now: Instant) {
        self.lanes.borrow_mut().drop_idle(now);
    }
}

/// The right to ask a model once. Dropped without a word, it was cancelled.
pub(crate) struct AdmissionPermit<'k> {
    keeper: &'k AdmissionController,
    lane: Rc<Lane>,
    ticket: Option<Ticket>,
    short_deadline: bool,
}

impl AdmissionPermit<'_> {
    /// The model answered.
    pub(crate) fn answered(mut self, times: &RunTimes, now: Instant) {
        self.lane.limiter.borrow_mut().observe(times.queue, now);
        let took = times.run + times.batch;
        self.lane
            .predictor
            .borrow_mut()
            .observe(took, times.batch_requests, now);
        // The model's time, not the queue's: a queue is ours to shed, and a breaker that took it for
        // the model's slowness would turn every overload into an outage.
        let report = Report {
            batch: Some(times.batch_id),
            latency: Some(took),
            ..self.report(Outcome::Ok)
        };
        self.complete(report, now);
    }

    /// The request was not answered, for this reason.
    pub(crate) fn failed(mut self, failure: &Failure, now: Instant) {
        let outcome = match failure.code {
            code if code.source() == Source::Input => Outcome::BadInput,
            // What waited too long in our queue, or failed before, says nothing about the model.
            _ if failure.never_ran => Outcome::Shed,
            _ if failure.not_finite => Outcome::NotFinite,
            ErrorCode::Deadline => Outcome::Timeout,
            ErrorCode::Overloaded | ErrorCode::BreakerOpen | ErrorCode::Draining => Outcome::Shed,
            _ => Outcome::Failure,
        };
        // No run is known to have ended, so the time says nothing about the model.
        let report = Report {
            latency: None,
            batch: failure.batch_id,
            ..self.report(outcome)
        };
        self.complete(report, now);
    }

    fn report(&self, outcome: Outcome) -> Report {
        Report {
            short_deadline: self.short_deadline,
            ..Report::new(outcome, Duration::ZERO)
        }
    }

    fn complete(&mut self, report: Report, now: Instant) {
        if let Some(ticket) = self.ticket.take() {
            self.keeper
                .outcomes
                .borrow_mut()
                .push(ticket.complete(report, now));
        }
    }
}

impl Drop for AdmissionPermit<'_> {
    fn drop(&mut self) {
        self.lane.in_flight.set(self.lane.in_flight.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::OnceCell;

    use breaker::{BreakerSettings, Force, Registry};
    use common::{Clock, Criticality, Deadline, ManualClock, ModelName, ModelVersion, RequestId};

    use super::*;
    use crate::request::Protocol;

    struct Bench {
        keeper: AdmissionController,
        registry: Registry,
        clock: ManualClock,
        model: ModelName,
    }

    fn bench() -> Bench {
        let clock = ManualClock::new();
        let profile = KeyProfile::default();
        let registry = Registry::new(
            &BreakerSettings::default(),
            profile.deadline,
            1,
            clock.now(),
        );
        let ms = Duration::from_millis;
        let limiter = LimiterSettings {
            target: ms(100),
            window: ms(100),
            most: 4,
        };
        let keeper = AdmissionController::new(registry.directory(), profile, limiter);
        Bench {
            keeper,
            registry,
            clock,
            model: "m".parse().unwrap(),
        }
    }

    impl Bench {
        fn admit(&self, limit_ms: u64) -> Result<AdmissionPermit<'_>, Failure> {
            let now = self.clock.now();
            let (id, span) = (RequestId::made(1, 1, 1), tracing::Span::none());
            let (series, live) = (OnceCell::new(), crate::live::tests::defaults());
            let context = RequestContext {
                id: &id,
                protocol: Protocol::Rest,
                arrived: now,
                deadline: Deadline::after(now, Duration::from_millis(limit_ms)),
                configured_deadline: Duration::from_millis(800),
                criticality: Criticality::Critical,
                span: &span,
                series: &series,
                live: &live,
            };
            let key = LaneKey {
                model: &self.model,
                version: ModelVersion::new(1).unwrap(),
                scene: "s",
            };
            self.keeper.admit(key, &context, now)
        }

        fn runs_take(&self, ms: u64) {
            let run = Duration::from_millis(ms);
            for _ in 0..30 {
                let times = RunTimes {
                    run,
                    batch_requests: 1,
                    ..RunTimes::default()
                };
                self.admit(800).unwrap().answered(&times, self.clock.now());
            }
        }
    }

    #[test]
    fn what_would_miss_its_deadline_is_refused_at_once() {
        let bench = bench();
        bench.runs_take(100);
        assert_eq!(bench.admit(50).err().unwrap().code, ErrorCode::Deadline);
        let _first = bench.admit(800).unwrap();
        assert_eq!(bench.admit(150).err().unwrap().code, ErrorCode::Overloaded);
        assert!(bench.admit(800).is_ok());
    }

    #[test]
    fn passes_are_counted_however_they_end() {
        let bench = bench();
        let held: Vec<_> = (0..4).map_while(|_| bench.admit(800).ok()).collect();
        assert_eq!(held.len(), 4);
        assert_eq!(bench.admit(800).err().unwrap().code, ErrorCode::Overloaded);
        drop(held);
        assert!(bench.admit(800).is_ok());
    }

    #[test]
    fn what_fails_before_the_run_says_nothing_about_the_model() {
        let mut bench = bench();
        let before_the_run = |code| Failure {
            never_ran: true,
            ..Failure::new(code, "x")
        };
        let too_large = Failure::new(ErrorCode::TooLarge, "x");
        let mut changes = Vec::new();
        for failure in [too_large, before_the_run(ErrorCode::FeatureStore)] {
            for _ in 0..50 {
                let permit = bench.admit(800).unwrap();
                permit.failed(&failure, bench.clock.now());
                bench.clock.advance(Duration::from_millis(200));
                let due = bench.keeper.due_outcomes(bench.clock.now()).unwrap();
                bench.registry.record(&due, bench.clock.now(), &mut changes);
            }
        }
        assert!(changes.is_empty(), "{changes:?}");
        assert!(bench.admit(800).is_ok());
    }

    #[test]
    fn failures_reach_the_breaker_and_its_word_is_obeyed() {
        let mut bench = bench();
        let broken = Failure::new(ErrorCode::EngineFailed, "x");
        let mut changes = Vec::new();
        for batch_id in 0..10 {
            let failure = Failure {
                batch_id: Some(batch_id),
                ..broken.clone()
            };
            bench
                .admit(800)
                .unwrap()
                .failed(&failure, bench.clock.now());
            bench.clock.advance(Duration::from_millis(200));
            let due = bench.keeper.due_outcomes(bench.clock.now()).unwrap();
            bench.registry.record(&due, bench.clock.now(), &mut changes);
            if !changes.is_empty() {
                break;
            }
        }
        let refused = bench.admit(800).err().unwrap();
        assert_eq!(refused.code, ErrorCode::BreakerOpen);
        assert!(refused.retry_after.unwrap() >= Duration::from_secs(1));
        bench
            .registry
            .force("m:1:s", Force::Close, bench.clock.now());
        assert!(bench.admit(800).is_ok());
    }
}
