//! The admin port: metrics and what the actors are doing. Never on the data port.

mod actors;
mod auth;
mod config;
mod metrics;

use std::sync::Arc;

use actix::Addr;
use actix_web::{HttpResponse, middleware::from_fn, web};
use common::ErrorCode;

use crate::{
    failure::Failure,
    front::{FrontActor, Shared},
    protocols::oip,
    respond,
};

/// What the admin paths read.
pub struct State {
    /// What all fronts share.
    pub shared: Arc<Shared>,
    /// The front of every worker thread.
    pub fronts: Vec<Addr<FrontActor>>,
}

/// The paths of the admin port.
pub fn configure(config: &mut web::ServiceConfig) {
    let get = |path: &str| web::resource(path).default_service(web::to(only_get));
    config.service(
        web::scope("")
            .wrap(from_fn(auth::bearer))
            .service(get("/metrics").route(web::get().to(metrics::metrics)))
            .service(get("/admin/actors").route(web::get().to(actors::list)))
            .service(get("/admin/config").route(web::get().to(config::show)))
            .configure(oip::configure_admin)
            .default_service(web::to(not_found)),
    );
}

async fn not_found() -> HttpResponse {
    let paths = "/metrics, /admin/actors, /admin/config, /v2/repository/index, /v2/repository/models/M/{load,unload}";
    respond::failed(
        &Failure::new(ErrorCode::NotFound, format!("the admin port has: {paths}")),
        "",
    )
}

async fn only_get() -> HttpResponse {
    respond::failed(&Failure::new(ErrorCode::MethodNotAllowed, "use GET"), "")
}
