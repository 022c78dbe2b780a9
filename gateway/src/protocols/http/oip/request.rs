//! An inference request: from JSON and binary data to the tensors of a model, in one pass.
//!
//! Names, datatypes and shapes are checked against the model before the memory of a tensor is
//! allocated.

use std::borrow::Cow;

use common::{
    Criticality, ErrorCode,
    tensor::{DType, Shape, Tensor},
};
use inference_actor::ModelSpec;

use super::{binary, json::Cursor, numbers};
use crate::failure::Failure;

/// More dimensions than any tensor of a model has.
const MAX_DIMS: usize = 64;

/// An output that the caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestedOutput {
    /// Its position in the model's outputs.
    pub(super) index: usize,
    /// As binary data, or in the JSON.
    pub(super) binary: bool,
}

/// A request that was understood.
#[derive(Debug)]
pub(super) struct InferRequest {
    /// The caller's id, echoed.
    pub(super) id: Option<String>,
    /// In the order of the model's inputs.
    pub(super) inputs: Vec<Option<Tensor>>,
    /// What to answer, in the caller's order.
    pub(super) outputs: Vec<RequestedOutput>,
}

/// Parses a request of this class for a model. `rest` is the binary data behind the JSON.
pub(super) fn parse(
    json: &str,
    rest: &[u8],
    spec: &ModelSpec,
    criticality: Criticality,
) -> Result<InferRequest, Failure> {
    let mut parser = Parser {
        spec,
        criticality,
        rest,
        inputs: vec![None; spec.inputs.len()],
    };
    let mut seen = Seen::default();
    let (mut id, mut outputs, mut binary_by_default) = (None, None, false);
    let mut cursor = Cursor::new(json);
    cursor.object(|cursor, key| match key {
        "id" => {
            seen.once(cursor, 0, key)?;
            id = Some(cursor.string()?.into_owned());
            Ok(())
        }
        "parameters" => {
            seen.once(cursor, 1, key)?;
            cursor.object(|cursor, key| match key {
                "binary_data_output" => {
                    binary_by_default = cursor.boolean()?;
                    Ok(())
                }
                _ => cursor.skip(),
            })
        }
        "inputs" => {
            seen.once(cursor, 2, key)?;
            cursor.array(|cursor| parser.input(cursor))
        }
        "outputs" => {
            seen.once(cursor, 3, key)?;
            outputs = Some(wanted(cursor, spec)?);
            Ok(())
        }
        _ => cursor.skip(),
    })?;
    cursor.end()?;
    if !parser.rest.is_empty() {
        let left = parser.rest.len();
        let message = format!(
            "{left} bytes of binary data belong to no input; correct the binary_data_size parameters"
        );
        return Err(Failure::invalid(message));
    }
    let outputs = match outputs {
        Some(named) if !named.is_empty() => named,
        _ => (0..spec.outputs.len()).map(|index| (index, None)).collect(),
    };
    let decided = |(index, binary): (usize, Option<bool>)| RequestedOutput {
        index,
        binary: binary.unwrap_or(binary_by_default),
    };
    Ok(InferRequest {
        id,
        inputs: parser.inputs,
        outputs: outputs.into_iter().map(decided).collect(),
    })
}

/// Keys that were met, so that none counts twice.
#[derive(Default)]
struct Seen(u8);

impl Seen {
    fn once(&mut self, cursor: &Cursor<'_>, bit: u8, key: &str) -> Result<(), Failure> {
        if self.0 & 1 << bit != 0 {
            return Err(cursor.wrong(format_args!("`{key}` is given twice")));
        }
        self.0 |= 1 << bit;
        Ok(())
    }
}

struct Parser<'a> {
    spec: &'a ModelSpec,
    criticality: Criticality,
    rest: &'a [u8],
    inputs: Vec<Option<Tensor>>,
}

/// What stands in an input's object.
#[derive(Default)]
struct Input<'a> {
    name: Option<Cow<'a, str>>,
    dtype: Option<DType>,
    shape: Option<Shape>,
    binary_bytes: Option<usize>,
    /// Where `data` begins, if it came before what is needed to read it.
    data_at: Option<Cursor<'a>>,
    tensor: Option<(usize, Tensor)>,
}

impl<'a> Parser<'a> {
    fn input(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Failure> {
        let start = cursor.clone();
        let mut input = Input::default();
        let mut seen = Seen::default();
        cursor.object(|cursor, key| match key {
            "name" => {
                seen.once(cursor, 0, key)?;
                input.name = Some(cursor.string()?);
                Ok(())
            }
            "datatype" => {
                seen.once(cursor, 1, key)?;
                let text = cursor.string()?;
                input.dtype = Some(text.parse().map_err(|e| cursor.wrong(e))?);
                Ok(())
            }
            "shape" => {
                seen.once(cursor, 2, key)?;
                input.shape = Some(shape(cursor)?);
                Ok(())
            }
            "parameters" => {
                seen.once(cursor, 3, key)?;
                input.binary_bytes = input_parameters(cursor)?;
                Ok(())
            }
            "data" => {
                seen.once(cursor, 4, key)?;
                input.data_at = Some(cursor.clone());
                match self.declared(&input)? {
                    // The usual order of keys: read where it stands.
                    Some((index, dtype, shape)) => {
                        let tensor = numbers::read(cursor, dtype, &shape, self.criticality)?;
                        input.tensor = Some((index, tensor));
                        Ok(())
                    }
                    None => cursor.skip(),
                }
            }
            _ => cursor.skip(),
        })?;
        let (index, tensor) = self.tensor(input, &start)?;
        self.inputs[index] = Some(tensor);
        Ok(())
    }

    /// The tensor of an input whose object was read.
    fn tensor(
        &mut self,
        mut input: Input<'_>,
        at: &Cursor<'_>,
    ) -> Result<(usize, Tensor), Failure> {
        let declared = self.declared(&input)?;
        let Some((index, dtype, shape)) = declared else {
            let told = "an input needs `name`, `shape` and `datatype`";
            return Err(at.wrong(told));
        };
        let name = self.spec.inputs[index].name.as_str();
        match (
            input.binary_bytes,
            input.data_at.take(),
            input.tensor.take(),
        ) {
            (Some(_), Some(_), _) => {
                let message = format!("input `{name}` has both `data` and binary data");
                Err(Failure::invalid(message))
            }
            (Some(bytes), None, _) => {
                let Some((own, rest)) = self.rest.split_at_checked(bytes) else {
                    let left = self.rest.len();
                    let message = format!(
                        "input `{name}` declares {bytes} bytes of binary data, but {left} bytes are left"
                    );
                    return Err(Failure::invalid(message));
                };
                self.rest = rest;
                let tensor = binary::read(name, own, dtype, &shape, self.criticality)?;
                Ok((index, tensor))
            }
            (None, _, Some(read)) => Ok(read),
            (None, Some(mut data), None) => {
                let tensor = numbers::read(&mut data, dtype, &shape, self.criticality)?;
                Ok((index, tensor))
            }
            (None, None, None) => {
                let message = format!("input `{name}` has neither `data` nor binary data");
                Err(Failure::invalid(message))
            }
        }
    }

    /// Position, type and shape of an input, once all three are known, checked against the model.
    fn declared(&self, input: &Input<'_>) -> Result<Option<(usize, DType, Shape)>, Failure> {
        let (Some(name), Some(dtype), Some(shape)) = (&input.name, input.dtype, &input.shape)
        else {
            return Ok(None);
        };
        let inputs = &self.spec.inputs;
        let index = inputs
            .iter()
            .position(|declared| declared.name == **name)
            .ok_or_else(|| {
                let name: String = name.chars().take(80).collect();
                let known: Vec<_> = inputs.iter().map(|i| format!("`{}`", i.name)).collect();
                let known = if known.is_empty() {
                    "none".into()
                } else {
                    known.join(", ")
                };
                rejected(format!("the model has no input `{name}`; it has {known}"))
            })?;
        if self.inputs[index].is_some() {
            return Err(rejected(format!("input `{name}` is given twice")));
        }
        inputs[index].check(dtype, shape)?;
        Ok(Some((index, dtype, shape.clone())))
    }
}

fn rejected(message: String) -> Failure {
    Failure::new(ErrorCode::InputRejected, message)
}

fn shape(cursor: &mut Cursor<'_>) -> Result<Shape, Failure> {
    let mut dims = Vec::new();
    cursor.array(|cursor| {
        if dims.len() == MAX_DIMS {
            return Err(cursor.wrong(format_args!("more than {MAX_DIMS} dimensions")));
        }
        dims.push(cursor.size()?);
        Ok(())
    })?;
    let shape = Shape::from_dims(dims);
    // Products that overflow are refused here, before anything is made of them.
    shape.elements().map_err(|e| cursor.wrong(e))?;
    Ok(shape)
}

/// The length of an input's binary data, if it has any.
fn input_parameters(cursor: &mut Cursor<'_>) -> Result<Option<usize>, Failure> {
    let mut bytes = None;
    cursor.object(|cursor, key| match key {
        "binary_data_size" => {
            bytes = Some(cursor.size()?);
            Ok(())
        }
        "shared_memory_region" => Err(cursor.wrong("shared memory is not served; send the data")),
        _ => cursor.skip(),
    })?;
    Ok(bytes)
}

/// The outputs asked for by name, each with its own word on binary data.
fn wanted(
    cursor: &mut Cursor<'_>,
    spec: &ModelSpec,
) -> Result<Vec<(usize, Option<bool>)>, Failure> {
    let mut outputs: Vec<(usize, Option<bool>)> = Vec::new();
    cursor.array(|cursor| {
        let (mut name, mut binary) = (None, None);
        cursor.object(|cursor, key| match key {
            "name" => {
                name = Some(cursor.string()?.into_owned());
                Ok(())
            }
            "parameters" => cursor.object(|cursor, key| match key {
                "binary_data" => {
                    binary = Some(cursor.boolean()?);
                    Ok(())
                }
                "classification" => match cursor.size()? {
                    0 => Ok(()),
                    _ => Err(cursor.wrong("classification is not served; ask for the scores")),
                },
                "shared_memory_region" => Err(cursor.wrong("shared memory is not served")),
                _ => cursor.skip(),
            }),
            _ => cursor.skip(),
        })?;
        let name: String = name.ok_or_else(|| cursor.wrong("an output needs a `name`"))?;
        let index = spec.outputs.iter().position(|o| o.name == name);
        let shown: String = name.chars().take(80).collect();
        let index = index.ok_or_else(|| rejected(format!("the model has no output `{shown}`")))?;
        if outputs.iter().any(|(known, _)| *known == index) {
            return Err(rejected(format!("output `{shown}` is asked for twice")));
        }
        outputs.push((index, binary));
        Ok(())
    })?;
    Ok(outputs)
}

#[cfg(test)]
mod tests;
