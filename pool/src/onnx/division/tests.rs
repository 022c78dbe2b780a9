use super::*;

const FLOAT: u64 = 1;

fn value(name: &str, element: u64) -> Vec<u8> {
    let (mut tensor, mut kind, mut out) = (Vec::new(), Vec::new(), Vec::new());
    put_varint(&mut tensor, TENSOR_ELEMENT << 3);
    put_varint(&mut tensor, element);
    put_bytes(&mut kind, TYPE_TENSOR, &tensor);
    put_bytes(&mut out, VALUE_NAME, name.as_bytes());
    put_bytes(&mut out, VALUE_TYPE, &kind);
    out
}

fn initializer(name: &str, elements: &[i64]) -> Vec<u8> {
    let mut tensor = Vec::new();
    put_varint(&mut tensor, TENSOR_TYPE << 3);
    put_varint(&mut tensor, INT64);
    put_bytes(&mut tensor, TENSOR_NAME, name.as_bytes());
    let raw: Vec<u8> = elements.iter().flat_map(|e| e.to_le_bytes()).collect();
    put_bytes(&mut tensor, TENSOR_RAW, &raw);
    tensor
}

/// A model of these nodes, `(operator, inputs, output)`, over inputs of this type.
struct Model {
    element: u64,
    opset: u64,
    constants: Vec<Vec<u8>>,
    inputs: Vec<&'static str>,
    nodes: Vec<(&'static str, Vec<&'static str>, &'static str)>,
}

impl Model {
    fn of(element: u64, nodes: &[(&'static str, &[&'static str], &'static str)]) -> Self {
        Self {
            element,
            opset: 17,
            constants: Vec::new(),
            inputs: vec!["a", "b"],
            nodes: nodes.iter().map(|(o, i, y)| (*o, i.to_vec(), *y)).collect(),
        }
    }

    fn file(&self) -> Vec<u8> {
        let (mut graph, mut opset, mut model) = (Vec::new(), Vec::new(), Vec::new());
        for (operator, inputs, output) in &self.nodes {
            put_node(&mut graph, operator, inputs, output);
        }
        for constant in &self.constants {
            put_bytes(&mut graph, GRAPH_INITIALIZER, constant);
        }
        for input in &self.inputs {
            put_bytes(&mut graph, GRAPH_VALUES[0], &value(input, self.element));
        }
        put_varint(&mut opset, OPSET_VERSION << 3);
        put_varint(&mut opset, self.opset);
        put_bytes(&mut model, MODEL_GRAPH, &graph);
        put_bytes(&mut model, MODEL_OPSET, &opset);
        model
    }

    /// The operators after the rewrite; none where nothing was rewritten.
    fn rewritten(&self) -> Option<Vec<String>> {
        let file = self.file();
        let facts = Facts::of(&file).unwrap();
        let model = guarded(&file, &facts).unwrap()?;
        let facts = Facts::of(&model).unwrap();
        let reader = Reader { file: &model };
        let fields = reader.fields(facts.graphs[0].clone()).unwrap();
        let nodes = fields
            .into_iter()
            .filter(|field| field.number == GRAPH_NODE);
        let operators = nodes.map(|field| match field.payload {
            Payload::Bytes(range) => reader.node(range).unwrap().operator,
            Payload::Number(_) => String::new(),
        });
        Some(operators.collect())
    }
}

#[test]
fn integer_divisions_by_what_a_caller_sends_are_guarded_in_their_place() {
    for element in [INT32, INT64] {
        let nodes: &[(_, &[_], _)] = &[
            ("Add", &["a", "b"], "s"),
            ("Div", &["a", "s"], "q"),
            ("Identity", &["q"], "y"),
        ];
        let operators = Model::of(element, nodes).rewritten().unwrap();
        assert_eq!(
            operators,
            [
                "Add", "Constant", "Constant", "Equal", "Where", "Div", "Neg", "Where", "Identity"
            ]
        );
    }
    let operators = Model::of(INT64, &[("Mod", &["a", "b"], "y")]).rewritten();
    let expected = ["Constant", "Constant", "Equal", "Where", "Mod"].map(str::to_owned);
    assert_eq!(operators, Some(expected.to_vec()));
}

#[test]
fn divisions_that_cannot_trap_stay_as_they_are() {
    let div: &[(_, &[_], _)] = &[("Div", &["a", "b"], "y")];
    for element in [FLOAT, 2, 3, 5, 12, 13] {
        assert_eq!(Model::of(element, div).rewritten(), None, "{element}");
    }
    let mut old = Model::of(INT64, div);
    old.opset = 8;
    assert_eq!(old.rewritten(), None);
    assert_eq!(
        Model::of(INT64, &[("Add", &["a", "b"], "y")]).rewritten(),
        None
    );
}

#[test]
fn a_constant_divisor_is_guarded_only_if_it_holds_minus_one_or_can_be_replaced() {
    let of = |elements: &[i64], inputs: Vec<&'static str>| {
        let mut model = Model::of(INT64, &[("Div", &["a", "c"], "y")]);
        model.constants = vec![initializer("c", elements)];
        model.inputs = inputs;
        model.rewritten().is_some()
    };
    assert!(!of(&[2, 3, 0], vec!["a"]));
    assert!(of(&[2, -1], vec!["a"]));
    assert!(of(&[2, 3], vec!["a", "c"]));
}

#[test]
fn types_are_followed_through_the_graph() {
    // `Shape` gives INT64 of anything.
    let nodes: &[(_, &[_], _)] = &[
        ("Shape", &["a"], "s"),
        ("Gather", &["s", "b"], "d"),
        ("Div", &["d", "d"], "y"),
    ];
    assert!(Model::of(FLOAT, nodes).rewritten().is_some());
    // Of an operator that is not known nothing is assumed.
    let nodes: &[(_, &[_], _)] = &[("Strange", &["a"], "s"), ("Div", &["s", "s"], "y")];
    assert_eq!(Model::of(INT64, nodes).rewritten(), None);
}
