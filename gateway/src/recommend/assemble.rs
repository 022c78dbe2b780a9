//! From a request and a user's record to the model's inputs.

use common::{
    config::Scene,
    tensor::{DType, Element, Shape, Tensor},
};
use inference_actor::ModelSpec;

use super::{
    candidates::{Selection, choose, looks_at_history},
    plan::{Column, Fill, History, Plan},
    request::{Recommend, SlotSet},
};
use crate::{
    failure::Failure,
    features::{Catalogue, UserRecord},
    front::Front,
};

/// From this rating on an item counts as liked.
const LIKED: u8 = 4;

/// What the columns of a request are read from.
struct Row<'a> {
    request: &'a Recommend,
    record: Option<UserRecord<'a>>,
    scene_index: usize,
}

/// Looks the user up once, chooses candidates and fills every input.
pub fn inputs(
    front: &Front,
    request: &mut Recommend,
    scene_name: &str,
    scene: &Scene,
    spec: &ModelSpec,
    plan: &Plan,
) -> Result<Selection, Failure> {
    let catalogue = front.store().catalogue();
    let word = scene.model_scene.as_deref().unwrap_or(scene_name);
    let scene_index = spec.word_index("scene", word);
    let mut seen = SlotSet::new(catalogue.len());
    let mut filled = None;
    let asked = &*request;
    let mut fill = |record: Option<UserRecord<'_>>| {
        if let Some(record) = record.filter(|_| looks_at_history(asked)) {
            see(catalogue, record, &mut seen);
        }
        filled = Some(per_request(
            spec,
            plan,
            &Row {
                request: asked,
                record,
                scene_index,
            },
        ));
    };
    let known = front
        .store()
        .user(&asked.user_id, &mut |record| fill(Some(record)))?;
    if !known {
        fill(None);
    }
    let mut inputs = filled.unwrap_or_default();
    let (slots, unknown) = choose(catalogue, request, scene, &seen);
    for (index, _) in plan
        .fills
        .iter()
        .enumerate()
        .filter(|(_, fill)| **fill == Fill::Item)
    {
        inputs[index] = Some(items(spec.inputs[index].dtype, catalogue, &slots));
    }
    Ok(Selection {
        slots,
        unknown,
        inputs,
    })
}

/// Only the candidates of a request: what a fallback ranks.
pub fn candidates(
    front: &Front,
    request: &mut Recommend,
    scene: &Scene,
) -> Result<(Vec<u32>, usize), Failure> {
    let catalogue = front.store().catalogue();
    let mut seen = SlotSet::new(catalogue.len());
    if looks_at_history(request) {
        front.store().user(&request.user_id, &mut |record| {
            see(catalogue, record, &mut seen)
        })?;
    }
    Ok(choose(catalogue, request, scene, &seen))
}

fn see(catalogue: &Catalogue, record: UserRecord<'_>, seen: &mut SlotSet) {
    let slots = record
        .history()
        .filter_map(|(index, _)| catalogue.slot_of_index(index));
    slots.for_each(|slot| {
        seen.insert(slot);
    });
}

fn per_request(spec: &ModelSpec, plan: &Plan, row: &Row<'_>) -> Vec<Option<Tensor>> {
    let one = |(fill, dtype): (&Fill, DType)| match fill {
        Fill::Item | Fill::RowIndex => None,
        Fill::History { side, length } => Some(integers(dtype, *length, history(row, *side))),
        Fill::Columns(columns) => {
            let values = columns.iter().map(|column| value(row, *column));
            Some(integers(dtype, columns.len(), values))
        }
    };
    plan.fills
        .iter()
        .zip(spec.inputs.iter().map(|i| i.dtype))
        .map(one)
        .collect()
}

fn value(row: &Row<'_>, column: Column) -> u32 {
    let request = row.request;
    match column {
        Column::Profile(position) => position
            .zip(row.record)
            .map_or(0, |(position, record)| record.profile(position)),
        Column::Hour => request.hour.map_or(0, |hour| u32::from(hour) + 1),
        Column::Weekday => request.weekday.map_or(0, u32::from),
        Column::Scene => u32::try_from(row.scene_index).unwrap_or(0),
    }
}

fn history<'a>(row: &Row<'a>, side: History) -> impl Iterator<Item = u32> + 'a {
    let entries = row.record.into_iter().flat_map(|record| record.history());
    entries.filter_map(move |(item, rating)| match side {
        History::Items => Some(item),
        History::Liked => (rating >= LIKED).then_some(item),
        History::Ratings => Some(u32::from(rating)),
    })
}

/// A `[1, length]` tensor of the first values; zeros behind the last.
fn integers(dtype: DType, length: usize, values: impl Iterator<Item = u32>) -> Tensor {
    let shape = Shape::from_dims([1, length]);
    let mut tensor =
        Tensor::zeros(dtype, shape).expect("a model's fixed dimensions fit: it was loaded");
    match dtype {
        DType::Int64 => write::<i64>(&mut tensor, values),
        _ => write::<i32>(&mut tensor, values),
    }
    tensor
}

fn items(dtype: DType, catalogue: &Catalogue, slots: &[u32]) -> Tensor {
    let shape = Shape::from_dims([slots.len()]);
    let mut tensor =
        Tensor::zeros(dtype, shape).expect("candidates are bounded by the configuration");
    let indexes = slots.iter().map(|slot| catalogue.item(*slot).index);
    match dtype {
        DType::Int64 => write::<i64>(&mut tensor, indexes),
        _ => write::<i32>(&mut tensor, indexes),
    }
    tensor
}

fn write<T: Element + TryFrom<u32>>(tensor: &mut Tensor, values: impl Iterator<Item = u32>) {
    let Some(elements) = tensor.elements_mut::<T>() else {
        return;
    };
    for (element, value) in elements.iter_mut().zip(values) {
        // Indexes are below 2^24 and everything else is smaller: checked where they came in.
        if let Ok(value) = T::try_from(value) {
            *element = value;
        }
    }
}
