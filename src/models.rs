//! The language models: adapters to the port `switchhook_actors::llm_gateway::model::Model`.

pub mod offline;
pub mod openai;
pub mod sse;
