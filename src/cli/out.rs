//! Data on stdout.

use std::io::Write as _;

use serde::Serialize;

/// Prints text as it is. A reader that went away (`pgha … | head`) is no error.
pub fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a value as JSON.
pub fn json(value: &impl Serialize) {
    let rendered = serde_json::to_string_pretty(value).expect("what is printed is plain data");
    text(&format!("{rendered}\n"));
}
