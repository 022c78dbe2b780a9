//! A call's arguments to a request, its answer to a reply.

use std::cell::Cell;

use common::{ErrorCode, RequestId};
use compact_str::CompactString;

use super::{
    binary::{Malformed, Reader, WireType},
    call::Call,
    reply,
};
use crate::{
    failure::Failure,
    features::Catalogue,
    recommend::{
        CandidateReader, CandidateSlots, RecommendRequest, Recommender, RequestFields,
        recommend as answer,
    },
    request::{Exchange, RequestContext},
};

/// Answers a call with a whole reply message, and finishes its exchange.
pub(in crate::protocols) async fn recommend(
    recommender: &Recommender,
    exchange: &Exchange<'_>,
    context: &RequestContext<'_>,
    call: &Call<'_>,
) -> Vec<u8> {
    let answered = answered(recommender, exchange.id(), context, call).await;
    exchange.finish(answered.as_ref().err());
    answered.unwrap_or_else(|failure| reply::error(&call.header, &failure, exchange.id().as_str()))
}

async fn answered(
    recommender: &Recommender,
    id: &RequestId,
    context: &RequestContext<'_>,
    call: &Call<'_>,
) -> Result<Vec<u8>, Failure> {
    let front = recommender.front();
    let shared = front.shared();
    shared.phase.admit()?;
    let parsing = front.now();
    let catalogue = front.store().catalogue();
    let asked = read(call, catalogue, shared.settings.limits.candidates)?;
    let parse = front.now() - parsing;
    let mut answer = answer(recommender, context, &asked).await?;
    answer.times.parse = parse;
    let writing = front.now();
    let mut reply = reply::Reply::begin(&call.header, id, &asked, &answer, catalogue);
    answer.times.encode += front.now() - writing;
    answer.count(&shared.metrics);
    reply.times(&answer.times);
    Ok(reply.end())
}

fn read(call: &Call<'_>, catalogue: &Catalogue, max: usize) -> Result<RecommendRequest, Failure> {
    let mut reader = call.arguments.clone();
    let mut request = None;
    let malformed = |error: Malformed| Failure::invalid(format!("the request: {error}"));
    while let Some((kind, number)) = reader.field().map_err(malformed)? {
        match (kind, number) {
            (WireType::Struct, 1) => request = Some(fields(&mut reader, catalogue, max)?),
            (_, 1) => return Err(wrong_type("request")),
            _ => reader.skip(kind).map_err(malformed)?,
        }
    }
    let fields = request.ok_or_else(|| Failure::invalid("the argument `request` is missing"))?;
    Ok(RecommendRequest::new(fields)?)
}

fn wrong_type(field: &str) -> Failure {
    let message = format!("`{field}` has another type than gateway/idl/fusebox.thrift gives it");
    Failure::new(ErrorCode::Invalid, message)
}

/// The request struct. Unknown fields are passed over; a known one must have its type.
fn fields(
    reader: &mut Reader<'_>,
    catalogue: &Catalogue,
    max: usize,
) -> Result<RequestFields, Failure> {
    let malformed = |error: Malformed| Failure::invalid(format!("the request: {error}"));
    let mut fields = RequestFields::default();
    while let Some((kind, number)) = reader.field().map_err(malformed)? {
        let name = Cell::new("");
        let is = |known: WireType, field: &'static str| {
            name.set(field);
            kind == known
        };
        let text = |reader: &mut Reader<'_>| reader.string().map(CompactString::new);
        let read = match number {
            1 if is(WireType::String, "UserID") => text(reader).map(|t| fields.user_id = Some(t)),
            2 if is(WireType::String, "Scene") => text(reader).map(|t| fields.scene = Some(t)),
            3 if is(WireType::String, "DeviceID") => {
                text(reader).map(|t| fields.device_id = Some(t))
            }
            4 if is(WireType::Map, "Context") => {
                context(reader, &mut fields)?;
                Ok(())
            }
            5 if is(WireType::List, "Candidates") => {
                fields.candidates = Some(candidates(reader, catalogue, max)?);
                Ok(())
            }
            6 if is(WireType::I32, "TopK") => reader.i32().map(|n| {
                // A negative one is as wrong as a zero.
                fields.top_k = Some(u64::try_from(n).unwrap_or_default());
            }),
            7 if is(WireType::I64, "TimeoutMs") => {
                reader.i64().map(|n| fields.timeout_ms = Some(n))
            }
            8 if is(WireType::Bool, "IncludeSeen") => {
                reader.boolean().map(|b| fields.include_seen = b)
            }
            9 if is(WireType::List, "Include") => {
                fields.with_title = include(reader)?;
                Ok(())
            }
            1..=9 => return Err(wrong_type(name.get())),
            _ => reader.skip(kind),
        };
        read.map_err(malformed)?;
    }
    Ok(fields)
}

fn context(reader: &mut Reader<'_>, fields: &mut RequestFields) -> Result<(), Failure> {
    let malformed = |error: Malformed| Failure::invalid(format!("`Context`: {error}"));
    let (types, count) = reader.map().map_err(malformed)?;
    if types.is_some_and(|types| types != (WireType::String, WireType::String)) {
        return Err(wrong_type("Context"));
    }
    for _ in 0..count {
        let key = reader.string().map_err(malformed)?;
        let value = reader.string().map_err(malformed)?;
        fields.context.push((key.into(), value.into()));
    }
    Ok(())
}

fn candidates(
    reader: &mut Reader<'_>,
    catalogue: &Catalogue,
    max: usize,
) -> Result<CandidateSlots, Failure> {
    let mut found = CandidateReader::new(catalogue, max);
    strings(reader, "Candidates", |id| Ok(found.push(id)?))?;
    Ok(found.finish())
}

fn include(reader: &mut Reader<'_>) -> Result<bool, Failure> {
    let mut with_title = false;
    strings(reader, "Include", |name| match name {
        "title" => {
            with_title = true;
            Ok(())
        }
        other => {
            let shown: String = other.chars().take(40).collect();
            let message = format!("`include` takes \"title\", not `{shown}`");
            Err(Failure::invalid(message))
        }
    })?;
    Ok(with_title)
}

fn strings(
    reader: &mut Reader<'_>,
    field: &str,
    mut take: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let malformed = |error: Malformed| Failure::invalid(format!("`{field}`: {error}"));
    let (element, count) = reader.list().map_err(malformed)?;
    // Some writers give an empty list no useful type.
    if element != WireType::String && count > 0 {
        return Err(wrong_type(field));
    }
    (0..count).try_for_each(|_| take(reader.string().map_err(malformed)?))
}
