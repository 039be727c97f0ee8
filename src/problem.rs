//! What a user is told when something is wrong: what, where, why, and one hint.

use std::fmt;
use std::sync::Arc;

/// What went wrong decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An operation failed on a host.
    Failed,
    /// Wrong usage or bad input; no host was touched.
    Input,
    /// A safety rule refused; nothing was changed.
    Refused,
    /// Something would be given up that only one node has; nothing was changed yet.
    DataLoss,
    /// A host could not be reached.
    Unreachable,
    /// Facts moved since the plan was made.
    Stale,
    /// The user, or whoever started the process, asked it to end.
    Interrupted,
}

impl Kind {
    /// The exit code of the process, as `docs/reference/verbs.md` lists them.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Input => 2,
            Self::Refused | Self::DataLoss => 3,
            Self::Unreachable => 4,
            Self::Stale => 5,
            // As a shell says of a command that ctrl-c ended.
            Self::Interrupted => 130,
        }
    }
}

/// Every exit code, and what it means: for the reference, `--help` and the man page.
pub const EXIT_CODES: [(u8, &str); 8] = [
    (0, "done; `status`: healthy"),
    (
        1,
        "something failed on a host; what was not done is listed; `status`: not healthy",
    ),
    (2, "wrong usage or bad input; no host was touched"),
    (3, "a safety rule refused; nothing was changed"),
    (4, "a host could not be reached"),
    (5, "the kept plan is stale; nothing was changed"),
    (10, "`plan --detailed-exitcode`: there are changes"),
    (
        130,
        "interrupted (ctrl-c): a step in progress goes on to its end on its host; what was not done is listed",
    ),
];

/// A file that was read, kept for excerpts in messages.
#[derive(PartialEq, Eq)]
pub struct Source {
    /// The path as the user gave it, or `--extra-vars` and the like.
    pub name: String,
    pub text: String,
    /// Whether the file is encrypted by Ansible Vault: no message shows an excerpt of it.
    pub vaulted: bool,
}

/// The name only: the text may hold passwords.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.name).finish()
    }
}

/// A place in a [`Source`]: what a caret points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub source: Arc<Source>,
    /// Byte offset into `source.text`.
    pub start: usize,
    /// Length in bytes; 0 points between two characters.
    pub len: usize,
}

impl Span {
    /// Line and column, both from 1; the column counts characters.
    pub fn line_column(&self) -> (usize, usize) {
        let start = self.source.text.floor_char_boundary(self.start);
        let before = &self.source.text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

/// `file:line:column`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.source.name)
    }
}

/// One thing that is wrong. Several are reported together as [`Problems`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub kind: Kind,
    /// What happened: a lower-case fragment, code in backticks, no full stop.
    pub what: String,
    /// Where in a file.
    pub span: Option<Span>,
    /// On which host.
    pub host: Option<String>,
    /// In which step of a playbook.
    pub step: Option<String>,
    /// Why, as it came: a remote command's stderr, an error of the operating system.
    pub cause: Option<String>,
    /// What to do about it, one line.
    pub hint: Option<String>,
}

impl Problem {
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            span: None,
            host: None,
            step: None,
            cause: None,
            hint: None,
        }
    }

    pub fn input(what: impl Into<String>) -> Self {
        Self::new(Kind::Input, what)
    }

    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Kind::Failed, what)
    }

    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(Kind::Refused, what)
    }

    pub fn unreachable(what: impl Into<String>) -> Self {
        Self::new(Kind::Unreachable, what)
    }

    pub fn stale(what: impl Into<String>) -> Self {
        Self::new(Kind::Stale, what)
    }

    pub fn interrupted(what: impl Into<String>) -> Self {
        Self::new(Kind::Interrupted, what)
    }

    #[must_use]
    pub fn at(mut self, span: &Span) -> Self {
        self.span = Some(span.clone());
        self
    }

    #[must_use]
    pub fn on(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    #[must_use]
    pub fn step(mut self, step: impl Into<String>) -> Self {
        self.step = Some(step.into());
        self
    }

    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// One line, without excerpt or colour: for logs and JSON. `render::problem` draws the long form.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(span) = &self.span {
            write!(f, "{span}: ")?;
        }
        if let Some(host) = &self.host {
            write!(f, "{host}: ")?;
        }
        if let Some(step) = &self.step {
            write!(f, "{step}: ")?;
        }
        f.write_str(&self.what)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// At least one problem; what every fallible floor returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// The exit code of the most telling kind: input before refusal before failure before the network.
    pub fn exit_code(&self) -> u8 {
        let rank = |kind: &Kind| match kind {
            Kind::Interrupted | Kind::Input => 0,
            Kind::Refused | Kind::DataLoss => 1,
            Kind::Stale => 2,
            Kind::Failed => 3,
            Kind::Unreachable => 4,
        };
        self.0
            .iter()
            .map(|problem| problem.kind)
            .min_by_key(rank)
            .map_or(1, Kind::exit_code)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The candidate that a misspelt `word` most likely meant.
///
/// Jaro-Winkler above 0.8, the measure and bound that clap uses for its own suggestions.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_counts_lines_and_characters_from_one() {
        let source = Arc::new(Source {
            name: "site.yml".into(),
            text: "a: ä\nbb: c\n".into(),
            vaulted: false,
        });
        let span = Span {
            source,
            start: 10,
            len: 1,
        };
        assert_eq!(span.to_string(), "site.yml:2:5");
    }

    #[test]
    fn a_suggestion_needs_likeness() {
        let known = ["postgresql_port", "postgresql_settings"];
        assert_eq!(
            did_you_mean("postgresql_setings", known),
            Some("postgresql_settings")
        );
        assert_eq!(did_you_mean("zebra", known), None);
    }
}
