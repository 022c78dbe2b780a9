//! No two modules of a crate may know each other: what both need belongs to a module of its own.
//!
//! A module knows another where it names one of its items in code that is not a test. A name is
//! traced through re-exports and imports to the module that defines it, so that a façade that
//! collects the items of its children knows none of them. A module and those inside it are one
//! unit: between them nothing is counted.

mod graph;
mod paths;

use std::collections::BTreeMap;

use self::{
    graph::circles,
    paths::{Module, modules},
};
use super::{Violation, sources::SourceFile};

/// Every circle of each crate, once.
pub(super) fn check(files: &[SourceFile]) -> Vec<Violation> {
    let mut crates: BTreeMap<&str, Vec<&SourceFile>> = BTreeMap::new();
    for file in files {
        if let Some((folder, _)) = file.path.split_once("/src/") {
            crates.entry(folder).or_default().push(file);
        }
    }
    let mut violations = Vec::new();
    for files in crates.values() {
        let modules = modules(files);
        for circle in circles(&paths::edges(&modules)) {
            violations.push(violation(&modules, &circle));
        }
    }
    violations
}

fn violation(modules: &BTreeMap<String, Module>, circle: &[String]) -> Violation {
    let first = &circle[0];
    let path = modules.get(first).map_or("", |module| &module.file);
    let what = format!("a circle of modules: {} → {first}", circle.join(" → "));
    let mend = "move what both need to a module of its own";
    Violation::new(path, 1, what, mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let file = |(path, text): &(&str, &str)| SourceFile {
            path: format!("a/src/{path}"),
            text: (*text).into(),
        };
        let files: Vec<_> = files.iter().map(file).collect();
        check(&files).into_iter().map(|found| found.what).collect()
    }

    #[test]
    fn two_modules_that_know_each_other_are_found() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "pub struct B; fn f() { super::a::g() }"),
        ];
        assert_eq!(found(&files), ["a circle of modules: a → b → a"]);
    }

    #[test]
    fn a_longer_circle_is_found_once() {
        let files = [
            ("a.rs", "use crate::{b::{B, C}, d};"),
            ("b.rs", "use super::c;"),
            ("c.rs", "fn f() -> crate::a::A { todo() }"),
            ("d.rs", ""),
        ];
        assert_eq!(found(&files), ["a circle of modules: a → b → c → a"]);
    }

    #[test]
    fn a_name_is_traced_to_the_module_that_defines_it() {
        // The façade `p` is no party: `q` needs `p::x`, and `p::y` needs `q`.
        let files = [
            (
                "p.rs",
                "mod x; mod y; pub(crate) use self::{x::X, y::Y as Z};",
            ),
            ("p/x.rs", "pub struct X;"),
            ("p/y.rs", "use crate::q::Q; pub struct Y;"),
            ("q.rs", "use crate::p::X; pub struct Q;"),
        ];
        assert!(found(&files).is_empty(), "{:?}", found(&files));
        let mut files = files;
        files[3].1 = "use crate::p::Z;";
        assert_eq!(found(&files), ["a circle of modules: p::y → q → p::y"]);
        files[3].1 = "use crate::p; fn f(z: p::Z) {}";
        assert_eq!(found(&files).len(), 1);
    }

    #[test]
    fn tests_and_a_modules_own_children_do_not_count() {
        let files = [
            (
                "a.rs",
                "mod c; use self::c::C; #[cfg(test)] mod tests { use crate::b::B; }",
            ),
            ("a/c.rs", "use super::A; pub struct C;"),
            ("b.rs", "use crate::a::A;"),
            ("b/tests.rs", "use crate::a::A;"),
        ];
        assert!(found(&files).is_empty(), "{:?}", found(&files));
    }
}
