//! One play.

use super::Step;
use crate::problem::Span;
use crate::yaml::{Map, Node, Spanned};

/// Which steps hold on which hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct Play {
    pub name: String,
    /// A pattern for `inventory::select`.
    pub hosts: Spanned,
    /// `serial: 1`: one host after the other.
    pub serial: bool,
    /// Whether it begins only when all before it is done on every host.
    pub in_order: bool,
    /// Whether it is run at the end however the plays before it ended. Such plays are the last.
    pub always: bool,
    /// Seconds after which a host that has not done its part counts as lost: a template or a number. It shares no stage
    /// with what has none; of two the longer counts.
    pub deadline: Option<Node>,
    /// Variables of the play alone.
    pub vars: Map,
    pub steps: Vec<Step>,
    pub span: Span,
}
