//! Files that go to hosts as they are: nothing in them is evaluated.

use std::sync::Arc;

use super::Engine;
use crate::problem::{Problem, Source, Span, did_you_mean};
use crate::secret::is_forbidden;

/// Where programs are found.
pub trait Programs: Send + Sync {
    /// The one inside pgha.
    fn shipped(&self, name: &str) -> Option<Arc<Source>>;

    /// The user's own, which goes before it.
    ///
    /// # Errors
    /// It is there, and cannot be read.
    fn own(&self, name: &str) -> Result<Option<Arc<Source>>, Problem>;

    /// All that there are, for who misspells one.
    fn names(&self) -> Vec<String>;
}

/// Those inside pgha alone.
impl<F: Fn(&str) -> Option<Arc<Source>> + Send + Sync> Programs for F {
    fn shipped(&self, name: &str) -> Option<Arc<Source>> {
        self(name)
    }

    fn own(&self, _: &str) -> Result<Option<Arc<Source>>, Problem> {
        Ok(None)
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A file as it goes to hosts.
#[derive(Debug)]
pub struct Program {
    pub text: String,
    /// Whether it is, to the byte, the one that pgha ships under this name.
    pub is_shipped: bool,
}

impl Engine {
    /// The file `name` of `programs/`, as it is.
    ///
    /// # Errors
    /// There is none of that name (told at `span`), it cannot be read, or has characters that no text may have.
    pub fn program(&self, name: &str, span: &Span) -> Result<Program, Problem> {
        let shipped = self.programs.shipped(name);
        let own = self
            .programs
            .own(name)
            .map_err(|problem| problem.at(span))?;
        let found = own.or_else(|| shipped.clone()).ok_or_else(|| {
            let problem = Problem::input(format!("there is no program `{name}`")).at(span);
            let known = self.programs.names();
            match did_you_mean(name, known.iter().map(String::as_str)) {
                Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
                None => problem.hint("programs are looked for in `programs/` beside the playbook, then in pgha itself; `pgha playbook list` lists those"),
            }
        })?;
        is_sound(&found)?;
        Ok(Program {
            is_shipped: shipped.is_some_and(|shipped| shipped.text == found.text),
            text: found.text.clone(),
        })
    }
}

/// What no text for a host may have: characters that stand for secrets in rendered text come from `secret(…)` alone, and
/// NUL ends a text in most places.
pub(super) fn is_sound(source: &Arc<Source>) -> Result<(), Problem> {
    let Some((start, found)) = source
        .text
        .char_indices()
        .find(|(_, c)| is_forbidden(*c) || *c == '\0')
    else {
        return Ok(());
    };
    let span = Span {
        source: Arc::clone(source),
        start,
        len: found.len_utf8(),
    };
    Err(Problem::input(format!(
        "the character U+{:04X} cannot be used",
        u32::from(found)
    ))
    .at(&span)
    .hint("remove it; it is invisible in most editors"))
}
