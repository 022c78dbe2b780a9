//! A plain actix-web server that answers a POST with its body: the floor of the HTTP library.

use std::net::TcpListener;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Result;
use bytes::Bytes;
use common::metric_names as names;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Largest body; the bench's are far smaller.
const MOST_BYTES: usize = 1 << 20;

/// Serves until the process is killed. Its metrics have a port and a thread of their own, as the
/// gateway's.
pub fn serve() -> Result<()> {
    actix_rt::System::new().block_on(async {
        let data = TcpListener::bind("127.0.0.1:0")?;
        let admin = TcpListener::bind("127.0.0.1:0")?;
        let line = format!(
            "listening http={} admin={}",
            data.local_addr()?,
            admin.local_addr()?
        );
        let echo = || {
            App::new()
                .app_data(web::PayloadConfig::new(MOST_BYTES))
                .default_service(web::post().to(echo))
        };
        let workers = std::thread::available_parallelism()?.get();
        let data = HttpServer::new(echo)
            .workers(workers)
            .tcp_nodelay(true)
            .listen(data)?
            .run();
        let page = || App::new().default_service(web::get().to(metrics));
        let admin = HttpServer::new(page).workers(1).listen(admin)?.run();
        actix_rt::spawn(admin);
        println!("{line}");
        data.await?;
        Ok(())
    })
}

async fn echo(body: Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(body)
}

async fn metrics() -> HttpResponse {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ProcessCPUTime);
    HttpResponse::Ok().body(format!(
        "{} {tv_sec}.{tv_nsec:09}\n",
        names::PROCESS_CPU_SECONDS
    ))
}
