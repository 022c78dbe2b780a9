//! The floor once more, outside the gateway: the same model and inputs in a loop on every core.

pub mod alone;

use std::{path::Path, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{
    bars::{Bar, Side},
    cases::{Bodies, Form},
    floor::Row,
    process::beside,
    spread::Spread,
};

/// The case inside the gateway that a model outside it must agree with. All of them have as many
/// rows as one run takes, or belong to a model that does not batch.
const COMPARED: [(&str, Form, usize); 5] = [
    ("ml100k_din", Form::Json, 100),
    ("deepfm", Form::Binary, 100),
    ("deepfm", Form::Json, 100),
    ("din_plain", Form::Binary, 100),
    ("din_plain", Form::Json, 100),
];
/// Enough callers that both cores are busy inside the gateway too.
const CONNECTIONS: usize = 8;
/// How far apart the two may lie.
const MOST_APART_PERCENT: f64 = 5.0;

/// What `bench-outside` prints.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Alone {
    /// Runs of all threads.
    pub runs: u64,
    /// Processor time of one.
    pub cpu_us: f64,
}

/// Both floors of one model.
#[derive(Debug, Serialize)]
pub struct Outside {
    /// The model.
    pub model: &'static str,
    /// The form of the request inside the gateway.
    pub form: Form,
    /// Its rows.
    pub rows: usize,
    /// Outside the gateway.
    pub outside_us: Spread,
    /// Inside it.
    pub inside_us: Spread,
    /// By how much the inside is higher.
    pub apart_percent: f64,
}

/// Runs outside the gateway, round by round.
pub struct Rounds {
    library: PathBuf,
    models: Vec<(&'static str, PathBuf, PathBuf, Vec<f64>)>,
}

impl Rounds {
    /// Of the models that are compared.
    pub fn new(models: &Path, bodies: &Bodies<'_>) -> Result<Self> {
        let one = |model: &'static str| {
            let file = models.join("models").join(model).join("1/model.onnx");
            (model, file, bodies.json(model, 100), Vec::new())
        };
        Ok(Self {
            library: library()?,
            models: ["ml100k_din", "deepfm", "din_plain"].map(one).into(),
        })
    }

    /// One round.
    pub fn run(&mut self, time: Duration) -> Result<()> {
        for (_, model, body, costs) in &mut self.models {
            costs.push(alone(&self.library, model, body, time)?.cpu_us);
        }
        Ok(())
    }

    /// Beside what the gateway measured.
    pub fn against(&self, rows: &[Row]) -> Vec<Outside> {
        let compared = COMPARED.iter().filter_map(|&(model, form, count)| {
            let (.., costs) = self.models.iter().find(|(name, ..)| *name == model)?;
            let inside = rows
                .iter()
                .find(|row| row.case.is(model, form, count, CONNECTIONS))?;
            let outside_us = Spread::of(costs.iter().copied())?;
            Some(Outside {
                model,
                form,
                rows: count,
                outside_us,
                inside_us: inside.floor_us,
                apart_percent: (inside.floor_us.median / outside_us.median - 1.0) * 100.0,
            })
        });
        compared.collect()
    }
}

impl Outside {
    /// Its bar.
    pub fn bar(&self) -> Bar {
        let what = format!(
            "floor inside against outside: {} {}",
            self.model,
            self.form.name()
        );
        Bar::new(
            what,
            Some(self.apart_percent.abs()),
            "%",
            Side::AtMost,
            MOST_APART_PERCENT,
        )
    }
}

/// Runs a model alone, on every core.
pub fn alone(library: &Path, model: &Path, body: &Path, time: Duration) -> Result<Alone> {
    let output = Command::new(beside("bench-outside")?)
        .args([library, model, body])
        .arg(time.as_secs_f64().to_string())
        .output()?;
    if !output.status.success() {
        bail!("bench-outside: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("the answer of bench-outside")
}

/// ONNX Runtime where the gateway finds it: the usual variable, else what the workspace fetched.
pub fn library() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("ORT_DYLIB_PATH") {
        return Ok(given.into());
    }
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/onnxruntime");
    let versions = std::fs::read_dir(&fetched)
        .with_context(|| format!("{} is not there; run `make fetch`", fetched.display()))?;
    let files = versions.flatten().flat_map(|version| {
        std::fs::read_dir(version.path())
            .into_iter()
            .flatten()
            .flatten()
    });
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libonnxruntime.") && !name.contains("providers")
    };
    let found = files.map(|file| file.path()).find(is_library);
    found.with_context(|| format!("no library in {}; run `make fetch`", fetched.display()))
}
