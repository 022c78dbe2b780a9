//! From a request and a user's record to the model's inputs.

use std::cell::OnceCell;

use common::{
    Criticality,
    config::Scene,
    tensor::{DType, Element, Shape, Tensor},
};
use inference_actor::{ModelSpec, arena};

use super::{
    plan::{Column, Fill, History, Plan},
    request::RecommendRequest,
    selection::{Selection, choose, looks_at_history},
    slot_set::SlotSet,
};
use crate::{
    failure::Failure,
    features::{Catalogue, UserRecord},
    front::Front,
    request::Inputs,
};

/// From this rating on an item counts as liked.
const LIKED: u8 = 4;

/// What the columns of a request are read from.
struct Row<'a> {
    request: &'a RecommendRequest,
    record: Option<UserRecord<'a>>,
    scene_index: usize,
}

/// Whose inputs are made, and of what.
pub(super) struct Task<'a> {
    /// The scene's name.
    pub scene_name: &'a str,
    /// The scene.
    pub scene: &'a Scene,
    /// The model.
    pub spec: &'a ModelSpec,
    /// How its inputs are filled.
    pub plan: &'a Plan,
    /// How much the request matters if memory is short.
    pub criticality: Criticality,
}

/// Looks the user up once, chooses candidates into `selection` and fills every input.
pub(super) fn inputs<'r>(
    front: &Front,
    request: &'r RecommendRequest,
    task: &Task<'_>,
    selection: &OnceCell<Selection<'r>>,
) -> Result<Inputs, Failure> {
    let Task {
        scene,
        spec,
        plan,
        criticality,
        ..
    } = *task;
    let catalogue = front.store().catalogue();
    let word = scene.model_scene.as_deref().unwrap_or(task.scene_name);
    let scene_index = spec.word_index("scene", word);
    // The set costs a page of memory: only who looks at it pays for it.
    let looks = looks_at_history(request);
    let mut seen = SlotSet::new(if looks { catalogue.len() } else { 0 });
    let mut filled = None;
    let mut fill = |record: Option<UserRecord<'_>>| {
        if let Some(record) = record.filter(|_| looks) {
            see(catalogue, record, &mut seen);
        }
        let row = Row {
            request,
            record,
            scene_index,
        };
        filled = Some(per_request(task, &row));
    };
    let known = front
        .store()
        .user(&request.user_id, &mut |record| fill(Some(record)))?;
    if !known {
        fill(None);
    }
    let mut inputs = filled.unwrap_or_else(|| Ok(Vec::new()))?;
    let chosen = selection.get_or_init(|| choose(catalogue, request, scene, &seen));
    let slots = &chosen.slots;
    for (index, _) in plan
        .fills
        .iter()
        .enumerate()
        .filter(|(_, fill)| **fill == Fill::Item)
    {
        let indexes = slots.iter().map(|slot| catalogue.item(*slot).index);
        let shape = Shape::from_dims([slots.len()]);
        let dtype = spec.inputs[index].dtype;
        inputs[index] = Some(integers(dtype, shape, criticality, indexes)?);
    }
    Ok(inputs)
}

/// Only the candidates of a request: what a fallback ranks.
pub(super) fn candidates<'r>(
    front: &Front,
    request: &'r RecommendRequest,
    scene: &Scene,
) -> Result<Selection<'r>, Failure> {
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

fn per_request(task: &Task<'_>, row: &Row<'_>) -> Result<Inputs, Failure> {
    let one = |fill: &Fill, dtype: DType| {
        let line = |length| Shape::from_dims([1, length]);
        let tensor = match fill {
            Fill::Item | Fill::RowIndex => return Ok(None),
            Fill::History { side, length } => {
                let values = history(row, *side);
                integers(dtype, line(*length), task.criticality, values)
            }
            Fill::Columns(columns) => {
                let values = columns.iter().map(|column| value(row, *column));
                integers(dtype, line(columns.len()), task.criticality, values)
            }
        };
        tensor.map(Some)
    };
    // Not collected: through a `Result`, that would guess the length and move the list.
    let mut inputs = Vec::with_capacity(task.plan.fills.len());
    for (fill, input) in task.plan.fills.iter().zip(&task.spec.inputs) {
        inputs.push(one(fill, input.dtype)?);
    }
    Ok(inputs)
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

/// A tensor of the first values that its shape has room for; zeros behind the last.
fn integers(
    dtype: DType,
    shape: Shape,
    criticality: Criticality,
    values: impl Iterator<Item = u32>,
) -> Result<Tensor, Failure> {
    let mut tensor = arena::tensor(dtype, shape, criticality)?;
    match dtype {
        DType::Int64 => write::<i64>(&mut tensor, values),
        _ => write::<i32>(&mut tensor, values),
    }
    Ok(tensor)
}

/// Writes every element: what the memory held before must not show.
fn write<T: Element + TryFrom<u32>>(tensor: &mut Tensor, mut values: impl Iterator<Item = u32>) {
    let Some(elements) = tensor.elements_mut::<T>() else {
        return;
    };
    for element in elements {
        // Indexes are below 2^24 and everything else is smaller: checked where they came in.
        let value = values.next().and_then(|value| T::try_from(value).ok());
        *element = value.unwrap_or_else(T::zeroed);
    }
}
