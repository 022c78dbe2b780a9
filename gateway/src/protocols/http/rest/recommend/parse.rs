//! A JSON body into a recommend request, in one pass: candidates become catalogue slots as they are
//! read.

use std::fmt;

use compact_str::CompactString;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::skipped::Skipped;
use crate::{
    failure::Failure,
    features::Catalogue,
    recommend::{CandidateReader, CandidateSlots, RecommendRequest, RequestFields},
};

/// Context values that must be strings; of other names, values of other types are skipped.
const KNOWN_CONTEXT: [&str; 2] = ["hour", "weekday"];

/// Parses a body that names at most `max_candidates`. Every mistake is the caller's and is named.
pub(crate) fn parse(
    body: &[u8],
    catalogue: &Catalogue,
    max_candidates: usize,
) -> Result<RecommendRequest, Failure> {
    let seed = BodySeed {
        catalogue,
        max_candidates,
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = seed.deserialize(&mut json);
    let fields = parsed.and_then(|fields| json.end().map(|()| fields));
    let wrong = |e: &dyn fmt::Display| {
        Failure::invalid(format!("the body is not a recommend request: {e}"))
    };
    RecommendRequest::new(fields.map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))
}

struct BodySeed<'c> {
    catalogue: &'c Catalogue,
    max_candidates: usize,
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

impl<'de> DeserializeSeed<'de> for BodySeed<'_> {
    type Value = RequestFields;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<RequestFields, D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for BodySeed<'_> {
    type Value = RequestFields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<RequestFields, M::Error> {
        let mut fields = RequestFields::default();
        while let Some(field) = map.next_key::<Field>()? {
            match field {
                Field::UserId => fields.user_id = Some(typed(&mut map, "user_id")?),
                Field::Scene => fields.scene = Some(typed(&mut map, "scene")?),
                Field::DeviceId => fields.device_id = Some(typed(&mut map, "device_id")?),
                Field::Context => {
                    let context = map.next_value_seed(ContextSeed);
                    fields.context = context.map_err(|e| prefixed("context", &e))?;
                }
                Field::Candidates => {
                    let reader = CandidateReader::new(self.catalogue, self.max_candidates);
                    let named = map.next_value_seed(CandidatesSeed(reader));
                    fields.candidates = Some(named.map_err(|e| prefixed("candidates", &e))?);
                }
                Field::TopK => fields.top_k = Some(typed(&mut map, "top_k")?),
                Field::TimeoutMs => fields.timeout_ms = Some(typed(&mut map, "timeout_ms")?),
                Field::IncludeSeen => fields.include_seen = typed(&mut map, "include_seen")?,
                Field::Include => {
                    let extras: Vec<Extra> = typed(&mut map, "include")?;
                    fields.with_title = extras.contains(&Extra::Title);
                }
                Field::Unknown => {
                    map.next_value::<Skipped>()?;
                }
            }
        }
        Ok(fields)
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

/// The context's strings; values of other types are skipped, unless a string must be there.
struct ContextSeed;

impl<'de> DeserializeSeed<'de> for ContextSeed {
    type Value = Vec<(CompactString, CompactString)>;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ContextSeed {
    type Value = Vec<(CompactString, CompactString)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut context = Vec::new();
        while let Some(name) = map.next_key::<CompactString>()? {
            if KNOWN_CONTEXT.contains(&name.as_str()) {
                let value = typed(&mut map, &name)?;
                context.push((name, value));
            } else if let Text(Some(value)) = map.next_value()? {
                context.push((name, value));
            }
        }
        Ok(context)
    }
}

/// A string; none where the value has another type.
struct Text(Option<CompactString>);

impl<'de> de::Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text.into())))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Text, S::Error> {
        while seq.next_element::<Skipped>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Text, M::Error> {
        while map.next_entry::<Skipped, Skipped>()?.is_some() {}
        Ok(Text(None))
    }
}

struct CandidatesSeed<'c>(CandidateReader<'c>);

impl<'de> DeserializeSeed<'de> for CandidatesSeed<'_> {
    type Value = CandidateSlots;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<CandidateSlots, D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for CandidatesSeed<'_> {
    type Value = CandidateSlots;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of item ids as strings")
    }

    fn visit_seq<S: SeqAccess<'de>>(mut self, mut seq: S) -> Result<CandidateSlots, S::Error> {
        while let Some(()) = seq.next_element_seed(CandidateSeed(&mut self.0))? {}
        Ok(self.0.finish())
    }
}

/// An item id, looked up as it is read, without a copy of its text.
struct CandidateSeed<'r, 'c>(&'r mut CandidateReader<'c>);

impl<'de> DeserializeSeed<'de> for CandidateSeed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_str(self)
    }
}

impl Visitor<'_> for CandidateSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item id as a string")
    }

    fn visit_str<E: de::Error>(self, id: &str) -> Result<(), E> {
        self.0.push(id).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::features::tests::item;

    fn parse(body: &str) -> Result<RecommendRequest, String> {
        let items = (1..=5).map(|i| item(&i.to_string(), i, 1)).collect();
        let catalogue = Catalogue::new(items).unwrap();
        super::parse(body.as_bytes(), &catalogue, 10).map_err(|f| f.message)
    }

    #[test]
    fn every_field_is_read() {
        let body = r#"{"user_id":"7","scene":"s","device_id":"d","candidates":["3","x","1","3"],
            "top_k":5,"timeout_ms":90,"include_seen":true,"include":["title"]}"#;
        let request = parse(body).unwrap();
        let expected = CandidateSlots {
            slots: vec![2, 0],
            unknown: 1,
        };
        assert_eq!(request.candidates(), Some(&expected));
        assert_eq!((request.user_id(), request.device_id()), ("7", Some("d")));
        assert_eq!(request.timeout().map(|t| t.as_millis()), Some(90));
        assert!(request.with_title());
    }

    #[test]
    fn unknown_fields_and_context_values_that_are_no_strings_are_ignored() {
        let body = r#"{"x":{"a":[1]},"user_id":"7","context":{"hour":"22","abtest":"b","n":1,
            "a":[{"b":null}],"o":{"p":[true,-1,0.5]}}}"#;
        let request = parse(body).unwrap();
        assert_eq!(request.context("hour"), Some("22"));
        assert_eq!(request.context("abtest"), Some("b"));
        assert_eq!(request.context("n"), None);
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
            (r#"{"user_id":"7","context":"x"}"#, "an object of strings"),
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
        let many: Vec<String> = (0..65).map(|n| format!(r#""k{n}":"v""#)).collect();
        let many = format!(r#"{{"user_id":"7","context":{{{}}}}}"#, many.join(","));
        assert!(parse(&many).unwrap_err().contains("more than 64 values"));
    }

    #[test]
    fn nesting_is_bounded_where_it_is_ignored_too() {
        for place in [r#""x""#, r#""context":{"x""#] {
            let end = if place.contains('{') { "}" } else { "" };
            let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
            let deep = format!(r#"{{"user_id":"7",{place}:{open}{close}{end}}}"#);
            assert!(parse(&deep).is_err(), "{place}");
        }
    }

    proptest! {
        #[test]
        fn no_change_of_a_valid_body_makes_the_parser_panic(at in 0usize..150, byte in any::<u8>(), cut in 0usize..150) {
            let mut body = br#"{"user_id":"7","scene":"s","context":{"hour":"3","x":[1]},"candidates":["3","x"],"top_k":5,"timeout_ms":90,"include":["title"],"device_id":"d"}"#.to_vec();
            if let Some(place) = body.get_mut(at) {
                *place = byte;
            }
            body.truncate(body.len() - cut.min(body.len()) / 3);
            let catalogue = Catalogue::new(vec![item("3", 3, 1)]).unwrap();
            let _ = super::parse(&body, &catalogue, 10);
        }
    }
}
