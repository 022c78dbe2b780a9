//! Names and lengths of source files.

use super::Violation;
use super::allow::{Allowed, allows};
use super::tokens::Token;

/// Above this a file holds more than one idea, or needs a reason.
pub(super) const PRODUCTION_LINES_MAX: usize = 400;

/// `main.rs` reads the command line, wires and waits; what is longer belongs elsewhere.
const MAIN_LINES_MAX: usize = 130;

pub(super) fn check_name(path: &str) -> Option<Violation> {
    let mut parts = path.rsplit('/');
    let (what, mend) = match parts.next()? {
        // Cargo takes `tests/NAME.rs` for a test of its own: shared code there needs `mod.rs`.
        "mod.rs" if parts.nth(1) != Some("tests") => {
            ("a `mod.rs`", "move `foo/mod.rs` to `foo.rs` beside `foo/`")
        }
        "utils.rs" | "util.rs" | "helpers.rs" | "helper.rs" => (
            "a file without a subject",
            "name it after what it owns, or move its parts there",
        ),
        _ => return None,
    };
    Some(Violation::new(path, 1, what, mend))
}

pub(super) fn check_length(path: &str, lines: usize, long_files: &[Allowed]) -> Option<Violation> {
    if path.ends_with("/src/main.rs") && lines > MAIN_LINES_MAX {
        let what = format!("{lines} lines in a `main.rs`, at most {MAIN_LINES_MAX}");
        return Some(Violation::new(
            path,
            lines,
            what,
            "move what it does into modules",
        ));
    }
    if lines > PRODUCTION_LINES_MAX && !allows(long_files, path) {
        let what = format!("{lines} production lines, at most {PRODUCTION_LINES_MAX}");
        let mend = "split it by what it owns, or add it to LONG_FILES in \
                    xtask/src/tidy/allow.rs with its reason";
        return Some(Violation::new(path, lines, what, mend));
    }
    None
}

/// The file's lines without those of items under `#[cfg(test)]`; none in a file of tests.
pub(super) fn production_lines(path: &str, lines: usize, tokens: &[Token]) -> usize {
    let is_test = path.ends_with("/tests.rs") || path.split('/').any(|part| part == "tests");
    if is_test {
        return 0;
    }
    let mut test_lines = 0;
    let mut index = 0;
    while index < tokens.len() {
        if starts_cfg_test(&tokens[index..]) {
            let end = end_of_item(tokens, index);
            test_lines += tokens[end].line + 1 - tokens[index].line;
            index = end;
        }
        index += 1;
    }
    lines - test_lines
}

/// The tokens of a file but for items under `#[cfg(test)]`.
pub(super) fn without_tests(tokens: &[Token]) -> Vec<&Token> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut index = 0;
    while index < tokens.len() {
        if starts_cfg_test(&tokens[index..]) {
            index = end_of_item(tokens, index);
        } else {
            kept.push(&tokens[index]);
        }
        index += 1;
    }
    kept
}

/// `#[cfg(test)]`
fn starts_cfg_test(tokens: &[Token]) -> bool {
    matches!(tokens, [hash, open, cfg, paren, test, close, ..]
        if hash.is_mark('#') && open.is_mark('[') && cfg.is_ident("cfg")
            && paren.is_mark('(') && test.is_ident("test") && close.is_mark(')'))
}

/// Index of the `;` or closing brace that ends the item whose attributes start at `from`.
fn end_of_item(tokens: &[Token], from: usize) -> usize {
    let depth = tokens[from].depth;
    let ends = |token: &Token| {
        token.depth == depth && (token.is_mark(';') || token.is_mark('}') || token.is_mark(','))
    };
    // An attribute that nothing follows, as in a macro, ends with the file.
    (from..tokens.len())
        .find(|index| ends(&tokens[*index]))
        .unwrap_or(tokens.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        production_lines(path, text.lines().count(), &tokens(text).unwrap())
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        for bad in [
            "pool/src/a/mod.rs",
            "pool/src/utils.rs",
            "pool/src/a/helpers.rs",
        ] {
            assert!(check_name(bad).is_some(), "{bad}");
        }
        for fine in [
            "pool/src/mode.rs",
            "gateway/tests/support/mod.rs",
            "pool/src/utility.rs",
        ] {
            assert_eq!(check_name(fine), None, "{fine}");
        }
    }

    #[test]
    fn tests_do_not_count_wherever_they_stand() {
        let text = "#[cfg(test)]\nmod tests;\n\nfn a() {\n}\n\n#[cfg(test)]\n#[path = \"x\"]\n\
                    mod more {\n    fn b() {}\n}\n// end\n";
        assert_eq!(count("pool/src/a.rs", text), 5);
        assert_eq!(count("pool/src/a/tests.rs", text), 0);
        assert_eq!(count("pool/tests/a.rs", text), 0);
        assert_eq!(
            count(
                "pool/src/a.rs",
                "fn a() {}\n#[cfg(feature = \"x\")]\nfn b() {}\n"
            ),
            3
        );
    }

    #[test]
    fn a_long_file_needs_a_reason() {
        let list = [Allowed {
            path: "pool/src/long.rs",
            reason: "one table",
        }];
        assert_eq!(check_length("pool/src/a.rs", 400, &[]), None);
        assert!(check_length("pool/src/a.rs", 401, &[]).is_some());
        assert_eq!(check_length("pool/src/long.rs", 401, &list), None);
    }

    #[test]
    fn a_long_main_has_no_excuse() {
        let list = [Allowed {
            path: "gateway/src/main.rs",
            reason: "none",
        }];
        assert_eq!(check_length("gateway/src/main.rs", 130, &[]), None);
        assert!(check_length("gateway/src/main.rs", 131, &list).is_some());
    }
}
