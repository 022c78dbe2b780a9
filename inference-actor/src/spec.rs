//! What a model takes and gives, and how its inputs batch.

use std::{ops::RangeInclusive, time::Duration};

use common::{
    ModelName, ModelVersion,
    tensor::{DType, Shape},
};

/// One dimension of a declared shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// Always this size.
    Fixed(usize),
    /// Chosen by each request; the name is the model's own, possibly empty.
    Dynamic(String),
}

impl Dim {
    fn admits(&self, size: usize) -> bool {
        match self {
            Self::Fixed(fixed) => *fixed == size,
            Self::Dynamic(_) => true,
        }
    }
}

/// How an input relates to the requests and candidates of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `[requests, …]`: one row a request, shared by its candidates.
    Request,
    /// `[candidates, …]`: one row a candidate.
    Candidate,
    /// `[candidates]`: the request row each candidate belongs to. The batcher fills it.
    RowIndex,
    /// Belongs to one run as a whole; a model with such an input is never batched.
    Whole,
}

/// An input of a model.
#[derive(Debug, Clone)]
pub struct InputSpec {
    /// Its name in the graph.
    pub name: String,
    /// Its element type.
    pub dtype: DType,
    /// Its declared dimensions.
    pub dims: Vec<Dim>,
    /// How it batches.
    pub role: Role,
    /// Values an integer input may take, anything else being refused before the run: none for no
    /// limit, one for all elements, or one for each column of the last dimension.
    pub ranges: Vec<RangeInclusive<i64>>,
    /// The features that fill its last dimension, for requests that name users and items.
    pub features: Vec<String>,
    /// The graph has a value of its own for it, which requests may replace.
    pub optional: bool,
    /// The graph declares no shape at all, so any is taken; `dims` is empty then.
    pub any_shape: bool,
    /// Largest sizes taken, by dimension; none for a dimension, or for all, without a limit.
    pub most_dims: Vec<Option<usize>>,
    /// What it is warmed up with; none for what its declaration suggests.
    pub warm_up: Option<WarmUpInput>,
}

/// What the manifest says of an input's warm-up.
#[derive(Debug, Clone, PartialEq)]
pub struct WarmUpInput {
    /// The sizes of its dimensions.
    pub shape: Option<Vec<usize>>,
    /// What every element is, as near as its type comes to it.
    pub value: f64,
}

impl InputSpec {
    /// An input that belongs to a run as a whole, with no limits but what the graph declares.
    #[must_use]
    pub fn whole(name: String, dtype: DType, dims: Vec<Dim>) -> Self {
        Self {
            name,
            dtype,
            dims,
            role: Role::Whole,
            ranges: Vec::new(),
            features: Vec::new(),
            optional: false,
            any_shape: false,
            most_dims: Vec::new(),
            warm_up: None,
        }
    }

    /// Whether a tensor of this shape fits the declaration.
    #[must_use]
    pub fn admits(&self, shape: &Shape) -> bool {
        self.any_shape
            || self.dims.len() == shape.dims().len()
                && self
                    .dims
                    .iter()
                    .zip(shape.dims())
                    .all(|(dim, size)| dim.admits(*size))
    }

    /// The size of dimension `index` where the model fixes it.
    #[must_use]
    pub fn fixed_dim(&self, index: usize) -> Option<usize> {
        match self.dims.get(index) {
            Some(Dim::Fixed(size)) => Some(*size),
            _ => None,
        }
    }
}

/// How an output relates to the requests and candidates of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputRole {
    /// `[candidates]`: what candidates are ranked by, larger is better.
    Score,
    /// `[candidates, …]`.
    Candidate,
    /// `[requests, …]`.
    Request,
    /// Belongs to one run as a whole.
    Whole,
}

/// An output of a model.
#[derive(Debug, Clone)]
pub struct OutputSpec {
    /// Its name in the graph.
    pub name: String,
    /// Its element type.
    pub dtype: DType,
    /// Its declared dimensions.
    pub dims: Vec<Dim>,
    /// How it is split.
    pub role: OutputRole,
}

/// Everything the rest of the system may know of a loaded model.
#[derive(Debug, Clone)]
pub struct ModelSpec {
    /// The model's name.
    pub name: ModelName,
    /// Its version.
    pub version: ModelVersion,
    /// What the business calls it, for logs and reports.
    pub business_code: String,
    /// Inputs in the graph's order; every list of inputs follows it.
    pub inputs: Vec<InputSpec>,
    /// Outputs in the graph's order.
    pub outputs: Vec<OutputSpec>,
    /// Most candidate rows of one run; none for a model that is not batched or split.
    pub row_budget: Option<usize>,
    /// Whether a better budget is to be learned at warm-up, from what runs cost.
    pub learns_row_budget: bool,
    /// How long requests wait for company; not at all unless the manifest says so.
    pub max_delay: Duration,
    /// Words a categorical feature may take, by feature; the index in the list is the value.
    pub vocabulary: Vec<(String, Vec<String>)>,
    /// Rows of a batch, for a model all of whose inputs and outputs share their first dimension.
    pub max_batch_size: Option<usize>,
    /// Runs made before it serves.
    pub warm_up_runs: usize,
}

/// How much work a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// Rows of its per-request inputs.
    pub requests: usize,
    /// Rows of its per-candidate inputs; what a run's cost grows with.
    pub candidates: usize,
}

impl ModelSpec {
    /// A model without inputs and outputs, to start from.
    #[must_use]
    pub fn empty(name: ModelName, version: ModelVersion) -> Self {
        Self {
            business_code: name.to_string(),
            name,
            version,
            inputs: Vec::new(),
            outputs: Vec::new(),
            row_budget: None,
            learns_row_budget: false,
            max_delay: Duration::ZERO,
            vocabulary: Vec::new(),
            max_batch_size: None,
            warm_up_runs: 4,
        }
    }

    /// Whether runs can hold several requests and large requests can be split.
    #[must_use]
    pub fn batches(&self) -> bool {
        self.row_budget.is_some()
    }

    /// The position of the output that ranks candidates.
    #[must_use]
    pub fn score_output(&self) -> Option<usize> {
        self.outputs
            .iter()
            .position(|o| o.role == OutputRole::Score)
    }

    /// The value of `word` for a categorical feature; 0, the first word, where it is not listed.
    #[must_use]
    pub fn word_index(&self, feature: &str, word: &str) -> usize {
        let words = self.vocabulary.iter().find(|(name, _)| name == feature);
        words
            .and_then(|(_, words)| words.iter().position(|w| w == word))
            .unwrap_or(0)
    }
}
