//! One stream's bytes → lines and markers. Pure.

use std::collections::VecDeque;

use crate::secret::is_forbidden;

/// What a stream shows.
#[derive(Debug)]
pub(super) enum Event {
    Hello,
    Begin(u32),
    Line(String),
    End(u32, i32),
    Final(u64, i32),
}

/// Cuts one stream into lines and markers.
#[derive(Debug)]
pub(super) struct Cutter {
    prefix: Vec<u8>,
    /// Whether a `\r` ends a line.
    carriage: bool,
    partial: Vec<u8>,
    /// An empty line that may turn out to be a marker's own newline.
    empty: bool,
    /// A `\r` ended the last line: a `\n` right after it belongs to it.
    after_carriage: bool,
}

impl Cutter {
    pub fn new(tag: &str, carriage: bool) -> Self {
        Self {
            prefix: format!("\x1epgha:{tag} ").into_bytes(),
            carriage,
            partial: Vec::new(),
            empty: false,
            after_carriage: false,
        }
    }

    /// What came last, without a newline so far.
    pub fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Takes bytes in; gives how many lines they ended.
    pub fn feed(&mut self, bytes: &[u8], events: &mut VecDeque<Event>) -> usize {
        let mut lines = 0;
        let ends = |byte: &u8| *byte == b'\n' || (self.carriage && *byte == b'\r');
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(ends) {
            lines += 1;
            let by_carriage = rest[at] == b'\r';
            self.partial.extend_from_slice(&rest[..at]);
            rest = &rest[at + 1..];
            let line = std::mem::take(&mut self.partial);
            if line.is_empty() && self.after_carriage && !by_carriage {
                // `\r\n`, or a marker right after a `\r`: either way there is no line here.
                self.after_carriage = false;
                continue;
            }
            self.after_carriage = by_carriage;
            if let Some(marker) = line.strip_prefix(&*self.prefix).and_then(parse) {
                self.empty = false;
                events.push_back(marker);
                continue;
            }
            if std::mem::replace(&mut self.empty, line.is_empty()) {
                events.push_back(Event::Line(String::new()));
            }
            if !line.is_empty() {
                events.push_back(Event::Line(text(&line)));
            }
        }
        self.partial.extend_from_slice(rest);
        lines
    }
}

/// A host must not be able to name a secret that it, or another one, is then sent: what names one is replaced as bytes are
/// that are no text.
fn text(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    if text.contains(is_forbidden) {
        return text.replace(is_forbidden, "\u{FFFD}");
    }
    text.into_owned()
}

fn parse(marker: &[u8]) -> Option<Event> {
    let text = std::str::from_utf8(marker).ok()?;
    let words: Vec<&str> = text.split(' ').collect();
    Some(match words[..] {
        ["hello"] => Event::Hello,
        ["begin", id] => Event::Begin(id.parse().ok()?),
        ["end", id, code] => Event::End(id.parse().ok()?, code.parse().ok()?),
        ["final", sequence, code] => Event::Final(sequence.parse().ok()?, code.parse().ok()?),
        _ => return None,
    })
}
