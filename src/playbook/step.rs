//! One step.

use crate::problem::Span;
use crate::yaml::{Node, Spanned};

/// One resource, declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub name: String,
    /// The name of the resource and where it stands.
    pub kind: Spanned,
    /// What stands behind the resource's name: a mapping, or a string as shorthand.
    pub arguments: Node,
    /// Conditions that must all hold.
    pub when: Vec<Spanned>,
    /// What `loop` lists.
    pub loop_over: Option<Node>,
    pub span: Span,
}
