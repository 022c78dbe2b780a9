//! A request for recommendations as every protocol makes it: its limits are checked here, once.

use std::time::Duration;

use compact_str::CompactString;

use super::{
    candidates::CandidateSlots,
    limits::{MAX_CONTEXT_ENTRIES, MAX_ID_BYTES, MAX_TOP_K, RequestError},
};

const DEFAULT_TOP_K: usize = 20;
/// The scene of a request that names none.
const DEFAULT_SCENE: &str = "home_feed";
/// Most characters of a wrong value that a message repeats.
const SHOWN_CHARS: usize = 40;

/// The fields of a request as they were read; absent ones get their defaults.
#[derive(Debug, Default)]
pub(crate) struct RequestFields {
    /// The user; required.
    pub user_id: Option<CompactString>,
    /// The scene.
    pub scene: Option<CompactString>,
    /// The device.
    pub device_id: Option<CompactString>,
    /// Context values by name, in the order of the request.
    pub context: Vec<(CompactString, CompactString)>,
    /// The candidates, looked up as they were read.
    pub candidates: Option<CandidateSlots>,
    /// The number of items wanted.
    pub top_k: Option<u64>,
    /// The time the caller gives, in milliseconds.
    pub timeout_ms: Option<i64>,
    /// Whether items the user has rated may be recommended.
    pub include_seen: bool,
    /// Whether titles are wanted.
    pub with_title: bool,
}

/// A checked request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RecommendRequest {
    pub(super) user_id: CompactString,
    scene: CompactString,
    device_id: Option<CompactString>,
    context: Vec<(CompactString, CompactString)>,
    pub(super) hour: Option<u8>,
    pub(super) weekday: Option<u8>,
    pub(super) candidates: Option<CandidateSlots>,
    pub(super) top_k: usize,
    timeout: Option<Duration>,
    pub(super) include_seen: bool,
    with_title: bool,
}

impl RecommendRequest {
    /// Checks every limit and fills in the defaults.
    pub(crate) fn new(fields: RequestFields) -> Result<Self, RequestError> {
        let user_id = fields.user_id.ok_or(RequestError::UserMissing)?;
        check_id("user_id", &user_id)?;
        let scene = match fields.scene {
            Some(scene) => check_id("scene", &scene).map(|()| scene)?,
            None => CompactString::const_new(DEFAULT_SCENE),
        };
        if let Some(device) = &fields.device_id {
            check_id("device_id", device)?;
        }
        if fields.context.len() > MAX_CONTEXT_ENTRIES {
            return Err(RequestError::ContextSize);
        }
        let top_k = match fields.top_k {
            Some(wanted) => usize::try_from(wanted)
                .ok()
                .filter(|_| (1..=MAX_TOP_K).contains(&wanted))
                .ok_or(RequestError::TopK(wanted))?,
            None => DEFAULT_TOP_K,
        };
        let timeout = fields.timeout_ms.map(|ms| match u64::try_from(ms) {
            Ok(positive) if positive > 0 => Ok(Duration::from_millis(positive)),
            _ => Err(RequestError::Timeout(ms)),
        });
        Ok(Self {
            hour: number(&fields.context, "hour", 0, 23)?,
            weekday: number(&fields.context, "weekday", 1, 7)?,
            user_id,
            scene,
            device_id: fields.device_id,
            context: fields.context,
            candidates: fields.candidates,
            top_k,
            timeout: timeout.transpose()?,
            include_seen: fields.include_seen,
            with_title: fields.with_title,
        })
    }

    /// The user to recommend to.
    #[must_use]
    pub(crate) fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The scene it asks for.
    #[must_use]
    pub(crate) fn scene(&self) -> &str {
        &self.scene
    }

    /// The device, by which a request is assigned to a version where the user is unknown.
    #[must_use]
    #[allow(
        dead_code,
        reason = "the splitting of traffic between versions reads it"
    )]
    pub(crate) fn device_id(&self) -> Option<&str> {
        self.device_id.as_deref()
    }

    /// A context value.
    #[must_use]
    #[allow(
        dead_code,
        reason = "features and routing rules read other context values"
    )]
    pub(crate) fn context(&self, name: &str) -> Option<&str> {
        value_of(&self.context, name)
    }

    /// The candidates that the request names; none where the scene chooses.
    #[must_use]
    pub(crate) fn candidates(&self) -> Option<&CandidateSlots> {
        self.candidates.as_ref()
    }

    /// The time the caller gives.
    #[must_use]
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Whether titles are wanted.
    #[must_use]
    pub(crate) fn with_title(&self) -> bool {
        self.with_title
    }
}

fn check_id(field: &'static str, id: &str) -> Result<(), RequestError> {
    match id.len() {
        1..=MAX_ID_BYTES => Ok(()),
        bytes => Err(RequestError::IdLength { field, bytes }),
    }
}

/// The last value of that name, as with a repeated JSON key.
fn value_of<'c>(context: &'c [(CompactString, CompactString)], name: &str) -> Option<&'c str> {
    let mut entries = context.iter().rev();
    let (_, value) = entries.find(|(key, _)| key == name)?;
    Some(value)
}

fn number(
    context: &[(CompactString, CompactString)],
    name: &'static str,
    from: u8,
    to: u8,
) -> Result<Option<u8>, RequestError> {
    let Some(text) = value_of(context, name) else {
        return Ok(None);
    };
    match text.parse().ok().filter(|n| (from..=to).contains(n)) {
        Some(number) => Ok(Some(number)),
        None => Err(RequestError::ContextValue {
            name,
            text: text.chars().take(SHOWN_CHARS).collect(),
            from,
            to,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> RequestFields {
        RequestFields {
            user_id: Some("7".into()),
            ..RequestFields::default()
        }
    }

    #[test]
    fn absent_fields_have_the_documented_defaults() {
        let request = RecommendRequest::new(fields()).unwrap();
        assert_eq!((request.scene(), request.top_k), ("home_feed", 20));
        assert!(!request.include_seen && !request.with_title());
        assert_eq!((request.candidates(), request.timeout()), (None, None));
    }

    #[test]
    fn context_values_are_found_by_name_and_the_last_of_a_name_counts() {
        let pair = |name: &str, value: &str| (name.into(), value.into());
        let context = vec![pair("hour", "3"), pair("abtest", "b"), pair("hour", "22")];
        let request = RecommendRequest::new(RequestFields {
            context,
            ..fields()
        })
        .unwrap();
        assert_eq!((request.hour, request.weekday), (Some(22), None));
        assert_eq!(request.context("abtest"), Some("b"));
    }

    #[test]
    fn each_limit_is_checked() {
        let wrong = |change: fn(&mut RequestFields)| {
            let mut fields = fields();
            change(&mut fields);
            RecommendRequest::new(fields).unwrap_err()
        };
        assert_eq!(wrong(|f| f.user_id = None), RequestError::UserMissing);
        let long = |f: &mut RequestFields| f.device_id = Some("x".repeat(257).into());
        assert!(matches!(
            wrong(long),
            RequestError::IdLength { bytes: 257, .. }
        ));
        assert_eq!(wrong(|f| f.top_k = Some(0)), RequestError::TopK(0));
        assert_eq!(wrong(|f| f.top_k = Some(1001)), RequestError::TopK(1001));
        assert_eq!(wrong(|f| f.timeout_ms = Some(0)), RequestError::Timeout(0));
        let many = |f: &mut RequestFields| f.context = vec![Default::default(); 65];
        assert_eq!(wrong(many), RequestError::ContextSize);
        let weekday = |f: &mut RequestFields| f.context = vec![("weekday".into(), "0".into())];
        assert!(wrong(weekday).to_string().contains("\"1\" to \"7\""));
    }
}
