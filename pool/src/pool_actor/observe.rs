//! The pool's account of itself.

use std::sync::Arc;

use actix::prelude::*;

use super::PoolActor;
use crate::{
    member::Member,
    report::{ActorView, ModelReport, PoolReport, SlotReport},
    routing::{ModelRoute, ModelStatus},
};

/// Everything the pool knows of itself.
#[derive(Message)]
#[rtype(result = "Observed")]
pub(crate) struct Observe;

#[derive(MessageResponse)]
pub(crate) struct Observed {
    pub(crate) actors: Vec<ActorView>,
    pub(crate) report: PoolReport,
}

impl PoolActor {
    fn view(&self, member: &Member) -> Option<ActorView> {
        let slot = self.supervisor.slot(&member.id)?;
        Some(ActorView {
            id: member.id.to_string(),
            model: member.source.name.to_string(),
            version: member.source.version.get(),
            place: member.place(),
            slot: SlotReport {
                state: slot.label(),
                incarnation: slot.incarnation,
                failures_in_row: slot.failures_in_row,
                counts: slot.counts,
                last_cause: slot.last_cause.clone(),
            },
            gauge: Arc::clone(&member.gauge),
            addr: member.addr.clone(),
        })
    }

    fn model_report(&self, route: &ModelRoute) -> ModelReport {
        let key = route.key();
        let decision = key.as_ref().and_then(|key| self.decisions.get(key));
        let measured = decision.map_or(0, |d| d.measured.as_micros());
        let of_model = self
            .members
            .values()
            .filter(|m| m.source.name == route.name && Some(m.source.version) == route.version);
        ModelReport {
            model: route.name.to_string(),
            version: route.version.map(common::ModelVersion::get),
            status: match &route.status {
                ModelStatus::Ready => "ready".to_owned(),
                ModelStatus::Unavailable(reason) => reason.clone(),
            },
            placement: decision.map(|d| d.place),
            placement_reason: decision.map_or_else(String::new, |d| d.reason.clone()),
            warm_up_run_us: u64::try_from(measured).unwrap_or(u64::MAX),
            actors: of_model.map(|m| m.id.to_string()).collect(),
        }
    }
}

impl Handler<Observe> for PoolActor {
    type Result = Observed;

    fn handle(&mut self, _: Observe, _: &mut Context<Self>) -> Observed {
        self.purge_quarantine();
        let table = self.table.load();
        let mut models: Vec<_> = table
            .models()
            .map(|route| self.model_report(route))
            .collect();
        models.sort_by(|a, b| (&a.model, a.version).cmp(&(&b.model, b.version)));
        Observed {
            actors: self.members.values().filter_map(|m| self.view(m)).collect(),
            report: PoolReport {
                dedicated_threads_granted: self.budget.granted(),
                dedicated_threads_used: self.budget.used(),
                threads_in_quarantine: self.quarantine.len(),
                threads_given_up: self.given_up,
                models_moved: self.moved,
                models,
            },
        }
    }
}
