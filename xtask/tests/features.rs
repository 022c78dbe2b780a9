//! `xtask features` over a small MovieLens of its own.

#![expect(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn features(cache: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .arg("features")
        .arg("--cache")
        .arg(cache)
        .output()
        .unwrap()
}

fn movielens(cache: &Path) {
    let folder = cache.join("ml-100k");
    fs::create_dir_all(&folder).unwrap();
    let write = |name, text: &str| fs::write(folder.join(name), text).unwrap();
    write(
        "ml-100k.item",
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n\
         1\tToy Story\t1995\tAnimation Children's Comedy\n2\tC\u{e9}r\u{e9}monie, La\t1995\tDrama\n",
    );
    write(
        "ml-100k.user",
        "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n\
         10\t24\tM\twriter\t1\n9\t60\tF\tother\t2\n",
    );
    write(
        "ml-100k.inter",
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n\
         10\t1\t3\t100\n10\t2\t5\t100\n9\t1\t4\t7\n",
    );
}

#[test]
fn both_files_are_written_once_and_again_only_when_something_changed() {
    let cache = tempfile::tempdir().unwrap();
    movielens(cache.path());
    let first = features(cache.path());
    assert!(first.status.success());
    assert!(String::from_utf8_lossy(&first.stderr).contains("2 items, 2 users, 3 ratings"));
    let read = |name| fs::read_to_string(cache.path().join("features").join(name)).unwrap();
    assert_eq!(
        read("catalogue.jsonl"),
        "{\"item\":\"1\",\"index\":1,\"title\":\"Toy Story\",\"year\":1995,\
         \"genres\":[\"Animation\",\"Children's\",\"Comedy\"],\"popularity\":2}\n\
         {\"item\":\"2\",\"index\":2,\"title\":\"C\u{e9}r\u{e9}monie, La\",\"year\":1995,\
         \"genres\":[\"Drama\"],\"popularity\":1}\n"
    );
    let users = read("users.jsonl");
    assert_eq!(
        users,
        "{\"user\":\"9\",\"profile\":{\"gender\":1,\"age\":7,\"occupation\":14},\
         \"history\":[1],\"ratings\":[4]}\n\
         {\"user\":\"10\",\"profile\":{\"gender\":2,\"age\":2,\"occupation\":21},\
         \"history\":[2,1],\"ratings\":[5,3]}\n"
    );

    let again = |why: &str, writes: bool| {
        let output = features(cache.path());
        assert!(output.status.success());
        assert_eq!(!output.stderr.is_empty(), writes, "{why}");
    };
    again("nothing changed", false);
    fs::write(cache.path().join("features/users.jsonl"), "cut").unwrap();
    again("an output was cut short", true);
    assert_eq!(read("users.jsonl"), users);
    let ratings = cache.path().join("ml-100k/ml-100k.inter");
    fs::write(
        &ratings,
        fs::read_to_string(&ratings).unwrap() + "9\t2\t1\t8\n",
    )
    .unwrap();
    again("an input changed", true);
    assert!(read("users.jsonl").contains("\"history\":[2,1],\"ratings\":[1,4]"));
}

#[test]
fn missing_and_damaged_inputs_end_with_their_own_status() {
    let cache = tempfile::tempdir().unwrap();
    let missing = features(cache.path());
    assert_eq!(missing.status.code(), Some(66));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("run `make fetch` first"));

    movielens(cache.path());
    fs::write(cache.path().join("ml-100k/ml-100k.user"), "other\n").unwrap();
    let damaged = features(cache.path());
    assert_eq!(damaged.status.code(), Some(65));
    assert!(String::from_utf8_lossy(&damaged.stderr).contains("ml-100k.user:1: the header"));
    assert!(!cache.path().join("features").exists());
}
