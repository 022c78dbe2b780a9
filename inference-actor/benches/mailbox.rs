//! A question to an actor and its answer, against a raw channel: on one thread and across two.
//!
//! `cargo bench -p inference-actor --bench mailbox`. One at a time, and 32 in flight as the callers
//! of a busy gateway would have them.

#![expect(
    clippy::unwrap_used,
    reason = "a bench whose other side has gone must stop"
)]

use actix::prelude::*;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};

/// Questions of one iteration, so that entering the event loop does not count.
const QUESTIONS: usize = 960;

/// What is asked; like an inference request it carries its own way back.
#[derive(Message)]
#[rtype(result = "()")]
struct Ask(u64, oneshot::Sender<u64>);

struct Answerer;

impl Actor for Answerer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(64);
    }
}

impl Handler<Ask> for Answerer {
    type Result = ();

    fn handle(&mut self, Ask(number, reply): Ask, _: &mut Context<Self>) {
        // Nobody leaves before the answer.
        let _ = reply.send(number + 1);
    }
}

async fn answer_all(mut questions: mpsc::Receiver<Ask>) {
    while let Some(Ask(number, reply)) = questions.recv().await {
        let _ = reply.send(number + 1);
    }
}

async fn ask_actor(actor: &Addr<Answerer>, number: u64) -> u64 {
    let (reply, answer) = oneshot::channel();
    actor.try_send(Ask(number, reply)).ok().unwrap();
    answer.await.unwrap()
}

async fn ask_channel(channel: &mpsc::Sender<Ask>, number: u64) -> u64 {
    let (reply, answer) = oneshot::channel();
    channel.try_send(Ask(number, reply)).ok().unwrap();
    answer.await.unwrap()
}

fn mailbox(c: &mut Criterion) {
    let system = System::new();
    let other = Arbiter::new();
    let (near, far) = system.block_on(async {
        let far = Answerer::start_in_arbiter(&other.handle(), |_| Answerer);
        (Answerer.start(), far)
    });
    let (near_channel, questions) = mpsc::channel(64);
    system.block_on(async { drop(actix::spawn(answer_all(questions))) });
    let (far_channel, questions) = mpsc::channel(64);
    other.spawn(answer_all(questions));

    for (place, actor, channel) in [
        ("same_thread", near, near_channel),
        ("other_thread", far, far_channel),
    ] {
        let mut group = c.benchmark_group(place);
        group.throughput(Throughput::Elements(QUESTIONS as u64));
        for in_flight in [1, 32] {
            group.bench_function(BenchmarkId::new("actor", in_flight), |b| {
                b.iter(|| system.block_on(many(in_flight, |n| ask_actor(&actor, n))));
            });
            group.bench_function(BenchmarkId::new("channel", in_flight), |b| {
                b.iter(|| system.block_on(many(in_flight, |n| ask_channel(&channel, n))));
            });
        }
        group.finish();
    }
    other.stop();
    other.join().unwrap();
}

/// Asks all the questions, so many at a time.
async fn many<F: Future<Output = u64>>(in_flight: usize, ask: impl Fn(u64) -> F) {
    for round in 0..QUESTIONS / in_flight {
        let answers = join_all((0..in_flight).map(|_| ask(round as u64))).await;
        assert!(answers.iter().all(|answer| *answer == round as u64 + 1));
    }
}

criterion_group!(benches, mailbox);
criterion_main!(benches);
