//! How an actor gets its session, gives it up and comes to an end: what the pool tells it.

use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::InferenceActor;
use crate::{
    messages::{Drain, Drained, Install, Park},
    session::Session,
};

impl Handler<Install> for InferenceActor {
    type Result = ();

    fn handle(&mut self, install: Install, ctx: &mut Context<Self>) {
        let session = Session::new(
            install.runner,
            install.warm_up.probe.clone(),
            Arc::clone(&self.options.clock),
        );
        let row_budget = install.warm_up.row_budget.or(session.spec().row_budget);
        self.queue.set_row_budget(row_budget);
        self.max_delay = session.spec().max_delay;
        self.drop_session();
        self.options.watch.set_stopper(Some(session.stopper()));
        self.options.gauge.set_session(true, session.memory_bytes());
        self.options.gauge.set_median(install.warm_up.typical_run);
        self.session = Some(session);
        self.closed = false;
        self.warm_up = install.warm_up;
        self.stats.installs += 1;
        self.stats.runs_since_install = 0;
        self.schedule_flush(ctx);
    }
}

impl Handler<Park> for InferenceActor {
    type Result = ();

    fn handle(&mut self, park: Park, _: &mut Context<Self>) {
        self.closed = true;
        self.refuse_all(&park.reason);
        self.drop_session();
        self.finish_draining();
    }
}

impl Handler<Drain> for InferenceActor {
    type Result = ResponseFuture<Drained>;

    fn handle(&mut self, _: Drain, _: &mut Context<Self>) -> Self::Result {
        self.closed = true;
        if self.session.is_none() {
            self.refuse_all("this actor was drained while it had no session");
        }
        let (done, drained) = oneshot::channel();
        self.draining.push(done);
        self.finish_draining();
        // An actor that stops has nothing left in its list either.
        Box::pin(async { drained.await.unwrap_or(Drained) })
    }
}
