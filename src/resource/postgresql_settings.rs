//! The resource `postgresql_settings`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::{File, Validate};
use super::in_force::{self, differs, is_behind, overriding, placed};
use super::{Declared, Draft, Files, Resource, Verdict, View};
use crate::facts::{Facts, Probe, Server};
use crate::plan::{Action, Op};
use crate::postgres::ident::{quote_ident, quote_setting};
use crate::postgres::setting::{self, HOT_STANDBY, alike, larger, with_unit};
use crate::problem::{Problem, did_you_mean};

/// Settings in a file of pgha's own in `conf.d`, loaded by the server. Fails where another file or `ALTER SYSTEM` overrides
/// one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// The file.
    path: String,
    /// A template of settings, written as in `postgresql.conf`.
    src: String,
    /// Settings that go over it.
    #[serde(deserialize_with = "scalars")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    settings: BTreeMap<String, String>,
    /// Libraries that are loaded whatever the settings say.
    #[serde(default)]
    preload: Vec<String>,
}

/// The settings of a cluster, whole.
pub struct PostgresqlSettings {
    path: String,
    settings: BTreeMap<String, String>,
    preload: Vec<String>,
}

impl Declared for Arguments {
    type Whole = PostgresqlSettings;

    fn complete(self, files: &dyn Files) -> Result<PostgresqlSettings, Problem> {
        let mut settings = setting::parse(&files.template(&self.src)?).map_err(|line| {
            Problem::input(format!(
                "`{}` has a line that is no setting: `{line}`",
                self.src
            ))
            .hint("write `name = value`, one to a line")
        })?;
        settings.extend(self.settings);
        Ok(PostgresqlSettings {
            path: self.path,
            settings,
            preload: self.preload,
        })
    }
}

/// Numbers and booleans are settings too.
fn scalars<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let raw = BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
    raw.into_iter()
        .map(|(name, value)| {
            let text = match value {
                serde_json::Value::String(text) => text,
                serde_json::Value::Bool(true) => "on".to_owned(),
                serde_json::Value::Bool(false) => "off".to_owned(),
                serde_json::Value::Number(number) => number.to_string(),
                other => {
                    return Err(serde::de::Error::custom(format!(
                        "the setting `{name}` must be one value, not {other}"
                    )));
                }
            };
            Ok((name.to_ascii_lowercase(), text))
        })
        .collect()
}

impl PostgresqlSettings {
    /// The values for this host. A standby never has less than its primary runs with, or it would not start: so a raise
    /// reaches standbys first, and a lowering reaches them once the primary was restarted.
    fn wanted(&self, view: &View<'_>) -> BTreeMap<String, String> {
        let mut wanted = self.settings.clone();
        if !self.preload.is_empty() {
            let declared = wanted
                .remove("shared_preload_libraries")
                .unwrap_or_default();
            let mut libraries: Vec<&str> = self.preload.iter().map(String::as_str).collect();
            libraries.extend(declared.split(',').map(str::trim).filter(|library| {
                !library.is_empty() && !self.preload.iter().any(|own| own == library)
            }));
            let libraries = libraries.join(",");
            wanted.insert("shared_preload_libraries".to_owned(), libraries);
        }
        if !view.takes_writes()
            && let Some(primary) = view.primary_server()
        {
            for name in HOT_STANDBY {
                if let (Some(value), Some(running)) =
                    (wanted.get_mut(name), primary.settings.get(name))
                {
                    *value = larger(value, &running.raw).to_owned();
                }
            }
        }
        wanted
    }

    fn file(&self, view: &View<'_>) -> File {
        let lines: String = self
            .wanted(view)
            .iter()
            .map(|(name, value)| format!("{name} = {}\n", quote_setting(value)))
            .collect();
        File {
            path: self.path.clone(),
            content: Some(format!(
                "# Written by pgha: settings of the cluster. Change them in `postgresql_settings`.\n{lines}"
            )),
            mode: "0644".to_owned(),
            owner: "postgres".to_owned(),
            group: "postgres".to_owned(),
            shipped: None,
            validate: Some(Validate::Settings),
        }
    }

    /// Settings that leave the file, each with the value that it falls back to: another file's, or PostgreSQL's own.
    fn dropped(
        &self,
        server: &Server,
        wanted: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let own = server.files.iter().filter(|line| line.file == self.path);
        own.map(|line| line.name.to_ascii_lowercase())
            .filter(|name| !wanted.contains_key(name))
            .filter_map(|name| {
                let mut others = server.files.iter().filter(|line| line.file != self.path);
                let below = others.rfind(|line| line.name.eq_ignore_ascii_case(&name));
                let value = match below {
                    Some(line) => line.value.clone(),
                    None => {
                        let setting = server.settings.get(&name)?;
                        with_unit(setting.initial.as_ref()?, setting.unit.as_deref())
                    }
                };
                Some((name, value))
            })
            .collect()
    }

    fn auto_conf(view: &View<'_>) -> String {
        format!("{}/postgresql.auto.conf", view.data_directory())
    }
}

impl Resource for PostgresqlSettings {
    fn subject(&self) -> String {
        self.path.clone()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        let mut probes = self.file(view).probes(view);
        probes.push(Probe::Path(Self::auto_conf(view)));
        probes.push(view.cluster_probe());
        probes
    }

    fn held(&self, view: &View<'_>) -> Vec<in_force::Told> {
        in_force::told(view, &self.path, &self.wanted(view))
    }

    fn warnings(&self, view: &View<'_>) -> Vec<String> {
        in_force::of_roles(view, &self.wanted(view))
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let wanted = self.wanted(view);
        let file = self.file(view);
        let written = file.draft(view)?;
        let Some(server) = view.server() else {
            return Ok(written.map_or(Verdict::AsDeclared, Into::into));
        };
        for name in wanted.keys().filter(|name| !name.contains('.')) {
            if !server.settings.is_empty() && !server.settings.contains_key(name) {
                let problem = Problem::input(format!("PostgreSQL has no setting `{name}`"));
                return Err(
                    match did_you_mean(name, server.settings.keys().map(String::as_str)) {
                        Some(known) => problem.hint(format!("did you mean `{known}`?")),
                        None => problem.hint("look for it in `postgresql_settings`"),
                    },
                );
            }
        }
        let overridden: Vec<&String> = server
            .overrides
            .keys()
            .filter(|name| {
                // One that says the same harms nothing: repmgrd leaves such after a failover.
                let value = &server.overrides[*name];
                let alike = |wanted: &String| match server.settings.get(*name) {
                    Some(running) => alike(
                        name,
                        wanted,
                        value,
                        running.unit.as_deref(),
                        &running.vartype,
                    ),
                    None => wanted == value,
                };
                wanted.get(*name).is_some_and(|wanted| !alike(wanted))
            })
            .collect();
        let lines = placed(server, &self.path, &wanted);
        let is_behind =
            |(name, value): (&String, &String)| is_behind(server, &lines, &self.path, name, value);
        let stale = view.path(&self.path).modified() > server.loaded
            || view.path(&Self::auto_conf(view)).modified() > server.loaded
            || wanted.iter().any(is_behind);
        if written.is_none() && overridden.is_empty() && !stale {
            return Ok(Verdict::AsDeclared);
        }
        // A change of mode or owner alone is none that the server reads.
        let reloads = stale || !overridden.is_empty() || !file.compare(view).0;
        let reload_only = written.is_none() && overridden.is_empty();
        let mut draft = written.unwrap_or_else(|| {
            Draft::new(if reload_only {
                Action::Reload
            } else {
                Action::Update
            })
        });
        let dropped = self.dropped(server, &wanted);
        for (name, value) in wanted.iter().chain(&dropped) {
            // What the session that asked has of its own is not what the file changes.
            let is_of_session = server.sources.contains_key(name);
            if is_of_session || overriding(server, &lines, &self.path, name, value).is_some() {
                continue;
            }
            if let Some(running) = server.settings.get(name)
                && differs(name, value, running)
            {
                let after = if running.context == "postmaster" {
                    format!("{value} (waits for a restart)")
                } else {
                    value.clone()
                };
                draft = draft.field(name, running.value.as_str(), after);
            }
        }
        for name in overridden {
            draft = draft
                .field(
                    &format!("ALTER SYSTEM {name}"),
                    server.overrides[name].as_str(),
                    None,
                )
                .op(Op::Sql {
                    port: view.port(),
                    database: "postgres".to_owned(),
                    statement: format!("alter system reset {}", quote_ident(name)).into(),
                });
        }
        if lowers(&wanted, view) {
            // Earlier, an unplanned restart of the standby would find less than its primary still has.
            draft = draft.after([view.topology.primary.clone()]);
        }
        if reloads {
            draft = draft.op(reload(view));
        }
        Ok(draft.into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let wanted = self.wanted(view);
        let reloads = match self.verdict(view) {
            Ok(Verdict::Change(draft)) => draft.ops.contains(&reload(view)),
            _ => false,
        };
        self.file(view).settle(view, facts);
        let Some(server) = facts.server.answers_mut().filter(|_| reloads) else {
            return;
        };
        server.loaded = view.now;
        let dropped = self.dropped(server, &wanted);
        for name in wanted.keys() {
            server.overrides.remove(name);
        }
        server.files = placed(server, &self.path, &wanted);
        let lines = server.files.clone();
        for (name, value) in wanted.into_iter().chain(dropped) {
            if overriding(server, &lines, &self.path, &name, &value).is_some() {
                continue;
            }
            if let Some(running) = server.settings.get_mut(&name) {
                let differs = differs(&name, &value, running);
                if running.context == "postmaster" {
                    running.pending_restart = differs;
                    running.waiting = differs.then_some(value);
                } else if differs {
                    running.raw.clone_from(&value);
                    running.value = value;
                    running.unit = None;
                }
            }
        }
    }
}

/// Whether a standby is to have less of something than it runs with now.
fn lowers(wanted: &BTreeMap<String, String>, view: &View<'_>) -> bool {
    let Some(server) = view.server().filter(|server| server.in_recovery) else {
        return false;
    };
    HOT_STANDBY.iter().any(|name| {
        matches!((wanted.get(*name), server.settings.get(*name)),
            (Some(value), Some(running)) if larger(value, &running.raw) != value)
    })
}

/// Makes the server read its files again.
pub fn reload(view: &View<'_>) -> Op {
    Op::Sql {
        port: view.port(),
        database: "postgres".to_owned(),
        statement: "select pg_reload_conf()".into(),
    }
}
