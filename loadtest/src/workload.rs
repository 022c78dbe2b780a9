//! What is sent: the body of each request, drawn from a seed and never from the server's data.
//!
//! Bodies are made by the pacing thread while it waits for the next due time, so that making
//! them costs the measured path nothing.

mod recommend;
mod template;
mod users;

use base64::{Engine, prelude::BASE64_STANDARD as STANDARD};
use bytes::Bytes;
use rand::{SeedableRng, rngs::ChaCha8Rng};
use serde::{Deserialize, Serialize};

pub(crate) use recommend::{MOVIELENS_ITEMS, RecommendSpec};
pub(crate) use template::{Template, TemplateError};
pub(crate) use users::Users;

/// Where bodies come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum WorkloadSpec {
    /// No body.
    Empty,
    /// The same bytes every time.
    Fixed {
        /// The body, as text.
        text: String,
    },
    /// The same bytes every time, where they are no text.
    Binary {
        /// The body in base64, since a plan is kept as JSON.
        base64: String,
    },
    /// A text with placeholders.
    Template {
        /// The template's text.
        text: String,
        /// Who asks.
        users: Users,
    },
    /// Recommend requests of our own.
    Recommend(RecommendSpec),
    /// One recorded body per request of the schedule, by its index.
    Recorded {
        /// The bodies.
        bodies: Vec<String>,
    },
}

impl WorkloadSpec {
    /// A body that is the same every time.
    pub fn fixed(body: Vec<u8>) -> Self {
        match String::from_utf8(body) {
            Ok(text) => Self::Fixed { text },
            Err(not_text) => Self::Binary {
                base64: STANDARD.encode(not_text.as_bytes()),
            },
        }
    }

    /// The `Content-Type` that goes with the bodies, unless the command line names one.
    pub fn content_type(&self) -> Option<&'static str> {
        match self {
            Self::Empty => None,
            Self::Binary { .. } => Some("application/octet-stream"),
            _ => Some("application/json"),
        }
    }

    /// A source of bodies. Each part of a split run draws from its own stream of the seed.
    pub fn source(&self, seed: u64, part: u32) -> Result<BodySource, TemplateError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Stream 0 of the same seed draws the arrivals.
        rng.set_stream(1 + u64::from(part));
        let kind = match self {
            Self::Empty => Kind::Fixed(Bytes::new()),
            Self::Fixed { text } => Kind::Fixed(Bytes::copy_from_slice(text.as_bytes())),
            Self::Binary { base64 } => Kind::Fixed(Bytes::from(STANDARD.decode(base64)?)),
            Self::Template { text, users } => {
                Kind::Template(Template::compile(text)?, users.clone())
            }
            Self::Recommend(spec) => Kind::Recommend(spec.clone()),
            Self::Recorded { bodies } => Kind::Recorded(
                bodies
                    .iter()
                    .map(|b| Bytes::copy_from_slice(b.as_bytes()))
                    .collect(),
            ),
        };
        Ok(BodySource { kind, rng })
    }
}

enum Kind {
    Fixed(Bytes),
    Template(Template, Users),
    Recommend(RecommendSpec),
    Recorded(Vec<Bytes>),
}

/// Makes one body after the other.
pub struct BodySource {
    kind: Kind,
    rng: ChaCha8Rng,
}

impl BodySource {
    /// The body of the request with this index in the schedule.
    pub fn body(&mut self, index: u64) -> Bytes {
        match &self.kind {
            Kind::Fixed(bytes) => bytes.clone(),
            Kind::Template(template, users) => template.render(index, users, &mut self.rng),
            Kind::Recommend(spec) => spec.body(&mut self.rng),
            Kind::Recorded(bodies) => usize::try_from(index)
                .ok()
                .and_then(|index| bodies.get(index).cloned())
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_no_text_survives_a_plan_as_json() {
        let bytes = vec![0xff, 0x00, b'{', 0xfe];
        let spec = WorkloadSpec::fixed(bytes.clone());
        assert_eq!(spec.content_type(), Some("application/octet-stream"));
        let json = serde_json::to_string(&spec).expect("json");
        let read: WorkloadSpec = serde_json::from_str(&json).expect("its own json");
        let mut source = read.source(1, 0).expect("a source");
        assert_eq!(source.body(7).as_ref(), bytes);
        assert_eq!(
            WorkloadSpec::fixed(b"{}".to_vec()),
            WorkloadSpec::Fixed {
                text: "{}".to_owned()
            }
        );
    }
}
