//! Fields of a resource: what they were, what they become.

use super::style::clean_line;
use crate::plan::{Field, Shown};

/// One line per field: `name: before → after`, the names padded to one width.
pub(super) fn lines(fields: &[Field]) -> Vec<String> {
    let name = |field: &Field| format!("{}:", clean_line(&field.name));
    let width = fields
        .iter()
        .map(|field| console::measure_text_width(&name(field)))
        .max();
    fields
        .iter()
        .map(|field| {
            let name = console::pad_str(
                &name(field),
                width.unwrap_or(0),
                console::Alignment::Left,
                None,
            )
            .into_owned();
            match (&field.before, &field.after) {
                // An attribute that is its own name.
                (Shown::Absent, Shown::Value(value)) if *value == field.name => clean_line(value),
                (Shown::Absent, after) => format!("{name} {}", shown(after)),
                (Shown::Secret, Shown::Secret) => format!("{name} <secret> → another <secret>"),
                (before, after) => format!("{name} {} → {}", shown(before), shown(after)),
            }
        })
        .collect()
}

fn shown(value: &Shown) -> String {
    match value {
        Shown::Absent => "(none)".to_owned(),
        Shown::Value(value) if value.is_empty() => "\"\"".to_owned(),
        Shown::Value(value) => clean_line(value),
        Shown::Secret => "<secret>".to_owned(),
        Shown::Unknown(when) if when.is_empty() => "(not known yet)".to_owned(),
        Shown::Unknown(when) => {
            let when = clean_line(when);
            let when = when.strip_prefix("known ").unwrap_or(&when);
            format!(
                "(known after {})",
                when.strip_prefix("after ").unwrap_or(when)
            )
        }
    }
}
