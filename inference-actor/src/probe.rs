//! Telling a caller's mistake from a session that no longer works.
//!
//! Some inputs fit a model's declaration and still fail inside the engine: batches that contradict each
//! other, an index out of range, a divisor of zero. The engine reports them as it reports its own
//! failures. So after a failure the same session is asked to run inputs that it has run well before: if
//! it does, the failure came from the inputs. The answer holds for a while, so that a caller who sends
//! bad inputs only cannot double the session's work.

use std::time::{Duration, Instant};

use common::tensor::{Tensor, TensorView};

use crate::spec::ModelSpec;

/// The shortest time between two probes of a session.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// Probes take at most one part in so many of a session's time.
const TIME_SHARE: u32 = 20;
/// A probe that runs longer is told to end.
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Inputs that a session has run well at its warm-up, at the size of one row.
#[derive(Debug, Clone)]
pub struct Probe {
    inputs: Vec<(Option<Tensor>, common::tensor::DType)>,
}

impl Probe {
    pub(crate) fn new(spec: &ModelSpec, inputs: Vec<Option<Tensor>>) -> Self {
        let dtypes = spec.inputs.iter().map(|input| input.dtype);
        Self {
            inputs: inputs.into_iter().zip(dtypes).collect(),
        }
    }

    /// In the order of the model's inputs.
    pub(crate) fn views(&self) -> Vec<TensorView<'_>> {
        let each = self.inputs.iter();
        each.map(|(tensor, dtype)| match tensor {
            Some(tensor) => tensor.view(),
            None => TensorView::absent(*dtype),
        })
        .collect()
    }
}

/// What to do to learn whether a session works.
pub(crate) enum Verdict {
    /// It is known; none where it cannot be known.
    Known(Option<bool>),
    /// Run this.
    Run(Probe),
}

/// What is known of a session, and since when: pure, the clock is passed in.
pub(crate) struct Soundness {
    probe: Option<Probe>,
    sound: bool,
    ask_again: Option<Instant>,
}

impl Soundness {
    pub(crate) fn new(probe: Option<Probe>) -> Self {
        Self {
            probe,
            sound: true,
            ask_again: None,
        }
    }

    pub(crate) fn ask(&self, now: Instant) -> Verdict {
        let Some(probe) = &self.probe else {
            return Verdict::Known(None);
        };
        match self.ask_again {
            Some(at) if now < at => Verdict::Known(Some(self.sound)),
            // Its tensors are shared, not copied.
            _ => Verdict::Run(probe.clone()),
        }
    }

    /// A probe that began at `asked` ended `now`.
    pub(crate) fn learn(&mut self, sound: bool, asked: Instant, now: Instant) -> bool {
        let took = now.saturating_duration_since(asked);
        self.sound = sound;
        self.ask_again = Some(now + MIN_INTERVAL.max(took * TIME_SHARE));
        sound
    }
}

#[cfg(test)]
mod tests {
    use common::{Clock, ManualClock};

    use super::*;

    #[test]
    fn a_session_is_asked_again_only_after_a_while_and_the_answer_holds_until_then() {
        let clock = ManualClock::new();
        let mut soundness = Soundness::new(Some(Probe { inputs: Vec::new() }));
        let runs = |soundness: &Soundness| matches!(soundness.ask(clock.now()), Verdict::Run(_));
        assert!(runs(&soundness));
        let asked = clock.now();
        clock.advance(Duration::from_millis(50));
        assert!(!soundness.learn(false, asked, clock.now()));
        assert!(matches!(
            soundness.ask(clock.now()),
            Verdict::Known(Some(false))
        ));
        // Twenty times what it took.
        clock.advance(Duration::from_millis(999));
        assert!(!runs(&soundness));
        clock.advance(Duration::from_millis(1));
        assert!(runs(&soundness));
    }

    #[test]
    fn without_inputs_known_to_be_good_nothing_is_known() {
        let soundness = Soundness::new(None);
        let clock = ManualClock::new();
        assert!(matches!(soundness.ask(clock.now()), Verdict::Known(None)));
    }
}
