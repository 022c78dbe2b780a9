//! The engine's element types and ours, in one table.

use common::tensor::DType;
use ort::value::TensorElementType;

/// Calls a macro with every fixed-width type: ours, the engine's, and the Rust type of an element.
macro_rules! with_number_types {
    ($then:ident!($($arguments:tt)*)) => {
        $then! { ($($arguments)*)
            Bool Bool bool,
            Int8 Int8 i8,
            Int16 Int16 i16,
            Int32 Int32 i32,
            Int64 Int64 i64,
            Uint8 Uint8 u8,
            Uint16 Uint16 u16,
            Uint32 Uint32 u32,
            Uint64 Uint64 u64,
            Fp16 Float16 half::f16,
            Fp32 Float32 f32,
            Fp64 Float64 f64,
        }
    };
}
pub(super) use with_number_types;

/// The datatype of the engine's element type, if it is served.
pub(super) fn dtype_of(element: TensorElementType) -> Option<DType> {
    macro_rules! table {
        (() $($ours:ident $engines:ident $element:ty,)+) => {
            match element {
                $(TensorElementType::$engines => Some(DType::$ours),)+
                TensorElementType::String => Some(DType::Bytes),
                _ => None,
            }
        };
    }
    with_number_types!(table!())
}
