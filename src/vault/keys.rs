//! Vault passwords by their ids, and what they open.

use std::fmt;

use zeroize::Zeroizing;

use super::cipher::{SALT, Sealed};
use super::envelope::Envelope;
use super::fault::Fault;

/// The id of a password that was given without one.
pub const DEFAULT_ID: &str = "default";

/// The vault passwords that the user gave, in the order in which they are tried. `Debug` shows their ids only.
#[derive(Clone, Default)]
pub struct Keys(Vec<(String, Zeroizing<Vec<u8>>)>);

/// What was inside, and how to put it back.
pub struct Opened {
    pub text: Zeroizing<String>,
    /// The id that the vault text names.
    pub id: Option<String>,
    /// Which of the keys opened it.
    key: usize,
}

impl Keys {
    /// Adds a password under an id; of one id there can be several.
    pub fn add(&mut self, id: impl Into<String>, password: Zeroizing<Vec<u8>>) {
        self.0.push((id.into(), password));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens a vault text. As in Ansible the passwords of its id are tried first, then all others.
    ///
    /// # Errors
    /// It is damaged, or no password opens it.
    pub fn open(&self, text: &str) -> Result<Opened, Fault> {
        let Envelope { id, sealed } = Envelope::parse(text).map_err(Fault::Format)?;
        if self.0.is_empty() {
            return Err(Fault::NoPassword { id });
        }
        let is_named = |index: &usize| Some(&self.0[*index].0) == id.as_ref();
        let (named, others): (Vec<usize>, Vec<usize>) = (0..self.0.len()).partition(is_named);
        let is_known = !named.is_empty() || id.is_none();
        for key in named.into_iter().chain(others) {
            if let Some(plain) = sealed.open(&self.0[key].1) {
                let text = std::str::from_utf8(&plain).map_err(|_| Fault::NoText)?;
                let text = Zeroizing::new(text.to_owned());
                return Ok(Opened { text, id, key });
            }
        }
        let known: Vec<String> = self.0.iter().map(|(id, _)| id.clone()).collect();
        Err(match id {
            Some(id) if !is_known => Fault::MissingId { id, known },
            _ => Fault::WrongPassword { tried: known },
        })
    }

    /// A vault text of `plain`, under the id and with the password of what was `opened`. `salt` must be random.
    pub fn seal(&self, plain: &str, opened: &Opened, salt: &[u8; SALT]) -> String {
        let password = &self.0[opened.key].1;
        Envelope {
            id: opened.id.clone(),
            sealed: Sealed::new(plain.as_bytes(), password, salt),
        }
        .write()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(id, _)| id))
            .finish()
    }
}
