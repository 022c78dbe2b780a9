//! `GET /admin/arena`: tensor memory, lent and held.

use actix_web::{HttpRequest, HttpResponse, web::Data};

use super::{State, show};

pub(super) async fn report(request: HttpRequest, state: Data<State>) -> HttpResponse {
    show(&request, &state.shared.arenas.snapshot())
}
