#![doc = include_str!("../README.md")]

pub mod call_session;
pub mod clock;
pub mod directory;
pub mod domain;
pub mod escalation_manager;
pub mod keeper;
pub mod llm_gateway;
pub mod pulse;
pub mod registry;
