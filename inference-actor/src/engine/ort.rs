//! The real engine: one ONNX Runtime session.

use std::{path::Path, path::PathBuf, sync::Arc};

use common::tensor::{DType, DataView, Shape, Tensor, TensorView};
use ort::{
    ErrorCode,
    ep::CPU,
    session::{RunOptions, Session, SessionInputValue, builder::GraphOptimizationLevel},
    value::{Outlet, PrimitiveTensorElementType, TensorRef, ValueType},
};

use super::{
    library::OrtLibrary,
    memory::Arena,
    output,
    reason::{cause, leaves_out},
    strings,
    types::{dtype_of, with_number_types},
};
use crate::{
    load_cancel::LoadCancel,
    meter::Meter,
    runner::{LoadError, ModelRunner, RunError, Stopper},
    spec::{Dim, ModelSpec},
};

/// How far the engine may rewrite the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizationLevel {
    /// As it is written.
    Disabled,
    /// Rewrites that keep the operators.
    Basic,
    /// Fused operators.
    Extended,
    /// Everything, memory layout included.
    #[default]
    All,
}

/// How to open a session.
#[derive(Debug, Clone)]
pub struct OrtSettings {
    /// The `.onnx` file.
    pub path: PathBuf,
    /// Graph rewriting.
    pub optimization: OptimizationLevel,
    /// Whether the session keeps the memory of its runs for the next ones. It saves about 5 µs a
    /// run, and keeps the memory of its largest run for as long as it lives.
    pub arena: bool,
}

/// A session of ONNX Runtime: one intra-op thread, no spinning; parallelism is by actors.
pub struct OrtEngine {
    /// Before the session, which it belongs to and must not outlive.
    arena: Option<Arena>,
    session: Session,
    spec: Arc<ModelSpec>,
    options: Arc<RunOptions>,
    held: Held,
}

/// What the session holds, as last asked: asking costs about a microsecond, and the answer changes
/// only where a run needs more than any before it.
#[derive(Debug, Default)]
struct Held {
    bytes: Option<u64>,
    runs: u64,
    largest_input_bytes: usize,
}

/// Runs after which it is asked again, whatever their size.
const ASK_EVERY_RUNS: u64 = 64;

impl OrtEngine {
    /// Opens a session. `complete` turns what the graph declares into a full spec; it is where the
    /// manifest comes in.
    pub fn open(
        library: &OrtLibrary,
        settings: &OrtSettings,
        complete: impl FnOnce(Graph) -> Result<ModelSpec, LoadError>,
    ) -> Result<Self, LoadError> {
        Self::open_cancellable(library, settings, &LoadCancel::default(), complete)
    }

    /// The same, for a load that may be given up.
    pub fn open_cancellable(
        library: &OrtLibrary,
        settings: &OrtSettings,
        cancel: &LoadCancel,
        complete: impl FnOnce(Graph) -> Result<ModelSpec, LoadError>,
    ) -> Result<Self, LoadError> {
        let unreadable = |e: ort::Error| LoadError::Unreadable {
            path: settings.path.display().to_string(),
            reason: cause(e.message()),
        };
        let session = session(library, settings, cancel).map_err(|e| {
            let (path, message) = (settings.path.display(), e.message());
            if leaves_out(message) {
                tracing::warn!(%path, message, "the engine could not load a model");
            }
            unreadable(e)
        })?;
        let graph = Graph {
            inputs: declared(session.inputs(), "input", &settings.path)?,
            overridable: overridable(&session),
            outputs: declared(session.outputs(), "output", &settings.path)?,
        };
        let spec = Arc::new(complete(graph)?);
        let arena = match settings.arena {
            true => Some(Arena::of(&session).map_err(unreadable)?),
            false => None,
        };
        let mut engine = Self {
            arena,
            session,
            spec,
            options: Arc::new(RunOptions::new().map_err(unreadable)?),
            held: Held::default(),
        };
        engine.ask_memory();
        Ok(engine)
    }

    fn ask_memory(&mut self) {
        self.held.bytes = self.arena.as_ref().and_then(Arena::taken_bytes);
    }

    fn note_run(&mut self, inputs: &[TensorView<'_>]) {
        let bytes = |view: &TensorView<'_>| match view.data {
            DataView::Fixed(bytes) => bytes.len(),
            DataView::Strings(strings) => strings.iter().map(Vec::len).sum(),
            DataView::Absent => 0,
        };
        let input_bytes: usize = inputs.iter().map(bytes).sum();
        let grown = input_bytes > self.held.largest_input_bytes;
        self.held.runs += 1;
        if grown || self.held.runs.is_multiple_of(ASK_EVERY_RUNS) {
            self.held.largest_input_bytes = self.held.largest_input_bytes.max(input_bytes);
            self.ask_memory();
        }
    }
}

/// What a graph takes and gives, in its own order.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// What a run cannot do without.
    pub inputs: Vec<Declared>,
    /// Inputs for which the graph has a value of its own.
    pub overridable: Vec<Declared>,
    /// What a run gives.
    pub outputs: Vec<Declared>,
}

/// What a graph says of one input or output.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub dtype: DType,
    /// Its dimensions.
    pub dims: Vec<Dim>,
}

fn session(
    library: &OrtLibrary,
    settings: &OrtSettings,
    cancel: &LoadCancel,
) -> ort::Result<Session> {
    let level = match settings.optimization {
        OptimizationLevel::Disabled => GraphOptimizationLevel::Disable,
        OptimizationLevel::Basic => GraphOptimizationLevel::Level1,
        OptimizationLevel::Extended => GraphOptimizationLevel::Level2,
        OptimizationLevel::All => GraphOptimizationLevel::All,
    };
    let mut builder = Session::builder(library.environment())?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_optimization_level(level)?
        .with_execution_providers([CPU::default().with_arena_allocator(settings.arena).build()])?;
    let canceler = builder.canceler();
    cancel.arm(Arc::new(move || {
        if let Err(error) = canceler.cancel() {
            tracing::warn!(%error, "the engine did not take the request to give up a load");
        }
    }));
    builder.commit_from_file(&settings.path)
}

fn declared(
    outlets: &[Outlet],
    what: &'static str,
    path: &Path,
) -> Result<Vec<Declared>, LoadError> {
    let one = |outlet: &Outlet| {
        let name = outlet.name().to_owned();
        tensor_of(&name, outlet.dtype()).ok_or_else(|| LoadError::NotATensor {
            path: path.display().to_string(),
            what,
            remedy: remedy(outlet.dtype()),
            name,
        })
    };
    outlets.iter().map(one).collect()
}

/// What to do about an input or output that is no tensor.
fn remedy(value: &ValueType) -> &'static str {
    match value {
        ValueType::Sequence(_) | ValueType::Map { .. } => {
            "; if a ZipMap makes it, export the model without: skl2onnx and onnxmltools take zipmap=False"
        }
        _ => "",
    }
}

/// Initialisers that are listed as inputs too. Those of types that are not served keep their value.
fn overridable(session: &Session) -> Vec<Declared> {
    let all = session.overridable_initializers();
    let each = all.iter();
    each.filter_map(|initializer| tensor_of(initializer.name(), initializer.dtype()))
        .collect()
}

/// None for what is no dense tensor of a served type.
fn tensor_of(name: &str, value: &ValueType) -> Option<Declared> {
    let ValueType::Tensor {
        ty,
        shape,
        dimension_symbols,
    } = value
    else {
        return None;
    };
    let dim = |(size, symbol): (&i64, &String)| match usize::try_from(*size) {
        Ok(size) => Dim::Fixed(size),
        Err(_) => Dim::Dynamic(symbol.clone()),
    };
    let dims = shape.iter().zip(dimension_symbols.iter()).map(dim);
    Some(Declared {
        name: name.to_owned(),
        dtype: dtype_of(*ty)?,
        dims: dims.collect(),
    })
}

impl ModelRunner for OrtEngine {
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
        let options = &*self.options;
        let run = if self.spec.inputs.iter().any(|input| input.optional) {
            let values = named(&self.spec, inputs).map_err(|e| failure(&e))?;
            meter.around(|| self.session.run_with_options(values, options))
        } else {
            let mut values = Vec::with_capacity(inputs.len());
            for input in inputs {
                values.push(value(input).map_err(|e| failure(&e))?);
            }
            meter.around(|| self.session.run_with_options(values.as_slice(), options))
        };
        let given = run.map_err(|e| failure(&e))?;
        let mut outputs = Vec::with_capacity(given.len());
        let taking = given.into_iter().try_for_each(|(_, value)| {
            outputs.push(output::tensor(value, inputs)?);
            Ok(())
        });
        self.note_run(inputs);
        taking.map(|()| outputs).map_err(|e| failure(&e))
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.held.bytes
    }

    fn rearm(&mut self) {
        // The flag stays up until taken down, and would end the next run as well.
        if let Err(error) = self.options.unterminate() {
            tracing::warn!(%error, "the engine did not take back a request to stop");
        }
    }

    fn stopper(&self) -> Stopper {
        let options = Arc::clone(&self.options);
        Arc::new(move || {
            if let Err(error) = options.terminate() {
                tracing::warn!(%error, "the engine did not take the request to stop");
            }
        })
    }
}

fn failure(error: &ort::Error) -> RunError {
    if error.message().contains("terminate flag") {
        return RunError::Terminated;
    }
    let message = cause(error.message());
    match error.code() {
        ErrorCode::InvalidArgument => RunError::Rejected(message),
        _ => RunError::Failed(message),
    }
}

/// Input values by name, for a model some of whose inputs may be absent. By position costs less.
fn named<'v>(
    spec: &ModelSpec,
    inputs: &'v [TensorView<'v>],
) -> ort::Result<Vec<(String, SessionInputValue<'v>)>> {
    let each = spec.inputs.iter().zip(inputs);
    each.filter(|(_, view)| !matches!(view.data, DataView::Absent))
        .map(|(input, view)| Ok((input.name.clone(), value(view)?)))
        .collect()
}

/// An input value over the memory where the tensor lies.
fn value<'v>(view: &'v TensorView<'v>) -> ort::Result<SessionInputValue<'v>> {
    fn over<'v, T>(shape: &'v Shape, elements: &'v [T]) -> ort::Result<SessionInputValue<'v>>
    where
        T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static,
    {
        Ok(TensorRef::from_array_view((shape.dims(), elements))?.into())
    }
    let bytes = match view.data {
        DataView::Fixed(bytes) => bytes,
        DataView::Strings(strings) => {
            return Ok(strings::into_engine(view.shape.dims(), strings)?.into());
        }
        DataView::Absent => return Err(ort::Error::new("an input that is needed is absent")),
    };
    let shape = &view.shape;
    macro_rules! by_type {
        (() Bool Bool bool, $($ours:ident $engines:ident $element:ty,)+) => {
            match view.dtype {
                // Validated to 0 and 1 where it came in; anything else would be undefined as a bool.
                DType::Bool => match bytemuck::checked::try_cast_slice::<u8, bool>(bytes) {
                    Ok(flags) => over(shape, flags),
                    Err(_) => Err(ort::Error::new("a BOOL is neither 0 nor 1")),
                },
                $(DType::$ours => over::<$element>(shape, bytemuck::cast_slice(bytes)),)+
                DType::Bytes => Err(ort::Error::new("BYTES tensors hold strings")),
            }
        };
    }
    with_number_types!(by_type!())
}
