//! `.onnx` files, read as what they are on disk: protocol buffers.
//!
//! Only what has to be known before the engine opens a file: which files it points to (a model must
//! not read outside its folder), which inputs declare no shape, and where the large weights lie, so
//! that they can be moved out to a file that all sessions map. Of operators it knows those that can end
//! the process ([`division`]).

mod cache;
mod convert;
mod digest;
mod division;
mod external;
mod facts;
mod sniff;
mod wire;

pub(crate) use self::{
    cache::WeightCache,
    division::guarded,
    external::{Source, sources},
    facts::Facts,
    sniff::not_a_model,
};
