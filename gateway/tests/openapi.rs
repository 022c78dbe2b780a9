//! The document says what the server does: whatever it answers has a documented status, and a body
//! that fits the documented schema.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code; clippy only knows the functions marked so"
)]

mod rig;

use rig::{Rig, call::Caller, drill};
use serde_json::{Value, json};

fn request_body(document: &Value) -> Value {
    json!({
        "components": document["components"],
        "allOf": [document["paths"]["/v2/recommend/item"]["post"]["requestBody"]["content"]["application/json"]["schema"]],
    })
}

fn fits(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let root = json!({ "components": document["components"], "allOf": [schema] });
    let validator = jsonschema::validator_for(&root).expect("schemas of the document are valid");
    let problems: Vec<_> = validator
        .iter_errors(value)
        .map(|e| e.to_string())
        .collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems.join("; ")),
    }
}

/// Sends, and holds the answer against the document; gives the status.
fn hold(document: &Value, rig: &Rig, method: &str, path: &str, body: &str) -> u16 {
    let answer = Caller::new(rig.http).send(method, path, body).unwrap();
    let operations = document["paths"][path].as_object().unwrap();
    // A method that is not documented is answered as every operation of the path says: 405.
    let operation = operations.get(&method.to_lowercase());
    let operation = operation.or(operations.values().next()).unwrap();
    let documented = &operation["responses"][answer.status.to_string()];
    assert!(
        documented.is_object(),
        "{method} {path} {body}: {} is not documented",
        answer.status
    );
    let schema = &documented["content"]["application/json"]["schema"];
    let value = serde_json::from_str(&answer.body).unwrap();
    if let Err(problems) = fits(document, schema, &value) {
        panic!("{method} {path} {body}: {problems}: {}", answer.body);
    }
    answer.status
}

#[test]
fn every_answer_is_as_documented() {
    let models = [
        ("m", drill("placement = \"colocated\"", "latency = \"1ms\"")),
        (
            "slow",
            drill(
                "placement = \"dedicated\"\ninstances = 1",
                "latency = \"5s\"",
            ),
        ),
        (
            "broken",
            drill("placement = \"colocated\"", "error_every = 1"),
        ),
    ];
    let config = "[scenes.gone]\nmodel = \"nowhere\"\ncandidates = \"popular\"\npool = 5\n[limits]\nrecommend_body = \"1KiB\"\n";
    let rig = Rig::start(&models, config);
    let text = Caller::new(rig.http)
        .send("GET", "/openapi.json", "")
        .unwrap()
        .body;
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let recommend = |body: &str| hold(&document, &rig, "POST", "/v2/recommend/item", body);
    let schema = request_body(&document);

    for good in [
        r#"{"user_id":"196","scene":"m"}"#,
        r#"{"user_id":"nobody","scene":"m","top_k":3,"include":["title"],"include_seen":true}"#,
        r#"{"user_id":"1","scene":"m","candidates":["1","2","x"],"device_id":"d","timeout_ms":700,"context":{"hour":"7","weekday":"3","n":1}}"#,
        r#"{"user_id":"1","scene":"m","candidates":[],"unheard_of":{}}"#,
    ] {
        let value = serde_json::from_str(good).unwrap();
        assert_eq!(fits(&document, &schema, &value), Ok(()), "{good}");
        assert_eq!(recommend(good), 200, "{good}");
    }
    for bad in [
        "{}",
        "[]",
        r#"{"user_id":7}"#,
        r#"{"user_id":""}"#,
        r#"{"user_id":"1","scene":"unheard_of"}"#,
        r#"{"user_id":"1","scene":null}"#,
        r#"{"user_id":"1","top_k":0}"#,
        r#"{"user_id":"1","top_k":1001}"#,
        r#"{"user_id":"1","timeout_ms":0}"#,
        r#"{"user_id":"1","include":["colour"]}"#,
        r#"{"user_id":"1","context":{"hour":"24"}}"#,
        r#"{"user_id":"1","context":{"weekday":"0"}}"#,
        r#"{"user_id":"1","device_id":""}"#,
        r#"{"user_id":"1","include_seen":"yes"}"#,
        r#"{"user_id":"1","candidates":[1]}"#,
    ] {
        let value = serde_json::from_str(bad).unwrap();
        assert!(
            fits(&document, &schema, &value).is_err(),
            "{bad} fits the schema"
        );
        assert_eq!(recommend(bad), 400, "{bad}");
    }
    assert_eq!(recommend("{"), 400);
    assert_eq!(
        recommend(&format!(r#"{{"user_id":"{}"}}"#, "x".repeat(2000))),
        413
    );
    assert_eq!(recommend(r#"{"user_id":"1","scene":"gone"}"#), 503);
    assert_eq!(
        recommend(r#"{"user_id":"1","scene":"slow","timeout_ms":20}"#),
        504
    );
    assert_eq!(recommend(r#"{"user_id":"1","scene":"broken"}"#), 500);
    for path in ["/v2/health/live", "/v2/health/ready", "/openapi.json"] {
        assert_eq!(hold(&document, &rig, "GET", path, ""), 200);
        assert_eq!(hold(&document, &rig, "DELETE", path, ""), 405);
    }
    assert_eq!(hold(&document, &rig, "GET", "/v2/recommend/item", ""), 405);
    rig.terminate();
    rig::eventually("the drain", || (rig.ready() == 503).then_some(()));
    assert_eq!(hold(&document, &rig, "GET", "/v2/health/ready", ""), 503);
}
