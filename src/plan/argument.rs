//! Which argument of a step a message is about.

use crate::problem::Span;
use crate::yaml::{Node, Value};

/// The argument whose value, or else whose name, `what` has in backticks; its last word counts most.
pub(super) fn argument_of(what: &str, arguments: &Node) -> Option<Span> {
    let words: Vec<&str> = what.split('`').skip(1).step_by(2).collect();
    let named = |word: &str| arguments.as_map()?.entry(word).map(|(key, _)| &key.span);
    let mut found = words.iter().rev().map(|word| of_value(word, arguments));
    let found = found.find_map(|span| span);
    found
        .or_else(|| words.iter().rev().find_map(|word| named(word)))
        .cloned()
}

fn of_value<'n>(word: &str, node: &'n Node) -> Option<&'n Span> {
    match &node.value {
        Value::String(text) if text.eq_ignore_ascii_case(word) => Some(&node.span),
        Value::Sequence(items) => items.iter().find_map(|item| of_value(word, item)),
        Value::Map(map) => map.iter().find_map(|(_, item)| of_value(word, item)),
        _ => None,
    }
}
