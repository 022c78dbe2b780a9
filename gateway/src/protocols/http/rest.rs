//! JSON over HTTP: recommending, and the health of the process.

mod health;
pub(super) mod openapi;
mod recommend;

use actix_web::{
    HttpRequest,
    web::{self, Data, ServiceConfig},
};

pub(crate) use self::recommend::parse;
use super::fallback::{get, not_found, post, reading};
use crate::{recommend::Recommender, request::Protocol};

/// The paths of the data port, and the answer where no path matches.
pub(super) fn configure(config: &mut ServiceConfig) {
    let rest = Protocol::Rest;
    post(
        config,
        rest,
        "/v2/recommend/item",
        web::post().to(recommend::item),
    );
    get(config, rest, "/v2/health/live", reading().to(health::live));
    get(
        config,
        rest,
        "/v2/health/ready",
        reading().to(health::ready),
    );
    let other = |request: HttpRequest, recommender: Data<Recommender>| async move {
        not_found(&request, recommender.front(), Protocol::Rest)
    };
    config.default_service(web::to(other));
}
