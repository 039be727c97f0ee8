//! [`Node`] → a type of ours, with problems that point at the source.

use serde::de::DeserializeOwned;

use crate::problem::Problems;
use crate::yaml::Node;

/// Reads `node` as a `T`; `what` names it in messages (``the resource `package` ``).
///
/// # Errors
///
/// Every unknown key of a struct, at any depth, and the first value of a wrong type.
pub fn decode<T: DeserializeOwned>(node: &Node, what: &str) -> Result<T, Problems> {
    let _ = (node, what);
    todo!()
}
