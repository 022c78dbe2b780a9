//! JSON over HTTP.

pub(super) mod fallback;
mod health;
pub(super) mod openapi;
mod recommend;

use actix_web::web;

/// The paths of the data port.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/v2/recommend/item")
                .route(web::post().to(recommend::item))
                .default_service(web::to(fallback::only_post)),
        )
        .service(
            web::resource("/v2/health/live")
                .route(web::get().to(health::live))
                .default_service(web::to(fallback::only_get)),
        )
        .service(
            web::resource("/v2/health/ready")
                .route(web::get().to(health::ready))
                .default_service(web::to(fallback::only_get)),
        )
        .service(
            web::resource("/openapi.json")
                .route(web::get().to(openapi::show))
                .default_service(web::to(fallback::only_get)),
        )
        .default_service(web::to(fallback::not_found));
}
