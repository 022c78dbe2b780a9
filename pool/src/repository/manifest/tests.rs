use super::*;

fn manifest(text: &str) -> Result<Manifest, ManifestError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.toml"), text).unwrap();
    Manifest::read(folder.path())
}

fn declared(name: &str, dtype: DType) -> Declared {
    Declared {
        name: name.into(),
        dtype,
        dims: vec![Dim::Dynamic(String::new())],
    }
}

fn complete(text: &str) -> Result<ModelSpec, LoadError> {
    let graph = Graph {
        inputs: vec![declared("ids", DType::Int32), declared("row", DType::Int32)],
        overridable: vec![declared("k", DType::Fp32)],
        outputs: vec![declared("score", DType::Fp32)],
    };
    let version = ModelVersion::new(1).unwrap();
    manifest(text)
        .unwrap()
        .complete(&"m".parse().unwrap(), version, graph)
}

#[test]
fn mistakes_are_shown_with_their_line() {
    let wrong = |text: &str| manifest(text).unwrap_err().to_string();
    assert!(
        wrong("\nplacement = \"nowhere\"\n").contains("model.toml:2: unknown variant `nowhere`")
    );
    assert!(wrong("[batching]\nrows = 3\n").contains("model.toml:2: unknown field `rows`"));
    assert!(wrong("[inputs.x]\nrole = \"user\"").contains("model.toml:2"));
}

#[test]
fn values_out_of_range_are_shown_with_their_line() {
    let wrong = |text: &str| manifest(text).unwrap_err().to_string();
    assert!(wrong("\ninstances = 0\n").contains("model.toml:2: "));
    assert!(wrong("versions = \"newest\"").contains("model.toml:1: expected \"latest\""));
    assert!(wrong("max_batch_size = 4\n[batching]\nrow_budget = 4\n").contains("keep one"));
}

#[test]
fn what_the_graph_has_a_value_for_is_optional_and_fixed_where_requests_share_a_run() {
    let spec = complete("").unwrap();
    let optional: Vec<_> = spec.inputs.iter().map(|i| i.optional).collect();
    assert_eq!(optional, [false, false, true]);
    assert_eq!(complete("max_batch_size = 8\n").unwrap().inputs.len(), 2);
    assert!(complete("[inputs.k]\nmax_shape = [4]\n").is_ok());
}

#[test]
fn max_batch_size_makes_every_input_and_output_part_of_the_batch() {
    let spec = complete("max_batch_size = 8\n").unwrap();
    assert_eq!((spec.row_budget, spec.max_batch_size), (Some(8), Some(8)));
    assert!(spec.inputs.iter().all(|i| i.role == Role::Candidate));
    assert!(spec.outputs.iter().all(|o| o.role == OutputRole::Candidate));
}

#[test]
fn limits_and_warm_up_of_an_input_are_read() {
    let spec = complete("[inputs.ids]\nmax_shape = [64]\nwarm_up = { shape = [8], value = 1 }\n");
    let ids = &spec.unwrap().inputs[0];
    assert_eq!(ids.most_dims, [Some(64)]);
    assert_eq!(ids.warm_up.as_ref().unwrap().shape, Some(vec![8]));
    let reason = |text: &str| complete(text).unwrap_err().to_string();
    assert!(reason("[inputs.ids]\nmax_shape = [64, 2]\n").contains("needs 1 sizes"));
    assert!(reason("[inputs.ids]\nwarm_up = { shape = [] }\n").contains("does not fit"));
}

#[test]
fn a_model_without_a_manifest_is_served_whole() {
    let spec = complete("").unwrap();
    assert!(!spec.batches() && spec.business_code == "m");
    assert!(spec.inputs.iter().all(|i| i.role == Role::Whole));
}

#[test]
fn batching_asks_for_a_role_everywhere() {
    let roles = "[inputs.ids]\nrole = \"candidate\"\n[inputs.row]\nrole = \"row_index\"\n";
    let batching = "[batching]\nrow_budget = 100\n";
    let full = format!("{batching}{roles}[outputs.score]\nrole = \"score\"\n");
    assert_eq!(complete(&full).unwrap().row_budget, Some(100));
    let reason = |text: &str| complete(text).unwrap_err().to_string();
    assert!(reason(&format!("{batching}{roles}")).contains("`score` has none"));
    assert!(reason(batching).contains("`ids` has none"));
    assert!(
        reason("[inputs.nope]\nrole = \"request\"\n")
            .contains("no input `nope`; it has `ids`, `row`")
    );
}
