//! Threads and placements.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use common::ErrorCode;

use super::{State, show};
use crate::{failure::Failure, protocols::http::respond};

/// `GET /admin/pool`.
pub(super) async fn report(request: HttpRequest, state: Data<State>) -> HttpResponse {
    match state.shared.pool.report().await {
        Some(report) => show(&request, &report),
        None => {
            let told = "the pool's actor does not answer; restart the gateway";
            respond::failed(&Failure::new(ErrorCode::Internal, told), "")
        }
    }
}
