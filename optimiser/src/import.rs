//! From a model's file to a graph in which the roles of inputs are known.

use std::{collections::HashMap, path::Path, sync::Arc};

use bytes::Bytes;

use crate::{
    Error, InputRole, Roles,
    builder::Builder,
    graph::{Dim, Id, Roots},
    op::{Attr, Op},
    passes::Phase,
    proto::{AttributeProto, GraphProto, Model, NodeProto, TensorProto, ValueInfo},
    served::{Part, Served, parts},
    tensor::{Elem, Tensor},
};

/// The oldest operator set whose operators are read.
const MIN_OPSET: i64 = 13;
const EXTERNAL: i32 = 1;

/// A model as it was read.
pub(crate) struct Imported {
    pub(crate) builder: Builder,
    pub(crate) served: Vec<Served>,
    pub(crate) outputs: Vec<ValueInfo>,
    pub(crate) model: Model,
    /// Nodes of the file.
    pub(crate) nodes: usize,
}

/// Reads a model; weights that lie outside of it are looked for in `folder`.
pub(crate) fn import(file: Bytes, folder: &Path, roles: &Roles) -> Result<Imported, Error> {
    import_as(file, folder, roles, Phase::Rank)
}

/// The same under the rules of a phase.
pub(crate) fn import_as(
    file: Bytes,
    folder: &Path,
    roles: &Roles,
    phase: Phase,
) -> Result<Imported, Error> {
    let mut model =
        <Model as prost::Message>::decode(file).map_err(|e| Error::NotOnnx(e.to_string()))?;
    let graph = model
        .graph
        .take()
        .ok_or_else(|| Error::NotOnnx("it holds no graph".into()))?;
    let default =
        |domain: &Option<String>| matches!(domain.as_deref(), None | Some("" | "ai.onnx"));
    let set = model.opset_import.iter().find(|set| default(&set.domain));
    let opset = set.and_then(|set| set.version).unwrap_or(0);
    if opset < MIN_OPSET {
        return Err(Error::Unsupported(format!(
            "operator set {opset}; {MIN_OPSET} or newer is read"
        )));
    }
    if !model.functions.is_empty() || !graph.sparse_initializer.is_empty() {
        return Err(Error::Unsupported(
            "functions or sparse weights of its own".into(),
        ));
    }
    let mut reader = Reader {
        builder: Builder::new(opset, phase.rules()),
        known: HashMap::new(),
        folder,
        files: HashMap::new(),
    };
    let served = reader.inputs(&graph, roles)?;
    for tensor in &graph.initializer {
        let value = reader.tensor(tensor)?;
        let id = reader.builder.shared_constant(&Arc::new(value));
        reader
            .known
            .insert(tensor.name.clone().unwrap_or_default(), id);
    }
    for node in &graph.node {
        reader.node(node)?;
    }
    for info in &graph.output {
        let name = info.name.clone().unwrap_or_default();
        let id = reader.value(&name)?;
        reader.builder.graph.outputs.push((name, id));
    }
    Ok(Imported {
        builder: reader.builder,
        served,
        outputs: graph.output,
        model,
        nodes: graph.node.len(),
    })
}

struct Reader<'a> {
    builder: Builder,
    known: HashMap<String, Id>,
    folder: &'a Path,
    files: HashMap<String, Bytes>,
}

impl Reader<'_> {
    fn value(&self, name: &str) -> Result<Id, Error> {
        if name.is_empty() {
            return Ok(Id::NONE);
        }
        let found = self.known.get(name).copied();
        found.ok_or_else(|| Error::NotOnnx(format!("`{name}` is used before it is computed")))
    }

    fn inputs(&mut self, graph: &GraphProto, roles: &Roles) -> Result<Vec<Served>, Error> {
        let constant = |name: &str| {
            graph
                .initializer
                .iter()
                .any(|t| t.name.as_deref() == Some(name))
        };
        let mut served = Vec::new();
        for info in &graph.input {
            let name = info.name.clone().unwrap_or_default();
            if constant(&name) {
                continue;
            }
            let role = roles.of(&name).ok_or_else(|| Error::NoRole(name.clone()))?;
            let (elem, dims) = declared(info)?;
            let id = self.input(&name, elem, &dims, role, &mut served)?;
            self.known.insert(name, id);
        }
        Ok(served)
    }

    fn input(
        &mut self,
        name: &str,
        elem: Elem,
        dims: &[Dim],
        role: &InputRole,
        served: &mut Vec<Served>,
    ) -> Result<Id, Error> {
        let b = &mut self.builder;
        let mut whole = |role: Part| {
            served.push(Served {
                name: name.to_owned(),
                source: name.to_owned(),
                part: role,
                columns: None,
            });
        };
        match role {
            InputRole::Request => {
                whole(Part::Request);
                let id = b.input(name, elem, dims.to_vec(), Roots::REQUEST);
                Ok(b.rows(id))
            }
            InputRole::Candidate => {
                whole(Part::Candidate);
                Ok(b.input(name, elem, dims.to_vec(), Roots::CANDIDATE))
            }
            InputRole::Columns(request) => {
                let [rows, Dim::Fixed(width)] = *dims else {
                    let what = format!(
                        "input `{name}` has columns of its own roles, but not two dimensions"
                    );
                    return Err(Error::Unsupported(what));
                };
                check_columns(name, request, width)?;
                let [user, item] = parts(name, request, width);
                let user_dims = vec![rows, Dim::Fixed(user.len())];
                let item_dims = vec![rows, Dim::Fixed(item.len())];
                let u = b.input(&user.name, elem, user_dims, Roots::REQUEST);
                let c = b.input(&item.name, elem, item_dims, Roots::CANDIDATE);
                let u = b.rows(u);
                let id = interleave(b, width, (u, user.columns()), (c, item.columns()));
                served.extend([user, item]);
                Ok(id)
            }
        }
    }

    fn node(&mut self, node: &NodeProto) -> Result<(), Error> {
        let name = node.op_type.clone().unwrap_or_default();
        let domain = match node.domain.as_deref() {
            None | Some("" | "ai.onnx") => String::new(),
            Some(domain) => domain.to_owned(),
        };
        let inputs: Vec<Id> = node
            .input
            .iter()
            .map(|i| self.value(i))
            .collect::<Result<_, _>>()?;
        let mut op = Op {
            domain,
            outputs: node.output.len(),
            ..Op::new(&name)
        };
        for attribute in &node.attribute {
            let key = attribute.name.clone().unwrap_or_default();
            op.attrs.insert(key, self.attribute(attribute)?);
        }
        let ids = match constant_of(&op) {
            Some(tensor) if name == "Constant" => vec![self.builder.constant(tensor)],
            _ => self.builder.emit_all(op, &inputs),
        };
        for (name, id) in node.output.iter().zip(ids) {
            if !name.is_empty() {
                self.known.insert(name.clone(), id);
            }
        }
        Ok(())
    }

    fn attribute(&mut self, attribute: &AttributeProto) -> Result<Attr, Error> {
        let text = |bytes: &Bytes| bytes.to_vec();
        Ok(match attribute.r#type.unwrap_or(0) {
            1 => Attr::Float(attribute.f.unwrap_or(0.0)),
            2 => Attr::Int(attribute.i.unwrap_or(0)),
            3 => Attr::Text(attribute.s.as_ref().map(text).unwrap_or_default()),
            4 => Attr::Tensor(self.tensor(&attribute.t.clone().unwrap_or_default())?),
            6 => Attr::Floats(attribute.floats.clone()),
            7 => Attr::Ints(attribute.ints.clone()),
            8 => Attr::Texts(attribute.strings.iter().map(text).collect()),
            _ => {
                return Err(Error::Unsupported(
                    "graphs inside of operators (If, Loop, Scan)".into(),
                ));
            }
        })
    }

    fn tensor(&mut self, tensor: &TensorProto) -> Result<Tensor, Error> {
        let elem = Elem::of(tensor.data_type.unwrap_or(0));
        let dims: Option<Vec<usize>> = tensor
            .dims
            .iter()
            .map(|d| usize::try_from(*d).ok())
            .collect();
        let dims = dims.ok_or_else(|| Error::NotOnnx("a tensor has a negative size".into()))?;
        let bytes = if tensor.data_location == Some(EXTERNAL) {
            self.external(tensor)?
        } else if let Some(raw) = &tensor.raw_data {
            raw.clone()
        } else {
            listed(elem, tensor)?
        };
        let len = dims.iter().try_fold(1usize, |all, d| all.checked_mul(*d));
        let expected = len
            .zip(elem.bytes())
            .and_then(|(len, size)| len.checked_mul(size));
        if elem.bytes().is_some() && expected != Some(bytes.len()) {
            let name = tensor.name.clone().unwrap_or_default();
            return Err(Error::NotOnnx(format!(
                "tensor `{name}` has {} bytes, not what its size says",
                bytes.len()
            )));
        }
        Ok(Tensor { elem, dims, bytes })
    }

    fn external(&mut self, tensor: &TensorProto) -> Result<Bytes, Error> {
        let entry = |key: &str| {
            let found = tensor
                .external_data
                .iter()
                .find(|e| e.key.as_deref() == Some(key));
            found.and_then(|e| e.value.clone())
        };
        let location = entry("location").unwrap_or_default();
        let number = |key| entry(key).and_then(|text| text.parse::<usize>().ok());
        if !self.files.contains_key(&location) {
            let path = self.folder.join(&location);
            let read = std::fs::read(&path).map_err(|source| Error::Weights { path, source })?;
            self.files.insert(location.clone(), Bytes::from(read));
        }
        let file = &self.files[&location];
        let start = number("offset").unwrap_or(0);
        let end = number("length").map_or(Some(file.len()), |len| start.checked_add(len));
        match end {
            Some(end) if start <= end && end <= file.len() => Ok(file.slice(start..end)),
            _ => Err(Error::NotOnnx(format!(
                "weights lie outside of `{location}`"
            ))),
        }
    }
}

/// Columns are counted from zero, and each is named once, in order.
fn check_columns(name: &str, request: &[usize], width: usize) -> Result<(), Error> {
    let sorted = request.is_sorted_by(|a, b| a < b);
    match request.last() {
        Some(last) if sorted && *last < width && request.len() < width => Ok(()),
        _ => Err(Error::Unsupported(format!(
            "input `{name}` has {width} columns; its request columns must be some of them, in order"
        ))),
    }
}

/// The columns of an input from its two parts, in their old order.
fn interleave(b: &mut Builder, width: usize, user: (Id, &[usize]), item: (Id, &[usize])) -> Id {
    let mut runs: Vec<Id> = Vec::new();
    let mut at = 0;
    while at < width {
        let (id, columns) = if user.1.contains(&at) { user } else { item };
        let start = columns.iter().position(|c| *c == at).unwrap_or(0);
        let len = columns[start..]
            .iter()
            .zip(at..)
            .take_while(|(c, k)| *c == k)
            .count()
            .max(1);
        runs.push(b.slice(id, 1, start, start + len));
        at += len;
    }
    b.concat(1, &runs)
}

fn declared(info: &ValueInfo) -> Result<(Elem, Vec<Dim>), Error> {
    let name = info.name.clone().unwrap_or_default();
    let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let shape = tensor.and_then(|t| t.shape.as_ref());
    let (Some(tensor), Some(shape)) = (tensor, shape) else {
        return Err(Error::Unsupported(format!(
            "input `{name}` declares no shape"
        )));
    };
    let elem = Elem::of(tensor.elem_type.unwrap_or(0));
    let dims: Vec<Dim> = shape
        .dim
        .iter()
        .enumerate()
        .map(|(at, dim)| match dim.dim_value.map(usize::try_from) {
            Some(Ok(size)) if size > 0 => Dim::Fixed(size),
            _ if at == 0 => Dim::Rows(1),
            _ => Dim::Unknown,
        })
        .collect();
    if dims.first() != Some(&Dim::Rows(1)) {
        return Err(Error::Unsupported(format!(
            "the first dimension of input `{name}` is fixed"
        )));
    }
    Ok((elem, dims))
}

/// What a `Constant` node holds.
fn constant_of(op: &Op) -> Option<Tensor> {
    op.attrs
        .iter()
        .find_map(|(key, value)| match (key.as_str(), value) {
            ("value", Attr::Tensor(tensor)) => Some(tensor.clone()),
            ("value_float", Attr::Float(v)) => Some(Tensor::floats(&[], &[*v])),
            ("value_floats", Attr::Floats(v)) => Some(Tensor::floats(&[v.len()], v)),
            ("value_int", Attr::Int(v)) => Some(Tensor::ints(Elem::I64, &[], &[*v])),
            ("value_ints", Attr::Ints(v)) => Some(Tensor::ints(Elem::I64, &[v.len()], v)),
            _ => None,
        })
}

/// Elements that are listed as numbers.
fn listed(elem: Elem, tensor: &TensorProto) -> Result<Bytes, Error> {
    Ok(match elem {
        Elem::F32 => Bytes::copy_from_slice(bytemuck::cast_slice(&tensor.float_data)),
        Elem::I64 => Bytes::copy_from_slice(bytemuck::cast_slice(&tensor.int64_data)),
        Elem::I32 => Bytes::copy_from_slice(bytemuck::cast_slice(&tensor.int32_data)),
        Elem::Bool => tensor
            .int32_data
            .iter()
            .map(|v| u8::from(*v != 0))
            .collect(),
        Elem::Other(code) => {
            return Err(Error::Unsupported(format!(
                "listed weights of element type {code}"
            )));
        }
    })
}
