//! `.onnx` files, read as what they are on disk: protocol buffers.
//!
//! Only what has to be known before the engine opens a file: which files it points to (a model must
//! not read outside its folder), which inputs declare no shape, and where the large weights lie, so
//! that they can be moved out to a file that all sessions map. Knows nothing of operators.

mod convert;
mod external;
mod facts;
mod wire;

pub(crate) use self::{
    convert::{WEIGHTS, WeightCache},
    external::check_external,
    facts::Facts,
};
