//! The stub's thread, port and connections.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::mpsc::sync_channel,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode, body::Incoming, header::CONNECTION, rt::Executor,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::oneshot,
    task::{LocalSet, spawn_local},
};

use crate::{behaviour::Behaviour, queue::SingleServer};

/// Connections that may wait to be accepted during a stall.
const BACKLOG: u32 = 4096;

/// A running stub; stops when dropped.
pub struct Stub {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Stub {
    /// Starts a stub on a port of 127.0.0.1; 0 picks a free one.
    pub fn start(behaviour: Behaviour, port: u16) -> std::io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (bound_tx, bound) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("stub".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let Ok(runtime) = runtime else { return };
                LocalSet::new().block_on(&runtime, async move {
                    let listener = match listen(port) {
                        Ok(listener) => listener,
                        Err(fault) => return drop(bound_tx.send(Err(fault))),
                    };
                    drop(bound_tx.send(listener.local_addr()));
                    tokio::select! {
                        () = serve(listener, behaviour) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        let address = bound.recv().map_err(std::io::Error::other)??;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL on it.
    pub fn url(&self) -> String {
        format!("http://{}/v2/recommend/item", self.address)
    }

    /// Serves until the process is ended.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(BACKLOG)
}

struct State {
    behaviour: Behaviour,
    queue: Option<RefCell<SingleServer>>,
    requests: Cell<u64>,
    body: Bytes,
}

#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future + 'static> Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        spawn_local(async move { drop(future.await) });
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stub's service time is wall-clock time"
)]
fn now() -> Instant {
    Instant::now()
}

async fn serve(listener: TcpListener, behaviour: Behaviour) {
    let queue = match behaviour.service {
        Duration::ZERO => None,
        service => SingleServer::start(service, now()).ok().map(RefCell::new),
    };
    let body = Bytes::from(vec![b'x'; behaviour.body_bytes]);
    let state = Rc::new(State {
        behaviour,
        queue,
        requests: Cell::new(0),
        body,
    });
    if !behaviour.stall_every.is_zero() {
        spawn_local(stall(behaviour));
    }
    while let Ok((stream, _)) = listener.accept().await {
        drop(stream.set_nodelay(true));
        let state = Rc::clone(&state);
        spawn_local(async move {
            let service = service_fn(move |request| answer(Rc::clone(&state), request));
            let mut builder = auto::Builder::new(LocalExecutor);
            builder.http1().timer(TokioTimer::new());
            builder
                .http2()
                .timer(TokioTimer::new())
                .max_concurrent_streams(4096);
            drop(
                builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

/// Blocks the whole thread, as a long collection of garbage would: nothing is accepted, read or
/// written meanwhile. The first stall comes half a period after the start.
#[expect(
    clippy::disallowed_methods,
    reason = "standing still is what this stub is for"
)]
async fn stall(behaviour: Behaviour) {
    let first = tokio::time::Instant::now() + behaviour.stall_every / 2;
    let mut ticks = tokio::time::interval_at(first, behaviour.stall_every);
    loop {
        ticks.tick().await;
        std::thread::sleep(behaviour.stall);
    }
}

async fn answer(
    state: Rc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let arrived = now();
    let served = state
        .queue
        .as_ref()
        .map(|queue| queue.borrow_mut().arrive(arrived));
    // The body is read to its end, or the connection could not be used again.
    let _ = request.into_body().collect().await;
    if state.behaviour.is_silent {
        std::future::pending::<()>().await;
    }
    if let Some(Some(served)) = served {
        let _ = served.await;
    }
    let number = state.requests.get() + 1;
    state.requests.set(number);
    let mut response = Response::new(Full::new(state.body.clone()));
    let Behaviour {
        fail_every,
        fail_status,
        closes,
        ..
    } = state.behaviour;
    if fail_every > 0 && number.is_multiple_of(fail_every) {
        *response.status_mut() =
            StatusCode::from_u16(fail_status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    }
    if closes {
        response
            .headers_mut()
            .insert(CONNECTION, hyper::header::HeaderValue::from_static("close"));
    }
    Ok(response)
}
