//! YAML as a tree in which every node knows its place in the source. The only module that knows the YAML crate.

mod decode;
mod failure;
mod lower;
mod node;
mod parse;
mod raw;
mod resolve;

pub use decode::decode;
pub use node::{Key, Map, Node, Spanned, Value};
pub use parse::{is_blank, parse, parse_as_ansible, parse_scalar_at};

#[cfg(test)]
mod tests;

/// Writes a value as YAML.
///
/// # Errors
/// The value cannot be written as YAML; a map of texts always can.
pub fn to_string<T: serde::Serialize>(value: &T) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(value)
}
