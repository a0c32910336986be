//! What a person types: one file a command.

pub mod call;
pub mod check;
pub mod load;
pub mod serve;
pub mod twilio;
