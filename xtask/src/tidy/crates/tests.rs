use super::*;

/// `(crate, what it is built from)`; every first name of `members` is a workspace crate.
fn graph(members: &[&str], edges: &[(&str, &[&str])]) -> Graph {
    let built_from = |name: &str| {
        let found = edges.iter().find(|(from, _)| *from == name);
        found
            .map_or(&[][..], |(_, to)| to)
            .iter()
            .map(|to| (*to).to_owned())
    };
    let named = edges.iter().flat_map(|(from, to)| to.iter().chain([from]));
    let names: BTreeSet<_> = named.chain(members).copied().collect();
    Graph {
        members: members
            .iter()
            .map(|name| Member {
                id: (*name).to_owned(),
                name: (*name).to_owned(),
                folder: (*name).to_owned(),
                manifest: format!("{name}/Cargo.toml"),
                manifest_text: String::new(),
                named: built_from(name)
                    .map(|name| (name, Purpose::Build))
                    .collect(),
            })
            .collect(),
        packages: names
            .into_iter()
            .map(|name| {
                let built_from = built_from(name).collect();
                (
                    name.to_owned(),
                    Package {
                        name: name.to_owned(),
                        built_from,
                    },
                )
            })
            .collect(),
    }
}

fn found(members: &[&str], edges: &[(&str, &[&str])]) -> Vec<String> {
    let violations = check(&graph(members, edges));
    violations
        .into_iter()
        .map(|found| format!("{}: {}", found.path, found.what))
        .collect()
}

#[test]
fn the_architecture_as_drawn_holds() {
    let members = [
        "common",
        "breaker",
        "inference-actor",
        "pool",
        "gateway",
        "loadtest",
        "xtask",
    ];
    let edges: &[(&str, &[&str])] = &[
        ("common", &["thiserror"]),
        ("breaker", &["common", "actix"]),
        ("actix", &["tokio"]),
        ("inference-actor", &["common", "ort", "actix"]),
        ("pool", &["common", "inference-actor"]),
        (
            "gateway",
            &[
                "common",
                "breaker",
                "inference-actor",
                "pool",
                "actix-web",
                "serde_json",
            ],
        ),
        ("loadtest", &["common", "hyper", "tokio"]),
        ("xtask", &["serde_json"]),
    ];
    assert_eq!(found(&members, edges), [""; 0]);
}

#[test]
fn an_edge_against_the_drawing_is_found() {
    let members = [
        "common",
        "breaker",
        "inference-actor",
        "pool",
        "gateway",
        "loadtest",
        "xtask",
    ];
    let bad: [(&str, &[&str]); 7] = [
        ("common", &["breaker"]),
        ("breaker", &["inference-actor"]),
        ("inference-actor", &["breaker"]),
        ("pool", &["breaker"]),
        ("gateway", &["loadtest"]),
        ("loadtest", &["gateway"]),
        ("xtask", &["common"]),
    ];
    for (from, to) in bad {
        let expected = format!("{from}/Cargo.toml: `{from}` depends on `{}`", to[0]);
        assert_eq!(found(&members, &[(from, to)]), [expected]);
    }
}

#[test]
fn what_a_crate_never_knows_is_found_by_its_chain() {
    for (of, edges, chain) in [
        (
            "common",
            &[("common", &["a"][..]), ("a", &["tokio"])][..],
            "common ► a ► tokio",
        ),
        ("common", &[("common", &["actix-rt"])], "common ► actix-rt"),
        ("common", &[("common", &["ort"])], "common ► ort"),
        (
            "breaker",
            &[("breaker", &["a"]), ("a", &["hyper"])],
            "breaker ► a ► hyper",
        ),
        ("breaker", &[("breaker", &["ort"])], "breaker ► ort"),
        (
            "breaker",
            &[("breaker", &["actix-web"])],
            "breaker ► actix-web",
        ),
        (
            "inference-actor",
            &[("inference-actor", &["serde_json"])],
            "inference-actor ► serde_json",
        ),
        (
            "inference-actor",
            &[("inference-actor", &["actix-web"])],
            "inference-actor ► actix-web",
        ),
        ("pool", &[("pool", &["actix-web"])], "pool ► actix-web"),
        ("gateway", &[("gateway", &["ort"])], "gateway ► ort"),
        (
            "xtask",
            &[("xtask", &["a"]), ("a", &["tokio"])],
            "xtask ► a ► tokio",
        ),
    ] {
        let expected = format!("{of}/Cargo.toml: depends on what it must never know: {chain}");
        assert_eq!(found(&[of], edges), [expected]);
    }
}

#[test]
fn a_rule_on_names_does_not_reach_through_others() {
    let edges: &[(&str, &[&str])] = &[
        ("gateway", &["inference-actor"]),
        ("inference-actor", &["ort"]),
        ("ort", &["serde_json"]),
    ];
    assert_eq!(found(&["gateway", "inference-actor"], edges), [""; 0]);
}

#[test]
fn a_crate_without_a_place_is_found_and_an_absent_one_is_not_missed() {
    let strange = "strange/Cargo.toml: the crate `strange` has no place in the architecture";
    assert_eq!(found(&["common", "strange"], &[]), [strange]);
}

#[test]
fn what_is_allowed_for_tests_only_is_not_allowed_in_the_build() {
    let members = ["loadtest", "loadtest-stub"];
    let mut graph = graph(&members, &[]);
    graph.members[0].named = BTreeSet::from([("loadtest-stub".to_owned(), Purpose::Test)]);
    assert!(check(&graph).is_empty());
    graph.members[0].named = BTreeSet::from([("loadtest-stub".to_owned(), Purpose::Build)]);
    assert_eq!(check(&graph).len(), 1);
}
