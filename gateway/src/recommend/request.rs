//! Parsing a recommend request in one pass: candidates become catalogue slots as they are read.

mod skipped;
mod slot_set;

use std::fmt;

use compact_str::CompactString;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use self::skipped::Skipped;
pub(super) use self::slot_set::SlotSet;
use crate::{failure::Failure, features::Catalogue};

/// Longest user or device id.
pub(crate) const MAX_ID_BYTES: usize = 256;
/// Room that is made for a list before its length is known.
const USUAL_CANDIDATES: usize = 128;
/// Longest list one answer may have.
pub(crate) const MAX_TOP_K: u64 = 1000;
const DEFAULT_TOP_K: usize = 20;
/// The scene of a request that names none.
const DEFAULT_SCENE: &str = "home_feed";

/// Bounds on what is parsed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParseLimits {
    /// Most candidates.
    pub candidates: usize,
}

/// Candidates that a request names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Known ones, as catalogue slots, in the order of the request; each once.
    pub slots: Vec<u32>,
    /// How many were not in the catalogue.
    pub unknown: usize,
}

/// A request, checked field by field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recommend {
    /// Whom for.
    pub user_id: CompactString,
    /// Where in the shop.
    pub scene: CompactString,
    /// The device, for stickiness where the user is unknown.
    pub device_id: Option<CompactString>,
    /// Hour of the day from the context, 0 to 23.
    pub hour: Option<u8>,
    /// Day of the week from the context, 1 Monday to 7 Sunday.
    pub weekday: Option<u8>,
    /// Candidates, where the request names them.
    pub candidates: Option<Named>,
    /// How many items to answer with.
    pub top_k: usize,
    /// The time the caller gives, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Whether items the user has rated may be recommended.
    pub include_seen: bool,
    /// Whether titles are wanted.
    pub with_title: bool,
}

impl Recommend {
    /// Parses a body. Every mistake is the caller's and says where it stands.
    pub(crate) fn parse(
        body: &[u8],
        catalogue: &Catalogue,
        limits: ParseLimits,
    ) -> Result<Self, Failure> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let parsed = RequestSeed { catalogue, limits }.deserialize(&mut json);
        parsed
            .and_then(|request| json.end().map(|()| request))
            .map_err(|e| Failure::invalid(format!("the body is not a recommend request: {e}")))
    }
}

struct RequestSeed<'c> {
    catalogue: &'c Catalogue,
    limits: ParseLimits,
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    UserId,
    Scene,
    DeviceId,
    Context,
    Candidates,
    TopK,
    TimeoutMs,
    IncludeSeen,
    Include,
    #[serde(other)]
    Unknown,
}

impl<'de> DeserializeSeed<'de> for RequestSeed<'_> {
    type Value = Recommend;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Recommend, D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RequestSeed<'_> {
    type Value = Recommend;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Recommend, M::Error> {
        let mut user_id = None;
        let mut request = Recommend {
            user_id: CompactString::default(),
            scene: CompactString::const_new(DEFAULT_SCENE),
            device_id: None,
            hour: None,
            weekday: None,
            candidates: None,
            top_k: DEFAULT_TOP_K,
            timeout_ms: None,
            include_seen: false,
            with_title: false,
        };
        while let Some(field) = map.next_key::<Field>()? {
            match field {
                Field::UserId => user_id = Some(id(&mut map, "user_id")?),
                Field::Scene => request.scene = id(&mut map, "scene")?,
                Field::DeviceId => request.device_id = Some(id(&mut map, "device_id")?),
                Field::Context => {
                    let context: Context = typed(&mut map, "context")?;
                    (request.hour, request.weekday) = (context.hour, context.weekday);
                }
                Field::Candidates => {
                    let seed = CandidatesSeed {
                        catalogue: self.catalogue,
                        most: self.limits.candidates,
                    };
                    let named = map.next_value_seed(seed);
                    request.candidates = Some(named.map_err(|e| prefixed("candidates", &e))?);
                }
                Field::TopK => request.top_k = top_k(&mut map)?,
                Field::TimeoutMs => request.timeout_ms = Some(timeout_ms(&mut map)?),
                Field::IncludeSeen => request.include_seen = typed(&mut map, "include_seen")?,
                Field::Include => {
                    request.with_title =
                        typed::<Vec<Extra>, M>(&mut map, "include")?.contains(&Extra::Title);
                }
                Field::Unknown => {
                    map.next_value::<Skipped>()?;
                }
            }
        }
        request.user_id = user_id.ok_or_else(|| de::Error::custom("`user_id` is missing"))?;
        Ok(request)
    }
}

/// What an answer can carry beyond ids and scores.
#[derive(serde::Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Extra {
    Title,
}

fn prefixed<E: de::Error>(field: &str, error: &E) -> E {
    E::custom(format!("`{field}`: {error}"))
}

fn typed<'de, T: serde::Deserialize<'de>, M: MapAccess<'de>>(
    map: &mut M,
    field: &str,
) -> Result<T, M::Error> {
    map.next_value().map_err(|e| prefixed(field, &e))
}

fn id<'de, M: MapAccess<'de>>(map: &mut M, field: &str) -> Result<CompactString, M::Error> {
    let text: CompactString = typed(map, field)?;
    if (1..=MAX_ID_BYTES).contains(&text.len()) {
        return Ok(text);
    }
    let message = format!(
        "`{field}` has {} bytes; it must have 1 to {MAX_ID_BYTES}",
        text.len()
    );
    Err(de::Error::custom(message))
}

fn top_k<'de, M: MapAccess<'de>>(map: &mut M) -> Result<usize, M::Error> {
    let wanted: u64 = typed(map, "top_k")?;
    match usize::try_from(wanted) {
        Ok(k) if (1..=MAX_TOP_K).contains(&wanted) => Ok(k),
        _ => Err(de::Error::custom(format!(
            "`top_k` is {wanted}; it must be 1 to {MAX_TOP_K}"
        ))),
    }
}

fn timeout_ms<'de, M: MapAccess<'de>>(map: &mut M) -> Result<u64, M::Error> {
    let given: i64 = typed(map, "timeout_ms")?;
    let positive = u64::try_from(given).ok().filter(|ms| *ms > 0);
    positive
        .ok_or_else(|| de::Error::custom(format!("`timeout_ms` is {given}; it must be positive")))
}

#[derive(Default)]
struct Context {
    hour: Option<u8>,
    weekday: Option<u8>,
}

impl<'de> de::Deserialize<'de> for Context {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_map(ContextVisitor)
    }
}

struct ContextVisitor;

impl<'de> Visitor<'de> for ContextVisitor {
    type Value = Context;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Context, M::Error> {
        let mut context = Context::default();
        while let Some(key) = map.next_key::<String>()? {
            let number = |text: String, from: u8, to: u8| {
                let n = text.parse().ok().filter(|n| (from..=to).contains(n));
                n.ok_or_else(|| {
                    de::Error::custom(format!(
                        "`{key}` is \"{text}\"; it must be \"{from}\" to \"{to}\""
                    ))
                })
            };
            match key.as_str() {
                "hour" => context.hour = Some(number(typed(&mut map, "hour")?, 0, 23)?),
                "weekday" => context.weekday = Some(number(typed(&mut map, "weekday")?, 1, 7)?),
                _ => {
                    map.next_value::<Skipped>()?;
                }
            }
        }
        Ok(context)
    }
}

struct CandidatesSeed<'c> {
    catalogue: &'c Catalogue,
    most: usize,
}

impl<'de> DeserializeSeed<'de> for CandidatesSeed<'_> {
    type Value = Named;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Named, D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for CandidatesSeed<'_> {
    type Value = Named;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of item ids as strings")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Named, S::Error> {
        let mut named = Named {
            slots: Vec::with_capacity(USUAL_CANDIDATES.min(self.most)),
            unknown: 0,
        };
        let mut taken = SlotSet::new(self.catalogue.len());
        while let Some(found) = seq.next_element_seed(SlotSeed(self.catalogue))? {
            match found {
                // A list that shows an item twice helps nobody.
                Some(slot) if taken.insert(slot) => named.slots.push(slot),
                Some(_) => {}
                None => named.unknown += 1,
            }
            if named.slots.len() + named.unknown > self.most {
                return Err(de::Error::custom(format!(
                    "more than {} candidates",
                    self.most
                )));
            }
        }
        Ok(named)
    }
}

/// An item id, looked up as it is read, without a copy of its text.
struct SlotSeed<'c>(&'c Catalogue);

impl<'de> DeserializeSeed<'de> for SlotSeed<'_> {
    type Value = Option<u32>;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Option<u32>, D::Error> {
        d.deserialize_str(self)
    }
}

impl Visitor<'_> for SlotSeed<'_> {
    type Value = Option<u32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item id as a string")
    }

    fn visit_str<E: de::Error>(self, id: &str) -> Result<Option<u32>, E> {
        Ok(self.0.find(id))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::features::tests::item;

    fn parse(body: &str) -> Result<Recommend, String> {
        let items = (1..=5).map(|i| item(&i.to_string(), i, 1)).collect();
        let catalogue = Catalogue::new(items).unwrap();
        Recommend::parse(body.as_bytes(), &catalogue, ParseLimits { candidates: 10 })
            .map_err(|f| f.message)
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let request = parse(r#"{"user_id":"7"}"#).unwrap();
        assert_eq!((request.scene.as_str(), request.top_k), ("home_feed", 20));
        assert!(!request.include_seen && !request.with_title && request.candidates.is_none());
    }

    #[test]
    fn candidates_keep_their_order_once_each_and_unknown_ones_are_counted() {
        let request =
            parse(r#"{"user_id":"7","candidates":["3","x","1","3"],"include":["title"]}"#).unwrap();
        assert_eq!(
            request.candidates,
            Some(Named {
                slots: vec![2, 0],
                unknown: 1
            })
        );
        assert!(request.with_title);
    }

    #[test]
    fn unknown_fields_and_context_keys_are_ignored() {
        let body = r#"{"x":{"a":[1]},"user_id":"7","context":{"hour":"22","weekday":"7","abtest":"b","n":1}}"#;
        let request = parse(body).unwrap();
        assert_eq!((request.hour, request.weekday), (Some(22), Some(7)));
    }

    #[test]
    fn each_mistake_is_named() {
        for (body, part) in [
            ("", "EOF"),
            ("[]", "a JSON object"),
            ("{\"user_id\":\"7\"} x", "trailing"),
            (r#"{"scene":"home_feed"}"#, "`user_id` is missing"),
            (r#"{"user_id":7}"#, "`user_id`: invalid type: integer"),
            (r#"{"user_id":""}"#, "0 bytes"),
            (r#"{"user_id":"7","top_k":0}"#, "`top_k` is 0"),
            (r#"{"user_id":"7","top_k":1000000000}"#, "1 to 1000"),
            (r#"{"user_id":"7","top_k":"5"}"#, "`top_k`: invalid type"),
            (r#"{"user_id":"7","timeout_ms":0}"#, "positive"),
            (r#"{"user_id":"7","timeout_ms":-5}"#, "positive"),
            (
                r#"{"user_id":"7","candidates":"1"}"#,
                "an array of item ids",
            ),
            (
                r#"{"user_id":"7","candidates":[1]}"#,
                "an item id as a string",
            ),
            (r#"{"user_id":"7","context":{"hour":22}}"#, "`hour`"),
            (
                r#"{"user_id":"7","context":{"hour":"24"}}"#,
                "\"0\" to \"23\"",
            ),
            (r#"{"user_id":"7","include":["titel"]}"#, "`titel`"),
            (r#"{"user_id":"7","include_seen":"yes"}"#, "`include_seen`"),
            (
                r#"{"user_id":"7","candidates":["1","2","3","4","5","a","b","c","d","e","f"]}"#,
                "more than 10",
            ),
        ] {
            let message = parse(body).unwrap_err();
            assert!(message.contains(part), "{body}: {message}");
        }
        let deep = format!(
            r#"{{"user_id":"7","x":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(
            parse(&deep).is_err(),
            "nesting is bounded where it is ignored, too"
        );
    }

    proptest! {
        #[test]
        fn no_body_makes_the_parser_panic(body in ".{0,200}") {
            let _ = parse(&body);
        }
    }
}
