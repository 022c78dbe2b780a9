//! More requests than the queue holds: the surplus is refused at once and told when to come back.

mod harness;

use std::sync::Arc;

use harness::{
    client::Connection,
    process::{RECOMMEND, Setup, UNHURRIED},
    refusals::assert_refused,
    repository::{Repository, scenes},
};
use serde_json::json;

const CALLERS: usize = 64;
const QUEUE: u64 = 2;

#[tokio::test]
async fn what_does_not_fit_into_the_queue_is_refused_with_retry_after() {
    // While one run blocks the only worker, all other callers' requests arrive.
    let repository = Repository::new().drill("slow", "latency = \"300ms\"");
    let config = format!(
        "{UNHURRIED}[http]\nworkers = 1\n[models]\nqueue = {QUEUE}\n{}",
        scenes(&["slow"])
    );
    let gateway = Arc::new(Setup::new().repository(repository).config(&config).start());
    let barrier = Arc::new(tokio::sync::Barrier::new(CALLERS));
    let callers = (0..CALLERS).map(|_| {
        let (gateway, barrier) = (Arc::clone(&gateway), Arc::clone(&barrier));
        tokio::spawn(async move {
            let mut connection = Connection::open(gateway.http).await;
            barrier.wait().await;
            let request = json!({"user_id": "1", "scene": "slow", "candidates": ["1"]});
            connection.post(RECOMMEND, &request).await
        })
    });
    let (mut served, mut refused) = (0, 0);
    for caller in callers.collect::<Vec<_>>() {
        let answer = caller.await.unwrap();
        if answer.status == 200 {
            served += 1;
        } else {
            assert_refused(&answer, 503, "INFRA.IO.OVERLOADED");
            refused += 1;
        }
    }
    assert!(
        served >= QUEUE && refused > 0,
        "{served} served, {refused} refused"
    );

    // Nothing of it lingers.
    let request = json!({"user_id": "1", "scene": "slow", "candidates": ["1"]});
    assert_eq!(gateway.recommend(&request).await.status, 200);
    let page = gateway.admin("/admin/actors").await;
    assert_eq!(page["inference"][0]["queued"], 0, "{page}");
}
