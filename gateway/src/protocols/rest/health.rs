//! Liveness and readiness, as the Open Inference Protocol has them.

use std::rc::Rc;

use actix_web::{HttpResponse, web::Data};
use serde::Serialize;

use crate::{front::Front, phase::Stage};

/// What both health paths answer.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Health {
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
pub(super) async fn live(front: Data<Rc<Front>>) -> HttpResponse {
    HttpResponse::Ok().json(health(&front))
}

/// Ready once every model that loads is warm, and no longer once draining.
pub(super) async fn ready(front: Data<Rc<Front>>) -> HttpResponse {
    let health = health(&front);
    match health.ready {
        true => HttpResponse::Ok().json(health),
        false => HttpResponse::ServiceUnavailable().json(health),
    }
}
