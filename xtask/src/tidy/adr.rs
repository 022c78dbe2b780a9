//! Decision records: `docs/adr/NNNN-title.md`, numbered from 0001 without gaps, each starting with
//! its title. A number is how other pages refer to a decision, so it is given once.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Violation;

pub(super) fn check(folder: &Path) -> Result<Vec<Violation>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut records = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "README.md" || name.starts_with('.') {
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let title = text.lines().next().unwrap_or_default().to_owned();
        records.push((name, title));
    }
    records.sort();
    Ok(check_records(&records))
}

/// `records`: file name and first line, sorted.
fn check_records(records: &[(String, String)]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut expected = 1;
    for (name, title) in records {
        let mut found = |what: String, mend: &str| {
            violations.push(Violation::new(&format!("docs/adr/{name}"), 1, what, mend));
        };
        match number(name) {
            Some(number) => {
                if number != expected {
                    let what = format!("number {number:04} where {expected:04} comes next");
                    found(what, "number the records from 0001 without gaps");
                }
                expected = number + 1;
            }
            None => found("is not named NNNN-title.md".to_owned(), "rename it"),
        }
        if !title.starts_with("# ") {
            found(
                "does not start with its title".to_owned(),
                "start it with `# Title`",
            );
        }
    }
    violations
}

fn number(name: &str) -> Option<u32> {
    let (digits, title) = name.strip_suffix(".md")?.split_once('-')?;
    let slug = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let named = digits.len() == 4 && !title.is_empty() && title.bytes().all(slug);
    named.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Vec<String> {
        let records: Vec<_> = names
            .iter()
            .map(|name| ((*name).into(), "# T".into()))
            .collect();
        check_records(&records)
            .into_iter()
            .map(|found| found.what)
            .collect()
    }

    #[test]
    fn numbers_run_from_one_without_gaps_or_twins() {
        assert!(found(&["0001-one.md", "0002-two-more.md"]).is_empty());
        assert_eq!(
            found(&["0001-a.md", "0003-c.md"]),
            ["number 0003 where 0002 comes next"]
        );
        assert_eq!(
            found(&["0001-a.md", "0001-b.md"]),
            ["number 0001 where 0002 comes next"]
        );
        assert_eq!(found(&["0002-a.md"]), ["number 0002 where 0001 comes next"]);
    }

    #[test]
    fn names_and_titles_have_one_form() {
        for bad in ["1-a.md", "0001.md", "0001-A b.md", "0001-a.txt", "notes.md"] {
            assert_eq!(found(&[bad]), ["is not named NNNN-title.md"], "{bad}");
        }
        let untitled = [("0001-a.md".to_owned(), "Text".to_owned())];
        assert_eq!(
            check_records(&untitled)[0].what,
            "does not start with its title"
        );
    }
}
