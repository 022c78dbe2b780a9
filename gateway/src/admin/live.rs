//! What the page shows as it happens: the last 15 minutes, then a sample a second as server-sent
//! events, and the newest events of the log.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Bytes, Data},
};
use common::ErrorCode;
use tokio::sync::watch;

use super::{State, show};
use crate::{failure::Failure, protocols::http::respond, recent_events};

/// Most pages that are open at once; each costs one connection and a write a second.
const MAX_STREAMS: usize = 64;
/// A comment is sent after this, so that a connection that is gone is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

static STREAMS: AtomicUsize = AtomicUsize::new(0);

/// `GET /admin/history`: every sample of the last 15 minutes.
pub(super) async fn history(request: HttpRequest, state: Data<State>) -> HttpResponse {
    show(&request, &state.history.samples())
}

/// `GET /admin/events`: the newest events of the log.
pub(super) async fn events(request: HttpRequest) -> HttpResponse {
    show(&request, &recent_events::recent())
}

/// `GET /admin/live`: a sample a second, as server-sent events.
pub(super) async fn live(state: Data<State>) -> HttpResponse {
    let Some(stream) = Stream::open(state.history.newest()) else {
        let message = format!("{MAX_STREAMS} pages are open already; close one");
        return respond::failed(&Failure::new(ErrorCode::Overloaded, message), "");
    };
    let events = futures_util::stream::unfold(stream, |mut stream| async {
        let event = stream.next().await?;
        Some((Ok::<_, std::convert::Infallible>(event), stream))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(events)
}

/// One open page; dropped with its connection.
struct Stream {
    newest: watch::Receiver<Bytes>,
    _place: Place,
}

struct Place(&'static AtomicUsize);

impl Drop for Place {
    fn drop(&mut self) {
        // Relaxed: the count guards no other data.
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stream {
    fn open(newest: watch::Receiver<Bytes>) -> Option<Self> {
        let place = Place(&STREAMS);
        // The place is given back on return where there is no room.
        (STREAMS.fetch_add(1, Ordering::Relaxed) < MAX_STREAMS).then_some(Self {
            newest,
            _place: place,
        })
    }

    /// The next event; none once the gateway stops sampling.
    async fn next(&mut self) -> Option<Bytes> {
        match tokio::time::timeout(KEEP_ALIVE, self.newest.changed()).await {
            Ok(Ok(())) => {
                let json = self.newest.borrow_and_update().clone();
                Some([b"data: ", &json[..], b"\n\n"].concat().into())
            }
            Ok(Err(_)) => None,
            Err(_) => Some(Bytes::from_static(b": still here\n\n")),
        }
    }
}
