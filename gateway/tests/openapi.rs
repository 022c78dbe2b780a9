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
    hold_at(document, rig, method, path, &[], body)
}

/// The same for a path with places, which `filled` gives in turn.
fn hold_at(
    document: &Value,
    rig: &Rig,
    method: &str,
    template: &str,
    filled: &[(&str, &str)],
    body: &str,
) -> u16 {
    let path = filled
        .iter()
        .fold(template.to_owned(), |path, (place, value)| {
            path.replace(&format!("{{{place}}}"), value)
        });
    let answer = Caller::new(rig.http).send(method, &path, body).unwrap();
    let operations = document["paths"][template].as_object().unwrap();
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
    if schema.is_null() {
        assert_eq!(answer.body, "", "{method} {path}: no body is documented");
        return answer.status;
    }
    let value = serde_json::from_str(&answer.body).unwrap();
    if let Err(problems) = fits(document, schema, &value) {
        panic!("{method} {path} {body}: {problems}: {}", answer.body);
    }
    answer.status
}

fn document(rig: &Rig) -> Value {
    let told = Caller::new(rig.http).send("GET", "/openapi.json", "");
    let document: Value = serde_json::from_str(&told.unwrap().body).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    document
}

/// Every path of the port, and its method.
const SERVED: &[(&str, &str)] = &[
    ("GET", "/openapi.json"),
    ("GET", "/v2"),
    ("GET", "/v2/health/live"),
    ("GET", "/v2/health/ready"),
    ("GET", "/v2/models/stats"),
    ("GET", "/v2/models/{model}"),
    ("GET", "/v2/models/{model}/config"),
    ("POST", "/v2/models/{model}/infer"),
    ("GET", "/v2/models/{model}/ready"),
    ("GET", "/v2/models/{model}/stats"),
    ("GET", "/v2/models/{model}/versions/{version}"),
    ("GET", "/v2/models/{model}/versions/{version}/config"),
    ("POST", "/v2/models/{model}/versions/{version}/infer"),
    ("GET", "/v2/models/{model}/versions/{version}/ready"),
    ("GET", "/v2/models/{model}/versions/{version}/stats"),
    ("POST", "/v2/recommend/item"),
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/repository/models/{model}/load"),
    ("POST", "/v2/repository/models/{model}/unload"),
    ("POST", "/v2/thrift"),
];

const MODEL: &str = "/v2/models/{model}";
const VERSION: &str = "/v2/models/{model}/versions/{version}";

#[test]
fn the_open_inference_protocol_is_as_documented() {
    let models = [
        ("m", drill("placement = \"colocated\"", "latency = \"1ms\"")),
        (
            "broken",
            drill("placement = \"colocated\"", "error_every = 1"),
        ),
    ];
    let config = "[models]\nmodel_control = \"explicit\"\n[limits]\ninfer_body = \"100KiB\"\n";
    let rig = Rig::start(&models, config);
    let document = document(&rig);
    let paths = document["paths"].as_object().unwrap().iter();
    let mut listed: Vec<_> = paths
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    listed.sort_by(|a, b| a.1.cmp(&b.1));
    let listed: Vec<_> = listed
        .iter()
        .map(|(m, p)| (m.as_str(), p.as_str()))
        .collect();
    assert_eq!(listed, SERVED);

    let at = |method: &str, path: &str, model: &str, version: &str, body: &str| {
        let filled = [("model", model), ("version", version)];
        hold_at(&document, &rig, method, path, &filled, body)
    };
    assert_eq!(hold(&document, &rig, "GET", "/v2", ""), 200);
    assert_eq!(hold(&document, &rig, "GET", "/v2/models/stats", ""), 200);
    for base in [MODEL, VERSION] {
        for of_model in ["", "/ready", "/config", "/stats"] {
            let path = format!("{base}{of_model}");
            assert_eq!(at("GET", &path, "m", "1", ""), 200);
            assert_eq!(at("GET", &path, "nobody", "1", ""), 404);
            assert_eq!(at("DELETE", &path, "m", "1", ""), 405);
        }
        assert_eq!(at("GET", base, "..m", "0", ""), 404);
        let infer = format!("{base}/infer");
        let input = |data: &str, shape: usize| {
            format!(
                r#"{{"inputs":[{{"name":"x","datatype":"INT32","shape":[{shape}],"data":{data}}}]}}"#
            )
        };
        let binary = r#"{"inputs":[{"name":"x","datatype":"INT32","shape":[2],"data":[1,2]}],"outputs":[{"name":"score"}],"id":"i"}"#;
        for (model, body, status) in [
            ("m", input("[1,2,3]", 3), 200),
            ("m", binary.to_owned(), 200),
            ("m", input("[1,2]", 3), 400),
            ("m", "{".to_owned(), 400),
            ("m", r#"{"inputs":[]}"#.to_owned(), 400),
            (
                "m",
                input(&format!("[{}]", vec!["1"; 60_000].join(",")), 60_000),
                413,
            ),
            ("nobody", input("[1]", 1), 404),
            ("broken", input("[1]", 1), 500),
        ] {
            assert_eq!(at("POST", &infer, model, "1", &body), status, "{body:.80}");
        }
    }
    for (body, status) in [("", 200), (r#"{"ready":true}"#, 200), ("[", 400)] {
        assert_eq!(at("POST", "/v2/repository/index", "", "", body), status);
    }
    let change = |verb: &str, model: &str, body: &str| {
        let path = format!("/v2/repository/models/{{model}}/{verb}");
        at("POST", &path, model, "", body)
    };
    assert_eq!(change("load", "m", ""), 200);
    assert_eq!(
        change("load", "m", r#"{"parameters":{"config":"{}"}}"#),
        400
    );
    assert_eq!(change("load", "nobody", ""), 404);
    assert_eq!(change("unload", "m", "{}"), 200);
    for of_model in ["", "/config"] {
        assert_eq!(at("GET", &format!("{MODEL}{of_model}"), "m", "", ""), 503);
    }
    assert_eq!(at("GET", &format!("{MODEL}/ready"), "m", "", ""), 503);
    assert_eq!(at("POST", &format!("{MODEL}/infer"), "m", "", "{}"), 503);
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
    let document = document(&rig);
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
