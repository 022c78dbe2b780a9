//! `model.toml`: what the graph itself cannot say of a model.

mod batching;
mod drill;
mod inputs;
mod versions;

use std::{
    collections::BTreeMap,
    io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use common::{ModelName, ModelVersion, Span, files::read_regular_text, tensor::DType};
use inference_actor::{
    Declared, Dim, FakeSettings, Graph, InputSpec, LoadError, ModelSpec, OptimizationLevel,
    OutputRole, OutputSpec, Role,
};
use serde::Deserialize;

pub(crate) use self::versions::Chosen;
use self::{drill::Drill, inputs::Input, versions::Versions};

/// A hundred times what a manifest of a hundred inputs takes.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;
/// More sessions of one model than any machine has use for.
const MAX_INSTANCES: usize = 256;
/// More rows of one run than fit any latency.
const MAX_BATCH: usize = 1 << 20;
/// What a model that learns its row budget starts from.
const ROWS_UNTIL_LEARNED: usize = 100;
/// Waiting for company longer than this would break any promise of latency.
const MAX_DELAY: Duration = Duration::from_millis(100);

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A key or value is wrong.
    #[error("{path}:{line}: {reason}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: usize,
        /// What is wrong and how to mend it.
        reason: String,
    },
}

/// Which engine runs the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EngineKind {
    #[default]
    Onnx,
    Drill,
}

/// The threads a model's actors run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Placement {
    #[default]
    Auto,
    Colocated,
    Dedicated,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Batching {
    row_budget: Option<RowBudget>,
    max_delay: Option<Span>,
}

/// Rows of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum RowBudget {
    /// As said.
    Rows(usize),
    /// As warm-up finds best.
    Learned(Learned),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Learned {
    Learned,
}

impl Batching {
    fn rows(&self) -> Option<usize> {
        self.row_budget.map(|budget| match budget {
            RowBudget::Rows(rows) => rows,
            RowBudget::Learned(_) => ROWS_UNTIL_LEARNED,
        })
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WarmUp {
    runs: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Output {
    Score,
    Candidate,
    Request,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputEntry {
    role: Output,
}

/// What `model.toml` says; without one, a model is served as it is and never batched.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manifest {
    business_code: Option<String>,
    pub(crate) engine: EngineKind,
    pub(crate) placement: Placement,
    /// Actors of a dedicated model; chosen by the pool where it is not said.
    pub(crate) instances: Option<NonZeroUsize>,
    pub(crate) optimization: OptimizationLevel,
    pub(crate) versions: Versions,
    max_batch_size: Option<usize>,
    batching: Batching,
    warm_up: WarmUp,
    inputs: BTreeMap<String, Input>,
    outputs: BTreeMap<String, OutputEntry>,
    vocabulary: BTreeMap<String, Vec<String>>,
    drill: Drill,
    #[serde(skip)]
    path: PathBuf,
}

impl Manifest {
    /// Reads `model.toml` in a model's folder; the defaults hold where there is none.
    pub(crate) fn read(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join("model.toml");
        let text = match read_regular_text(&path, MAX_MANIFEST_BYTES) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    path,
                    ..Self::default()
                });
            }
            Err(source) => return Err(ManifestError::Unreadable { path, source }),
        };
        let wrong = |line, reason| ManifestError::Wrong {
            path: path.clone(),
            line,
            reason,
        };
        let manifest: Self = toml::from_str(&text).map_err(|e| {
            let start = e.span().map_or(0, |span| span.start);
            let line = text.bytes().take(start).filter(|b| *b == b'\n').count() + 1;
            wrong(line, e.message().trim().replace('\n', ", "))
        })?;
        if let Some((key, reason)) = manifest.out_of_range() {
            let line = text
                .lines()
                .position(|line| line.trim_start().starts_with(key));
            return Err(wrong(
                line.map_or(1, |line| line + 1),
                format!("{key} {reason}"),
            ));
        }
        Ok(Self { path, ..manifest })
    }

    /// A key whose value can be seen to be wrong without the graph, and how to mend it.
    fn out_of_range(&self) -> Option<(&'static str, String)> {
        let outside = |value: Option<usize>, most: usize| {
            value.is_some_and(|value| !(1..=most).contains(&value))
        };
        if outside(self.instances.map(NonZeroUsize::get), MAX_INSTANCES) {
            return Some(("instances", format!("must be 1 to {MAX_INSTANCES}")));
        }
        if outside(self.max_batch_size, MAX_BATCH) {
            return Some(("max_batch_size", format!("must be 1 to {MAX_BATCH}")));
        }
        if outside(self.batching.rows(), MAX_BATCH) {
            return Some(("row_budget", format!("must be 1 to {MAX_BATCH}")));
        }
        if self.max_batch_size.is_some() && self.batching.row_budget.is_some() {
            let reason = "and batching.row_budget say the same twice; keep one";
            return Some(("max_batch_size", reason.into()));
        }
        if self
            .batching
            .max_delay
            .is_some_and(|delay| delay.0 > MAX_DELAY)
        {
            return Some(("max_delay", format!("must be at most {}", Span(MAX_DELAY))));
        }
        if self.warm_up.runs.is_some_and(|runs| runs > 100) {
            return Some(("runs", "must be 0 to 100".into()));
        }
        None
    }

    /// How the drill engine is to behave as this version.
    pub(crate) fn drill(&self, version: ModelVersion) -> FakeSettings {
        self.drill.settings(version)
    }

    /// The spec of a model with this graph. A model that batches has no optional inputs: requests of
    /// one run would have to agree on them, so there the graph's own values hold.
    pub(crate) fn complete(
        &self,
        name: &ModelName,
        version: ModelVersion,
        graph: Graph,
    ) -> Result<ModelSpec, LoadError> {
        let row_budget = self.batching.rows().or(self.max_batch_size);
        let overridable = match row_budget {
            None => graph.overridable,
            Some(_) => Vec::new(),
        };
        let needed = graph.inputs.len();
        let inputs = [graph.inputs, overridable].concat();
        self.known("input", self.inputs.keys(), &inputs)?;
        self.known("output", self.outputs.keys(), &graph.outputs)?;
        let empty = ModelSpec::empty(name.clone(), version);
        let spec = ModelSpec {
            business_code: self
                .business_code
                .clone()
                .unwrap_or_else(|| name.to_string()),
            inputs: inputs
                .into_iter()
                .enumerate()
                .map(|(index, declared)| {
                    let optional = index >= needed;
                    let input = self.input(declared)?;
                    Ok(InputSpec { optional, ..input })
                })
                .collect::<Result<_, _>>()?,
            outputs: graph.outputs.into_iter().map(|o| self.output(o)).collect(),
            row_budget,
            learns_row_budget: matches!(self.batching.row_budget, Some(RowBudget::Learned(_))),
            max_delay: self
                .batching
                .max_delay
                .map_or(Duration::ZERO, |delay| delay.0),
            vocabulary: self.vocabulary.clone().into_iter().collect(),
            max_batch_size: self.max_batch_size,
            warm_up_runs: self.warm_up.runs.unwrap_or(empty.warm_up_runs),
            ..empty
        };
        batching::check(&spec).map_err(|reason| self.wrong(reason))?;
        Ok(spec)
    }

    /// The inputs and outputs of a model of the drill engine, which has no graph to tell them.
    pub(crate) fn declared(&self) -> Result<Graph, LoadError> {
        let input = |(name, entry): (&String, &Input)| {
            let both = entry.dtype.zip(entry.shape.as_ref());
            let (dtype, shape) = both.ok_or_else(|| {
                self.wrong(format!(
                    "input `{name}` of a drill model needs `dtype` and `shape`"
                ))
            })?;
            let dim =
                |size: &i64| usize::try_from(*size).map_or(Dim::Dynamic(String::new()), Dim::Fixed);
            Ok(Declared {
                name: name.clone(),
                dtype,
                dims: shape.iter().map(dim).collect(),
            })
        };
        let inputs = self.inputs.iter().map(input).collect::<Result<_, _>>()?;
        let dims = || vec![Dim::Dynamic(String::new())];
        let output = |name: &String| Declared {
            name: name.clone(),
            dtype: DType::Fp32,
            dims: dims(),
        };
        Ok(Graph {
            inputs,
            overridable: Vec::new(),
            outputs: self.outputs.keys().map(output).collect(),
        })
    }

    fn input(&self, declared: Declared) -> Result<InputSpec, LoadError> {
        // Triton's batching: every input and output has the batch for its first dimension.
        let role = match self.max_batch_size {
            Some(_) => Role::Candidate,
            None => Role::Whole,
        };
        let entry = self.inputs.get(&declared.name).cloned().unwrap_or_default();
        entry
            .complete(declared, role)
            .map_err(|reason| self.wrong(reason))
    }

    fn output(&self, declared: Declared) -> OutputSpec {
        let Declared { name, dtype, dims } = declared;
        let role = match self.outputs.get(&name).map(|o| o.role) {
            None if self.max_batch_size.is_some() => OutputRole::Candidate,
            None => OutputRole::Whole,
            Some(Output::Score) => OutputRole::Score,
            Some(Output::Candidate) => OutputRole::Candidate,
            Some(Output::Request) => OutputRole::Request,
        };
        OutputSpec {
            name,
            dtype,
            dims,
            role,
        }
    }

    /// Refuses entries for inputs or outputs that the graph does not have.
    fn known<'k>(
        &self,
        what: &str,
        mut keys: impl Iterator<Item = &'k String>,
        graph: &[Declared],
    ) -> Result<(), LoadError> {
        match keys.find(|key| !graph.iter().any(|d| d.name == **key)) {
            None => Ok(()),
            Some(key) => {
                let has = names(graph);
                Err(self.wrong(format!("the graph has no {what} `{key}`; it has {has}")))
            }
        }
    }

    fn wrong(&self, reason: String) -> LoadError {
        LoadError::Manifest {
            manifest: self.path.display().to_string(),
            reason,
        }
    }
}

fn names(declared: &[Declared]) -> String {
    declared
        .iter()
        .map(|d| format!("`{}`", d.name))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
