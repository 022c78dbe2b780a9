//! Bodies from a text with placeholders, compiled once.

use bytes::Bytes;
use rand::{Rng, RngExt};

use super::{
    recommend::{MOVIELENS_ITEMS, push_candidates},
    users::{Users, push_number},
};

/// A template that cannot be compiled.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TemplateError {
    /// `{{` without `}}`.
    #[error("the placeholder that opens at byte {0} has no closing braces")]
    Unclosed(usize),
    /// A name that is not known.
    #[error(
        "`{{{{{0}}}}}` is no placeholder; known are user_id, item_id, seq, candidates N, \
         random LOW HIGH and hex N"
    )]
    Unknown(String),
    /// A body in base64 that is not.
    #[error("the body of the plan is not base64")]
    Encoding(#[from] base64::DecodeError),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    UserId,
    ItemId,
    Sequence,
    Candidates(u32),
    Random(u64, u64),
    Hex(usize),
}

/// A compiled template.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    /// Compiles a text in which `{{name}}` stands for something drawn anew for each request.
    pub(crate) fn compile(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let offset = text.len() - rest.len() + open;
            let close = rest[open..]
                .find("}}")
                .ok_or(TemplateError::Unclosed(offset))?
                + open;
            pieces.push(Piece::Text(rest[..open].to_owned()));
            pieces.push(placeholder(rest[open + 2..close].trim())?);
            rest = &rest[close + 2..];
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self { pieces })
    }

    /// Renders the body of one request.
    pub(crate) fn render(&self, index: u64, users: &Users, rng: &mut impl Rng) -> Bytes {
        let mut out = Vec::with_capacity(256);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::UserId => users.draw(rng, &mut out),
                Piece::ItemId => {
                    push_number(&mut out, u64::from(rng.random_range(1..=MOVIELENS_ITEMS)));
                }
                Piece::Sequence => push_number(&mut out, index),
                Piece::Candidates(count) => {
                    push_candidates(&mut out, *count, MOVIELENS_ITEMS, rng);
                }
                Piece::Random(low, high) => push_number(&mut out, rng.random_range(*low..=*high)),
                Piece::Hex(digits) => out.extend(
                    (0..*digits).map(|_| b"0123456789abcdef"[rng.random_range(0..16_usize)]),
                ),
            }
        }
        Bytes::from(out)
    }
}

fn placeholder(inside: &str) -> Result<Piece, TemplateError> {
    let unknown = || TemplateError::Unknown(inside.to_owned());
    let words: Vec<&str> = inside.split_whitespace().collect();
    let number = |word: &str| word.parse::<u64>().map_err(|_| unknown());
    match words.as_slice() {
        ["user_id"] => Ok(Piece::UserId),
        ["item_id"] => Ok(Piece::ItemId),
        ["seq"] => Ok(Piece::Sequence),
        ["candidates", count] => {
            let count = u32::try_from(number(count)?).map_err(|_| unknown())?;
            if count <= MOVIELENS_ITEMS {
                Ok(Piece::Candidates(count))
            } else {
                Err(unknown())
            }
        }
        ["random", low, high] => {
            let (low, high) = (number(low)?, number(high)?);
            if low <= high {
                Ok(Piece::Random(low, high))
            } else {
                Err(unknown())
            }
        }
        ["hex", digits] => {
            let digits = number(digits)?;
            if (1..=1024).contains(&digits) {
                Ok(Piece::Hex(digits as usize))
            } else {
                Err(unknown())
            }
        }
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::ChaCha8Rng};

    use super::*;

    fn render(text: &str, index: u64) -> String {
        let users = Users::movielens(1.0).expect("users");
        let body = Template::compile(text).expect("template").render(
            index,
            &users,
            &mut ChaCha8Rng::seed_from_u64(5),
        );
        String::from_utf8(body.to_vec()).expect("utf-8")
    }

    #[test]
    fn placeholders_are_filled_and_the_rest_is_kept_verbatim() {
        assert_eq!(
            render(r#"{"n": {{ seq }}, "x": {}}"#, 12),
            r#"{"n": 12, "x": {}}"#
        );
        let body = render(
            r#"{"user_id":"{{user_id}}","c":[{{candidates 3}}],"k":{{random 4 4}}}"#,
            0,
        );
        let json: serde_json::Value = serde_json::from_str(&body).expect("json");
        assert_eq!(json["c"].as_array().map(Vec::len), Some(3));
        assert_eq!(json["k"], 4);
        assert_eq!(render("{{hex 8}}", 0).len(), 8);
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            Template::compile("a {{b").unwrap_err(),
            TemplateError::Unclosed(2)
        );
        for bad in [
            "{{nope}}",
            "{{random 5 4}}",
            "{{candidates x}}",
            "{{candidates 1683}}",
            "{{}}",
        ] {
            assert!(
                matches!(Template::compile(bad), Err(TemplateError::Unknown(_))),
                "{bad}"
            );
        }
    }
}
