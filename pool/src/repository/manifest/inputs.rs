//! `[inputs.NAME]`: what an input means, its limits, and what it is warmed up with.

use std::ops::RangeInclusive;

use common::tensor::DType;
use inference_actor::{Declared, Dim, InputSpec, Role, WarmUpInput};
use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum InputRole {
    Request,
    Candidate,
    RowIndex,
    #[default]
    Whole,
}

/// A bound for all elements, or one for each column of the last dimension.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected an integer, or a list with one for each column"
)]
enum Bounds {
    All(i64),
    Columns(Vec<i64>),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WarmUp {
    shape: Option<Vec<usize>>,
    value: f64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Input {
    role: Option<InputRole>,
    features: Vec<String>,
    min: Option<Bounds>,
    max: Option<Bounds>,
    max_shape: Option<Vec<i64>>,
    warm_up: Option<WarmUp>,
    /// The drill engine has no graph to read these from.
    pub(super) dtype: Option<DType>,
    pub(super) shape: Option<Vec<i64>>,
}

impl Input {
    /// The full spec of an input that the graph declares so. `default_role` holds where the
    /// manifest names none. The error says what to change.
    pub(super) fn complete(
        &self,
        declared: Declared,
        default_role: Role,
    ) -> Result<InputSpec, String> {
        let Declared { name, dtype, dims } = declared;
        let role = match self.role {
            None => default_role,
            Some(InputRole::Whole) => Role::Whole,
            Some(InputRole::Request) => Role::Request,
            Some(InputRole::Candidate) => Role::Candidate,
            Some(InputRole::RowIndex) => Role::RowIndex,
        };
        let integers = matches!(dtype, DType::Int32 | DType::Int64);
        if role == Role::RowIndex && !integers {
            return Err(format!(
                "row index `{name}` is {dtype}; it must be INT32 or INT64"
            ));
        }
        let ranges = self.ranges(&name, &dims)?;
        if !ranges.is_empty() && !integers {
            return Err(format!(
                "input `{name}` is {dtype}; min and max are for INT32 and INT64"
            ));
        }
        let most_dims = self.most_dims(&name, &dims)?;
        let warm_up = self.warm_up(&name, &dims)?;
        Ok(InputSpec {
            role,
            ranges,
            features: self.features.clone(),
            most_dims,
            warm_up,
            ..InputSpec::whole(name, dtype, dims)
        })
    }

    fn ranges(&self, name: &str, dims: &[Dim]) -> Result<Vec<RangeInclusive<i64>>, String> {
        let columns = match (&self.min, &self.max) {
            (None, None) => return Ok(Vec::new()),
            (Some(Bounds::Columns(bounds)), _) | (_, Some(Bounds::Columns(bounds))) => bounds.len(),
            _ => 1,
        };
        let each = |bounds: &Option<Bounds>, open: i64| match bounds {
            None => vec![open; columns],
            Some(Bounds::All(bound)) => vec![*bound; columns],
            Some(Bounds::Columns(bounds)) => bounds.clone(),
        };
        let (min, max) = (each(&self.min, i64::MIN), each(&self.max, i64::MAX));
        let fits = columns == 1 || dims.last() == Some(&Dim::Fixed(columns));
        if min.len() != max.len() || !fits || min.iter().zip(&max).any(|(min, max)| min > max) {
            return Err(format!(
                "min and max of input `{name}` need one value, or one for each column, min <= max"
            ));
        }
        let ranges = min.into_iter().zip(max).map(|(min, max)| min..=max);
        Ok(ranges.collect())
    }

    fn most_dims(&self, name: &str, dims: &[Dim]) -> Result<Vec<Option<usize>>, String> {
        let Some(most) = &self.max_shape else {
            return Ok(Vec::new());
        };
        if most.len() != dims.len() {
            return Err(format!(
                "max_shape of input `{name}` needs {} sizes, one for each dimension; -1 is no limit",
                dims.len()
            ));
        }
        Ok(most
            .iter()
            .map(|size| usize::try_from(*size).ok())
            .collect())
    }

    fn warm_up(&self, name: &str, dims: &[Dim]) -> Result<Option<WarmUpInput>, String> {
        let Some(warm_up) = &self.warm_up else {
            return Ok(None);
        };
        if let Some(shape) = &warm_up.shape {
            let admits = |(dim, size): (&Dim, &usize)| match dim {
                Dim::Fixed(fixed) => fixed == size,
                Dim::Dynamic(_) => true,
            };
            if shape.len() != dims.len() || !dims.iter().zip(shape).all(admits) {
                return Err(format!(
                    "warm_up.shape of input `{name}` does not fit what the graph declares"
                ));
            }
        }
        Ok(Some(WarmUpInput {
            shape: warm_up.shape.clone(),
            value: warm_up.value,
        }))
    }
}
