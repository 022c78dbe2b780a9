//! What must be known of a model before the engine opens it.

use std::{collections::HashSet, ops::Range};

use super::wire::{Field, Fields, Payload, WireError};

/// Deeper than any graph inside a graph that is meant.
const MAX_DEPTH: usize = 64;

// Field numbers of onnx.proto.
const MODEL_GRAPH: u64 = 7;
const MODEL_FUNCTIONS: u64 = 25;
const GRAPH_NODE: u64 = 1;
const GRAPH_INITIALIZER: u64 = 5;
const GRAPH_INPUT: u64 = 11;
const GRAPH_SPARSE: u64 = 15;
const FUNCTION_NODE: u64 = 7;
const NODE_ATTRIBUTE: u64 = 5;
const ATTRIBUTE_TENSORS: [u64; 2] = [5, 10];
const ATTRIBUTE_GRAPHS: [u64; 2] = [6, 11];
const ATTRIBUTE_SPARSE: [u64; 2] = [22, 23];
const SPARSE_TENSORS: [u64; 2] = [1, 2];
const TENSOR_EXTERNAL: u64 = 13;
const ENTRY_KEY: u64 = 1;
const ENTRY_VALUE: u64 = 2;
const VALUE_NAME: u64 = 1;
const VALUE_TYPE: u64 = 2;
const TYPE_TENSOR: u64 = 1;
const TENSOR_TYPE_SHAPE: u64 = 2;

/// See the module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Where tensors say that their data lies, as written.
    pub(crate) locations: HashSet<Vec<u8>>,
    /// Inputs of the main graph that declare no shape, not even a rank.
    pub(crate) shapeless_inputs: HashSet<String>,
    /// Where the initialisers of the main graph lie in the file.
    pub(crate) initializers: Vec<Range<usize>>,
    /// Where the main graph lies.
    pub(crate) graphs: Vec<Range<usize>>,
}

impl Facts {
    /// Walks a whole model. A field that occurs twice counts twice, as its parts would be merged.
    pub(crate) fn of(file: &[u8]) -> Result<Self, WireError> {
        let mut facts = Self::default();
        let walk = Walk { file };
        for field in Fields::of(file, 0..file.len()) {
            match field? {
                Field {
                    number: MODEL_GRAPH,
                    payload: Payload::Bytes(range),
                    ..
                } => {
                    walk.graph(range.clone(), 0, &mut facts)?;
                    facts.graphs.push(range);
                }
                Field {
                    number: MODEL_FUNCTIONS,
                    payload: Payload::Bytes(range),
                    ..
                } => {
                    walk.nodes(range, FUNCTION_NODE, 1, &mut facts)?;
                }
                _ => {}
            }
        }
        Ok(facts)
    }
}

struct Walk<'a> {
    file: &'a [u8],
}

impl Walk<'_> {
    /// The byte fields of a message, with their numbers.
    fn inside(&self, range: Range<usize>) -> Result<Vec<(u64, Range<usize>)>, WireError> {
        let bytes = |field: Result<Field, WireError>| match field {
            Ok(Field {
                number,
                payload: Payload::Bytes(range),
                ..
            }) => Some(Ok((number, range))),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        };
        Fields::of(self.file, range).filter_map(bytes).collect()
    }

    fn graph(&self, range: Range<usize>, depth: usize, facts: &mut Facts) -> Result<(), WireError> {
        if depth > MAX_DEPTH {
            return Err(WireError::TooDeep(MAX_DEPTH));
        }
        for (number, range) in self.inside(range)? {
            match number {
                GRAPH_NODE => self.node(range, depth, facts)?,
                GRAPH_INITIALIZER => {
                    self.tensor(range.clone(), facts)?;
                    if depth == 0 {
                        facts.initializers.push(range);
                    }
                }
                GRAPH_SPARSE => self.sparse(range, facts)?,
                GRAPH_INPUT if depth == 0 => self.input(range, facts)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn nodes(
        &self,
        range: Range<usize>,
        field: u64,
        depth: usize,
        facts: &mut Facts,
    ) -> Result<(), WireError> {
        for (number, range) in self.inside(range)? {
            if number == field {
                self.node(range, depth, facts)?;
            }
        }
        Ok(())
    }

    fn node(&self, range: Range<usize>, depth: usize, facts: &mut Facts) -> Result<(), WireError> {
        for (number, range) in self.inside(range)? {
            if number != NODE_ATTRIBUTE {
                continue;
            }
            for (number, range) in self.inside(range)? {
                if ATTRIBUTE_TENSORS.contains(&number) {
                    self.tensor(range, facts)?;
                } else if ATTRIBUTE_GRAPHS.contains(&number) {
                    self.graph(range, depth + 1, facts)?;
                } else if ATTRIBUTE_SPARSE.contains(&number) {
                    self.sparse(range, facts)?;
                }
            }
        }
        Ok(())
    }

    fn sparse(&self, range: Range<usize>, facts: &mut Facts) -> Result<(), WireError> {
        for (number, range) in self.inside(range)? {
            if SPARSE_TENSORS.contains(&number) {
                self.tensor(range, facts)?;
            }
        }
        Ok(())
    }

    fn tensor(&self, range: Range<usize>, facts: &mut Facts) -> Result<(), WireError> {
        for (number, range) in self.inside(range)? {
            if number != TENSOR_EXTERNAL {
                continue;
            }
            let entry = self.inside(range)?;
            let is_location = entry
                .iter()
                .any(|(number, at)| *number == ENTRY_KEY && &self.file[at.clone()] == b"location");
            let values = entry.iter().filter(|(number, _)| *number == ENTRY_VALUE);
            if is_location {
                facts
                    .locations
                    .extend(values.map(|(_, at)| self.file[at.clone()].to_vec()));
            }
        }
        Ok(())
    }

    fn input(&self, range: Range<usize>, facts: &mut Facts) -> Result<(), WireError> {
        let (mut name, mut has_shape) = (String::new(), false);
        for (number, range) in self.inside(range)? {
            match number {
                VALUE_NAME => name = String::from_utf8_lossy(&self.file[range]).into_owned(),
                VALUE_TYPE => {
                    for (number, range) in self.inside(range)? {
                        if number == TYPE_TENSOR {
                            let inside = self.inside(range)?;
                            has_shape |= inside.iter().any(|(n, _)| *n == TENSOR_TYPE_SHAPE);
                        }
                    }
                }
                _ => {}
            }
        }
        if !has_shape {
            facts.shapeless_inputs.insert(name);
        }
        Ok(())
    }
}
