//! A call as it was read: the message's header, and where its arguments are.

use common::ErrorCode;

use super::binary::{Header, Malformed, MessageHeader, MessageKind, Reader, WireType};

const SERVICE: &str = "RecommendService";
const METHOD: &str = "Recommend";

/// A call of `Recommend`, its arguments not yet read.
#[derive(Debug, Clone)]
pub(in crate::protocols) struct Call<'b> {
    pub(super) header: MessageHeader<'b>,
    pub(super) arguments: Reader<'b>,
}

/// What a message is that is not such a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::protocols) enum CallError {
    /// There is not even a header to answer to.
    #[error("the body is no Thrift message: {0}")]
    NoMessage(Malformed),
    /// The rest of a message with a header.
    #[error("the message cannot be read: {1}")]
    Malformed(Answerable, Malformed),
    #[error("message type {1:?} is not a call")]
    NotACall(Answerable, MessageKind),
    #[error("there is no method `{1}`; the service is {SERVICE}, its method {METHOD}")]
    UnknownMethod(Answerable, String),
}

/// The header that an exception answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::protocols) struct Answerable {
    header: Header,
    name: String,
    sequence: i32,
}

impl Answerable {
    pub(super) fn of(header: &MessageHeader<'_>) -> Self {
        Self {
            header: header.header,
            name: header.name.to_owned(),
            sequence: header.sequence,
        }
    }

    /// The header of the answer.
    pub(super) fn answer(&self, kind: MessageKind) -> MessageHeader<'_> {
        MessageHeader {
            header: self.header,
            name: &self.name,
            kind,
            sequence: self.sequence,
        }
    }
}

impl CallError {
    /// What metrics call it.
    pub(in crate::protocols) const fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownMethod(..) => ErrorCode::NotFound,
            _ => ErrorCode::Invalid,
        }
    }

    /// The header to answer to, and the exception's type.
    pub(super) const fn exception(&self) -> Option<(&Answerable, i32)> {
        const UNKNOWN_METHOD: i32 = 1;
        const INVALID_MESSAGE_TYPE: i32 = 2;
        const PROTOCOL_ERROR: i32 = 7;
        match self {
            Self::NoMessage(_) => None,
            Self::Malformed(header, _) => Some((header, PROTOCOL_ERROR)),
            Self::NotACall(header, _) => Some((header, INVALID_MESSAGE_TYPE)),
            Self::UnknownMethod(header, _) => Some((header, UNKNOWN_METHOD)),
        }
    }
}

impl<'b> Call<'b> {
    /// Reads a whole message as far as it concerns every call: nothing is allocated for one that is
    /// well formed.
    pub(in crate::protocols) fn read(message: &'b [u8]) -> Result<Self, CallError> {
        let mut reader = Reader::new(message);
        let header = MessageHeader::read(&mut reader).map_err(CallError::NoMessage)?;
        let answerable = || Answerable::of(&header);
        if !matches!(header.kind, MessageKind::Call | MessageKind::OneWay) {
            return Err(CallError::NotACall(answerable(), header.kind));
        }
        let (service, method) = header.method();
        if method != METHOD || service.is_some_and(|service| service != SERVICE) {
            return Err(CallError::UnknownMethod(
                answerable(),
                header.name.to_owned(),
            ));
        }
        whole(reader.clone()).map_err(|malformed| CallError::Malformed(answerable(), malformed))?;
        Ok(Self {
            header,
            arguments: reader,
        })
    }
}

/// Sees that the arguments are well formed and end where the message does.
fn whole(mut arguments: Reader<'_>) -> Result<(), Malformed> {
    arguments.skip(WireType::Struct)?;
    match arguments.left() {
        0 => Ok(()),
        left => Err(Malformed::Trailing(left)),
    }
}
