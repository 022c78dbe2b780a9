//! A path under `/v2/models`, taken apart.
//!
//! By hand: every inference request comes this way, and a list of patterns costs it a regular
//! expression for each that is tried.

use actix_web::HttpRequest;

/// What a path asks of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Infer,
    Metadata,
    Ready,
    Config,
    Stats,
}

/// A path taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ModelPath<'p> {
    /// As it stands there, whatever it is.
    pub(super) model: &'p str,
    /// The same.
    pub(super) version: Option<&'p str>,
    /// What is asked of it.
    pub(super) asked: Asked,
}

impl<'p> ModelPath<'p> {
    /// Of a request to this scope.
    pub(super) fn of(request: &'p HttpRequest) -> Option<Self> {
        Self::parse(request.match_info().unprocessed())
    }

    /// Of what follows `/v2/models`.
    pub(super) fn parse(path: &'p str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let model = parts.next().filter(|name| !name.is_empty())?;
        let mut next = parts.next();
        let mut version = None;
        if next == Some("versions") {
            version = Some(parts.next().filter(|number| !number.is_empty())?);
            next = parts.next();
        }
        let asked = match next {
            Some("infer") => Asked::Infer,
            None => Asked::Metadata,
            Some("ready") => Asked::Ready,
            Some("config") => Asked::Config,
            Some("stats") => Asked::Stats,
            Some(_) => return None,
        };
        let path = Self {
            model,
            version,
            asked,
        };
        parts.next().is_none().then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(path: &str) -> Option<(&str, Option<&str>, Asked)> {
        ModelPath::parse(path).map(|p| (p.model, p.version, p.asked))
    }

    #[test]
    fn a_path_names_a_model_perhaps_a_version_and_what_is_asked() {
        assert_eq!(parsed("/m"), Some(("m", None, Asked::Metadata)));
        assert_eq!(parsed("/m/infer"), Some(("m", None, Asked::Infer)));
        assert_eq!(parsed("/m/ready"), Some(("m", None, Asked::Ready)));
        assert_eq!(
            parsed("/m/versions/3"),
            Some(("m", Some("3"), Asked::Metadata))
        );
        assert_eq!(
            parsed("/m/versions/3/config"),
            Some(("m", Some("3"), Asked::Config))
        );
        assert_eq!(
            parsed("/versions/stats"),
            Some(("versions", None, Asked::Stats))
        );
    }

    #[test]
    fn anything_else_is_no_path() {
        for path in [
            "",
            "/",
            "//infer",
            "m/infer",
            "/m/",
            "/m/infer/",
            "/m/infer/x",
            "/m/versions",
            "/m/versions/",
            "/m/versions/3/",
            "/m/versions/3/4",
            "/m/else",
            "/m/versions//infer",
        ] {
            assert_eq!(parsed(path), None, "{path}");
        }
    }
}
