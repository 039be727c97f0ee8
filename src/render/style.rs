//! Colours, and what text from elsewhere goes through before a terminal sees it.

use std::fmt::Display;

use console::{Style, Term};

use crate::secret::Text;

/// Whether standard output takes colour: a terminal, and none of `NO_COLOR`, `CLICOLOR=0` or `TERM=dumb`.
pub fn stdout_colours() -> bool {
    console::colors_enabled()
}

/// Whether standard error takes colour.
pub fn stderr_colours() -> bool {
    console::colors_enabled_stderr()
}

/// The columns of standard output; 100 where it is no terminal.
pub fn stdout_width() -> usize {
    width_of(&Term::stdout())
}

/// The columns of standard error; 100 where it is no terminal.
pub fn stderr_width() -> usize {
    width_of(&Term::stderr())
}

fn width_of(term: &Term) -> usize {
    match term.size_checked() {
        Some((_, columns)) if columns > 0 => columns.into(),
        _ => 100,
    }
}

/// What a piece of text means; [`Paint`] knows its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Comes into being, is well.
    Good,
    /// Becomes different.
    Changed,
    /// Goes away, is broken.
    Bad,
    /// Interrupts someone: a restart.
    Disruptive,
    /// What heads a section.
    Heading,
    /// What is there for completeness.
    Dim,
    /// What to do about it.
    Hint,
}

/// Paints, or leaves text as it is. No meaning is in the colour alone.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    pub colours: bool,
}

impl Paint {
    pub fn new(colours: bool) -> Self {
        Self { colours }
    }

    pub fn paint(self, tone: Tone, text: impl Display) -> String {
        if !self.colours {
            return text.to_string();
        }
        let style = Style::new().force_styling(true);
        let style = match tone {
            Tone::Good => style.green(),
            Tone::Changed => style.yellow(),
            Tone::Bad => style.red().bold(),
            Tone::Disruptive => style.magenta().bold(),
            Tone::Heading => style.bold(),
            Tone::Dim => style.dim(),
            Tone::Hint => style.cyan(),
        };
        style.apply_to(text).to_string()
    }
}

/// Text that a terminal cannot be steered by, lines and tabs kept: other control characters and those that reorder or
/// hide text are spelt out. A secret's marker becomes its name.
pub fn clean(text: &str) -> String {
    let shown = Text::parse(text).to_string();
    let mut out = String::with_capacity(shown.len());
    for c in shown.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if is_unsafe(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// As [`clean`], on one line: line ends and tabs are spelt out too.
pub fn clean_line(text: &str) -> String {
    clean(text).replace('\n', "\\n").replace('\t', "\\t")
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || crate::secret::is_forbidden(c)
        || matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{Form, marker};

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal_nor_show_a_marker() {
        assert_eq!(clean("a\u{1b}[2Jb\r\n\tü"), "a\\u{1b}[2Jb\\r\n\tü");
        assert_eq!(clean("x\u{202E}y"), "x\\u{202e}y");
        assert_eq!(clean(&marker("app", Form::Scram)), "<secret app>");
        assert_eq!(clean_line("a\n\tb"), "a\\n\\tb");
    }

    #[test]
    fn without_colour_text_stays_as_it_is() {
        assert_eq!(Paint::new(false).paint(Tone::Bad, "x"), "x");
        assert_eq!(
            Paint::new(true).paint(Tone::Good, "x"),
            "\u{1b}[32mx\u{1b}[0m"
        );
    }
}
