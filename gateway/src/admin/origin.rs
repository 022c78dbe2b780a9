//! Whether a request to the admin port comes from where it says: browsers send requests on behalf of
//! any page, and a name of an attacker can be made to point here (DNS rebinding). Pure.

use std::net::IpAddr;

use common::ErrorCode;

use crate::failure::Failure;

/// What is looked at.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Source<'r> {
    /// `Host`, or what HTTP/2 has in its place.
    pub(super) host: Option<&'r str>,
    /// `Origin`.
    pub(super) origin: Option<&'r str>,
    /// `Sec-Fetch-Site`.
    pub(super) fetch_site: Option<&'r str>,
}

/// Refuses requests under a foreign name or from a foreign page. `names` are the configured ones.
pub(super) fn check(source: Source<'_>, names: &[String]) -> Result<(), Failure> {
    if let Some(host) = source.host
        && !is_ours(host, names)
    {
        return refuse(
            "the Host header names a host that is not this gateway's; use its IP address or localhost, or add the name to admin.hosts",
        );
    }
    if let Some(origin) = source.origin {
        let at = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        if at.is_none()
            || at.map(str::to_ascii_lowercase) != source.host.map(str::to_ascii_lowercase)
        {
            return refuse(
                "the Origin header names another site; the admin port answers only its own pages and clients that are no browsers",
            );
        }
    }
    match source.fetch_site {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => refuse(
            "the Sec-Fetch-Site header says that another site's page sent this; the admin port answers only its own pages",
        ),
    }
}

/// An IP address cannot be pointed elsewhere; a name can, unless it is known.
fn is_ours(host: &str, names: &[String]) -> bool {
    let name = without_port(host);
    let ip = name
        .strip_prefix('[')
        .and_then(|n| n.strip_suffix(']'))
        .unwrap_or(name);
    ip.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

fn refuse(told: &str) -> Result<(), Failure> {
    Err(Failure::new(ErrorCode::Forbidden, told))
}

/// Refuses a body that a page could send without asking first. A body without a type is no page's.
pub(super) fn check_body(content_type: Option<&str>) -> Result<(), Failure> {
    let kind = content_type.map(|t| t.split(';').next().unwrap_or_default().trim());
    if kind.is_none_or(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    let told = "send the header Content-Type: application/json, or no body";
    Err(Failure::new(ErrorCode::MediaType, told))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(host: &str, origin: Option<&str>, fetch_site: Option<&str>) -> bool {
        let source = Source {
            host: Some(host),
            origin,
            fetch_site,
        };
        check(source, &["fusebox.internal".to_owned()]).is_ok()
    }

    #[test]
    fn addresses_and_known_names_are_ours_and_no_other_name_is() {
        for ours in [
            "127.0.0.1:8002",
            "10.1.2.3",
            "[::1]:8002",
            "LOCALHOST:8002",
            "fusebox.internal:8002",
        ] {
            assert!(from(ours, None, None), "{ours}");
        }
        for foreign in [
            "evil.example",
            "evil.example:8002",
            "127.0.0.1.evil.example",
            "localhost.evil.example:8002",
            "",
            ":8002",
        ] {
            assert!(!from(foreign, None, None), "{foreign}");
        }
        assert!(check(Source::default(), &[]).is_ok());
    }

    #[test]
    fn only_its_own_pages_may_ask() {
        let here = "127.0.0.1:8002";
        assert!(from(
            here,
            Some("http://127.0.0.1:8002"),
            Some("same-origin")
        ));
        assert!(from(here, None, Some("none")));
        for origin in [
            "http://evil.example",
            "null",
            "http://127.0.0.1:9",
            "file://",
            "127.0.0.1:8002",
        ] {
            assert!(!from(here, Some(origin), None), "{origin}");
        }
        for site in ["cross-site", "same-site", "", "x"] {
            assert!(!from(here, None, Some(site)), "{site}");
        }
    }

    #[test]
    fn bodies_of_simple_requests_are_refused() {
        assert!(check_body(None).is_ok());
        assert!(check_body(Some("application/json; charset=utf-8")).is_ok());
        for simple in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "",
        ] {
            assert!(check_body(Some(simple)).is_err(), "{simple}");
        }
    }
}
