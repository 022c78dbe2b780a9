//! Refusing inputs that do not fit, before anything is queued or run.
//!
//! Kernels find bad ids too, but late, after the batch's other requests paid for the run.

use std::ops::RangeInclusive;

use common::tensor::{DType, Shape, Tensor};
use smallvec::SmallVec;

use crate::spec::{Dim, InputSpec, ModelSpec, Role, Rows};

/// Why inputs do not fit a model.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InputError {
    /// An input is needed and was not given.
    #[error("input `{0}` is missing")]
    Missing(String),
    /// The element type is another one.
    #[error("input `{name}` is {expected}, not {found}")]
    DType {
        /// The input.
        name: String,
        /// What the model declares.
        expected: DType,
        /// What was given.
        found: DType,
    },
    /// Rank or a fixed dimension differs.
    #[error("input `{name}` has shape {found}, the model declares {declared}")]
    Shape {
        /// The input.
        name: String,
        /// The declaration, `-1` for a dynamic dimension.
        declared: String,
        /// What was given.
        found: Shape,
    },
    /// A dimension is larger than the manifest allows.
    #[error("input `{name}` has shape {found}; its dimension {dim} may be at most {most}")]
    TooLarge {
        /// The input.
        name: String,
        /// Which dimension, from zero.
        dim: usize,
        /// The largest size taken.
        most: usize,
        /// What was given.
        found: Shape,
    },
    /// Inputs of one role disagree on their first dimension.
    #[error("input `{name}` has {found} rows, the others of its kind {expected}")]
    Rows {
        /// The input.
        name: String,
        /// Rows of the first such input.
        expected: usize,
        /// Rows of this one.
        found: usize,
    },
    /// Dimensions that the model gives one name differ in size.
    #[error(
        "input `{name}` has {found} in dimension {dim}, input `{other}` has {expected}: the model calls \
         both `{symbol}`, so they must be equal"
    )]
    Symbol {
        /// The input.
        name: String,
        /// Which of its dimensions, from zero.
        dim: usize,
        /// The dimension's name.
        symbol: String,
        /// The first input with a dimension of this name.
        other: String,
        /// Its size there.
        expected: usize,
        /// The size here.
        found: usize,
    },
    /// A value lies outside the range the manifest declares.
    #[error("input `{name}` holds {value}, outside {min}…{max}")]
    Range {
        /// The input.
        name: String,
        /// The first such value.
        value: i64,
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
    },
    /// A candidate points to a request row that is not there.
    #[error("input `{name}` points to request row {value}, but there are {requests}")]
    RowIndex {
        /// The row-index input.
        name: String,
        /// The first such value.
        value: i64,
        /// How many request rows there are.
        requests: usize,
    },
}

/// Checks inputs against a model's declaration. `inputs` follow the order of the spec; optional ones
/// may be absent, and a row-index input while there is one request row.
pub fn validate(spec: &ModelSpec, inputs: &[Option<Tensor>]) -> Result<Rows, InputError> {
    for (input, tensor) in spec.inputs.iter().zip(inputs) {
        match tensor {
            Some(tensor) => one(input, tensor)?,
            None if input.role == Role::RowIndex || input.optional => {}
            None => return Err(InputError::Missing(input.name.clone())),
        }
    }
    symbols_agree(spec, inputs)?;
    let rows = rows_of(spec, inputs)?;
    for (input, tensor) in spec.inputs.iter().zip(inputs) {
        if input.role == Role::RowIndex {
            row_index(input, tensor.as_ref(), rows)?;
        }
    }
    Ok(rows)
}

/// Dimensions of one name are of one size. The first dimension of an input that is batched is left to
/// its role: rows of requests and of candidates may bear one name and yet differ before the batcher has
/// put them together.
fn symbols_agree(spec: &ModelSpec, inputs: &[Option<Tensor>]) -> Result<(), InputError> {
    // Models have a handful of dimensions; a list is searched faster than a map is built.
    let mut seen: SmallVec<[(&str, usize, &InputSpec); 8]> = SmallVec::new();
    for (input, tensor) in spec.inputs.iter().zip(inputs) {
        let Some(tensor) = tensor else { continue };
        let first = usize::from(input.role != Role::Whole);
        let dims = input.dims.iter().zip(tensor.shape().dims()).enumerate();
        for (dim, (declared, size)) in dims.skip(first) {
            let Dim::Dynamic(symbol) = declared else {
                continue;
            };
            if symbol.is_empty() {
                continue;
            }
            match seen.iter().find(|(known, ..)| known == symbol) {
                None => seen.push((symbol, *size, input)),
                Some((_, expected, _)) if expected == size => {}
                Some((_, expected, other)) => {
                    return Err(InputError::Symbol {
                        name: input.name.clone(),
                        dim,
                        symbol: symbol.clone(),
                        other: other.name.clone(),
                        expected: *expected,
                        found: *size,
                    });
                }
            }
        }
    }
    Ok(())
}

/// How many rows inputs have, agreed between the inputs of each role.
pub fn rows_of(spec: &ModelSpec, inputs: &[Option<Tensor>]) -> Result<Rows, InputError> {
    let agreed = |role: Role| -> Result<Option<usize>, InputError> {
        let mut rows = None;
        for (input, tensor) in spec.inputs.iter().zip(inputs) {
            let Some(tensor) = tensor.as_ref().filter(|_| input.role == role) else {
                continue;
            };
            let found = tensor.shape().rows();
            match rows {
                Some(expected) if expected != found => {
                    return Err(InputError::Rows {
                        name: input.name.clone(),
                        expected,
                        found,
                    });
                }
                _ => rows = Some(found),
            }
        }
        Ok(rows)
    };
    let requests = agreed(Role::Request)?.unwrap_or(1);
    Ok(Rows {
        requests,
        candidates: agreed(Role::Candidate)?.unwrap_or(requests),
    })
}

impl InputSpec {
    /// Refuses another datatype or a shape that does not fit, before there is a tensor of it.
    pub fn check(&self, dtype: DType, shape: &Shape) -> Result<(), InputError> {
        let name = || self.name.clone();
        if dtype != self.dtype {
            let (expected, found) = (self.dtype, dtype);
            return Err(InputError::DType {
                name: name(),
                expected,
                found,
            });
        }
        if !self.admits(shape) {
            return Err(InputError::Shape {
                name: name(),
                declared: declared(&self.dims),
                found: shape.clone(),
            });
        }
        let limits = self.most_dims.iter().zip(shape.dims()).enumerate();
        for (dim, (most, size)) in limits {
            if let Some(most) = most.filter(|most| size > most) {
                return Err(InputError::TooLarge {
                    name: name(),
                    dim,
                    most,
                    found: shape.clone(),
                });
            }
        }
        Ok(())
    }
}

fn one(input: &InputSpec, tensor: &Tensor) -> Result<(), InputError> {
    input.check(tensor.dtype(), tensor.shape())?;
    match outside(tensor, &input.ranges) {
        None => Ok(()),
        Some((value, min, max)) => Err(InputError::Range {
            name: input.name.clone(),
            value,
            min,
            max,
        }),
    }
}

fn row_index(input: &InputSpec, tensor: Option<&Tensor>, rows: Rows) -> Result<(), InputError> {
    let Some(tensor) = tensor else {
        let one_request = rows.requests == 1;
        return if one_request {
            Ok(())
        } else {
            Err(InputError::Missing(input.name.clone()))
        };
    };
    if tensor.shape().rows() != rows.candidates {
        let (expected, found) = (rows.candidates, tensor.shape().rows());
        return Err(InputError::Rows {
            name: input.name.clone(),
            expected,
            found,
        });
    }
    let last = i64::try_from(rows.requests).unwrap_or(i64::MAX) - 1;
    match outside(tensor, &[0..=last]) {
        None => Ok(()),
        Some((value, ..)) => Err(InputError::RowIndex {
            name: input.name.clone(),
            value,
            requests: rows.requests,
        }),
    }
}

/// The first element outside its range, with the range, for the integer types that ids come in.
fn outside(tensor: &Tensor, ranges: &[RangeInclusive<i64>]) -> Option<(i64, i64, i64)> {
    fn first(
        ids: impl Iterator<Item = i64>,
        ranges: &[RangeInclusive<i64>],
    ) -> Option<(i64, i64, i64)> {
        let bad = |(id, range): &(i64, &RangeInclusive<i64>)| !range.contains(id);
        // Columns are innermost, so the ranges repeat along the elements.
        let found = ids.zip(ranges.iter().cycle()).find(bad);
        found.map(|(id, range)| (id, *range.start(), *range.end()))
    }
    if let Some(ids) = tensor.elements::<i32>() {
        return first(ids.iter().map(|v| i64::from(*v)), ranges);
    }
    tensor
        .elements::<i64>()
        .and_then(|ids| first(ids.iter().copied(), ranges))
}

fn declared(dims: &[Dim]) -> String {
    let sizes = dims.iter().map(|d| match d {
        Dim::Fixed(size) => size.to_string(),
        Dim::Dynamic(_) => "-1".to_owned(),
    });
    format!("[{}]", sizes.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::spec::{OutputRole, OutputSpec};

    pub(crate) fn ranker() -> ModelSpec {
        let input = |name: &str, dims: Vec<Dim>, role, ranges| InputSpec {
            role,
            ranges,
            ..InputSpec::whole(name.into(), DType::Int32, dims)
        };
        let any = || Dim::Dynamic(String::new());
        let version = common::ModelVersion::new(1).unwrap();
        ModelSpec {
            inputs: vec![
                input(
                    "history",
                    vec![any(), Dim::Fixed(3)],
                    Role::Request,
                    vec![0..=9],
                ),
                input("candidates", vec![any()], Role::Candidate, vec![1..=9]),
                input("row_index", vec![any()], Role::RowIndex, Vec::new()),
            ],
            outputs: vec![OutputSpec {
                name: "score".into(),
                dtype: DType::Fp32,
                dims: vec![any()],
                role: OutputRole::Score,
            }],
            row_budget: Some(4),
            ..ModelSpec::empty("ranker".parse().unwrap(), version)
        }
    }

    fn ints(dims: &[usize], values: &[i32]) -> Option<Tensor> {
        Some(Tensor::from_elements(Shape::from_dims(dims.iter().copied()), values).unwrap())
    }

    #[test]
    fn good_inputs_are_counted() {
        let rows = validate(
            &ranker(),
            &[ints(&[1, 3], &[1, 2, 3]), ints(&[2], &[4, 5]), None],
        );
        assert_eq!(
            rows,
            Ok(Rows {
                requests: 1,
                candidates: 2
            })
        );
    }

    /// Two whole inputs, `user` [n, 2] and `item` [n, k].
    fn pair(role: Role) -> ModelSpec {
        let input = |name: &str, dims: [&str; 2]| InputSpec {
            role,
            ..InputSpec::whole(
                name.into(),
                DType::Int32,
                dims.map(|name| Dim::Dynamic(name.into())).into(),
            )
        };
        let version = common::ModelVersion::new(1).unwrap();
        ModelSpec {
            inputs: vec![input("user", ["n", "k"]), input("item", ["n", "k"])],
            ..ModelSpec::empty("pair".parse().unwrap(), version)
        }
    }

    #[test]
    fn dimensions_of_one_name_must_be_of_one_size() {
        let spec = pair(Role::Whole);
        let two = |a: &[usize], b: &[usize]| {
            let zeros = |dims: &[usize]| ints(dims, &vec![0; dims.iter().product()]);
            validate(&spec, &[zeros(a), zeros(b)]).map_err(|e| e.to_string())
        };
        assert!(two(&[3, 2], &[3, 2]).is_ok());
        let error = two(&[1, 2], &[3, 2]).unwrap_err();
        assert!(
            error.contains("`item` has 3 in dimension 0, input `user` has 1")
                && error.contains("`n`"),
            "{error}"
        );
        assert!(two(&[3, 2], &[3, 4]).unwrap_err().contains("`k`"));
        // A name may also be given twice within one input.
        let mut square = pair(Role::Whole);
        square.inputs.truncate(1);
        square.inputs[0].dims[1] = Dim::Dynamic("n".into());
        assert!(validate(&square, &[ints(&[2, 2], &[0; 4])]).is_ok());
        assert!(validate(&square, &[ints(&[2, 3], &[0; 6])]).is_err());
    }

    #[test]
    fn rows_of_batched_inputs_are_compared_by_role_and_nameless_dimensions_not_at_all() {
        let mut spec = pair(Role::Request);
        spec.inputs[1].role = Role::Candidate;
        let inputs = |items: usize| {
            [
                ints(&[1, 2], &[0; 2]),
                ints(&[items, 2], &vec![0; items * 2]),
            ]
        };
        assert!(validate(&spec, &inputs(3)).is_ok());
        let mut nameless = pair(Role::Whole);
        for input in &mut nameless.inputs {
            input.dims.fill(Dim::Dynamic(String::new()));
        }
        assert!(validate(&nameless, &inputs(3)).is_ok());
    }

    #[test]
    fn each_way_of_being_wrong_is_named() {
        let spec = ranker();
        let history = || ints(&[1, 3], &[1, 2, 3]);
        let check = |inputs: [Option<Tensor>; 3]| validate(&spec, &inputs).unwrap_err().to_string();
        assert!(check([None, ints(&[1], &[1]), None]).contains("`history` is missing"));
        assert!(check([ints(&[1, 2], &[1, 2]), ints(&[1], &[1]), None]).contains("[-1, 3]"));
        assert!(check([history(), ints(&[2], &[1, 10]), None]).contains("holds 10, outside 1…9"));
        assert!(check([history(), ints(&[1], &[1]), ints(&[2], &[0, 0])]).contains("2 rows"));
        assert!(check([history(), ints(&[1], &[1]), ints(&[1], &[1])]).contains("request row 1"));
        let two = ints(&[2, 3], &[1; 6]);
        assert!(check([two, ints(&[1], &[1]), None]).contains("`row_index` is missing"));
        let floats = Tensor::from_elements(Shape::from_dims([1]), &[1.0f32]).unwrap();
        assert!(check([history(), Some(floats), None]).contains("is INT32, not FP32"));
    }
}
