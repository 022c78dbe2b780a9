//! Words that must not stand in the code. Clippy bans some of them as well; these rules also see
//! code that a feature or a platform hides from clippy, and no `allow` beside the code lifts them.

use super::Violation;
use super::allow::{Allowed, allows};
use super::tokens::{Kind, Token};

pub(super) fn check(path: &str, tokens: &[Token], unsafe_files: &[Allowed]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if let Kind::Ident(word) = &token.kind {
            let next = tokens.get(index + 1);
            let found = banned(word, next)
                .or_else(|| unaudited(word, path, unsafe_files))
                .or_else(|| actix_outside_its_file(word, path))
                .or_else(|| protocol_in_the_core(word, path));
            if let Some((what, mend)) = found {
                violations.push(Violation::new(path, token.line, what, mend));
            }
        }
        if ignores_a_test(&tokens[index..]) {
            violations.push(Violation::new(
                path,
                token.line,
                "`#[ignore]`",
                "a test that does not run protects nothing: mend it or remove it",
            ));
        }
    }
    violations
}

pub(super) fn says_unsafe(tokens: &[Token]) -> bool {
    tokens.iter().any(|token| token.is_ident("unsafe"))
}

type Found = (String, &'static str);

fn banned(word: &str, next: Option<&Token>) -> Option<Found> {
    let followed_by = |mark| next.is_some_and(|next| next.is_mark(mark));
    let mend = match word {
        "do_send" => "it queues past the mailbox's bound: use try_send and answer the refusal",
        "unbounded_channel" | "UnboundedSender" | "UnboundedReceiver" => {
            "every queue is bounded and says by what"
        }
        "unbounded" if followed_by('(') => "every queue is bounded and says by what",
        "todo" | "unimplemented" if followed_by('!') => "finish it or leave it out",
        _ => return None,
    };
    Some((format!("`{word}`"), mend))
}

fn unaudited(word: &str, path: &str, unsafe_files: &[Allowed]) -> Option<Found> {
    let mend = "do it in safe code, or add the file to UNSAFE_FILES in xtask/src/tidy/allow.rs \
                with its reason";
    (word == "unsafe" && !allows(unsafe_files, path))
        .then(|| ("`unsafe` in a file that was not audited".to_owned(), mend))
}

/// The breaker's decisions are pure; only its actor knows the runtime.
fn actix_outside_its_file(word: &str, path: &str) -> Option<Found> {
    let inside = path.strip_prefix("breaker/src/")?;
    let is_actix = word == "actix" || word.starts_with("actix_");
    let at_home = inside == "actor.rs" || inside.starts_with("actor/");
    (is_actix && !at_home).then(|| {
        let what = format!("`{word}` outside of breaker/src/actor.rs");
        (what, "keep the decision pure and wire it in the actor")
    })
}

/// What a request goes through is the same for every protocol, so it names none.
fn protocol_in_the_core(word: &str, path: &str) -> Option<Found> {
    const CORE: [&str; 3] = ["recommend", "admission", "request"];
    const BANNED: [&str; 6] = [
        "actix_http",
        "actix_web",
        "protocols",
        "serde_json",
        "tonic",
        "volo_thrift",
    ];
    let inside = path.strip_prefix("gateway/src/")?;
    let folder = inside.split('/').next()?;
    let in_core = CORE.contains(&folder.strip_suffix(".rs").unwrap_or(folder));
    (in_core && BANNED.contains(&word)).then(|| {
        let what = format!("`{word}` in {folder}, which knows no protocol");
        (
            what,
            "parse and write in gateway/src/protocols, and pass values",
        )
    })
}

/// `#[ignore]`, `#[ignore = "…"]` or `#[cfg_attr(…, ignore)]` starts here.
fn ignores_a_test(tokens: &[Token]) -> bool {
    let [hash, open, name, rest @ ..] = tokens else {
        return false;
    };
    if !hash.is_mark('#') || !open.is_mark('[') {
        return false;
    }
    let mut inside = rest.iter().take_while(|token| token.depth > open.depth);
    name.is_ident("ignore")
        || (name.is_ident("cfg_attr") && inside.any(|token| token.is_ident("ignore")))
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let violations = check(path, &tokens(text).unwrap(), &[]);
        violations
            .into_iter()
            .map(|found| format!("{}: {}", found.line, found.what))
            .collect()
    }

    #[test]
    fn each_banned_word_is_found_with_its_line() {
        for (bad, expected) in [
            ("fn f() {\n addr.do_send(Job) }", "2: `do_send`"),
            (
                "use tokio::sync::mpsc::unbounded_channel;",
                "1: `unbounded_channel`",
            ),
            (
                "fn f() { crossbeam_channel::unbounded() }",
                "1: `unbounded`",
            ),
            ("\nfn f() { todo!(\"later\") }", "2: `todo`"),
            ("fn f() { unimplemented!() }", "1: `unimplemented`"),
            ("#[test]\n#[ignore]\nfn f() {}", "2: `#[ignore]`"),
            ("#[ignore = \"slow\"]\nfn f() {}", "1: `#[ignore]`"),
            ("#[cfg_attr(miri, ignore)]\nfn f() {}", "1: `#[ignore]`"),
            (
                "fn f() { unsafe { g() } }",
                "1: `unsafe` in a file that was not audited",
            ),
        ] {
            assert_eq!(found("pool/src/a.rs", bad), [expected], "{bad}");
        }
    }

    #[test]
    fn words_in_comments_strings_and_longer_names_are_left_alone() {
        let fine = "/// never do_send( or unsafe\nfn f() { \"todo!()\"; is_unbounded(); todo(); }\n\
                    #[doc(alias = \"ignore\")] fn ignore() {}";
        assert!(found("pool/src/a.rs", fine).is_empty());
    }

    #[test]
    fn the_core_of_the_gateway_names_no_protocol() {
        let text = "use serde_json::Value;";
        let expected = ["1: `serde_json` in recommend, which knows no protocol"];
        assert_eq!(found("gateway/src/recommend/rank.rs", text), expected);
        assert_eq!(
            found("gateway/src/admission.rs", "use actix_web::web;").len(),
            1
        );
        assert_eq!(
            found("gateway/src/request/run.rs", "use crate::protocols::http;").len(),
            1
        );
        assert!(found("gateway/src/protocols/http.rs", text).is_empty());
        assert!(found("pool/src/request.rs", text).is_empty());
    }

    #[test]
    fn an_audited_file_may_say_unsafe() {
        let list = [Allowed {
            path: "common/src/map.rs",
            reason: "maps a file",
        }];
        let text = tokens("unsafe fn f() {}").unwrap();
        assert!(check("common/src/map.rs", &text, &list).is_empty());
        assert_eq!(check("common/src/other.rs", &text, &list).len(), 1);
    }

    #[test]
    fn in_the_breaker_only_the_actor_knows_actix() {
        let text = "use actix::Addr; use actix_rt as rt;";
        assert_eq!(found("breaker/src/window.rs", text).len(), 2);
        for home in [
            "breaker/src/actor.rs",
            "breaker/src/actor/wiring.rs",
            "pool/src/pool.rs",
        ] {
            assert!(found(home, text).is_empty(), "{home}");
        }
    }
}
