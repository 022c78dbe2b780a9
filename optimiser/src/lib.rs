//! The ranking compiler: rewrites a ranker, as it is usually exported, into the form in which it is
//! cheap to serve.
//!
//! ```text
//! file ─► import ─► rules of the phase "rank" ─► item tables ─► lowered for one request  ┐
//!         (roles)   (user once, split products,                 and for several          ├─► files
//!                    interaction fold, …)                                                ┘
//! ```
//!
//! An export repeats the user's side for each candidate. Here the roles of inputs are known: what
//! depends on the request alone is computed on one row a request, and where it meets candidates it is
//! gathered by a row index, as late as algebra allows. Graph to graph; whether the result is equal to
//! the original is for the caller to prove by runs of both, on inputs made by [`proof`].
//!
//! Owns: reading and writing `.onnx`, the intermediate representation, the rewrites, the comparison.
//! Never knows: an engine, a server, files other than the model's.

mod bounds;
mod builder;
mod eval;
mod export;
mod graph;
mod import;
mod make;
mod op;
mod passes;
pub mod proof;
mod proto;
mod rank;
mod served;
mod shape;
mod tensor;

use std::path::PathBuf;

pub use export::{Files, MODEL, WEIGHTS};
pub use rank::{Fired, Optimised, Settings, optimise};
pub use served::{Part, Served, parts};
pub use tensor::{Elem, Tensor};

/// What an input is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputRole {
    /// The same for all candidates of a request.
    Request,
    /// Of each candidate.
    Candidate,
    /// These columns of its second dimension are the same for all candidates, the others are not.
    Columns(Vec<usize>),
}

/// The role of each input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(pub Vec<(String, InputRole)>);

impl Roles {
    pub(crate) fn of(&self, name: &str) -> Option<&InputRole> {
        let found = self.0.iter().find(|(input, _)| input == name);
        found.map(|(_, role)| role)
    }
}

/// Why a model is served as it is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read as a model.
    #[error("the file is no readable ONNX model: {0}")]
    NotOnnx(String),
    /// It holds something that no rewrite understands.
    #[error("the optimiser does not read {0}")]
    Unsupported(String),
    /// An input has no role.
    #[error(
        "input `{0}` has no role: add [inputs.{0}] with role = \"request\" or \"candidate\" to model.toml"
    )]
    NoRole(String),
    /// Weights beside the model cannot be read.
    #[error("the weights {path} cannot be read: {source}")]
    Weights {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// Rewriting found nothing.
    #[error("nothing in it depends on the request alone")]
    NothingFound,
    /// The graph grew beyond its bound while it was rewritten.
    #[error("the graph grew beyond 50000 nodes while it was rewritten")]
    TooLarge,
}
