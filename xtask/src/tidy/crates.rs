//! Which crate may depend on which, and what each never knows.
//!
//! ```text
//! common ◄ breaker                      ┐
//! common ◄ inference-actor ◄ pool       ├◄ gateway
//!                optimiser ◄ pool       │   (graphs only: no engine)
//! common ◄ loadtest                     ┘   (not loadtest)
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cargo_metadata::{Dependency, DependencyKind, Metadata};

use super::{Violation, manifest};

/// Each crate with the workspace crates it may name.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("common", &[]),
    ("breaker", &["common"]),
    ("inference-actor", &["common"]),
    ("optimiser", &[]),
    ("pool", &["common", "inference-actor", "optimiser"]),
    ("gateway", &["common", "breaker", "inference-actor", "pool"]),
    ("loadtest", &["common"]),
    // Servers of known behaviour that the load generator is checked against.
    ("loadtest-stub", &["common"]),
    // The whole from outside: the gateway in a process of its own and, to count its allocations,
    // inside one of the bench's.
    ("bench", &["common", "gateway", "loadtest", "testkit"]),
    // Knows of the gateway what a user can see.
    ("testkit", &[]),
    ("xtask", &[]),
];

/// Those it may name on top as a dev-dependency, for its tests and benches.
const MAY_TEST_WITH: &[(&str, &[&str])] =
    &[("gateway", &["testkit"]), ("loadtest", &["loadtest-stub"])];

enum Reach {
    /// The crate's own manifest must not name it.
    Named,
    /// Nor may anything that the crate is built from bring it in.
    Anywhere,
}

struct Never {
    of: &'static str,
    reach: Reach,
    /// A `*` at the end stands for any ending.
    packages: &'static [&'static str],
    why: &'static str,
}

/// Tests and benches may use what they like; these hold for what is built into the crate.
const NEVER: &[Never] = &[
    Never {
        of: "common",
        reach: Reach::Anywhere,
        packages: &["tokio", "actix*", "ort", "ort-sys"],
        why: "common knows no runtime and no engine",
    },
    Never {
        of: "breaker",
        reach: Reach::Anywhere,
        packages: &[
            "ort",
            "ort-sys",
            "actix-web",
            "actix-http",
            "hyper",
            "h2",
            "tonic",
            "axum",
        ],
        why: "the breaker knows neither HTTP nor the engine",
    },
    Never {
        of: "inference-actor",
        reach: Reach::Named,
        packages: &["serde_json", "actix-web", "actix-http", "hyper", "tonic"],
        why: "the inference actor knows neither HTTP nor JSON",
    },
    Never {
        of: "pool",
        reach: Reach::Named,
        packages: &["serde_json", "actix-web", "actix-http", "hyper", "tonic"],
        why: "the pool knows neither HTTP nor JSON",
    },
    Never {
        of: "gateway",
        reach: Reach::Named,
        packages: &["ort", "ort-sys"],
        why: "the gateway knows the engine only through inference-actor",
    },
    Never {
        of: "xtask",
        reach: Reach::Anywhere,
        packages: &["tokio", "actix*", "ort", "ort-sys"],
        why: "xtask is built first on every machine and stays light",
    },
];

/// The workspace as the rules see it.
pub(super) struct Graph {
    pub members: Vec<Member>,
    /// Package id to the packages it is built from (no dev-dependencies), names with it.
    packages: BTreeMap<String, Package>,
}

pub(super) struct Member {
    id: String,
    name: String,
    /// Relative to the workspace.
    pub folder: String,
    pub manifest: String,
    manifest_text: String,
    /// Every dependency that the manifest names, and what for.
    named: BTreeSet<(String, Purpose)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    Build,
    Test,
}

struct Package {
    name: String,
    built_from: Vec<String>,
}

impl Graph {
    pub(super) fn of(metadata: &Metadata, root: &Path) -> Self {
        let members = metadata.workspace_packages().into_iter().map(|package| {
            let path = package.manifest_path.as_std_path();
            let relative = path.strip_prefix(root).unwrap_or(path);
            let folder = relative.parent().unwrap_or(Path::new(""));
            Member {
                id: package.id.repr.clone(),
                name: package.name.to_string(),
                folder: folder.to_string_lossy().into_owned(),
                manifest: relative.to_string_lossy().into_owned(),
                manifest_text: fs::read_to_string(path).unwrap_or_default(),
                named: package.dependencies.iter().map(named).collect(),
            }
        });
        let members = members.collect();
        let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
        let packages = nodes.map(|node| {
            let built_from = node.deps.iter().filter(|needed| {
                needed
                    .dep_kinds
                    .iter()
                    .any(|kind| kind.kind != DependencyKind::Development)
            });
            let package = Package {
                name: metadata[&node.id].name.to_string(),
                built_from: built_from.map(|needed| needed.pkg.repr.clone()).collect(),
            };
            (node.id.repr.clone(), package)
        });
        let packages = packages.collect();
        Self { members, packages }
    }

    /// A chain of package names from `member` to a package that `matches`, the shortest first.
    fn path_to(&self, member: &Member, matches: &dyn Fn(&str) -> bool) -> Option<Vec<String>> {
        let mut seen = BTreeSet::from([member.id.as_str()]);
        let mut row = vec![(member.id.as_str(), vec![member.name.clone()])];
        while !row.is_empty() {
            let mut next = Vec::new();
            for (id, path) in &row {
                let Some(package) = self.packages.get(*id) else {
                    continue;
                };
                for needed in &package.built_from {
                    let Some(found) = self.packages.get(needed) else {
                        continue;
                    };
                    let mut path = path.clone();
                    path.push(found.name.clone());
                    if matches(&found.name) {
                        return Some(path);
                    }
                    if seen.insert(needed) {
                        next.push((needed.as_str(), path));
                    }
                }
            }
            row = next;
        }
        None
    }
}

fn named(dependency: &Dependency) -> (String, Purpose) {
    let purpose = match dependency.kind {
        DependencyKind::Development => Purpose::Test,
        _ => Purpose::Build,
    };
    (dependency.name.clone(), purpose)
}

pub(super) fn check(graph: &Graph) -> Vec<Violation> {
    let mut violations = Vec::new();
    for member in &graph.members {
        violations.extend(check_edges(graph, member));
        let rules = NEVER.iter().filter(|rule| rule.of == member.name);
        violations.extend(rules.flat_map(|rule| check_never(graph, member, rule)));
    }
    violations
}

fn check_edges(graph: &Graph, member: &Member) -> Vec<Violation> {
    let Some(allowed) = row_of(MAY_DEPEND_ON, &member.name) else {
        return vec![Violation::new(
            &member.manifest,
            1,
            format!(
                "the crate `{}` has no place in the architecture",
                member.name
            ),
            "say in MAY_DEPEND_ON (xtask/src/tidy/crates.rs) what it may depend on",
        )];
    };
    let for_tests = row_of(MAY_TEST_WITH, &member.name).unwrap_or_default();
    let may_name = |name: &str, purpose: Purpose| {
        allowed.contains(&name) || (purpose == Purpose::Test && for_tests.contains(&name))
    };
    let is_member = |name: &str| graph.members.iter().any(|member| member.name == name);
    let strays = member.named.iter().filter(|(name, purpose)| {
        is_member(name) && *name != member.name && !may_name(name, *purpose)
    });
    strays
        .map(|(name, _)| {
            let line = manifest::line_of_dependency(&member.manifest_text, name);
            let what = format!("`{}` depends on `{name}`", member.name);
            let mend = match allowed {
                [] => "it may name no crate of the workspace".to_owned(),
                allowed => format!("it may only name {}", allowed.join(", ")),
            };
            Violation::new(&member.manifest, line, what, mend)
        })
        .collect()
}

fn row_of(
    table: &[(&'static str, &'static [&'static str])],
    name: &str,
) -> Option<&'static [&'static str]> {
    table
        .iter()
        .find(|(row, _)| *row == name)
        .map(|(_, crates)| *crates)
}

fn check_never(graph: &Graph, member: &Member, rule: &Never) -> Vec<Violation> {
    rule.packages
        .iter()
        .filter_map(|pattern| {
            let path = graph.path_to(member, &|name| matches(pattern, name))?;
            if matches!(rule.reach, Reach::Named) && path.len() > 2 {
                return None;
            }
            let line = manifest::line_of_dependency(&member.manifest_text, &path[1]);
            let what = format!("depends on what it must never know: {}", path.join(" ► "));
            Some(Violation::new(&member.manifest, line, what, rule.why))
        })
        .collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests;
