//! The class of a request, from its headers.

use common::{Criticality, ErrorCode, config::Secret};

use super::metadata::{Metadata, MetadataKey};
use crate::{failure::Failure, secret::equal};

/// `X-Criticality`, critical where absent. The highest class takes the configured key, so that not
/// everybody claims it.
pub(super) fn criticality(metadata: &impl Metadata, key: &Secret) -> Result<Criticality, Failure> {
    let text = |key| metadata.get(key).map(str::trim);
    let Some(class) = text(MetadataKey::Criticality) else {
        return Ok(Criticality::default());
    };
    let class = class
        .parse()
        .map_err(|e| Failure::invalid(format!("header X-Criticality: {e}")))?;
    let trusted = || match (key.reveal(), text(MetadataKey::CriticalityKey)) {
        (Some(key), Some(given)) => equal(key, given),
        _ => false,
    };
    if class == Criticality::CriticalPlus && !trusted() {
        let message = "critical_plus needs the header X-Criticality-Key with the key of admission.priority_key";
        return Err(Failure::new(ErrorCode::Forbidden, message));
    }
    Ok(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(metadata: Vec<(MetadataKey, &str)>) -> Result<Criticality, ErrorCode> {
        criticality(&metadata, &Secret::from("0123456789abcdef")).map_err(|f| f.code)
    }

    #[test]
    fn the_highest_class_takes_the_key() {
        let with = |class| (MetadataKey::Criticality, class);
        let key = |key| (MetadataKey::CriticalityKey, key);
        assert_eq!(class(vec![]), Ok(Criticality::Critical));
        assert_eq!(class(vec![with("sheddable")]), Ok(Criticality::Sheddable));
        assert_eq!(class(vec![with("urgent")]), Err(ErrorCode::Invalid));
        let plus = with("critical_plus");
        assert_eq!(class(vec![plus]), Err(ErrorCode::Forbidden));
        assert_eq!(
            class(vec![plus, key("0123456789abcdeX")]),
            Err(ErrorCode::Forbidden)
        );
        assert_eq!(
            class(vec![plus, key("0123456789abcdef")]),
            Ok(Criticality::CriticalPlus)
        );
    }
}
