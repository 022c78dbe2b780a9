//! The configuration in force.

use actix_web::{HttpResponse, web::Data};

use super::State;

/// `GET /admin/config`: everything, secrets hidden by their type.
pub(super) async fn show(state: Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(&state.shared.settings)
}
