//! A plain actix-web server that answers a POST with its body: the floor of the HTTP library. With a
//! model it runs that first, on the thread that read the request and on inputs made once: the floor of
//! the engine between requests instead of in a loop.

use std::{
    cell::RefCell,
    net::TcpListener,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use actix_web::{App, HttpResponse, HttpServer, error::ErrorInternalServerError, web};
use anyhow::Result;
use bytes::Bytes;
use common::{Clock, SystemClock, metric_names as names};
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::outside::alone::{Engine, Files};

/// Largest body; the bench's are far smaller.
const MAX_BYTES: usize = 1 << 20;

/// What all threads share.
struct Plain {
    model: Option<Files>,
    run_cpu_ns: AtomicU64,
}

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

/// Serves until the process is killed. Its metrics have a port and a thread of their own, as the
/// gateway's.
pub fn serve(model: Option<Files>) -> Result<()> {
    let plain = web::Data::new(Plain {
        model,
        run_cpu_ns: AtomicU64::new(0),
    });
    actix_rt::System::new().block_on(async {
        let data = TcpListener::bind("127.0.0.1:0")?;
        let admin = TcpListener::bind("127.0.0.1:0")?;
        let line = format!(
            "listening http={} admin={}",
            data.local_addr()?,
            admin.local_addr()?
        );
        let own = plain.clone();
        let echo = move || {
            App::new()
                .app_data(own.clone())
                .app_data(web::PayloadConfig::new(MAX_BYTES))
                .default_service(web::post().to(echo))
        };
        let workers = std::thread::available_parallelism()?.get();
        let data = HttpServer::new(echo)
            .workers(workers)
            .tcp_nodelay(true)
            .listen(data)?
            .run();
        let page = move || {
            App::new()
                .app_data(plain.clone())
                .default_service(web::get().to(metrics))
        };
        let admin = HttpServer::new(page).workers(1).listen(admin)?.run();
        actix_rt::spawn(admin);
        println!("{line}");
        data.await?;
        Ok(())
    })
}

async fn echo(body: Bytes, plain: web::Data<Plain>) -> actix_web::Result<HttpResponse> {
    if let Some(files) = &plain.model {
        let cpu_ns = run(files).map_err(ErrorInternalServerError)?;
        plain.run_cpu_ns.fetch_add(cpu_ns, Relaxed);
    }
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(body))
}

/// Runs this thread's session, opened with its first request; gives what that cost.
fn run(files: &Files) -> Result<u64> {
    ENGINE.with_borrow_mut(|engine| {
        if engine.is_none() {
            *engine = Some(Engine::open(files)?);
        }
        let before = SystemClock.thread_cpu();
        if let Some(engine) = engine {
            engine.run()?;
        }
        let cost = SystemClock.thread_cpu().saturating_sub(before);
        Ok(u64::try_from(cost.as_nanos())?)
    })
}

async fn metrics(plain: web::Data<Plain>) -> HttpResponse {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ProcessCPUTime);
    HttpResponse::Ok().body(format!(
        "{} {tv_sec}.{tv_nsec:09}\n{} {}\n",
        names::PROCESS_CPU_SECONDS,
        names::RUN_CPU_SECONDS,
        plain.run_cpu_ns.load(Relaxed) as f64 / 1e9
    ))
}
