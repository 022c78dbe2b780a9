//! `model.toml`: what the graph itself cannot say of a model.

use std::{
    collections::BTreeMap,
    io,
    num::NonZeroUsize,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use common::{ByteSize, ModelName, ModelVersion, Span, tensor::DType};
use inference_actor::{
    Declared, Dim, FakeSettings, HangMode, InputSpec, LoadError, ModelSpec, OptimizationLevel,
    OutputRole, OutputSpec, Role,
};
use serde::Deserialize;

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
    row_budget: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum InputRole {
    Request,
    Candidate,
    RowIndex,
}

/// A bound for all elements, or one for each column of the last dimension.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Bounds {
    All(i64),
    Columns(Vec<i64>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    role: InputRole,
    #[serde(default)]
    features: Vec<String>,
    min: Option<Bounds>,
    max: Option<Bounds>,
    /// The drill engine has no graph to read these from.
    dtype: Option<DType>,
    shape: Option<Vec<i64>>,
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

/// How the drill engine misbehaves.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Drill {
    latency: Option<Span>,
    latency_per_row: Option<Span>,
    error_every: u64,
    panic_every: u64,
    hang_every: u64,
    hang: Option<Span>,
    hang_mode: HangMode,
    memory: Option<ByteSize>,
    leak: Option<ByteSize>,
    slow_from: Option<Span>,
    slow_for: Option<Span>,
    slow_factor: u32,
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
    batching: Batching,
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
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    path,
                    ..Self::default()
                });
            }
            Err(source) => return Err(ManifestError::Unreadable { path, source }),
        };
        let manifest: Self = toml::from_str(&text).map_err(|e| {
            let start = e.span().map_or(0, |span| span.start);
            let line = text.bytes().take(start).filter(|b| *b == b'\n').count() + 1;
            ManifestError::Wrong {
                path: path.clone(),
                line,
                reason: e.message().trim().replace('\n', ", "),
            }
        })?;
        Ok(Self { path, ..manifest })
    }

    /// How the drill engine is to behave.
    pub(crate) fn drill(&self) -> FakeSettings {
        let time = |span: Option<Span>| span.map_or(Duration::ZERO, |s| s.0);
        let drill = &self.drill;
        FakeSettings {
            latency: time(drill.latency),
            latency_per_row: time(drill.latency_per_row),
            error_every: drill.error_every,
            panic_every: drill.panic_every,
            hang_every: drill.hang_every,
            hang: time(drill.hang),
            hang_mode: drill.hang_mode,
            memory_bytes: drill.memory.map_or(0, |size| size.0),
            leak_bytes: drill.leak.map_or(0, |size| size.0),
            slow_from: time(drill.slow_from),
            slow_for: time(drill.slow_for),
            slow_factor: drill.slow_factor,
        }
    }

    /// The spec of a model whose graph declares these inputs and outputs.
    pub(crate) fn complete(
        &self,
        name: &ModelName,
        version: ModelVersion,
        inputs: Vec<Declared>,
        outputs: Vec<Declared>,
    ) -> Result<ModelSpec, LoadError> {
        self.known("input", self.inputs.keys(), &inputs)?;
        self.known("output", self.outputs.keys(), &outputs)?;
        let spec = ModelSpec {
            name: name.clone(),
            version,
            business_code: self
                .business_code
                .clone()
                .unwrap_or_else(|| name.to_string()),
            inputs: inputs
                .into_iter()
                .map(|i| self.input(i))
                .collect::<Result<_, _>>()?,
            outputs: outputs.into_iter().map(|o| self.output(o)).collect(),
            row_budget: self.batching.row_budget,
            vocabulary: self.vocabulary.clone().into_iter().collect(),
        };
        self.consistent(&spec)?;
        Ok(spec)
    }

    /// The inputs and outputs of a model of the drill engine, which has no graph to tell them.
    pub(crate) fn declared(&self) -> Result<(Vec<Declared>, Vec<Declared>), LoadError> {
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
        Ok((inputs, self.outputs.keys().map(output).collect()))
    }

    fn input(&self, declared: Declared) -> Result<InputSpec, LoadError> {
        let Declared { name, dtype, dims } = declared;
        let entry = self.inputs.get(&name);
        let role = match entry.map(|e| e.role) {
            None => Role::Whole,
            Some(InputRole::Request) => Role::Request,
            Some(InputRole::Candidate) => Role::Candidate,
            Some(InputRole::RowIndex) => Role::RowIndex,
        };
        if role == Role::RowIndex && !matches!(dtype, DType::Int32 | DType::Int64) {
            return Err(self.wrong(format!(
                "row index `{name}` is {dtype}; it must be INT32 or INT64"
            )));
        }
        let ranges = match entry {
            Some(entry) => self.ranges(&name, entry, &dims)?,
            None => Vec::new(),
        };
        let features = entry.map(|e| e.features.clone()).unwrap_or_default();
        Ok(InputSpec {
            name,
            dtype,
            dims,
            role,
            ranges,
            features,
        })
    }

    fn ranges(
        &self,
        name: &str,
        entry: &Input,
        dims: &[Dim],
    ) -> Result<Vec<RangeInclusive<i64>>, LoadError> {
        let columns = match (&entry.min, &entry.max) {
            (None, None) => return Ok(Vec::new()),
            (Some(Bounds::Columns(bounds)), _) | (_, Some(Bounds::Columns(bounds))) => bounds.len(),
            _ => 1,
        };
        let each = |bounds: &Option<Bounds>, open: i64| match bounds {
            None => vec![open; columns],
            Some(Bounds::All(bound)) => vec![*bound; columns],
            Some(Bounds::Columns(bounds)) => bounds.clone(),
        };
        let (min, max) = (each(&entry.min, i64::MIN), each(&entry.max, i64::MAX));
        let fits = columns == 1 || dims.last() == Some(&Dim::Fixed(columns));
        if min.len() != max.len() || !fits || min.iter().zip(&max).any(|(min, max)| min > max) {
            let reason = format!(
                "min and max of input `{name}` need one value, or one for each column, min <= max"
            );
            return Err(self.wrong(reason));
        }
        Ok(min
            .into_iter()
            .zip(max)
            .map(|(min, max)| min..=max)
            .collect())
    }

    fn output(&self, declared: Declared) -> OutputSpec {
        let Declared { name, dtype, dims } = declared;
        let role = match self.outputs.get(&name).map(|o| o.role) {
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

    fn consistent(&self, spec: &ModelSpec) -> Result<(), LoadError> {
        let Some(budget) = spec.row_budget else {
            return Ok(());
        };
        let whole = spec.inputs.iter().find(|i| i.role == Role::Whole);
        let open = spec.outputs.iter().find(|o| o.role == OutputRole::Whole);
        let indexed = spec.inputs.iter().any(|i| i.role == Role::RowIndex);
        let requests = spec.inputs.iter().any(|i| i.role == Role::Request);
        let fixed = spec
            .inputs
            .iter()
            .find(|i| i.fixed_dim(0).is_some() || i.dims.is_empty());
        if budget == 0 {
            Err(self.wrong("batching.row_budget must be at least 1".into()))
        } else if let Some(input) = whole {
            Err(self.wrong(format!(
                "batching needs a role for every input; `{}` has none",
                input.name
            )))
        } else if let Some(output) = open {
            Err(self.wrong(format!(
                "batching needs a role for every output; `{}` has none",
                output.name
            )))
        } else if requests && !indexed {
            Err(self.wrong("batching per-request inputs needs an input of role row_index".into()))
        } else if let Some(input) = fixed {
            Err(self.wrong(format!(
                "batching needs a dynamic first dimension; that of `{}` is fixed",
                input.name
            )))
        } else {
            Ok(())
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
mod tests {
    use super::*;

    fn manifest(text: &str) -> Result<Manifest, ManifestError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("model.toml"), text).unwrap();
        Manifest::read(folder.path())
    }

    fn declared(name: &str, dtype: DType) -> Declared {
        Declared {
            name: name.into(),
            dtype,
            dims: vec![Dim::Dynamic(String::new())],
        }
    }

    fn complete(text: &str) -> Result<ModelSpec, LoadError> {
        let inputs = vec![declared("ids", DType::Int32), declared("row", DType::Int32)];
        let outputs = vec![declared("score", DType::Fp32)];
        let version = ModelVersion::new(1).unwrap();
        manifest(text)
            .unwrap()
            .complete(&"m".parse().unwrap(), version, inputs, outputs)
    }

    #[test]
    fn mistakes_are_shown_with_their_line() {
        let wrong = |text: &str| manifest(text).unwrap_err().to_string();
        assert!(
            wrong("\nplacement = \"nowhere\"\n")
                .contains("model.toml:2: unknown variant `nowhere`")
        );
        assert!(wrong("[batching]\nrows = 3\n").contains("model.toml:2: unknown field `rows`"));
        assert!(wrong("[inputs.x]\nrole = \"user\"").contains("model.toml:2"));
    }

    #[test]
    fn a_model_without_a_manifest_is_served_whole() {
        let spec = complete("").unwrap();
        assert!(!spec.batches() && spec.business_code == "m");
        assert!(spec.inputs.iter().all(|i| i.role == Role::Whole));
    }

    #[test]
    fn batching_asks_for_a_role_everywhere() {
        let roles = "[inputs.ids]\nrole = \"candidate\"\n[inputs.row]\nrole = \"row_index\"\n";
        let batching = "[batching]\nrow_budget = 100\n";
        let full = format!("{batching}{roles}[outputs.score]\nrole = \"score\"\n");
        assert_eq!(complete(&full).unwrap().row_budget, Some(100));
        let reason = |text: &str| complete(text).unwrap_err().to_string();
        assert!(reason(&format!("{batching}{roles}")).contains("`score` has none"));
        assert!(reason(batching).contains("`ids` has none"));
        assert!(
            reason("[inputs.nope]\nrole = \"request\"\n")
                .contains("no input `nope`; it has `ids`, `row`")
        );
    }
}
