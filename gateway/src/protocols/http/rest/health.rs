//! Liveness and readiness, as the Open Inference Protocol has them.

use actix_web::{HttpResponse, web::Data};
use serde::Serialize;

use crate::{front::Front, phase::Stage, recommend::Recommender};

/// What both health paths answer.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::protocols::http) struct Health {
    live: bool,
    ready: bool,
}

fn health(front: &Front) -> Health {
    Health {
        live: true,
        ready: front.shared().phase.stage() == Stage::Serving,
    }
}

/// The process answers: that is all liveness means.
pub(super) async fn live(recommender: Data<Recommender>) -> HttpResponse {
    HttpResponse::Ok().json(health(recommender.front()))
}

/// Ready once every model that loads is warm, and no longer once draining.
pub(super) async fn ready(recommender: Data<Recommender>) -> HttpResponse {
    let health = health(recommender.front());
    match health.ready {
        true => HttpResponse::Ok().json(health),
        false => HttpResponse::ServiceUnavailable().json(health),
    }
}
