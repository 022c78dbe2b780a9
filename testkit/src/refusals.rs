//! What every refusal must look like.

use serde_json::json;

use crate::client::Answer;

/// A refusal with this status and code, whole and in agreement with itself.
pub fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.json();
    assert_eq!(body["code"], code, "{body}");
    let message = body["error"].as_str().unwrap_or_default();
    assert!(
        !message.is_empty() && !message.contains("panicked at"),
        "{body}"
    );
    let parts: Vec<&str> = code.split('.').collect();
    assert_eq!(
        (&body["layer"], &body["source"]),
        (&json!(parts[0]), &json!(parts[1])),
        "{body}"
    );
    let transient = body["recoverability"] == "TRANSIENT";
    assert!(transient || body["recoverability"] == "PERMANENT", "{body}");
    assert_eq!(body["retryable"], transient, "{body}");
    assert!(
        body["impact"] == "CRITICAL" || body["impact"] == "WARN",
        "{body}"
    );
    assert_eq!(body["request_id"], *answer.header("x-request-id"), "{body}");
    assert_ne!(body["request_id"], "", "{body}");
    assert_eq!(body.as_object().unwrap().len(), 8, "{body}");
    let retry_after: Option<u64> = answer.header("retry-after").parse().ok();
    assert_eq!(
        retry_after.is_some(),
        matches!(status, 429 | 503),
        "{answer:?}"
    );
    assert!(retry_after.is_none_or(|seconds| seconds >= 1), "{answer:?}");
}
