pub mod domain;
pub mod llm_gateway {
    pub mod model;
}
pub mod registry {
    pub mod store;
}
