//! The real engine: one ONNX Runtime session.

use std::{path::Path, path::PathBuf, sync::Arc};

use common::tensor::{DType, DataView, Shape, Tensor, TensorView};
use ort::{
    ErrorCode,
    ep::CPU,
    session::{RunOptions, Session, SessionInputValue, builder::GraphOptimizationLevel},
    value::{Outlet, PrimitiveTensorElementType, TensorElementType, TensorRef, ValueType},
};

use super::{
    library::{OrtLibrary, first_line},
    memory::Arena,
    output, strings,
};
use crate::{
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
        let unreadable = |e: ort::Error| LoadError::Unreadable {
            path: settings.path.display().to_string(),
            reason: first_line(e.message()),
        };
        let session = session(library, settings).map_err(unreadable)?;
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

fn session(library: &OrtLibrary, settings: &OrtSettings) -> ort::Result<Session> {
    let level = match settings.optimization {
        OptimizationLevel::Disabled => GraphOptimizationLevel::Disable,
        OptimizationLevel::Basic => GraphOptimizationLevel::Level1,
        OptimizationLevel::Extended => GraphOptimizationLevel::Level2,
        OptimizationLevel::All => GraphOptimizationLevel::All,
    };
    Session::builder(library.environment())?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_optimization_level(level)?
        .with_execution_providers([CPU::default().with_arena_allocator(settings.arena).build()])?
        .commit_from_file(&settings.path)
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
            name,
        })
    };
    outlets.iter().map(one).collect()
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
    let message = first_line(error.message());
    match error.code() {
        _ if message.contains("terminate flag") => RunError::Terminated,
        ErrorCode::InvalidArgument => RunError::Rejected(message),
        _ => RunError::Failed(message),
    }
}

fn dtype_of(ty: TensorElementType) -> Option<DType> {
    Some(match ty {
        TensorElementType::Bool => DType::Bool,
        TensorElementType::Int8 => DType::Int8,
        TensorElementType::Int16 => DType::Int16,
        TensorElementType::Int32 => DType::Int32,
        TensorElementType::Int64 => DType::Int64,
        TensorElementType::Uint8 => DType::Uint8,
        TensorElementType::Uint16 => DType::Uint16,
        TensorElementType::Uint32 => DType::Uint32,
        TensorElementType::Uint64 => DType::Uint64,
        TensorElementType::Float16 => DType::Fp16,
        TensorElementType::Float32 => DType::Fp32,
        TensorElementType::Float64 => DType::Fp64,
        TensorElementType::String => DType::Bytes,
        _ => return None,
    })
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
    match view.dtype {
        // Validated to 0 and 1 where it came in; anything else would be undefined as a bool.
        DType::Bool => match bytemuck::checked::try_cast_slice::<u8, bool>(bytes) {
            Ok(flags) => over(shape, flags),
            Err(_) => Err(ort::Error::new("a BOOL is neither 0 nor 1")),
        },
        DType::Int8 => over::<i8>(shape, bytemuck::cast_slice(bytes)),
        DType::Int16 => over::<i16>(shape, bytemuck::cast_slice(bytes)),
        DType::Int32 => over::<i32>(shape, bytemuck::cast_slice(bytes)),
        DType::Int64 => over::<i64>(shape, bytemuck::cast_slice(bytes)),
        DType::Uint8 => over::<u8>(shape, bytes),
        DType::Uint16 => over::<u16>(shape, bytemuck::cast_slice(bytes)),
        DType::Uint32 => over::<u32>(shape, bytemuck::cast_slice(bytes)),
        DType::Uint64 => over::<u64>(shape, bytemuck::cast_slice(bytes)),
        DType::Fp16 => over::<half::f16>(shape, bytemuck::cast_slice(bytes)),
        DType::Fp32 => over::<f32>(shape, bytemuck::cast_slice(bytes)),
        DType::Fp64 => over::<f64>(shape, bytemuck::cast_slice(bytes)),
        DType::Bytes => Err(ort::Error::new("BYTES tensors hold strings")),
    }
}
