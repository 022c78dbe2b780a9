//! The configuration in force.

use actix_web::{HttpRequest, HttpResponse, web::Data};

use super::State;

/// `GET /admin/config`: everything, secrets hidden by their type.
pub(super) async fn show(request: HttpRequest, state: Data<State>) -> HttpResponse {
    super::show(&request, &state.shared.settings)
}
