//! `GET …/stats`: what each model has done, in Triton's terms.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, web::Data};
use futures_util::future::join_all;
use inference_actor::{ActorSnapshot, Observe};
use pool::ModelRoute;
use serde::Serialize;

use super::{super::fallback::with_id, target};
use crate::recommend::Recommender;

/// How long an actor may take to tell its counts; one that is slower is left out of the sums.
const REPLY_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Serialize, Default, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Spent {
    count: u64,
    ns: u64,
}

#[derive(Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
struct InferenceStats {
    success: Spent,
    fail: Spent,
    queue: Spent,
    compute_input: Spent,
    compute_infer: Spent,
    compute_output: Spent,
    cache_hit: Spent,
    cache_miss: Spent,
}

#[derive(Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ModelStats {
    name: String,
    version: String,
    last_inference: u64,
    inference_count: u64,
    execution_count: u64,
    inference_stats: InferenceStats,
    /// Always empty.
    #[schemars(with = "Vec<u64>", length(max = 0))]
    batch_stats: [(); 0],
}

/// Counts and times of models.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AllStats {
    model_stats: Vec<ModelStats>,
}

/// `GET /v2/models/M[/versions/V]/stats`.
pub(super) async fn of_model(request: HttpRequest, recommender: Data<Recommender>) -> HttpResponse {
    let front = recommender.front();
    let route = target::route(&request, &front.pool().table());
    match route {
        Ok(route) => {
            let model_stats = vec![stats(route).await];
            HttpResponse::Ok().json(AllStats { model_stats })
        }
        Err(failure) => with_id(&request, front, &failure),
    }
}

/// `GET /v2/models/stats`.
pub(super) async fn of_all(recommender: Data<Recommender>) -> HttpResponse {
    let table = recommender.front().pool().table().clone();
    let mut model_stats = join_all(table.models().cloned().map(stats)).await;
    model_stats.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    HttpResponse::Ok().json(AllStats { model_stats })
}

async fn stats(route: Arc<ModelRoute>) -> ModelStats {
    let asked = route.actors.iter().map(|actor| async {
        let told = tokio::time::timeout(REPLY_TIMEOUT, actor.addr.send(Observe)).await;
        told.ok()?.ok()
    });
    let told: Vec<ActorSnapshot> = join_all(asked).await.into_iter().flatten().collect();
    let sum = |of: fn(&ActorSnapshot) -> u64| told.iter().map(of).sum::<u64>();
    let answered = sum(|a| a.answered);
    let batches = route
        .spec
        .as_ref()
        .is_some_and(|spec| spec.max_batch_size.is_some());
    let spent = |ns: u64| Spent {
        count: answered,
        ns,
    };
    let (queue, batch, run) = (sum(|a| a.queue_ns), sum(|a| a.batch_ns), sum(|a| a.run_ns));
    ModelStats {
        name: route.name.to_string(),
        version: route
            .version
            .map_or_else(|| "-1".to_owned(), |v| v.to_string()),
        last_inference: told
            .iter()
            .map(|a| a.last_answer_unix_ms)
            .max()
            .unwrap_or(0),
        inference_count: if batches { sum(|a| a.rows) } else { answered },
        execution_count: sum(|a| a.runs),
        inference_stats: InferenceStats {
            success: spent(queue + batch + run),
            fail: Spent {
                count: sum(|a| a.errors + a.panics + a.expired + a.refused),
                ns: 0,
            },
            queue: spent(queue),
            // Gathering and splitting are timed together, and are nothing for a single request.
            compute_input: spent(batch),
            compute_infer: spent(run),
            compute_output: spent(0),
            cache_hit: Spent::default(),
            cache_miss: Spent::default(),
        },
        batch_stats: [],
    }
}
