//! The real engine, opened as tests need it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "test code, of which each test program uses a part"
)]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use common::{
    ModelVersion, SystemClock,
    tensor::{Shape, Tensor, TensorView},
};
use inference_actor::{
    Declared, Dim, Graph, InputSpec, LoadError, Meter, ModelRunner, ModelSpec, OptimizationLevel,
    OrtEngine, OrtLibrary, OrtSettings, OutputRole, OutputSpec,
};

/// The root of the repository.
pub(crate) fn workspace() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap().to_owned()
}

/// Where `make test` has put it, or where the environment says.
pub(crate) fn library() -> OrtLibrary {
    let name = match cfg!(target_os = "macos") {
        true => "libonnxruntime.1.31.1.dylib",
        false => "libonnxruntime.so.1.31.1",
    };
    let fetched = workspace().join(".cache/onnxruntime/1.31.1").join(name);
    let path = std::env::var_os("ORT_DYLIB_PATH").map_or(fetched, Into::into);
    OrtLibrary::load(&path).expect("`make fetch` has put the library there")
}

/// Everything as the graph declares it, run as a whole.
fn whole(graph: Graph) -> Result<ModelSpec, LoadError> {
    let input = |declared: Declared| InputSpec::whole(declared.name, declared.dtype, declared.dims);
    let output = |declared: Declared| OutputSpec {
        name: declared.name,
        dtype: declared.dtype,
        dims: declared.dims,
        role: OutputRole::Whole,
    };
    let version = ModelVersion::new(1).unwrap();
    Ok(ModelSpec {
        inputs: graph.inputs.into_iter().map(input).collect(),
        outputs: graph.outputs.into_iter().map(output).collect(),
        ..ModelSpec::empty("ml100k_din".parse().unwrap(), version)
    })
}

/// A session of one of the shipped ranker's files, with the engine's own memory arena or without.
pub(crate) fn open(library: &OrtLibrary, file: &str, arena: bool) -> OrtEngine {
    open_file(
        library,
        workspace().join("models/ml100k_din").join(file),
        arena,
    )
}

/// A session of any file.
pub(crate) fn open_file(library: &OrtLibrary, path: PathBuf, arena: bool) -> OrtEngine {
    let settings = OrtSettings {
        path,
        optimization: OptimizationLevel::All,
        arena,
    };
    OrtEngine::open(library, &settings, whole).unwrap()
}

/// Zeros for one user and so many candidates.
pub(crate) fn zeros(engine: &OrtEngine, candidates: usize) -> Vec<Tensor> {
    let tensor = |input: &InputSpec| {
        let rows = match input.name.as_str() {
            name if name.contains("candidate") || name.contains("row") => candidates,
            _ => 1,
        };
        let size = |(index, dim): (usize, &Dim)| match dim {
            Dim::Fixed(size) => *size,
            Dim::Dynamic(_) if index == 0 => rows,
            Dim::Dynamic(_) => 1,
        };
        let dims = input.dims.iter().enumerate().map(size);
        Tensor::zeros(input.dtype, Shape::from_dims(dims)).unwrap()
    };
    engine.spec().inputs.iter().map(tensor).collect()
}

/// The outputs of one run.
pub(crate) fn run(engine: &mut OrtEngine, inputs: &[Tensor]) -> Vec<Tensor> {
    let views: Vec<TensorView<'_>> = inputs.iter().map(Tensor::view).collect();
    let mut meter = Meter::new(Arc::new(SystemClock));
    engine.run(&views, &mut meter).unwrap()
}
