//! An engine for drills: it answers by arithmetic and misbehaves when told to.
//!
//! It stands behind the same trait as the real one, so that a drill or a test exercises everything
//! around the engine: queueing, supervision, deadlines, the breaker.

use std::{
    sync::{
        Arc, Condvar, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use common::{
    Clock,
    tensor::{DType, DataView, Shape, Tensor, TensorView},
};
use serde::Deserialize;

use crate::{
    meter::Meter,
    runner::{ModelRunner, RunError, Stopper},
    spec::{ModelSpec, OutputRole, Role},
};

/// How a hanging run reacts to being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HangMode {
    /// Ends when told to.
    #[default]
    Honours,
    /// Runs on to `hang`, whatever it is told.
    Ignores,
}

/// How the engine behaves. Runs are counted from one; "every n-th" is off at 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FakeSettings {
    /// How long each run takes.
    pub latency: Duration,
    /// What it takes beyond that for each candidate row.
    pub latency_per_row: Duration,
    /// Every n-th run fails.
    pub error_every: u64,
    /// Every n-th run panics.
    pub panic_every: u64,
    /// Every n-th run hangs.
    pub hang_every: u64,
    /// How long a hang lasts if nothing ends it.
    pub hang: Duration,
    /// Whether a hang can be ended.
    pub hang_mode: HangMode,
    /// What a fresh session is said to hold, in bytes.
    pub memory_bytes: u64,
    /// What each run is said to leave behind, in bytes.
    pub leak_bytes: u64,
    /// From this long after the model was loaded, runs take `slow_factor` times as long.
    pub slow_from: Duration,
    /// For this long; zero for never.
    pub slow_for: Duration,
    /// How much longer.
    pub slow_factor: u32,
    /// Every n-th run scores NaN.
    pub nan_every: u64,
}

impl FakeSettings {
    /// How long a run of so many rows takes, by its settings.
    #[must_use]
    pub fn run_time(&self, rows: usize) -> Duration {
        self.latency + self.latency_per_row * u32::try_from(rows).unwrap_or(u32::MAX)
    }
}

/// What the instances of a drill model share: a session made anew after a panic goes on where the
/// last one ended.
#[derive(Debug, Default)]
pub struct DrillHistory {
    runs: AtomicU64,
    loaded: OnceLock<Instant>,
}

#[derive(Debug, Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

/// The drill engine.
pub struct FakeEngine {
    spec: Arc<ModelSpec>,
    settings: FakeSettings,
    /// Shared by all instances of a model, so that "every 50th" is one count and "20 s after
    /// loading" one moment.
    history: Arc<DrillHistory>,
    stop: Arc<Stop>,
    leaked_bytes: u64,
    clock: Arc<dyn Clock>,
    loaded: Instant,
}

impl FakeEngine {
    /// An instance; `history` is the model's own.
    #[must_use]
    pub fn new(
        spec: Arc<ModelSpec>,
        settings: FakeSettings,
        history: Arc<DrillHistory>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            spec,
            settings,
            stop: Arc::default(),
            leaked_bytes: 0,
            loaded: *history.loaded.get_or_init(|| clock.now()),
            history,
            clock,
        }
    }

    fn slowness(&self) -> u32 {
        let FakeSettings {
            slow_from,
            slow_for,
            slow_factor,
            ..
        } = self.settings;
        let age = self.clock.now().saturating_duration_since(self.loaded);
        if age >= slow_from && age < slow_from + slow_for {
            slow_factor.max(1)
        } else {
            1
        }
    }

    fn wait(&self, time: Duration, stoppable: bool) -> Result<(), RunError> {
        if time.is_zero() {
            return Ok(());
        }
        let asked = self
            .stop
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let go_on = |asked: &mut bool| !(stoppable && *asked);
        let waited = self.stop.changed.wait_timeout_while(asked, time, go_on);
        let (_asked, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        match timeout.timed_out() {
            true => Ok(()),
            false => Err(RunError::Terminated),
        }
    }

    #[expect(
        clippy::panic,
        reason = "panicking on demand is what this engine is for"
    )]
    fn compute(&mut self, inputs: &[TensorView<'_>]) -> Result<Vec<Tensor>, RunError> {
        let run = self.history.runs.fetch_add(1, Ordering::Relaxed) + 1;
        let every = |n: u64| n > 0 && run.is_multiple_of(n);
        self.leaked_bytes = self.leaked_bytes.saturating_add(self.settings.leak_bytes);
        if every(self.settings.panic_every) {
            panic!("the drill engine panics on run {run}, as configured");
        }
        if every(self.settings.hang_every) {
            self.wait(
                self.settings.hang,
                self.settings.hang_mode == HangMode::Honours,
            )?;
        }
        let rows = |wanted: Role| {
            let of_role = self
                .spec
                .inputs
                .iter()
                .zip(inputs)
                .find(|(i, _)| i.role == wanted);
            of_role.map(|(_, view)| view.shape.rows())
        };
        let requests = rows(Role::Request).unwrap_or(1);
        let candidates = rows(Role::Candidate).unwrap_or(requests);
        self.wait(self.settings.run_time(candidates) * self.slowness(), true)?;
        if every(self.settings.error_every) {
            return Err(RunError::Failed(format!(
                "the drill engine fails run {run}, as configured"
            )));
        }
        let scores = match every(self.settings.nan_every) {
            true => vec![f32::NAN; candidates],
            false => scores(&self.spec, inputs, candidates),
        };
        self.spec
            .outputs
            .iter()
            .map(|output| answer(output, &scores, requests))
            .collect()
    }
}

impl ModelRunner for FakeEngine {
    fn business_code(&self) -> &str {
        &self.spec.business_code
    }

    fn spec(&self) -> &Arc<ModelSpec> {
        &self.spec
    }

    fn run(
        &mut self,
        inputs: &[TensorView<'_>],
        meter: &mut Meter,
    ) -> Result<Vec<Tensor>, RunError> {
        meter.around(|| self.compute(inputs))
    }

    fn rearm(&mut self) {
        let asked = self.stop.asked.lock();
        *asked.unwrap_or_else(PoisonError::into_inner) = false;
    }

    fn memory_bytes(&self) -> Option<u64> {
        Some(self.settings.memory_bytes.saturating_add(self.leaked_bytes))
    }

    fn stopper(&self) -> Stopper {
        let stop = Arc::clone(&self.stop);
        Arc::new(move || {
            *stop.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
            stop.changed.notify_all();
        })
    }
}

fn answer(
    output: &crate::spec::OutputSpec,
    scores: &[f32],
    requests: usize,
) -> Result<Tensor, RunError> {
    let scored = matches!(output.role, OutputRole::Score | OutputRole::Candidate);
    let rows = if scored { scores.len() } else { requests };
    let result = if scored && output.dtype == DType::Fp32 && output.dims.len() == 1 {
        Tensor::from_elements(Shape::from_dims([rows]), scores)
    } else {
        let inner = output.dims.iter().map(|dim| match dim {
            crate::spec::Dim::Fixed(size) => *size,
            crate::spec::Dim::Dynamic(_) => 1,
        });
        Tensor::zeros(output.dtype, Shape::from_dims(inner).with_rows(rows))
    };
    result.map_err(|e| RunError::Failed(e.to_string()))
}

/// A score in (0, 1) for each candidate row that depends on the candidate alone.
fn scores(spec: &ModelSpec, inputs: &[TensorView<'_>], candidates: usize) -> Vec<f32> {
    let of_candidates = spec
        .inputs
        .iter()
        .zip(inputs)
        .find(|(i, _)| i.role == Role::Candidate);
    let Some((
        _,
        TensorView {
            data: DataView::Fixed(bytes),
            ..
        },
    )) = of_candidates
    else {
        return vec![0.5; candidates];
    };
    let stride = bytes.len() / candidates.max(1);
    let hash = |row: &[u8]| {
        row.iter().fold(0x811c_9dc5u32, |h, b| {
            (h ^ u32::from(*b)).wrapping_mul(0x0100_0193)
        })
    };
    bytes
        .chunks(stride.max(1))
        .map(|row| (hash(row) >> 8) as f32 / (1u32 << 24) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use common::ManualClock;

    use super::*;

    fn engine(history: &Arc<DrillHistory>, clock: &Arc<ManualClock>) -> FakeEngine {
        let settings = FakeSettings {
            slow_from: Duration::from_secs(20),
            slow_for: Duration::from_secs(30),
            slow_factor: 5,
            ..FakeSettings::default()
        };
        let spec = Arc::new(crate::validate::tests::ranker());
        FakeEngine::new(spec, settings, Arc::clone(history), clock.clone())
    }

    #[test]
    fn a_session_made_anew_after_a_panic_does_not_start_the_slow_time_anew() {
        let (history, clock) = (Arc::default(), Arc::new(ManualClock::new()));
        assert_eq!(engine(&history, &clock).slowness(), 1);
        clock.advance(Duration::from_secs(19));
        let second = engine(&history, &clock);
        assert_eq!(second.slowness(), 1);
        clock.advance(Duration::from_secs(2));
        assert_eq!(second.slowness(), 5);
        assert_eq!(engine(&history, &clock).slowness(), 5);
        clock.advance(Duration::from_secs(30));
        assert_eq!(engine(&history, &clock).slowness(), 1);
    }
}
