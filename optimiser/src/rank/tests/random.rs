//! Draws rankers: embeddings, sums over fields, attention, layers, normalisation, in random order.

use fastrand::Rng;

use crate::{
    InputRole, Roles,
    proof::Input,
    proto::{
        AttributeProto, Dimension, GraphProto, Model, NodeProto, OperatorSet, ShapeProto,
        TensorProto, TensorType, TypeProto, ValueInfo,
    },
    tensor::Elem,
};

const VOCABULARY: usize = 12;
const HISTORY: usize = 5;

pub(in super::super) struct Drawn {
    pub(super) model: Model,
    pub(super) roles: Roles,
    pub(super) inputs: Vec<Input>,
    pub(super) seed: u64,
}

struct Draft {
    random: Rng,
    graph: GraphProto,
    /// Two-dimensional values with their widths.
    flat: Vec<(String, usize)>,
}

pub(super) fn draw(seed: u64) -> Drawn {
    let mut d = Draft {
        random: Rng::with_seed(seed),
        graph: GraphProto::default(),
        flat: Vec::new(),
    };
    let mut inputs = Vec::new();
    let mut input = |d: &mut Draft, name: &str, elem: Elem, dims: &[usize], role: InputRole| {
        d.graph.input.push(info(name, elem, Some(dims)));
        let ranges = match elem {
            Elem::F32 => Vec::new(),
            _ => vec![(0, VOCABULARY as i64 - 1)],
        };
        inputs.push(Input {
            name: name.into(),
            elem,
            dims: dims.to_vec(),
            role,
            ranges,
        });
    };
    input(&mut d, "history", Elem::I64, &[HISTORY], InputRole::Request);
    input(&mut d, "user", Elem::F32, &[4], InputRole::Request);
    input(&mut d, "item", Elem::I64, &[], InputRole::Candidate);
    input(&mut d, "facts", Elem::F32, &[3], InputRole::Candidate);
    let columns = [vec![0, 1], vec![1, 3], vec![0, 2, 4], vec![4]][d.random.usize(0..4)].clone();
    input(
        &mut d,
        "fields",
        Elem::I64,
        &[5],
        InputRole::Columns(columns),
    );
    d.flat = vec![("user".into(), 4), ("facts".into(), 3)];
    d.item();
    d.fields();
    d.attention();
    for _ in 0..d.random.usize(2..9) {
        d.layer();
    }
    d.finish();
    let roles = inputs
        .iter()
        .map(|i| (i.name.clone(), i.role.clone()))
        .collect();
    let version = OperatorSet {
        domain: None,
        version: Some(17),
    };
    Drawn {
        model: Model {
            ir_version: Some(8),
            opset_import: vec![version],
            graph: Some(d.graph),
            ..Model::default()
        },
        roles: Roles(roles),
        inputs,
        seed,
    }
}

fn info(name: &str, elem: Elem, behind: Option<&[usize]>) -> ValueInfo {
    let rows = Dimension {
        dim_value: None,
        dim_param: Some("rows".into()),
    };
    let fixed = |size: &usize| Dimension {
        dim_value: Some(*size as i64),
        dim_param: None,
    };
    let dim = std::iter::once(rows)
        .chain(behind.into_iter().flatten().map(fixed))
        .collect();
    let tensor = TensorType {
        elem_type: Some(elem.code()),
        shape: Some(ShapeProto { dim }),
    };
    ValueInfo {
        name: Some(name.into()),
        r#type: Some(TypeProto {
            tensor_type: Some(tensor),
        }),
    }
}

impl Draft {
    fn weight(&mut self, dims: &[usize]) -> String {
        let name = format!("w{}", self.graph.initializer.len());
        let count = dims.iter().product::<usize>();
        let values = (0..count).map(|_| self.random.f32() - 0.5).collect();
        self.graph.initializer.push(TensorProto {
            name: Some(name.clone()),
            dims: dims.iter().map(|d| *d as i64).collect(),
            data_type: Some(1),
            float_data: values,
            ..TensorProto::default()
        });
        name
    }

    fn ints(&mut self, values: &[i64]) -> String {
        let name = format!("w{}", self.graph.initializer.len());
        self.graph.initializer.push(TensorProto {
            name: Some(name.clone()),
            dims: vec![values.len() as i64],
            data_type: Some(7),
            int64_data: values.to_vec(),
            ..TensorProto::default()
        });
        name
    }

    fn node(&mut self, op: &str, inputs: &[&str], attributes: &[(&str, i64)]) -> String {
        let name = format!("n{}", self.graph.node.len());
        let attribute = |(key, value): &(&str, i64)| AttributeProto {
            name: Some((*key).into()),
            i: Some(*value),
            r#type: Some(2),
            ..AttributeProto::default()
        };
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|i| (*i).to_owned()).collect(),
            output: vec![name.clone()],
            op_type: Some(op.into()),
            attribute: attributes.iter().map(attribute).collect(),
            ..NodeProto::default()
        });
        name
    }

    fn item(&mut self) {
        let table = self.weight(&[VOCABULARY, 4]);
        let item = self.node("Gather", &[&table, "item"], &[("axis", 0)]);
        self.flat.push((item, 4));
    }

    /// Embeddings of all fields: flat, and summed as a factorisation machine sums them.
    fn fields(&mut self) {
        let table = self.weight(&[VOCABULARY, 3]);
        let all = self.node("Gather", &[&table, "fields"], &[]);
        let target = self.ints(&[-1, 15]);
        let flat = self.node("Reshape", &[&all, &target], &[]);
        self.flat.push((flat, 15));
        let axis = self.ints(&[1]);
        let sum = self.node("ReduceSum", &[&all, &axis], &[("keepdims", 0)]);
        let squares = self.node("Mul", &[&all, &all], &[]);
        let squares = self.node("ReduceSum", &[&squares, &axis], &[("keepdims", 0)]);
        let square = self.node("Mul", &[&sum, &sum], &[]);
        let pairs = self.node("Sub", &[&square, &squares], &[]);
        self.flat.push((pairs, 3));
    }

    /// Attention over the history, with or without merged rows, over a random list of parts.
    fn attention(&mut self) {
        let table = self.weight(&[VOCABULARY, 4]);
        let h = self.node("Gather", &[&table, "history"], &[]);
        let item = self.flat[2].0.clone();
        let axis = self.ints(&[1]);
        let one = self.node("Unsqueeze", &[&item, &axis], &[]);
        let shape = self.node("Shape", &[&h], &[]);
        let i = self.node("Expand", &[&one, &shape], &[]);
        let minus = if self.random.bool() {
            self.node("Sub", &[&h, &i], &[])
        } else {
            self.node("Sub", &[&i, &h], &[])
        };
        let product = self.node("Mul", &[&i, &h], &[]);
        let mut parts = vec![h.clone(), i, minus, product];
        self.random.shuffle(&mut parts);
        parts.truncate(self.random.usize(2..5));
        let names: Vec<&str> = parts.iter().map(String::as_str).collect();
        let pairs = self.node("Concat", &names, &[("axis", 2)]);
        let width = 4 * parts.len();
        let merged = self.random.bool();
        let mut x = pairs;
        if merged {
            let target = self.ints(&[-1, width as i64]);
            x = self.node("Reshape", &[&x, &target], &[]);
        }
        let weight = self.weight(&[width, 6]);
        x = self.node("MatMul", &[&x, &weight], &[]);
        let bias = self.weight(&[6]);
        x = self.node("Add", &[&x, &bias], &[]);
        x = match self.random.usize(0..3) {
            0 => self.node("Relu", &[&x], &[]),
            1 => self.node("Sigmoid", &[&x], &[]),
            _ => {
                let slope = self.weight(&[6]);
                self.node("PRelu", &[&x, &slope], &[])
            }
        };
        if self.random.bool() {
            let weight = self.weight(&[6, 6]);
            x = self.node("MatMul", &[&x, &weight], &[]);
            x = self.node("Relu", &[&x], &[]);
        }
        let weight = self.weight(&[6, 1]);
        x = self.node("MatMul", &[&x, &weight], &[]);
        if self.random.bool() {
            let bias = self.weight(&[1]);
            x = self.node("Add", &[&x, &bias], &[]);
        }
        let target = self.ints(&[-1, HISTORY as i64, 1]);
        x = self.node("Reshape", &[&x, &target], &[]);
        if self.random.bool() {
            x = self.node("Softmax", &[&x], &[("axis", 1)]);
        }
        let weighted = self.node("Mul", &[&x, &h], &[]);
        let pooled = self.node("ReduceSum", &[&weighted, &axis], &[("keepdims", 0)]);
        self.flat.push((pooled, 4));
    }

    fn pick(&mut self) -> (String, usize) {
        let at = self.random.usize(0..self.flat.len());
        self.flat[at].clone()
    }

    fn layer(&mut self) {
        let (x, width) = self.pick();
        let made = match self.random.usize(0..9) {
            0 | 1 => {
                let (y, other) = self.pick();
                let (z, third) = self.pick();
                (
                    self.node("Concat", &[&x, &y, &z], &[("axis", 1)]),
                    width + other + third,
                )
            }
            2 | 3 => {
                let weight = self.weight(&[width, 5]);
                let product = self.node("MatMul", &[&x, &weight], &[]);
                let bias = self.weight(&[5]);
                (self.node("Add", &[&bias, &product], &[]), 5)
            }
            4 => (self.node("Relu", &[&x], &[]), width),
            5 => {
                let [gain, shift, mean] = [0; 3].map(|_| self.weight(&[width]));
                let spread = self.weight(&[width]);
                // Variances are positive.
                if let Some(last) = self.graph.initializer.last_mut() {
                    last.float_data.iter_mut().for_each(|v| *v = v.abs() + 0.1);
                }
                let inputs = [x.as_str(), &gain, &shift, &mean, &spread];
                (self.node("BatchNormalization", &inputs, &[]), width)
            }
            6 => {
                let like = self
                    .flat
                    .iter()
                    .filter(|(_, w)| *w == width)
                    .cloned()
                    .collect::<Vec<_>>();
                let (y, _) = like[self.random.usize(0..like.len())].clone();
                let op = ["Add", "Sub", "Mul"][self.random.usize(0..3)];
                (self.node(op, &[&x, &y], &[]), width)
            }
            7 => {
                let scale = self.weight(&[width]);
                (self.node("Mul", &[&x, &scale], &[]), width)
            }
            _ => {
                let axis = self.ints(&[1]);
                (self.node("ReduceSum", &[&x, &axis], &[("keepdims", 1)]), 1)
            }
        };
        if made.1 <= 40 {
            self.flat.push(made);
        }
    }

    /// All that was drawn, in one layer; bounded, as a score is.
    fn finish(&mut self) {
        let all = self.flat.clone();
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        let width = all.iter().map(|(_, width)| width).sum();
        let x = self.node("Concat", &names, &[("axis", -1)]);
        let weight = self.weight(&[width, 2]);
        let x = self.node("MatMul", &[&x, &weight], &[]);
        let score = self.node("Sigmoid", &[&x], &[]);
        self.graph.output.push(info(&score, Elem::F32, Some(&[2])));
        let side = self.pick().0;
        self.graph.output.push(info(&side, Elem::F32, None));
    }
}
