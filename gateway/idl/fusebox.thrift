// Recommending over Thrift's binary protocol: POST /v2/thrift (application/x-thrift). The fields are
// those of POST /v2/recommend/item; X-Request-Id, X-Request-Timeout-Ms and X-Criticality are headers
// here, too.

namespace cpp fusebox.v1
namespace go fusebox.v1
namespace java fusebox.v1
namespace py fusebox_v1

struct RecommendRequest {
  // 1 to 256 bytes. An unknown user is a cold start, not an error.
  1: required string UserID
  // "home_feed" where absent.
  2: optional string Scene
  3: optional string DeviceID
  // At most 64 values; unknown names are ignored.
  4: optional map<string, string> Context
  // The items to rank; absent: the scene's own candidates.
  5: optional list<string> Candidates
  // 1 to 1000, 20 where absent.
  6: optional i32 TopK
  // Time for the whole request in milliseconds; the smallest of this,
  // X-Request-Timeout-Ms and the configured limit holds.
  7: optional i64 TimeoutMs
  8: optional bool IncludeSeen
  // "title" adds titles.
  9: optional list<string> Include
}

struct RecommendedItem {
  1: string ItemID
  // A probability.
  2: double Score
  // Where `Include` names "title".
  3: optional string Title
}

// Where the time went, in microseconds, each measured.
struct TimingUs {
  1: i64 Parse
  2: i64 Features
  3: i64 Queue
  4: i64 Batch
  5: i64 Run
  6: i64 Encode
}

struct RecommendResponse {
  1: string RequestID
  // Best first, equal scores by item id.
  2: list<RecommendedItem> Items
  3: string UserID
  4: string Scene
  5: string Model
  6: string ModelVersion
  // Named candidates that the catalogue does not know.
  7: i64 UnknownCandidates
  // Whether a fallback answered instead of the model, and the error code that was the reason.
  8: bool Degraded
  9: optional string DegradedReason
  10: TimingUs Timing
}

// The error of every protocol: a code of the documented list and what it implies.
exception RecommendError {
  1: string Message
  2: string Code
  3: string Layer
  4: bool Retryable
  5: string Recoverability
  6: string Impact
  7: string Source
  8: string RequestID
  // Where a retry makes sense later.
  9: optional i64 RetryAfterMs
}

service RecommendService {
  RecommendResponse Recommend(1: RecommendRequest request) throws (1: RecommendError error)
}
