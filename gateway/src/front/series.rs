//! The series of requests that a thread counts in: looked up once, then found by what was asked.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use common::ModelKey;
use inference_actor::ModelSpec;

use crate::{
    metrics::{Metrics, RequestSeries},
    request::{Protocol, Target},
};

/// Maximum number of series that a thread caches; at the bound the oldest entry is removed, and
/// looked up again when it is needed.
const MAX_SERIES: usize = 256;

struct Entry {
    protocol: Protocol,
    /// Of one load of a version, so that what was removed with it is not counted in again.
    spec: Arc<ModelSpec>,
    scene: Box<str>,
    series: Rc<RequestSeries>,
}

/// See the module.
pub(super) struct ThreadSeries {
    other: Vec<Rc<RequestSeries>>,
    known: RefCell<Vec<Entry>>,
}

impl ThreadSeries {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let other = |protocol| Rc::new(metrics.requests.other(protocol));
        Self {
            other: Protocol::ALL.into_iter().map(other).collect(),
            known: RefCell::default(),
        }
    }

    /// Of requests that name nothing known.
    pub(super) fn other(&self, protocol: Protocol) -> &RequestSeries {
        &self.other[protocol as usize]
    }

    /// Of requests for a version in a scene.
    pub(super) fn of(
        &self,
        metrics: &Metrics,
        protocol: Protocol,
        target: &Target<'_>,
    ) -> Rc<RequestSeries> {
        let is = |entry: &&Entry| {
            Arc::ptr_eq(&entry.spec, &target.spec)
                && entry.protocol == protocol
                && *entry.scene == *target.scene
        };
        let mut known = self.known.borrow_mut();
        if let Some(entry) = known.iter().find(is) {
            return Rc::clone(&entry.series);
        }
        let spec = &target.spec;
        let model = ModelKey::new(spec.name.clone(), spec.version);
        let series = Rc::new(metrics.requests.series(protocol, &model, target.scene));
        if known.len() >= MAX_SERIES {
            known.remove(0);
        }
        known.push(Entry {
            protocol,
            spec: Arc::clone(spec),
            scene: target.scene.into(),
            series: Rc::clone(&series),
        });
        series
    }
}
