//! The JSON of the probe's SQL.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Database, Receiver, Role, Sender, Server, Setting, Slot, Tablespace, Time, Written};
use crate::postgres::lsn::Lsn;
use crate::problem::Problem;

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
    serde_json::from_str(text).map_err(|error| {
        Problem::failed("PostgreSQL's answer to the probe could not be read").because(error)
    })
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
