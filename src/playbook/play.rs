//! One play.

use super::Step;
use crate::problem::Span;
use crate::yaml::{Map, Spanned};

/// Which steps hold on which hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct Play {
    pub name: String,
    /// A pattern for `inventory::select`.
    pub hosts: Spanned,
    /// `serial: 1`: one host after the other.
    pub serial: bool,
    /// Variables of the play alone.
    pub vars: Map,
    pub steps: Vec<Step>,
    pub span: Span,
}
