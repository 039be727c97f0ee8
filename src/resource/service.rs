//! The resource `service`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe, Time, Unit};
use crate::plan::{Action, Op, ServiceAction};
use crate::problem::Problem;

/// A systemd unit that runs (or does not), is enabled at boot (or is not), and runs with its present files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The unit.
    name: String,
    /// Whether it runs.
    #[serde(default)]
    state: State,
    /// Absent: whether it starts at boot is left as it is.
    #[serde(default)]
    enabled: Option<bool>,
    /// A file among these that is newer than the process needs a restart.
    #[serde(default)]
    restart_after: Vec<String>,
    /// A file among these that is newer than the last reload needs one.
    #[serde(default)]
    reload_after: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Started,
    Stopped,
}

impl Service {
    /// The newest of these files that is newer than `than`.
    fn newer<'a>(&self, view: &View<'_>, files: &'a [String], than: Time) -> Option<&'a String> {
        files.iter().find(|path| view.path(path).modified() > than)
    }

    fn act(&self, action: ServiceAction) -> Op {
        Op::Service {
            unit: self.name.clone(),
            action,
        }
    }
}

impl Resource for Service {
    fn subject(&self) -> String {
        self.name.clone()
    }

    fn probes(&self, _: &View<'_>) -> Vec<Probe> {
        let files = self.restart_after.iter().chain(&self.reload_after);
        files
            .cloned()
            .map(Probe::Path)
            .chain([Probe::Unit(self.name.clone())])
            .collect()
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let bare = Unit::default();
        let unit = view.facts().units.get(&self.name).unwrap_or(&bare);
        let restart = self.newer(view, &self.restart_after, unit.started);
        let reload = self.newer(view, &self.reload_after, unit.changed);
        let mut draft = Draft::new(Action::Update);
        if unit.needs_daemon_reload {
            draft = draft.op(Op::ReloadUnits);
        }
        if let Some(enabled) = self.enabled
            && enabled != unit.enabled
        {
            draft = draft
                .field("at boot", on_off(unit.enabled), on_off(enabled))
                .op(self.act(if enabled {
                    ServiceAction::Enable
                } else {
                    ServiceAction::Disable
                }));
        }
        match (self.state, unit.is_running()) {
            (State::Started, false) => {
                // `restart` starts a unit that does not run, and replaces one that systemd believes active without a process.
                draft.action = Action::Start;
                draft = draft
                    .field("state", state(unit), "running")
                    .op(self.act(ServiceAction::Restart));
            }
            (State::Started, true) => {
                if let Some(path) = restart {
                    draft.action = Action::Restart;
                    draft = draft
                        .field("process", format!("older than {path}"), "started anew")
                        .op(self.act(ServiceAction::Restart));
                } else if let Some(path) = reload {
                    draft.action = Action::Reload;
                    draft = draft
                        .field("last reload", format!("before {path} was written"), "now")
                        .op(self.act(ServiceAction::Reload));
                }
            }
            (State::Stopped, true) => {
                draft.action = Action::Stop;
                draft = draft
                    .field("state", "running", "stopped")
                    .op(self.act(ServiceAction::Stop));
            }
            (State::Stopped, false) => {}
        }
        Ok(if draft.ops.is_empty() {
            Verdict::AsDeclared
        } else {
            draft.into()
        })
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let action = match self.verdict(view) {
            Ok(Verdict::Change(draft)) => draft.action,
            _ => return,
        };
        let unit = facts.units.entry(self.name.clone()).or_default();
        unit.load = "loaded".to_owned();
        unit.needs_daemon_reload = false;
        if let Some(enabled) = self.enabled {
            unit.enabled = enabled;
        }
        let (active, sub) = match action {
            Action::Start | Action::Restart => ("active", "running"),
            Action::Stop => ("inactive", "dead"),
            Action::Reload => {
                unit.changed = view.now;
                return;
            }
            _ => return,
        };
        unit.active = active.to_owned();
        unit.sub = sub.to_owned();
        unit.started = view.now;
        unit.changed = view.now;
    }
}

fn on_off(value: bool) -> &'static str {
    if value { "starts" } else { "does not start" }
}

fn state(unit: &Unit) -> String {
    if unit.active.is_empty() || unit.load == "not-found" {
        "not there".to_owned()
    } else {
        format!("{} ({})", unit.active, unit.sub)
    }
}
