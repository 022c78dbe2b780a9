//! The admin port: metrics and what the actors are doing. Never on the data port.

mod actors;
mod arena;
mod breakers;
mod canary;
mod config;
mod guard;
mod live;
mod metrics;
mod origin;
mod page;
mod pool;
mod repository;
mod try_it;

use std::{net::SocketAddr, sync::Arc};

use actix::Addr;
use actix_web::{HttpRequest, HttpResponse, http::header, middleware::from_fn, web};
use common::ErrorCode;

use crate::{
    connections::Ledgers,
    failure::Failure,
    front::{FrontActor, Shared},
    history::History,
    protocols::http::{reading, respond},
};

/// What the admin paths read.
pub(crate) struct State {
    /// What all fronts share.
    pub shared: Arc<Shared>,
    /// The connections of every port, by its name.
    pub ports: Vec<(&'static str, Arc<Ledgers>)>,
    /// The front of every worker thread.
    pub fronts: Vec<Addr<FrontActor>>,
    /// The last 15 minutes.
    pub history: History,
    /// Where the data port listens.
    pub http: SocketAddr,
}

/// The paths of the admin port.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    let read = |path: &str| web::resource(path).default_service(web::to(only_get));
    config.service(
        web::scope("")
            .wrap(from_fn(guard::guard))
            .service(read("/metrics").route(reading().to(metrics::metrics)))
            .service(read("/admin/actors").route(reading().to(actors::list)))
            .service(read("/admin/actors/{id}").route(reading().to(actors::one)))
            .service(
                web::resource("/admin/actors/{id}/{command}")
                    .route(web::post().to(actors::steer))
                    .default_service(web::to(only_post)),
            )
            .service(read("/admin/pool").route(reading().to(pool::report)))
            .service(read("/admin/arena").route(reading().to(arena::report)))
            .service(read("/admin/breakers").route(reading().to(breakers::list)))
            .service(
                web::resource("/admin/breakers/{key}/{command}")
                    .route(web::post().to(breakers::force))
                    .default_service(web::to(only_post)),
            )
            .service(read("/admin/canary").route(reading().to(canary::list)))
            .service(
                web::resource("/admin/canary/{command}")
                    .route(web::post().to(canary::command))
                    .default_service(web::to(only_post)),
            )
            .service(read("/admin/config").route(reading().to(config::show)))
            .service(read("/admin/history").route(reading().to(live::history)))
            .service(read("/admin/events").route(reading().to(live::events)))
            .service(read("/admin/live").route(reading().to(live::live)))
            .service(
                web::resource("/admin/try")
                    .route(web::post().to(try_it::recommend))
                    .default_service(web::to(only_post)),
            )
            .configure(page::configure)
            .configure(repository::configure)
            .default_service(web::to(not_found)),
    );
}

/// JSON; with line breaks and indents where a person asked: by `?pretty`, or from a browser.
fn show(request: &HttpRequest, what: &impl serde::Serialize) -> HttpResponse {
    let asked = request.query_string().split('&');
    let asked = asked.map(|pair| pair.split('=').next());
    let accept = request.headers().get(header::ACCEPT);
    let for_people = accept
        .and_then(|a| a.to_str().ok())
        .is_some_and(|a| a.contains("text/"));
    if !for_people && asked.clone().all(|key| key != Some("pretty")) {
        return HttpResponse::Ok().json(what);
    }
    match serde_json::to_vec_pretty(what) {
        Ok(mut text) => {
            text.push(b'\n');
            HttpResponse::Ok()
                .content_type("application/json")
                .body(text)
        }
        Err(error) => {
            let failure = Failure::new(ErrorCode::Internal, error.to_string());
            respond::failed(&failure, "")
        }
    }
}

async fn not_found() -> HttpResponse {
    let paths = "/, /metrics, /admin/actors, /admin/pool, /admin/arena, /admin/breakers, /admin/canary, /admin/config, /admin/history, /admin/events, /admin/live, /admin/try, /v2/repository/index, /v2/repository/models/M/{load,unload}";
    respond::failed(
        &Failure::new(ErrorCode::NotFound, format!("the admin port has: {paths}")),
        "",
    )
}

async fn only_post() -> HttpResponse {
    wrong_method("POST", "changes are made by POST")
}

async fn only_get() -> HttpResponse {
    wrong_method("GET, HEAD", "use GET")
}

fn wrong_method(allowed: &'static str, told: &str) -> HttpResponse {
    let mut response = respond::failed(&Failure::new(ErrorCode::MethodNotAllowed, told), "");
    let allowed = header::HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}
