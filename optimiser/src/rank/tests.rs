//! Random graphs of the supported operators, random roles, several requests in one run.

mod random;
mod run;

use std::path::Path;

use proptest::prelude::*;
use prost::Message;

use self::{
    random::{Drawn, draw},
    run::{original, rewritten},
};
use super::*;
use crate::{
    passes::Phase,
    proof::{self, Comparison},
};

/// The model as it was drawn, and rewritten, run by the interpreter on the batches of the proof.
fn compare(drawn: &Drawn, phase: Phase) -> Result<Comparison, TestCaseError> {
    let file = Bytes::from(drawn.model.encode_to_vec());
    let read = |phase| crate::import::import_as(file.clone(), Path::new("."), &drawn.roles, phase);
    let plain = read(Phase::Plain).expect("what was drawn is read");
    let imported = read(phase).expect("what was drawn is read");
    let tables = item_tables::find(&imported.builder, 1 << 20);
    let split = with_tables(&imported.builder, &tables);
    let lowered = lower(&split, "row_index");
    let mut random = fastrand::Rng::with_seed(drawn.seed);
    let batches =
        proof::batches(&drawn.inputs, &imported.served, &mut random).expect("all are known");
    let mut comparison = Comparison::default();
    for batch in &batches {
        let one = batch.rewritten[0].dims()[0] == 1
            || !imported
                .served
                .iter()
                .any(|s| s.part == crate::Part::Request);
        let ids = if one { &lowered.one } else { &lowered.many };
        let expected = original(&plain.builder.graph, batch);
        let found = rewritten(&lowered.builder.graph, ids, batch);
        for (at, (x, y)) in expected.into_iter().zip(found).enumerate() {
            prop_assert_eq!(x.len(), y.len());
            comparison.add(at, x, y);
        }
    }
    Ok(comparison)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn rewritten_graphs_give_what_the_original_gives(seed in any::<u64>()) {
        let drawn = draw(seed);
        let comparison = compare(&drawn, Phase::Rank)?;
        let verdict = comparison.verdict();
        prop_assert!(verdict.is_ok(), "{verdict:?} of {:?}", drawn.model.graph);
    }
}

#[test]
fn a_wrong_rewrite_is_caught_by_the_proof() {
    let caught = (0..80).filter(|seed| {
        let comparison = compare(&draw(*seed), Phase::Wrong).expect("shapes stay");
        comparison.verdict().is_err()
    });
    let sound = (0..80).filter(|seed| {
        let comparison = compare(&draw(*seed), Phase::Rank).expect("shapes stay");
        comparison.verdict().is_err()
    });
    assert!(
        caught.count() > 8,
        "the wrong rule fires in a part of the graphs"
    );
    assert_eq!(sound.count(), 0);
}

#[test]
fn the_rules_that_matter_fire_on_random_graphs() {
    let mut fired = std::collections::BTreeSet::new();
    for seed in 0..80 {
        let drawn = draw(seed);
        let file = Bytes::from(drawn.model.encode_to_vec());
        if let Ok(made) = optimise(file, Path::new("."), &drawn.roles, &Settings::default()) {
            fired.extend(made.fired.into_iter().map(|f| f.rewrite));
        }
    }
    for rule in [
        "user once",
        "columns apart",
        "split product",
        "interaction fold",
        "transposed layer",
        "item table",
        "batch normalisation",
        "sum ordered",
        "scale folded",
        "expand",
        "rows merged",
    ] {
        assert!(fired.contains(rule), "`{rule}` is not among {fired:?}");
    }
}

#[test]
fn a_model_without_a_user_is_left_as_it_is() {
    let mut drawn = draw(3);
    for (_, role) in &mut drawn.roles.0 {
        *role = crate::InputRole::Candidate;
    }
    let file = Bytes::from(drawn.model.encode_to_vec());
    let made = optimise(file, Path::new("."), &drawn.roles, &Settings::default());
    assert!(matches!(made, Err(Error::NothingFound)));
}

#[test]
fn an_input_without_a_role_is_named() {
    let mut drawn = draw(4);
    drawn.roles.0.retain(|(name, _)| name != "item");
    let file = Bytes::from(drawn.model.encode_to_vec());
    let made = optimise(file, Path::new("."), &drawn.roles, &Settings::default());
    assert!(
        made.unwrap_err()
            .to_string()
            .contains("input `item` has no role")
    );
}
