//! JSON schemas of inventories and playbooks, for editors: put together of those of the variables and resources.

mod inventory;
mod loose;
mod playbook;

pub use inventory::inventory;
pub use playbook::playbook;

/// The version of JSON Schema that schemars writes.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
