//! How a model's inputs are filled from features: worked out once a model, used by every request.

use common::tensor::DType;
use inference_actor::{InputSpec, ModelSpec, Role};

/// One column of a per-request input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// A profile feature, by its position in the user's record; none if the store lacks it.
    Profile(Option<usize>),
    /// Hour of the day plus one; 0 unknown.
    Hour,
    /// Day of the week, 1 Monday; 0 unknown.
    Weekday,
    /// The scene's index in the model's vocabulary.
    Scene,
}

/// Which side of a user's history an input shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum History {
    /// Item indexes of everything rated.
    Items,
    /// Item indexes of what was rated 4 or better.
    Liked,
    /// The ratings themselves.
    Ratings,
}

/// How one input is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fill {
    /// `[1, length]`, most recent first, 0 behind the end.
    History {
        /// Which side.
        side: History,
        /// How many entries the model looks at.
        length: usize,
    },
    /// `[1, columns]`.
    Columns(Vec<Column>),
    /// `[candidates]`: the item's index.
    Item,
    /// Left to the batcher.
    RowIndex,
}

/// How each input of a model is filled, in the order of its spec.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// One entry an input.
    pub fills: Vec<Fill>,
}

const KNOWN: &str = "history.items, history.liked, history.ratings, user.NAME, context.hour, context.weekday, context.scene, item.id";

impl Plan {
    /// The plan for a model; fails with what to change in its manifest.
    pub(super) fn of(spec: &ModelSpec, profile_features: &[String]) -> Result<Self, String> {
        if spec.score_output().is_none() {
            return Err("no output of role score in model.toml".to_owned());
        }
        let fills = spec
            .inputs
            .iter()
            .map(|input| fill(input, profile_features));
        Ok(Self {
            fills: fills.collect::<Result<_, _>>()?,
        })
    }
}

fn fill(input: &InputSpec, profile_features: &[String]) -> Result<Fill, String> {
    let name = &input.name;
    if !matches!(input.dtype, DType::Int32 | DType::Int64) {
        return Err(format!(
            "input `{name}` is {}; features are INT32 or INT64",
            input.dtype
        ));
    }
    let features: Vec<&str> = input.features.iter().map(String::as_str).collect();
    match (input.role, features.as_slice()) {
        (Role::RowIndex, _) => Ok(Fill::RowIndex),
        (Role::Candidate, ["item.id"]) if input.dims.len() == 1 => Ok(Fill::Item),
        (Role::Request, [one]) if one.starts_with("history.") => {
            let side = match *one {
                "history.items" => History::Items,
                "history.liked" => History::Liked,
                "history.ratings" => History::Ratings,
                other => return Err(unknown(name, other)),
            };
            let length = input.fixed_dim(1).filter(|_| input.dims.len() == 2);
            let length =
                length.ok_or_else(|| format!("input `{name}` must be [requests, fixed length]"))?;
            Ok(Fill::History { side, length })
        }
        (Role::Request, columns) if !columns.is_empty() => {
            if input.fixed_dim(1) != Some(columns.len()) || input.dims.len() != 2 {
                return Err(format!(
                    "input `{name}` must be [requests, {}] for its features",
                    columns.len()
                ));
            }
            let columns = columns
                .iter()
                .map(|feature| column(name, feature, profile_features));
            Ok(Fill::Columns(columns.collect::<Result<_, _>>()?))
        }
        _ => Err(format!(
            "input `{name}` has no role and features that say how to fill it; known features: {KNOWN}"
        )),
    }
}

fn column(input: &str, feature: &str, profile_features: &[String]) -> Result<Column, String> {
    match feature {
        "context.hour" => Ok(Column::Hour),
        "context.weekday" => Ok(Column::Weekday),
        "context.scene" => Ok(Column::Scene),
        _ => match feature.strip_prefix("user.") {
            Some(name) => Ok(Column::Profile(
                profile_features.iter().position(|f| f == name),
            )),
            None => Err(unknown(input, feature)),
        },
    }
}

fn unknown(input: &str, feature: &str) -> String {
    format!("input `{input}` asks for feature `{feature}`; known: {KNOWN}")
}
