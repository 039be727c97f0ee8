//! What the YAML crate refuses, in our words.

use std::sync::Arc;

use serde_saphyr::{Error, Location};

use crate::problem::{Problem, Source, Span};

/// Words an error of the YAML crate; `offset` is where the parsed text begins in the source.
pub(super) fn problem(source: &Arc<Source>, offset: usize, error: &Error) -> Problem {
    let error = innermost(error);
    let span = error
        .location()
        .map_or_else(|| at(source, 0, 0), |found| span(source, offset, found));
    if let Some(braces) = template(source, &span) {
        return Problem::input("a template without quotes: YAML takes `{{` for a mapping")
            .at(&braces)
            .hint("put the whole value in quotes: `\"{{ … }}\"`");
    }
    let (what, hint) = describe(source, &span, error);
    let problem = Problem::input(what).at(&span);
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

fn innermost(error: &Error) -> &Error {
    match error.without_snippet() {
        Error::AliasError { error, .. } => innermost(error),
        error => error,
    }
}

fn describe(source: &Arc<Source>, span: &Span, error: &Error) -> (String, Option<&'static str>) {
    let here = source.text[span.start..].lines().next().unwrap_or_default();
    match error {
        Error::DuplicateMappingKey { key, .. } => (
            match key {
                Some(key) => format!("the key `{key}` occurs twice in one mapping"),
                None => "a key occurs twice in one mapping".to_owned(),
            },
            Some("keep one of the two"),
        ),
        Error::MultipleDocuments { .. } => (
            "a second document begins here".to_owned(),
            Some("write one document per file"),
        ),
        Error::UnknownAnchor { .. } => (
            match here.split_whitespace().next() {
                Some(alias) => format!("`{alias}` refers to an anchor that is not defined above"),
                None => "an alias refers to an anchor that is not defined above".to_owned(),
            },
            Some("define it with `&name`, or put the value in quotes if `*` is part of a text"),
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => (
            "an anchor holds an alias of itself".to_owned(),
            Some("remove the alias"),
        ),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => (
            "the document is too large, nested too deeply, or its aliases expand to too much"
                .to_owned(),
            Some("is it the right file?"),
        ),
        Error::NullIntoString { .. } => (
            "a key is empty".to_owned(),
            Some("write a name before the `:`, or put `~` and `null` in quotes"),
        ),
        Error::Unexpected {
            expected: "string scalar",
            ..
        } => (
            "a list or a mapping stands where a key is expected".to_owned(),
            Some("keys are plain text"),
        ),
        Error::MergeValueNotMapOrSeqOfMaps { .. } => (
            "`<<` merges mappings, and this is none".to_owned(),
            Some("write `<<: *name`, where `&name` marks a mapping"),
        ),
        error => plain(error, here),
    }
}

/// An error of the scanner: its own words, with a hint of ours.
fn plain(error: &Error, here: &str) -> (String, Option<&'static str>) {
    let mut what = error.to_string();
    if let Some(end) = what.rfind(" at line ") {
        what.truncate(end);
    }
    let hint = if here.starts_with('\t') || what.contains("tabs disallowed") {
        "a tab stands where only spaces may".clone_into(&mut what);
        "indent with spaces"
    } else if what.starts_with("unexpected character") {
        what = format!(
            "a value cannot begin with `{}`",
            here.chars().next().unwrap_or_default()
        );
        "put the value in quotes"
    } else if what.starts_with("mapping values are not allowed") {
        "a `:` stands where no key can be".clone_into(&mut what);
        "check the indentation, or put a value that contains `: ` in quotes"
    } else if what.starts_with("illegal placement of ':'") {
        "a `:` stands where no key can be".clone_into(&mut what);
        "is a bracket or a quote above not closed?"
    } else if what.contains("trailing content after") {
        "what begins with a quote must end with it: put the whole value in quotes"
    } else if what.contains("multiline quoted scalar") {
        "a quoted text runs on into this line".clone_into(&mut what);
        "is the closing quote above missing?"
    } else if what.contains("quoted scalar") {
        "is the closing quote missing?"
    } else if what.contains("unclosed") || what.contains("did not find expected ','") {
        "close the bracket"
    } else if what.contains("nest") || what.contains("recursion") {
        "is it the right file?"
    } else {
        "check the indentation of this line and the one above"
    };
    (what, Some(hint))
}

/// The braces, if the trouble is a template without quotes, which YAML takes for a mapping in a mapping.
fn template(source: &Arc<Source>, span: &Span) -> Option<Span> {
    let start = source.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let line = source.text[start..].lines().next()?;
    let brace = line.find("{{")?;
    let before = line[..brace].trim_end();
    let begins_value = before.is_empty() || before.ends_with([':', '-', '[', ',']);
    let len = line[brace..].find("}}").map_or(2, |end| end + 2);
    (begins_value && start + brace <= span.start).then(|| at(source, start + brace, len))
}

fn span(source: &Arc<Source>, offset: usize, location: Location) -> Span {
    let span = location.span();
    let number = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok());
    if let Some(start) = number(span.byte_offset()) {
        return at(source, offset + start, number(span.byte_len()).unwrap_or(0));
    }
    let line = usize::try_from(location.line()).unwrap_or(1).max(1);
    let column = usize::try_from(location.column()).unwrap_or(1).max(1);
    let text = &source.text[offset..];
    let line_start: usize = text
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let in_line: usize = text[line_start..]
        .chars()
        .take(column - 1)
        .map(char::len_utf8)
        .sum();
    at(source, offset + line_start + in_line, 1)
}

/// A span that lies within the text, whatever was asked for.
fn at(source: &Arc<Source>, start: usize, len: usize) -> Span {
    let text = &source.text;
    let start = text.floor_char_boundary(start.min(text.len()));
    let end = text.ceil_char_boundary((start + len).min(text.len()));
    Span {
        source: source.clone(),
        start,
        len: end - start,
    }
}
