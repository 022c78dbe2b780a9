//! One session and what it takes to run it: inputs laid out, the engine behind a wall, times kept.

use std::{
    any::Any,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    Clock,
    tensor::{Tensor, TensorView},
};
use smallvec::smallvec;

use crate::{
    batch::{Batch, Entry},
    gather::{ZeroIndex, expect_rows, gather, split, views},
    messages::Infer,
    meter::Meter,
    probe::{PROBE_TIMEOUT, Probe, Soundness, Verdict},
    run_times::RunTimes,
    runner::{ModelRunner, RunError, Stopper},
    spec::{ModelSpec, OutputRole},
    watchdog::Watch,
};

/// A request in the list, with what its parts have given so far.
pub(crate) struct Waiting {
    pub(crate) infer: Infer,
    pub(crate) parts: Vec<Vec<Tensor>>,
    pub(crate) times: RunTimes,
    pub(crate) started: bool,
}

impl Entry for Waiting {
    fn rows(&self) -> usize {
        self.infer.rows.candidates
    }
    fn deadline(&self) -> common::Deadline {
        self.infer.deadline
    }
    fn abandoned(&self) -> bool {
        self.infer.reply.is_closed()
    }
    fn criticality(&self) -> common::Criticality {
        self.infer.criticality
    }
    fn waits_since(&self) -> Instant {
        self.infer.sent_at
    }
}

/// What came of one run of the engine.
pub(crate) struct Ran {
    /// When its preparation began.
    pub(crate) begin: Instant,
    /// Laying the inputs out.
    pub(crate) gather: Duration,
    /// Inside the engine.
    pub(crate) run: Duration,
    /// Processor time of this thread inside the engine.
    pub(crate) cpu: Duration,
    /// The engine's outputs, or why there are none.
    pub(crate) outputs: Result<Vec<Tensor>, RunError>,
}

/// A warm engine session.
pub(crate) struct Session {
    runner: Box<dyn ModelRunner>,
    spec: Arc<ModelSpec>,
    zeros: ZeroIndex,
    meter: Meter,
    soundness: Soundness,
}

impl Session {
    pub(crate) fn new(
        runner: Box<dyn ModelRunner>,
        probe: Option<Probe>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let spec = Arc::clone(runner.spec());
        Self {
            runner,
            spec,
            zeros: ZeroIndex::new(),
            meter: Meter::new(clock),
            soundness: Soundness::new(probe),
        }
    }

    pub(crate) fn spec(&self) -> &Arc<ModelSpec> {
        &self.spec
    }

    pub(crate) fn stopper(&self) -> Stopper {
        self.runner.stopper()
    }

    pub(crate) fn memory_bytes(&self) -> u64 {
        self.runner.memory_bytes().unwrap_or(0)
    }

    /// Runs a batch whole, or `part` of the candidates of its one entry. A panic does not pass.
    pub(crate) fn run(
        &mut self,
        batch: &[Waiting],
        part: Option<&Range<usize>>,
        clock: &dyn Clock,
        watch: &Watch,
    ) -> Ran {
        let begin = clock.now();
        let gathered;
        let inputs = if let [one] = batch {
            let (inputs, rows) = (&one.infer.work.inputs, one.infer.rows.candidates);
            self.zeros.reserve(&self.spec, rows);
            views(&self.spec, inputs, part.cloned(), rows, &self.zeros)
        } else {
            let each: Vec<_> = batch
                .iter()
                .map(|w| (w.infer.work.inputs.as_slice(), w.infer.rows))
                .collect();
            gathered = gather(&self.spec, &each);
            gathered.iter().map(Tensor::view).collect()
        };
        let ready = clock.now();
        batch.iter().for_each(|w| w.infer.work.start());
        // Until the last deadline of the batch somebody may still be glad of the outputs.
        let deadline = batch.iter().map(|w| w.infer.deadline.at()).max();
        watch.begin(ready, deadline.unwrap_or(ready));
        let outputs = run_caught(&mut *self.runner, &inputs, &mut self.meter);
        let told_to_stop = watch.end();
        let end = clock.now();
        if told_to_stop && !matches!(outputs, Err(RunError::Panicked(_))) {
            self.runner.rearm();
        }
        Ran {
            begin,
            gather: ready - begin,
            run: end - ready,
            cpu: self.meter.take(),
            outputs,
        }
    }
}

impl Session {
    /// Whether the session still runs inputs that it has run well before, after it failed on others:
    /// none where no such inputs are known. Asked again only after a while.
    pub(crate) fn is_sound(
        &mut self,
        clock: &dyn Clock,
        watch: &Watch,
    ) -> Result<Option<bool>, RunError> {
        let asked = clock.now();
        let probe = match self.soundness.ask(asked) {
            Verdict::Known(sound) => return Ok(sound),
            Verdict::Run(probe) => probe,
        };
        watch.begin(asked, asked + PROBE_TIMEOUT);
        let outcome = run_caught(&mut *self.runner, &probe.views(), &mut self.meter);
        let told_to_stop = watch.end();
        if let Err(RunError::Panicked(_)) = outcome {
            return outcome.map(|_| None);
        }
        if told_to_stop {
            self.runner.rearm();
        }
        Ok(Some(self.soundness.learn(
            outcome.is_ok(),
            asked,
            clock.now(),
        )))
    }
}

/// Runs the engine; a panic is one of its errors.
fn run_caught(
    runner: &mut dyn ModelRunner,
    inputs: &[TensorView<'_>],
    meter: &mut Meter,
) -> Result<Vec<Tensor>, RunError> {
    let run = AssertUnwindSafe(|| runner.run(inputs, meter));
    catch_unwind(run).unwrap_or_else(|panic| Err(RunError::Panicked(panic_message(&*panic))))
}

/// The outputs of a run, cut into those of each entry of its batch.
pub(crate) fn split_outputs(
    spec: &ModelSpec,
    outputs: Vec<Tensor>,
    batch: &[Waiting],
) -> Result<Batch<Vec<Tensor>>, RunError> {
    if batch.len() == 1 {
        return Ok(smallvec![outputs]);
    }
    let each: Vec<_> = batch.iter().map(|w| w.infer.rows).collect();
    split(spec, &outputs, &each).map(Batch::from_vec)
}

/// Refuses the outputs of a part that cannot be joined with the others.
pub(crate) fn check_part_rows(
    spec: &ModelSpec,
    outputs: &[Tensor],
    rows: usize,
) -> Result<(), RunError> {
    let per_candidate = |role| matches!(role, OutputRole::Score | OutputRole::Candidate);
    let cut = spec
        .outputs
        .iter()
        .zip(outputs)
        .filter(|(declared, _)| per_candidate(declared.role));
    cut.into_iter()
        .try_for_each(|(declared, output)| expect_rows(&declared.name, output, rows))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no message").chars().take(300).collect()
}
