//! Text → [`Node`].

use std::sync::Arc;

use serde_saphyr::{Budget, NonFiniteFloatPolicy};

use super::failure;
use super::lower::{Scalars, lower};
use super::raw::Raw;
use super::{Node, Value};
use crate::problem::{Problem, Source, Span};
use crate::secret::is_forbidden;

/// No declaration is larger; what is, is some other file.
const MAX_BYTES: usize = 1 << 20;
/// Deeper than any declaration, and shallow enough for recursion.
const MAX_DEPTH: usize = 32;

/// Reads one YAML document.
///
/// # Errors
///
/// The first thing that is wrong, at its place.
pub fn parse(source: &Arc<Source>) -> Result<Node, Problem> {
    check_text(source)?;
    if is_blank(source) {
        return Err(Problem::input(format!("`{}` is empty", source.name))
            .hint("write the declaration, or leave the file out"));
    }
    parse_from(source, 0)
}

/// Reads one YAML document, or JSON, as Ansible reads inventories and files of variables: with the scalars of YAML 1.1.
///
/// # Errors
///
/// What [`parse`] refuses.
pub fn parse_as_ansible(source: &Arc<Source>) -> Result<Node, Problem> {
    check_text(source)?;
    if is_blank(source) {
        return Err(Problem::input(format!("`{}` is empty", source.name))
            .hint("write the declaration, or leave the file out"));
    }
    let is_json = source.text.trim_start().starts_with(['{', '['])
        && serde_json::from_str::<serde::de::IgnoredAny>(&source.text).is_ok();
    if is_json {
        // YAML allows no tab where JSON does. In JSON there is none inside of a text.
        let text = source.text.replace('\t', " ");
        return parse_text(source, &text, 0, Scalars::Pyyaml);
    }
    parse_text(source, &source.text, 0, Scalars::Pyyaml)
}

/// Whether the source holds nothing but blank lines, comments and document markers.
pub fn is_blank(source: &Source) -> bool {
    source.text.lines().all(|line| {
        let line = line.trim_start_matches('\u{feff}').trim();
        line.is_empty() || line.starts_with('#') || line == "---" || line == "..."
    })
}

/// Reads what follows the byte `start` as `--extra-vars` reads the value of a pair: a list or a mapping in flow style, else
/// a scalar, and text as it stands where YAML would see anything but a scalar in it.
///
/// # Errors
///
/// What [`parse`] refuses.
pub fn parse_scalar_at(source: &Arc<Source>, start: usize) -> Result<Node, Problem> {
    check_text(source)?;
    let text = &source.text[start..];
    let trimmed = text.trim_start();
    if trimmed.starts_with(['[', '{']) && !trimmed.starts_with("{{") {
        return parse_from(source, start);
    }
    let is_plain_null = |node: &Node| node.is_null() && node.span.len == 0;
    match parse_from(source, start) {
        Ok(node)
            if !matches!(node.value, Value::Sequence(_) | Value::Map(_))
                && !is_plain_null(&node)
                && node.span.start + node.span.len == source.text.trim_end().len() =>
        {
            Ok(node)
        }
        _ => Ok(Node {
            value: Value::String(text.to_owned()),
            span: Span {
                source: source.clone(),
                start,
                len: text.len(),
            },
        }),
    }
}

/// Reads the text from the byte `start` on.
fn parse_from(source: &Arc<Source>, start: usize) -> Result<Node, Problem> {
    parse_text(source, &source.text[start..], start, Scalars::Strict)
}

fn parse_text(
    source: &Arc<Source>,
    text: &str,
    start: usize,
    scalars: Scalars,
) -> Result<Node, Problem> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        budget: budget(),
    };
    let raw: serde_saphyr::Spanned<Raw> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| failure::problem(source, start, &error))?;
    lower(source, start, scalars, raw)
}

/// Small enough that no alias bomb gets far.
fn budget() -> Option<Budget> {
    serde_saphyr::budget! {
        max_nodes: 50_000,
        max_events: 150_000,
        max_aliases: 1_000,
        max_anchors: 1_000,
        max_depth: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH,
        max_total_scalar_bytes: 2 * MAX_BYTES,
    }
}

/// Refuses what no YAML reader should see.
fn check_text(source: &Arc<Source>) -> Result<(), Problem> {
    let text = &source.text;
    if text.len() > MAX_BYTES {
        return Err(Problem::input(format!(
            "`{}` has {} bytes; a declaration has at most {MAX_BYTES}",
            source.name,
            text.len()
        ))
        .hint("is it the right file?"));
    }
    let bad = text.char_indices().find(|&(at, c)| {
        is_forbidden(c)
            || (c.is_ascii_control()
                && c != '\n'
                && c != '\t'
                && !(c == '\r' && text[at..].starts_with("\r\n")))
    });
    match bad {
        None => Ok(()),
        Some((start, c)) => Err(Problem::input(format!(
            "the character U+{:04X} may not stand in a declaration",
            u32::from(c)
        ))
        .at(&Span {
            source: source.clone(),
            start,
            len: c.len_utf8(),
        })
        .hint("remove it; it is invisible in most editors")),
    }
}
