//! The shipped ranker in both of its forms: as such models are usually exported, with the user's
//! side repeated for every candidate, and as it is served, with that side once a request.

#![expect(
    clippy::unwrap_used,
    reason = "test code; clippy only knows the functions marked so"
)]

mod support;

use common::tensor::{Shape, Tensor};
use inference_actor::{Dim, InputSpec, ModelRunner, OrtEngine};
use support::{library, open};

/// How far the algebra of the serving form may move a score.
const TOLERANCE: f32 = 1e-5;
const CANDIDATES: usize = 100;

/// One user as the model sees it.
struct User {
    history: Vec<i32>,
    ratings: Vec<i32>,
    profile: [i32; 3],
    context: [i32; 3],
}

/// Numbers without a pattern, the same in every run of the test.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: i32) -> i32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        i32::try_from((self.0 >> 33) % u64::try_from(end).unwrap()).unwrap()
    }

    /// A user with a history of up to `length`, padded with zeros.
    fn user(&mut self, length: usize) -> User {
        let known = self.below(i32::try_from(length).unwrap() + 1);
        let mut user = User {
            history: vec![0; length],
            ratings: vec![0; length],
            profile: [self.below(3), self.below(8), self.below(22)],
            context: [self.below(25), self.below(8), self.below(2)],
        };
        for at in 0..usize::try_from(known).unwrap() {
            user.history[at] = 1 + self.below(1682);
            user.ratings[at] = 1 + self.below(5);
        }
        user
    }
}

/// Runs with inputs by name, each with its rows.
fn run(engine: &mut OrtEngine, inputs: &[(&str, usize, Vec<i32>)]) -> Vec<f32> {
    let spec = engine.spec().clone();
    let tensor = |wanted: &InputSpec| {
        let mut named = inputs.iter().filter(|(name, ..)| *name == wanted.name);
        let (_, rows, values) = named.next().unwrap();
        let inner = (wanted.dims.len() > 1).then_some(values.len() / rows);
        let shape = Shape::from_dims([*rows].into_iter().chain(inner));
        Tensor::from_elements(shape, values).unwrap()
    };
    let tensors: Vec<Tensor> = spec.inputs.iter().map(tensor).collect();
    let outputs = support::run(engine, &tensors);
    outputs[0].elements::<f32>().unwrap().to_vec()
}

/// The plain form: all of a user's side in every row.
fn plain(engine: &mut OrtEngine, user: &User, items: &[i32]) -> Vec<f32> {
    let rows = items.len();
    let inputs = [
        ("history", rows, user.history.repeat(rows)),
        ("history_ratings", rows, user.ratings.repeat(rows)),
        ("profile", rows, user.profile.repeat(rows)),
        ("context", rows, user.context.repeat(rows)),
        ("candidates", rows, items.to_vec()),
    ];
    run(engine, &inputs)
}

/// The serving form: several users in one run, each with the same number of items.
fn serving(engine: &mut OrtEngine, users: &[User], items: &[Vec<i32>]) -> Vec<f32> {
    let (requests, rows) = (users.len(), items.iter().map(Vec::len).sum());
    let index = (0..)
        .zip(items)
        .flat_map(|(user, items)| vec![user; items.len()]);
    let all = |side: fn(&User) -> &[i32]| users.iter().flat_map(side).copied().collect();
    let inputs = [
        ("history", requests, all(|user| &user.history)),
        ("history_ratings", requests, all(|user| &user.ratings)),
        ("profile", requests, all(|user| &user.profile)),
        ("context", requests, all(|user| &user.context)),
        ("candidates", rows, items.concat()),
        ("row_index", rows, index.collect()),
    ];
    run(engine, &inputs)
}

#[test]
fn the_serving_form_gives_the_scores_of_the_plain_one_alone_and_batched() {
    let library = library();
    let mut reference = open(&library, "training/plain/model.onnx", true);
    let mut served = open(&library, "1/model.onnx", true);
    let mut inputs = served.spec().inputs.iter();
    let history = inputs.find(|input| input.name == "history").unwrap();
    let Dim::Fixed(length) = history.dims[1] else {
        unreachable!("the history's length is fixed")
    };
    let mut numbers = Numbers(7);
    let users: Vec<User> = (0..10).map(|_| numbers.user(length)).collect();
    let mut items = || (0..CANDIDATES).map(|_| 1 + numbers.below(1682)).collect();
    let items: Vec<Vec<i32>> = users.iter().map(|_| items()).collect();
    let batched = serving(&mut served, &users, &items);
    let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
    for (at, (user, items)) in users.iter().zip(&items).enumerate() {
        let expected = plain(&mut reference, user, items);
        let alone = serving(
            &mut served,
            std::slice::from_ref(user),
            std::slice::from_ref(items),
        );
        let together = &batched[at * CANDIDATES..(at + 1) * CANDIDATES];
        for ((expected, alone), together) in expected.iter().zip(&alone).zip(together) {
            assert!((expected - alone).abs() <= TOLERANCE, "{expected} {alone}");
            assert!(
                (expected - together).abs() <= TOLERANCE,
                "{expected} {together}"
            );
            (least, most) = (least.min(*expected), most.max(*expected));
        }
    }
    // Scores that were all alike would agree without meaning anything.
    assert!(most - least > 0.1, "{least}..{most}");
}
