//! A call that nothing breaks: what phone lines, model providers and busy days do to it.

mod backchannel;
mod bad_input;
mod crowded;
mod filler;
mod keys;
mod line_trouble;
mod model_trouble;
mod panics;
mod silence;
