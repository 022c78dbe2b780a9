//! The page: one document, one style sheet, one script, compiled in. It holds no data and needs no
//! token; its script asks the other admin paths, with the token that the operator types.

use actix_web::{
    HttpResponse,
    http::header::{self, HeaderName},
    web,
};

const DOCUMENT: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: [&str; 3] = [
    include_str!("page/chart.js"),
    include_str!("page/view.js"),
    include_str!("page/page.js"),
];

/// Everything from this port, nothing inline, never in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The paths that are served without a token.
pub(super) const PATHS: [&str; 3] = ["/", "/page.css", "/page.js"];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    let serve = |kind: &'static str, text: String| {
        web::get().to(move || {
            let text = text.clone();
            async move { asset(kind, text) }
        })
    };
    let [document, style, script] = PATHS;
    config
        .route(
            document,
            serve("text/html; charset=utf-8", DOCUMENT.to_owned()),
        )
        .route(style, serve("text/css; charset=utf-8", STYLE.to_owned()))
        .route(
            script,
            serve("text/javascript; charset=utf-8", SCRIPT.concat()),
        );
}

fn asset(kind: &'static str, text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((HeaderName::from_static("referrer-policy"), "no-referrer"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_nothing_from_outside_and_has_nothing_inline() {
        let script = SCRIPT.concat();
        for text in [DOCUMENT, STYLE, script.as_str()] {
            assert!(!text.contains("//cdn") && !text.contains("https://"));
        }
        assert!(!DOCUMENT.contains("<style") && !DOCUMENT.contains(" style="));
        assert!(!DOCUMENT.contains(" onclick=") && DOCUMENT.matches("<script").count() == 1);
        let bytes = DOCUMENT.len() + STYLE.len() + script.len();
        assert!(bytes < 120 << 10, "{bytes} bytes");
    }
}
