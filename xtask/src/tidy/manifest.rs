//! Every crate inherits the workspace's lints: one that does not is linted by nobody's rules.

use super::Violation;

pub(super) fn check(path: &str, text: &str) -> Option<Violation> {
    if inherits_lints(text) {
        return None;
    }
    let mend = "add `[lints]` with `workspace = true`";
    Some(Violation::new(
        path,
        1,
        "does not inherit the workspace's lints",
        mend,
    ))
}

fn inherits_lints(text: &str) -> bool {
    let mut section = String::new();
    for line in text.lines() {
        let bare: String = line
            .split('#')
            .next()
            .unwrap_or("")
            .split_whitespace()
            .collect();
        if bare.starts_with('[') {
            section = bare;
            continue;
        }
        let inherits = match section.as_str() {
            "[lints]" => bare == "workspace=true",
            "" => bare == "lints.workspace=true",
            _ => false,
        };
        if inherits {
            return true;
        }
    }
    false
}

/// The line of `text` that declares the dependency `name`, or 1.
pub(super) fn line_of_dependency(text: &str, name: &str) -> usize {
    let declares = |line: &str| {
        let key = line.split(['=', '.']).next().unwrap_or("").trim();
        key.trim_matches('"') == name || line.contains(&format!("package = \"{name}\""))
    };
    text.lines().position(declares).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lints_must_be_inherited_in_their_own_section() {
        for fine in [
            "[package]\n[lints]\nworkspace = true # all",
            "lints.workspace = true\n",
        ] {
            assert_eq!(check("a/Cargo.toml", fine), None, "{fine}");
        }
        for bad in [
            "[package]\nname = \"a\"\n",
            "[lints]\n# workspace = true\n",
            "[lints]\n[dependencies]\nworkspace = true\n",
        ] {
            assert!(check("a/Cargo.toml", bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_dependency_is_found_on_its_line() {
        let text = "[dependencies]\ncommon = 1\nort.workspace = true\nx = { package = \"tokio\" }";
        assert_eq!(line_of_dependency(text, "common"), 2);
        assert_eq!(line_of_dependency(text, "ort"), 3);
        assert_eq!(line_of_dependency(text, "tokio"), 4);
        assert_eq!(line_of_dependency(text, "absent"), 1);
    }
}
