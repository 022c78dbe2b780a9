//! Requests of any shape share the memory that tensors are lent from: none of them changes what
//! another is answered, and all of it comes back.

#![expect(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod harness;

use harness::{
    client::{self, Connection},
    eventually,
    process::{Setup, UNHURRIED},
    refusals::assert_refused,
    repository::{Repository, scenes},
};
use serde_json::{Value, json};

const INFER: &str = "/v2/models/ml100k_din/infer";
const BAD: usize = 200;

/// Numbers that look random and are the same every time.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

/// Every input of the model at these sizes, with ones for data.
fn inputs(model: &Value, rows: usize) -> Vec<Value> {
    let per_candidate = |name: &Value| name == "candidates" || name == "row_index";
    let one = |input: &Value| {
        let name = &input["name"];
        let dims = input["shape"].as_array().unwrap().iter();
        let dims = dims.map(|dim| match dim.as_u64() {
            Some(fixed) => usize::try_from(fixed).unwrap(),
            None if per_candidate(name) => rows,
            None => 1,
        });
        let dims: Vec<usize> = dims.collect();
        let value = i32::from(name != "row_index");
        let data = vec![value; dims.iter().product()];
        json!({"name": name, "shape": dims, "datatype": input["datatype"], "data": data})
    };
    model["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(one)
        .collect()
}

/// The request with one input's shape and data drawn anew, so that they or the model disagree.
fn spoiled(mut request: Vec<Value>, drawn: &mut Drawn) -> Value {
    let input = drawn.below(request.len());
    let dims: Vec<usize> = (0..drawn.below(5)).map(|_| drawn.below(70)).collect();
    let elements = dims.iter().product::<usize>().min(5000);
    // One more or less than the shape says, or what it says of a shape the model does not have.
    let data = vec![1; (elements + drawn.below(3)).saturating_sub(1)];
    let [shape, values] = [json!(dims), json!(data)];
    request[input]["shape"] = shape;
    request[input]["data"] = values;
    json!({ "inputs": request })
}

#[tokio::test]
async fn bad_shapes_between_good_ones_change_no_good_answer() {
    let gateway = Setup::new().config(UNHURRIED).start();
    let model = client::get(gateway.http, "/v2/models/ml100k_din")
        .await
        .json();
    let good: Vec<Value> = [1, 10, 100, 250]
        .map(|rows| json!({ "inputs": inputs(&model, rows) }))
        .into();
    let mut connection = Connection::open(gateway.http).await;
    let mut first = Vec::new();
    for request in &good {
        let answer = connection.post(INFER, request).await;
        assert_eq!(answer.status, 200, "{:?}", answer.json());
        first.push(answer.json()["outputs"].clone());
    }
    let mut drawn = Drawn(7);
    let mut refused = 0;
    for turn in 0..BAD {
        let rows = 1 + drawn.below(120);
        let bad = spoiled(inputs(&model, rows), &mut drawn);
        let answer = connection.post(INFER, &bad).await;
        // A drawn shape may happen to be right.
        assert!(matches!(answer.status, 200 | 400), "{:?}", answer.json());
        refused += usize::from(answer.status == 400);
        let which = turn % good.len();
        let answer = connection.post(INFER, &good[which]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.json()["outputs"],
            first[which],
            "after {turn} bad requests"
        );
    }
    assert!(refused > BAD * 9 / 10, "only {refused} were bad");
    // Nothing of any of them is still on lease.
    eventually("all tensor memory to come back", async || {
        let arena = client::get(gateway.admin, "/admin/arena").await.json();
        assert!(arena["total"]["leases"].as_u64() > Some(1000), "{arena}");
        (arena["total"]["leases_out"] == 0 && arena["total"]["leased_bytes"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_request_that_holds_its_memory_for_too_long_is_cancelled_and_counted() {
    let repository = Repository::new().drill("slow", "latency = \"2s\"");
    let limit = "[arena]\nlease_limit = \"200ms\"\n";
    let config = format!("{UNHURRIED}{limit}{}", scenes(&["slow"]));
    let gateway = Setup::new().repository(repository).config(&config).start();
    let request = json!({"user_id": "1", "scene": "slow"});
    let answer = gateway.recommend(&request).await;
    assert_refused(&answer, 503, "INFRA.IO.OVERLOADED");
    let told = answer.json()["error"].to_string();
    assert!(told.contains("arena.lease_limit (200ms)"), "{told}");
    // The run goes on; its memory comes back when it ends.
    eventually("the memory to come back", async || {
        let arena = client::get(gateway.admin, "/admin/arena").await.json();
        assert_eq!(arena["overdue"], 1, "{arena}");
        (arena["total"]["leases_out"] == 0).then_some(())
    })
    .await;
}
