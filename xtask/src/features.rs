//! `xtask features`: MovieLens 100K as two neutral JSON-lines files that `gateway import` reads.
//!
//! - `catalogue.jsonl`, by index: `{"item":"1","index":1,"title":"Toy Story","year":1995,
//!   "genres":["Animation","Children's","Comedy"],"popularity":452}`
//! - `users.jsonl`, by id: `{"user":"196","profile":{"gender":2,"age":5,"occupation":20},
//!   "history":[242,…],"ratings":[3,…]}`, the most recent first
//!
//! Knows MovieLens and these files, nothing of the store they end in.

mod catalogue;
mod movielens;
mod users;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cache::{self, CacheError};
use crate::digest;

/// To be raised with every change of what the files contain.
const FORMAT: u32 = 1;

const INPUTS: [&str; 3] = ["ml-100k.item", "ml-100k.user", "ml-100k.inter"];
const OUTPUTS: [&str; 2] = ["catalogue.jsonl", "users.jsonl"];
const STAMP: &str = ".stamp";

pub(crate) struct Options {
    pub cache: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum FeaturesError {
    #[error("{path} cannot be read ({source}); run `make fetch` first")]
    NoInput {
        path: String,
        source: std::io::Error,
    },
    #[error("{0}; delete the file and run `make fetch`")]
    BadInput(#[from] movielens::BadInput),
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl FeaturesError {
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::NoInput { .. } => crate::NO_INPUT,
            Self::BadInput(_) => crate::BAD_DATA,
            Self::Cache(_) => crate::UNAVAILABLE,
        }
    }
}

/// Writes both files unless they are up to date with their inputs and this format.
pub(crate) fn features(options: &Options, say: &dyn Fn(&str)) -> Result<(), FeaturesError> {
    let [items, users, ratings] = read_inputs(&options.cache.join("ml-100k"))?;
    let inputs = input_lines([&items, &users, &ratings]);
    let folder = options.cache.join("features");
    if up_to_date(&folder, &inputs) {
        return Ok(());
    }
    let items = movielens::items(&items)?;
    let users = movielens::users(&users)?;
    let ratings = movielens::ratings(&ratings, &items, &users)?;
    let contents = [
        json_lines(&catalogue::catalogue(&items, &ratings)),
        json_lines(&users::users(&users, &ratings)),
    ];

    let locked = cache::lock(&options.cache, || {
        say("features: waiting for another run to end")
    })?;
    for (name, text) in OUTPUTS.iter().zip(&contents) {
        locked.write(&folder.join(name), text.as_bytes())?;
    }
    let stamp = inputs + &output_lines(contents.each_ref().map(|text| text.len() as u64));
    locked.write(&folder.join(STAMP), stamp.as_bytes())?;
    say(&format!(
        "features: {} items, {} users, {} ratings are in {}",
        items.len(),
        users.len(),
        ratings.len(),
        folder.display(),
    ));
    Ok(())
}

fn read_inputs(folder: &Path) -> Result<[Vec<u8>; 3], FeaturesError> {
    let [items, users, ratings] = INPUTS.map(|name| {
        let path = folder.join(name);
        fs::read(&path).map_err(|source| FeaturesError::NoInput {
            path: path.display().to_string(),
            source,
        })
    });
    Ok([items?, users?, ratings?])
}

/// The stamp's first part: what the files are made from. Two megabytes hash in milliseconds.
fn input_lines(inputs: [&[u8]; 3]) -> String {
    let mut lines = format!("format {FORMAT}\n");
    for (name, contents) in INPUTS.iter().zip(inputs) {
        lines += &format!("{}  {name}\n", digest::bytes(contents));
    }
    lines
}

/// The stamp's second part: the outputs' sizes, so that a file cut short is noticed.
fn output_lines(sizes_bytes: [u64; 2]) -> String {
    OUTPUTS
        .iter()
        .zip(sizes_bytes)
        .map(|(name, bytes)| format!("{bytes}  {name}\n"))
        .collect()
}

fn up_to_date(folder: &Path, inputs: &str) -> bool {
    let [Ok(catalogue), Ok(users)] = OUTPUTS.map(|name| fs::metadata(folder.join(name))) else {
        return false;
    };
    let expected = inputs.to_owned() + &output_lines([catalogue.len(), users.len()]);
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|found| found == expected)
}

fn json_lines(rows: &[impl Serialize]) -> String {
    let mut text = String::new();
    for row in rows {
        text += &serde_json::to_string(row).expect("rows have string keys and finite numbers");
        text.push('\n');
    }
    text
}
