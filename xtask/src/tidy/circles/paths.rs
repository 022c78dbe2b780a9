//! Which modules a crate has, and which names of others each of them uses.

use std::collections::BTreeMap;

use super::graph::Edges;
use crate::tidy::{
    layout::without_tests,
    sources::SourceFile,
    tokens::{Kind, Token, tokens},
};

/// Re-exports are followed this far; nobody nests them deeper.
const MAX_STEPS: usize = 8;

/// A module, by its file.
pub(super) struct Module {
    /// Relative to the workspace.
    pub(super) file: String,
    /// What its `use` declarations bring in: the name here, and the path it stands for.
    names: BTreeMap<String, Vec<String>>,
    /// Every path it uses besides re-exporting it, from the crate's root.
    used: Vec<Vec<String>>,
}

/// The modules of a crate, by their path; the root is the empty one.
pub(super) fn modules(files: &[&SourceFile]) -> BTreeMap<String, Module> {
    let named: Vec<(Vec<String>, &SourceFile)> = files
        .iter()
        .filter_map(|file| Some((module_path(&file.path)?, *file)))
        .collect();
    let known: Vec<String> = named.iter().map(|(path, _)| path.join("::")).collect();
    let read = |(path, file): (Vec<String>, &SourceFile)| {
        let tokens = tokens(&file.text).unwrap_or_default();
        let reader = Reader {
            here: &path,
            known: &known,
            tokens: without_tests(&tokens),
        };
        let (names, used) = reader.read();
        let file = file.path.clone();
        (path.join("::"), Module { file, names, used })
    };
    named.into_iter().map(read).collect()
}

/// The path of a library's module; none for tests and for binaries, which nothing can know.
fn module_path(file: &str) -> Option<Vec<String>> {
    let (_, inside) = file.split_once("/src/")?;
    let path: Vec<String> = inside
        .strip_suffix(".rs")?
        .split('/')
        .map(str::to_owned)
        .collect();
    let is_test = path.iter().any(|part| part == "tests");
    match path.as_slice() {
        _ if is_test => None,
        [root] if root == "lib" => Some(Vec::new()),
        [root] if root == "main" => None,
        [bin, ..] if bin == "bin" => None,
        _ => Some(path),
    }
}

/// Who knows whom, but for a module and those inside it.
pub(super) fn edges(modules: &BTreeMap<String, Module>) -> Edges {
    let mut edges = Edges::new();
    for (name, module) in modules {
        for path in &module.used {
            let target = defining(modules, path);
            let related = within(name, &target) || within(&target, name);
            if !related && !target.is_empty() {
                edges.entry(name.clone()).or_default().insert(target);
            }
        }
    }
    edges
}

fn within(inner: &str, outer: &str) -> bool {
    let rest = inner.strip_prefix(outer);
    outer.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The module that defines what a path from the root names.
fn defining(modules: &BTreeMap<String, Module>, path: &[String]) -> String {
    let mut path = path.to_vec();
    for _ in 0..MAX_STEPS {
        let (module, rest) = split(modules, &path);
        let names = modules.get(&module).map(|module| &module.names);
        let Some(to) = rest.first().and_then(|item| names?.get(item)) else {
            return module;
        };
        path = [to.as_slice(), &rest[1..]].concat();
    }
    split(modules, &path).0
}

/// The longest part of a path that is a module, and what is left.
fn split<'p>(modules: &BTreeMap<String, Module>, path: &'p [String]) -> (String, &'p [String]) {
    let mut length = path.len();
    while length > 0 && !modules.contains_key(&path[..length].join("::")) {
        length -= 1;
    }
    (path[..length].join("::"), &path[length..])
}

/// Reads one file.
struct Reader<'f> {
    here: &'f [String],
    known: &'f [String],
    tokens: Vec<&'f Token>,
}

type Read = (BTreeMap<String, Vec<String>>, Vec<Vec<String>>);

impl Reader<'_> {
    fn read(&self) -> Read {
        let (mut names, mut used) = (BTreeMap::new(), Vec::new());
        let mut index = 0;
        while index < self.tokens.len() {
            let before = index.checked_sub(1).map(|index| self.tokens[index]);
            if self.tokens[index].is_ident("use") {
                // `pub use`, `pub(crate) use`: what is passed on is not thereby used.
                let passed_on = before.is_some_and(|t| t.is_ident("pub") || t.is_mark(')'));
                let mut leaves = Vec::new();
                index = self.tree(index + 1, &[], &mut leaves);
                for (name, path) in leaves {
                    let Some(path) = self.rooted(&path) else {
                        continue;
                    };
                    if !passed_on {
                        used.push(path.clone());
                    }
                    names.insert(name, path);
                }
            } else if !index
                .checked_sub(2)
                .is_some_and(|index| self.separates(index))
            {
                let mut path = Vec::new();
                let end = self.path(index, &mut path);
                if path.len() > 1 {
                    used.extend(self.rooted(&path).or_else(|| {
                        let start: &Vec<String> = names.get(&path[0])?;
                        Some([start.as_slice(), &path[1..]].concat())
                    }));
                }
                index = end.max(index + 1);
            } else {
                index += 1;
            }
        }
        (names, used)
    }

    fn ident(&self, index: usize) -> Option<&str> {
        match &self.tokens.get(index)?.kind {
            Kind::Ident(name) => Some(name),
            _ => None,
        }
    }

    fn separates(&self, index: usize) -> bool {
        let colon = |index: usize| self.tokens.get(index).is_some_and(|t| t.is_mark(':'));
        colon(index) && colon(index + 1)
    }

    /// `a::b::c` from here; gives the index behind it.
    fn path(&self, mut index: usize, path: &mut Vec<String>) -> usize {
        while let Some(name) = self.ident(index) {
            path.push(name.to_owned());
            index += 1;
            if !self.separates(index) || self.ident(index + 2).is_none() {
                break;
            }
            index += 2;
        }
        index
    }

    /// A tree of a `use` declaration: its leaves, each with the name it gets here.
    fn tree(
        &self,
        mut index: usize,
        prefix: &[String],
        leaves: &mut Vec<(String, Vec<String>)>,
    ) -> usize {
        let mut path = prefix.to_vec();
        index = self.path(index, &mut path);
        if self.separates(index) {
            index += 2;
        }
        let Some(token) = self.tokens.get(index) else {
            return index;
        };
        if token.is_mark('{') {
            let depth = token.depth;
            index += 1;
            while let Some(token) = self.tokens.get(index) {
                if token.is_mark('}') && token.depth == depth {
                    return index + 1;
                }
                index = match token.is_mark(',') {
                    true => index + 1,
                    false => self.tree(index, &path, leaves).max(index + 1),
                };
            }
            return index;
        }
        if token.is_mark('*') {
            leaves.push(("*".to_owned(), path));
            return index + 1;
        }
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let mut name = path.last().cloned().unwrap_or_default();
        if token.is_ident("as") {
            name = self.ident(index + 1).unwrap_or_default().to_owned();
            index += 2;
        }
        leaves.push((name, path));
        index
    }

    /// A path as it reads from the crate's root; none for one that leads out of the crate.
    fn rooted(&self, path: &[String]) -> Option<Vec<String>> {
        let mut base = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.here.to_vec(),
            first => {
                let child = [self.here, &[first.to_owned()]].concat().join("::");
                if !self.known.contains(&child) {
                    return None;
                }
                return Some([self.here, path].concat());
            }
        };
        let mut rest = path;
        while let Some((step, further)) = rest.split_first() {
            match step.as_str() {
                "crate" | "self" => {}
                "super" => {
                    base.pop();
                }
                _ => break,
            }
            rest = further;
        }
        Some([base.as_slice(), rest].concat())
    }
}
