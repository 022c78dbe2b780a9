//! Around every request of HTTP/1.1: counts it, tells its connection to close while the process
//! drains, and keeps large answers within their budget. HTTP/2 does the same by stream.

use std::{rc::Rc, sync::Arc};

use actix_web::{
    Error,
    body::BoxBody,
    dev::{Service, ServiceRequest, ServiceResponse},
    http::ConnectionType,
};
use common::ErrorCode;

use super::{PortHooks, connection::Connection, large};
use crate::{admission::AnswerBudget, failure::Failure, phase::Stage, protocols::http::respond};

/// Wraps one request.
pub(crate) fn track<S>(
    hooks: &PortHooks,
    request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse<BoxBody>, Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    let connection = request.conn_data::<Rc<Connection>>().cloned();
    let in_flight = connection.as_ref().map(Connection::request);
    let (phase, answers) = (Arc::clone(&hooks.phase), Arc::clone(&hooks.answers));
    let answer = service.call(request);
    async move {
        let mut response = answer.await?;
        let Some(connection) = connection else {
            return Ok(response);
        };
        if let Some(bytes) = large(response.response().body()) {
            match answers.lease(bytes) {
                Some(lease) => connection.hold_until_written(lease),
                None => response = response.into_response(respond::failed(&refusal(&answers), "")),
            }
        }
        if phase.stage() == Stage::Draining {
            let head = response.response_mut().head_mut();
            head.set_connection_type(ConnectionType::Close);
        }
        connection.answered();
        drop(in_flight);
        Ok(response)
    }
}

/// What a caller is told whose answer does not fit.
pub(super) fn refusal(answers: &AnswerBudget) -> Failure {
    let most = answers.most();
    let told = format!(
        "answers being written have reached limits.answers_in_flight ({most}); read answers faster or ask for smaller ones"
    );
    Failure::new(ErrorCode::Overloaded, told)
}
