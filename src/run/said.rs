//! What a step printed, kept for a message: its end, however much it was.

use std::collections::VecDeque;

/// Lines that are kept of each stream.
const LINES: usize = 200;
/// Bytes that are kept of each line.
const LENGTH: usize = 4 << 10;

/// The last lines of one stream.
#[derive(Default)]
pub struct Said(VecDeque<String>);

impl Said {
    pub fn push(&mut self, line: &str) {
        if self.0.len() == LINES {
            self.0.pop_front();
        }
        self.0.push_back(shortened(line));
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

/// A line as it is kept and shown: one without an end is cut.
pub fn shortened(line: &str) -> String {
    if line.len() <= LENGTH {
        return line.to_owned();
    }
    format!("{}…", &line[..line.floor_char_boundary(LENGTH)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() {
        let mut said = Said::default();
        for number in 0..1000 {
            said.push(&number.to_string());
        }
        assert_eq!(said.lines().len(), LINES);
        assert_eq!(said.lines().last().unwrap(), "999");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        let cut = shortened(&"é".repeat(LENGTH));
        assert!(
            cut.len() <= LENGTH + "…".len() && cut.ends_with("é…"),
            "{}",
            cut.len()
        );
    }
}
