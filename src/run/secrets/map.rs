//! The text of secrets: YAML, a map from name to secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::problem::{Problem, Source};
use crate::secret::Secrets;
use crate::yaml;

/// The names under which the key pair is kept.
pub const PRIVATE_KEY: &str = "ssh_private_key";
pub const PUBLIC_KEY: &str = "ssh_public_key";

/// Reads a map; `from` names where it comes from. No excerpt of it reaches a message.
///
/// # Errors
/// It is no map of texts, or a password has a control character.
pub fn read(from: &str, text: &str) -> Result<Secrets, Problem> {
    let mut secrets = Secrets::default();
    let source = Arc::new(Source {
        name: from.to_owned(),
        text: text.to_owned(),
        vaulted: true,
    });
    let node = yaml::parse(&source)?;
    let map = node.as_map().ok_or_else(|| {
        Problem::input("expected a map from role to password")
            .at(&node.span)
            .hint("write `role: password`, one per line")
    })?;
    for (key, value) in map.iter() {
        let name = key.name.escape_debug();
        let value = value.scalar_text().map(Zeroizing::new).ok_or_else(|| {
            Problem::input(format!("`{name}` must be a text"))
                .at(&key.span)
                .hint("put it in quotes")
        })?;
        let is_key = [PRIVATE_KEY, PUBLIC_KEY].contains(&key.name.as_str());
        // A password is taken as it is, blanks at its end too.
        let value = if is_key { value.trim_end() } else { &value };
        if !is_key && value.contains(char::is_control) {
            return Err(Problem::input(format!(
                "the password of `{name}` has a control character"
            ))
            .at(&key.span)
            .hint("no password file can hold one: choose another password"));
        }
        secrets.insert(&key.name, value);
    }
    Ok(secrets)
}

/// The same as text.
///
/// # Errors
/// YAML cannot write it.
pub fn write(secrets: &Secrets) -> Result<Zeroizing<String>, String> {
    let known = secrets
        .names()
        .filter_map(|name| Some((name, secrets.get(name)?)));
    let known: BTreeMap<&str, _> = known.collect();
    let map: BTreeMap<&str, &str> = known
        .iter()
        .map(|(name, value)| (*name, value.expose()))
        .collect();
    yaml::to_string(&map)
        .map(Zeroizing::new)
        .map_err(|error| error.to_string())
}
