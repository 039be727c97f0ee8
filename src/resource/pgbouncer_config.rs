//! The resource `pgbouncer_config`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::view::Target;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Path, Pooler, PoolerDatabase, Probe, Unit};
use crate::plan::{Action, Op, ServiceAction};
use crate::problem::Problem;
use crate::setting::{self, Program};

/// pgbouncer runs with its present files. It is reloaded, and restarted only for what a reload cannot change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PgbouncerConfig {
    /// The files that it reads; one that is newer than the last reload needs one.
    files: Vec<String>,
    /// The files of its unit; one that is newer than the process needs a restart.
    #[serde(default)]
    unit_files: Vec<String>,
    /// What `SHOW CONFIG` must say of settings that only a restart changes. Others are followed by their file.
    settings: BTreeMap<String, serde_json::Value>,
    /// Where each database must lead.
    databases: BTreeMap<String, Target>,
}

const UNIT: &str = "pgbouncer";

impl PgbouncerConfig {
    /// What its main file says, where the file was asked for whole.
    fn written(&self, view: &View<'_>) -> BTreeMap<String, String> {
        let content = self.files.first().map(|path| view.path(path));
        match content {
            Some(Path::File {
                content: Some(text),
                ..
            }) => setting::read(Program::Pgbouncer, text),
            _ => BTreeMap::new(),
        }
    }

    /// Settings with another running value than the file's: name, running, declared, and whether only a restart changes it.
    fn drifted<'p>(
        pooler: &'p Pooler,
        written: &'p BTreeMap<String, String>,
    ) -> impl Iterator<Item = (&'p str, &'p str, &'p str, bool)> {
        written.iter().filter_map(|(name, wanted)| {
            let running = pooler.config.get(name)?;
            let is_same = Program::Pgbouncer.same(name, wanted, running);
            let is_fixed = pooler.fixed.contains(name);
            (!is_same).then_some((name.as_str(), running.as_str(), wanted.as_str(), is_fixed))
        })
    }

    /// The first setting that only a restart changes, with the running and the declared value.
    fn fixed<'a>(&self, pooler: &'a Pooler) -> Option<(&'a str, &'a str, String)> {
        pooler.fixed.iter().find_map(|name| {
            let wanted = match self.settings.get(name)? {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let running = pooler.config.get(name)?;
            (*running != wanted).then_some((name.as_str(), running.as_str(), wanted))
        })
    }
}

impl Resource for PgbouncerConfig {
    fn subject(&self) -> String {
        UNIT.to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        let own = [
            Probe::Unit(UNIT.to_owned()),
            Probe::Pooler(view.variables().pgbouncer_port),
        ];
        self.files
            .iter()
            .chain(&self.unit_files)
            .cloned()
            .map(Probe::Path)
            .chain(own)
            .collect()
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let bare = Unit::default();
        let unit = view.facts().units.get(UNIT).unwrap_or(&bare);
        let mut draft = Draft::new(Action::Reload);
        let act = |action| Op::Service {
            unit: UNIT.to_owned(),
            action,
        };
        let older_than = self
            .unit_files
            .iter()
            .find(|path| view.path(path).modified() > unit.started);
        if unit.needs_daemon_reload {
            draft = draft.op(Op::ReloadUnits);
        }
        if !unit.enabled {
            draft.action = Action::Update;
            draft = draft
                .field("at boot", "does not start", "starts")
                .op(act(ServiceAction::Enable));
        }
        let newer = self
            .files
            .iter()
            .find(|path| view.path(path).modified() > unit.changed);
        let pooler = view.facts().pooler.as_ref().filter(|_| unit.is_running());
        match (pooler, newer) {
            (None, _) => {
                // Running but not to be asked: its port or socket is another than declared.
                let (action, before) = if unit.is_running() {
                    (Action::Restart, "does not answer on the declared port")
                } else {
                    (Action::Start, "stopped")
                };
                draft.action = action;
                draft = draft
                    .field("state", before, "running")
                    .op(act(ServiceAction::Restart));
            }
            (Some(pooler), newer) => {
                let written = self.written(view);
                let of_file = Self::drifted(pooler, &written).find(|(.., is_fixed)| *is_fixed);
                let of_file =
                    of_file.map(|(name, running, wanted, _)| (name, running, wanted.to_owned()));
                if let Some((name, running, wanted)) = self.fixed(pooler).or(of_file) {
                    draft.action = Action::Restart;
                    draft = draft
                        .field(name, running, wanted)
                        .op(act(ServiceAction::Restart));
                } else if let Some(path) = older_than {
                    draft.action = Action::Restart;
                    draft = draft
                        .field("process", format!("older than {path}"), "started anew")
                        .op(act(ServiceAction::Restart));
                } else {
                    // `*` stands for databases that are not listed before somebody asks for them.
                    for (name, target) in self.databases.iter().filter(|(name, _)| *name != "*") {
                        let wanted = format!("{}:{}", target.host, target.port);
                        let seen = pooler
                            .databases
                            .get(name)
                            .map(|seen| format!("{}:{}", seen.host, seen.port));
                        if seen.as_ref() != Some(&wanted) {
                            draft = draft.field(name, seen, wanted);
                        }
                    }
                    for (name, running, wanted, _) in Self::drifted(pooler, &written) {
                        draft = draft.field(name, running, wanted);
                    }
                    if let Some(path) = newer {
                        draft =
                            draft.field("last reload", format!("before {path} was written"), "now");
                    }
                    if draft.fields.iter().any(|field| field.name != "at boot") {
                        draft = draft.op(act(ServiceAction::Reload));
                    }
                }
            }
        }
        Ok(if draft.ops.is_empty() {
            Verdict::AsDeclared
        } else {
            draft.into()
        })
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let only_at_boot = match self.verdict(view) {
            Ok(Verdict::Change(draft)) => draft.ops.len() == 1 && draft.action == Action::Update,
            _ => true,
        };
        let unit = facts.units.entry(UNIT.to_owned()).or_default();
        if only_at_boot {
            unit.enabled = true;
            return;
        }
        unit.active = "active".to_owned();
        unit.sub = "running".to_owned();
        unit.enabled = true;
        unit.needs_daemon_reload = false;
        unit.started = view.now;
        unit.changed = view.now;
        let written = self.written(view);
        let pooler = facts.pooler.get_or_insert_default();
        for (name, target) in &self.databases {
            pooler.databases.insert(
                name.clone(),
                PoolerDatabase {
                    host: target.host.clone(),
                    port: target.port,
                    paused: false,
                    ..PoolerDatabase::default()
                },
            );
        }
        for (name, value) in &self.settings {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            pooler.config.insert(name.clone(), value);
        }
        for (name, value) in written {
            if let Some(running) = pooler.config.get_mut(&name) {
                *running = value;
            }
        }
    }
}
