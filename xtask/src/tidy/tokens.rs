//! Rust text as a flat row of tokens with their lines, so that no rule trips over a comment, a
//! string or a macro's braces.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    /// From 1.
    pub line: usize,
    /// How many brackets are open around it.
    pub depth: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ident(String),
    /// Punctuation, or a bracket of its own (`(`, `]`, …).
    Mark(char),
    /// A literal. Doc comments come as `#[doc = <literal>]`.
    Literal,
}

impl Token {
    pub(super) fn is_ident(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Ident(found) if found == name)
    }

    pub(super) fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// The tokens, or the line at which the text stops being Rust.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, usize> {
    let stream: TokenStream = text
        .parse()
        .map_err(|error: proc_macro2::LexError| error.span().start().line.max(1))?;
    let mut tokens = Vec::new();
    flatten(stream, 0, &mut tokens);
    Ok(tokens)
}

fn flatten(stream: TokenStream, depth: usize, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let kind = match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ('(', ')'),
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Bracket => ('[', ']'),
                    // Never written in a file; only macros make such groups.
                    Delimiter::None => ('\u{0}', '\u{0}'),
                };
                let end = group.span_close().end().line;
                tokens.push(Token {
                    kind: Kind::Mark(open),
                    line,
                    depth,
                });
                flatten(group.stream(), depth + 1, tokens);
                tokens.push(Token {
                    kind: Kind::Mark(close),
                    line: end,
                    depth,
                });
                continue;
            }
            TokenTree::Ident(ident) => Kind::Ident(ident.to_string()),
            TokenTree::Punct(punct) => Kind::Mark(punct.as_char()),
            TokenTree::Literal(_) => Kind::Literal,
        };
        tokens.push(Token { kind, line, depth });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_hold_no_words_and_brackets_know_their_depth() {
        let tokens = tokens("// a\n/* b /* c */ */ f(\"d\", r#\"e\"#,\n 'g')").unwrap();
        let words: Vec<_> = tokens.iter().filter(|token| token.is_ident("f")).collect();
        assert_eq!((words.len(), words[0].line, words[0].depth), (1, 2, 0));
        let idents = tokens
            .iter()
            .filter(|token| matches!(token.kind, Kind::Ident(_)));
        assert_eq!(idents.count(), 1);
        let close = tokens.last().unwrap();
        assert!(close.is_mark(')') && close.line == 3 && close.depth == 0);
    }

    #[test]
    fn text_that_is_not_rust_is_refused_with_a_line() {
        assert!(tokens("fn a() {\n").is_err());
    }
}
