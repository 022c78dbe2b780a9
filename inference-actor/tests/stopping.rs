//! The real engine, told to stop: it does, and the next run is not affected.

#![allow(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

use std::{path::Path, time::Duration};

use common::{ModelVersion, SystemClock};
use inference_actor::{
    Declared, Graph, InputSpec, LoadError, ModelRunner, ModelSpec, OptimizationLevel, OrtEngine,
    OrtLibrary, OrtSettings, OutputRole, OutputSpec, warm_up,
};

fn library() -> OrtLibrary {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let name = match cfg!(target_os = "macos") {
        true => "libonnxruntime.1.31.1.dylib",
        false => "libonnxruntime.so.1.31.1",
    };
    let fetched = workspace.join(".cache/onnxruntime/1.31.1").join(name);
    let path = std::env::var_os("ORT_DYLIB_PATH").map_or(fetched, Into::into);
    OrtLibrary::load(&path).expect("`make fetch` has put the library there")
}

/// Everything as the graph declares it, run as a whole.
fn spec(graph: Graph) -> Result<ModelSpec, LoadError> {
    let output = |declared: Declared| OutputSpec {
        name: declared.name,
        dtype: declared.dtype,
        dims: declared.dims,
        role: OutputRole::Whole,
    };
    let version = ModelVersion::new(1).unwrap();
    Ok(ModelSpec {
        inputs: graph
            .inputs
            .into_iter()
            .map(|d| InputSpec::whole(d.name, d.dtype, d.dims))
            .collect(),
        outputs: graph.outputs.into_iter().map(output).collect(),
        ..ModelSpec::empty("ml100k_din".parse().unwrap(), version)
    })
}

#[test]
fn a_stop_ends_the_run_and_a_rearmed_session_runs_again() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let settings = OrtSettings {
        path: workspace.join("models/ml100k_din/1/model.onnx"),
        optimization: OptimizationLevel::All,
        arena: true,
    };
    let mut engine = OrtEngine::open(&library(), &settings, spec).unwrap();
    let mut run_time = || {
        let warm_up = warm_up(&mut engine, &SystemClock);
        assert_eq!(warm_up.reason, "", "the model takes what is made up for it");
        warm_up.typical_run
    };
    assert!(run_time() > Duration::ZERO);
    let stop = engine.stopper();
    stop();
    assert_eq!(
        warm_up(&mut engine, &SystemClock).typical_run,
        Duration::ZERO,
        "stopped at once"
    );
    assert_eq!(
        warm_up(&mut engine, &SystemClock).typical_run,
        Duration::ZERO,
        "and until rearmed"
    );
    engine.rearm();
    assert!(warm_up(&mut engine, &SystemClock).typical_run > Duration::ZERO);
}
