//! Values as Python writes them, since that is what Ansible puts into a text.

use std::fmt::Write as _;

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

/// As a part of a text: nothing is written as nothing.
pub fn text(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::None => Ok(String::new()),
        ValueKind::String => Ok(value.as_str().unwrap_or_default().to_owned()),
        _ => {
            let mut out = String::new();
            write(value, &mut out)?;
            Ok(out)
        }
    }
}

/// As an item of a list.
fn write(value: &Value, out: &mut String) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => out.push_str(&number(value)),
        ValueKind::String => quoted(value.as_str().unwrap_or_default(), out),
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (index, item) in value.try_iter()?.enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write(&item, out)?;
            }
            out.push(']');
        }
        ValueKind::Map => {
            out.push('{');
            for (index, key) in value.try_iter()?.enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write(&key, out)?;
                out.push_str(": ");
                write(&value.get_item(&key)?, out)?;
            }
            out.push('}');
        }
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        // What is invalid says why when it is iterated over.
        ValueKind::Invalid => return value.try_iter().map(|_| ()),
        _ => {
            let _ = write!(out, "{value}");
        }
    }
    Ok(())
}

/// Python's `repr` of a float has a point or an exponent.
fn number(value: &Value) -> String {
    let text = value.to_string();
    match f64::try_from(value.clone()) {
        Ok(float) if !value.is_integer() && float.is_finite() && float.abs() >= 1e16 => {
            let (mantissa, exponent) = format!("{float:e}")
                .split_once('e')
                .map(|(mantissa, exponent)| (mantissa.to_owned(), exponent.to_owned()))
                .unwrap_or_default();
            format!("{mantissa}e+{exponent:0>2}")
        }
        _ => text,
    }
}

fn quoted(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push(quote);
}
