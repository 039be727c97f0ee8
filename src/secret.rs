//! Secrets by name: text that a plan may hold, show and store, since the secret itself is not in it.
//!
//! A template asks for `password("app")` and gets a marker in its place. [`Text::parse`] finds the markers; only the run,
//! which holds [`Secrets`], turns them into the real thing, and only on the way down the channel to a host.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

mod form;
mod value;

pub use form::Form;
pub use value::Secret;

/// Marks where a secret begins and ends inside rendered text: noncharacters that no input may contain
/// ([`is_forbidden`]).
const OPEN: char = '\u{FDD0}';
const CLOSE: char = '\u{FDD1}';
const SEPARATOR: char = '\u{FDD2}';

/// Whether `c` may not stand in any file that a user writes: it would be taken for a marker of ours.
pub fn is_forbidden(c: char) -> bool {
    ('\u{FDD0}'..='\u{FDEF}').contains(&c)
}

/// The secrets that a run knows: role or key name to plain value. It has no `Display`, and `Debug` names the keys only.
#[derive(Clone, Default)]
pub struct Secrets {
    known: BTreeMap<String, Secret>,
    found: Found,
}

/// Secrets that come to light while variables are evaluated, which happens when a template asks for them. Clones are the same one.
#[derive(Clone, Default)]
pub struct Found(Arc<Mutex<BTreeMap<String, Secret>>>);

impl Found {
    /// How the names of all of them begin.
    pub const PREFIX: &str = "variable ";

    /// Keeps a secret that a host has at a path of a variable, and gives the name to ask for it by: the path's, or where
    /// other hosts have another secret there, one of its own.
    pub fn name(&self, path: &str, host: &str, value: &Secret) -> String {
        let mut map = self.map();
        let name = format!("{}{path}", Self::PREFIX);
        let is_free = map.get(&name).is_none_or(|other| other == value);
        let name = if is_free {
            name
        } else {
            format!("{name} of {host}")
        };
        map.insert(name.clone(), value.clone());
        name
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<String, Secret>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Secrets {
    /// None yet but what will be found.
    pub fn finding(found: Found) -> Self {
        Self {
            known: BTreeMap::new(),
            found,
        }
    }

    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Secret>) {
        self.known.insert(name.into(), value.into());
    }

    pub fn get(&self, name: &str) -> Option<Secret> {
        let known = self.known.get(name).cloned();
        known.or_else(|| self.found.map().get(name).cloned())
    }

    /// The names of those that are known, without what was found.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    /// Takes over everything that `stronger` knows, and whatever it will find.
    pub fn extend(&mut self, stronger: &Self) {
        self.known.extend(stronger.known.clone());
        self.found = stronger.found.clone();
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.known.keys()).finish()
    }
}

/// A piece of [`Text`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    Literal(String),
    Secret { name: String, form: Form },
}

/// Text in which secrets are named, not held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(Vec<Piece>);

impl Text {
    /// Splits rendered text at its markers.
    pub fn parse(rendered: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = rendered;
        while let Some((before, after)) = rest.split_once(OPEN) {
            let Some((inside, behind)) = after.split_once(CLOSE) else {
                break;
            };
            let (name, form) = inside.split_once(SEPARATOR).unwrap_or((inside, ""));
            if !before.is_empty() {
                pieces.push(Piece::Literal(before.to_owned()));
            }
            pieces.push(Piece::Secret {
                name: name.to_owned(),
                form: Form::from_name(form),
            });
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Self(pieces)
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text with its markers, as templates give it: [`Self::parse`] of it is this text again.
    pub fn rendered(&self) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Literal(literal) => literal.clone(),
                Piece::Secret { name, form } => marker(name, *form),
            })
            .collect()
    }

    /// The names of the secrets in it.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Secret { name, .. } => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// The real text, or the name of the first secret that is not known (yet).
    pub fn reveal(&self, secrets: &Secrets) -> Result<String, String> {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Secret { name, form } => {
                    let secret = secrets.get(name).ok_or_else(|| name.clone())?;
                    out.push_str(&form.apply(secret.expose()));
                }
            }
        }
        Ok(out)
    }
}

impl From<&str> for Text {
    fn from(literal: &str) -> Self {
        Self::parse(literal)
    }
}

impl From<String> for Text {
    fn from(literal: String) -> Self {
        Self::parse(&literal)
    }
}

/// The text as it may be shown: each secret as `<secret NAME>`.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => f.write_str(text)?,
                Piece::Secret { name, .. } => write!(f, "<secret {name}>")?,
            }
        }
        Ok(())
    }
}

/// The marker that stands for the secret `name` in rendered text, in the form `form`.
pub fn marker(name: &str, form: Form) -> String {
    format!("{OPEN}{name}{SEPARATOR}{}{CLOSE}", form.name())
}

/// The same text with every marker's form replaced; `None` if it holds no marker.
pub fn with_form(rendered: &str, form: Form) -> Option<String> {
    let text = Text::parse(rendered);
    text.secrets().next()?;
    Some(
        text.pieces()
            .iter()
            .map(|piece| match piece {
                Piece::Literal(literal) => literal.clone(),
                Piece::Secret { name, .. } => marker(name, form),
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_by_name_and_revealed_only_with_the_secrets() {
        let text = Text::parse(&format!("a:{}:b", marker("app", Form::PgPass)));
        assert_eq!(text.to_string(), "a:<secret app>:b");
        assert_eq!(text.reveal(&Secrets::default()), Err("app".to_owned()));
        let mut secrets = Secrets::default();
        secrets.insert("app", "x:y");
        assert_eq!(text.reveal(&secrets), Ok(r"a:x\:y:b".to_owned()));
        assert!(!format!("{secrets:?}").contains("x:y"));
        assert!(!serde_json::to_string(&text).unwrap().contains("x:y"));
    }
}
