//! The JSON of the probe's SQL.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{
    Broken, Database, OwnSetting, Receiver, Role, Sender, Server, Setting, Slot, Tablespace, Time,
    Written,
};
use crate::postgres::lsn::Lsn;
use crate::problem::Problem;
use crate::secret::is_forbidden;

#[derive(Deserialize)]
struct Wire {
    in_recovery: bool,
    system_identifier: Option<String>,
    timeline: Option<u32>,
    position: Option<Lsn>,
    started: f64,
    loaded: f64,
    size: u64,
    settings: BTreeMap<String, WireSetting>,
    files: Vec<Written>,
    overrides: BTreeMap<String, Option<String>>,
    roles: BTreeMap<String, Role>,
    databases: BTreeMap<String, Database>,
    slots: BTreeMap<String, Slot>,
    senders: BTreeMap<String, Sender>,
    receiver: Option<Receiver>,
    #[serde(default)]
    tablespaces: BTreeMap<String, Tablespace>,
    #[serde(default)]
    sources: BTreeMap<String, String>,
    #[serde(default)]
    broken: Vec<Broken>,
    #[serde(default)]
    own_settings: Vec<OwnSetting>,
}

#[derive(Deserialize)]
struct WireSetting {
    value: Option<String>,
    raw: String,
    unit: Option<String>,
    context: String,
    vartype: String,
    pending_restart: bool,
    waiting: Option<String>,
    initial: Option<String>,
}

#[derive(Deserialize)]
struct WireExtensions {
    database: String,
    extensions: Option<Vec<String>>,
}

pub fn json<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let unreadable = || Problem::failed("PostgreSQL's answer to the probe could not be read");
    // As the characters themselves they do not come this far; PostgreSQL escapes none but control characters.
    if escaped(text).any(is_forbidden) {
        return Err(unreadable().because("it names a secret"));
    }
    serde_json::from_str(text).map_err(|error| unreadable().because(error))
}

/// The characters that a JSON text writes as `\uXXXX`.
fn escaped(text: &str) -> impl Iterator<Item = char> {
    let escapes = text.match_indices("\\u");
    let digits = escapes.filter_map(|(at, _)| text.get(at + 2..at + 6));
    digits.filter_map(|digits| char::from_u32(u32::from_str_radix(digits, 16).ok()?))
}

pub fn extensions(text: &str) -> Result<(String, Vec<String>), Problem> {
    let wire: WireExtensions = json(text)?;
    Ok((wire.database, wire.extensions.unwrap_or_default()))
}

pub fn server(text: &str) -> Result<Server, Problem> {
    let wire: Wire = json(text)?;
    let setting = |setting: WireSetting| Setting {
        value: setting.value.unwrap_or_default(),
        raw: setting.raw,
        unit: setting.unit,
        context: setting.context,
        vartype: setting.vartype,
        pending_restart: setting.pending_restart,
        waiting: setting.waiting,
        initial: setting.initial,
    };
    Ok(Server {
        in_recovery: wire.in_recovery,
        system_identifier: wire.system_identifier,
        timeline: wire.timeline,
        position: wire.position,
        started: Time::At(wire.started),
        loaded: Time::At(wire.loaded),
        size: wire.size,
        settings: wire
            .settings
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), setting(value)))
            .collect(),
        files: wire.files,
        sources: wire.sources,
        broken: wire.broken,
        own_settings: wire.own_settings,
        overrides: wire
            .overrides
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.unwrap_or_default()))
            .collect(),
        roles: wire.roles,
        databases: wire.databases,
        slots: wire.slots,
        senders: wire.senders,
        receiver: wire.receiver,
        tablespaces: wire.tablespaces,
        ..Server::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_names_a_secret_is_none() {
        for text in [r#""\ufdd0app\uFDD2\ufdd1""#, r#"{"\uFDEF": 1}"#] {
            let read: Result<serde_json::Value, Problem> = json(text);
            assert_eq!(
                read.unwrap_err().cause.as_deref(),
                Some("it names a secret"),
                "{text}"
            );
        }
        let read: serde_json::Value = json(r#""\u001b\ufdcf\ufdf0 \\é""#).unwrap();
        assert_eq!(read, "\u{1b}\u{fdcf}\u{fdf0} \\é");
    }
}
