//! Why a vault text stays shut, as a user is told.

use super::keys::DEFAULT_ID;
use crate::problem::{Problem, Span};

/// Why a vault text was not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is damaged, or of a version that is not read.
    Format(String),
    /// No password was given at all.
    NoPassword { id: Option<String> },
    /// It names an id of which there is no password, and no other one opens it.
    MissingId { id: String, known: Vec<String> },
    /// None of the passwords opens it.
    WrongPassword { tried: Vec<String> },
    /// What is inside is no UTF-8.
    NoText,
}

impl Fault {
    /// The message about `thing` (“this file”, “this value”), which stands at `span`.
    pub fn problem(self, thing: &str, span: &Span) -> Problem {
        let problem = match self {
            Self::Format(fault) => Problem::input(format!("{thing} is no vault that can be read: {fault}"))
                .hint("encrypt it again with `ansible-vault`; it is read whole or not at all"),
            Self::NoPassword { id } => {
                let id = id.map_or(String::new(), |id| format!("{id}@"));
                Problem::input(format!("{thing} is encrypted, and no vault password was given"))
                    .hint(format!(
                        "`--vault-password-file FILE`, `--vault-id {id}FILE` or `--ask-vault-pass` gives it, or `ANSIBLE_VAULT_PASSWORD_FILE`; `ansible.cfg` is not read"
                    ))
            }
            Self::MissingId { id, known } => Problem::input(format!(
                "{thing} is encrypted under the vault id `{id}`, of which no password was given, and {} does not open it",
                listed(&known)
            ))
            .hint(format!("`--vault-id {id}@FILE` gives it, `--vault-id {id}@prompt` asks for it")),
            Self::WrongPassword { tried } => Problem::input(format!(
                "{thing} is not opened by {}: the password is wrong, or the text was changed",
                listed(&tried)
            ))
            .hint("`ansible-vault view` with the same password tells which of the two"),
            Self::NoText => Problem::input(format!("what is encrypted in {thing} is no UTF-8 text"))
                .hint("save it as UTF-8, and encrypt it again"),
        };
        problem.at(span)
    }
}

/// The passwords that were tried, by their ids.
fn listed(ids: &[String]) -> String {
    match ids {
        [id] if id == DEFAULT_ID => "the vault password".to_owned(),
        [id] => format!("the vault password of `{id}`"),
        ids => {
            let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
            format!("any of the vault passwords ({})", ids.join(", "))
        }
    }
}
