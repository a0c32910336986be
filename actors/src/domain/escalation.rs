//! Asking for a person, or for the end of the call: markers in the model's own output.

mod marker;

pub use marker::{MarkerScanner, REASON_MAX, REASON_UNSPECIFIED, Wish};
