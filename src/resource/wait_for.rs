//! The resource `wait_for`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Draft, Resource, Verdict, View};
use crate::condition::Condition;
use crate::facts::{Facts, Probe, Time};
use crate::plan::{Action, Op};
use crate::problem::Problem;

/// Goes on once something holds: give one of `sql`, `port` and `path`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitFor {
    /// A query that gives `t`, run as `postgres` over the local socket.
    #[serde(default)]
    sql: Option<String>,
    /// The database in which `sql` runs.
    #[serde(default = "postgres")]
    database: String,
    /// A TCP port that is listened on.
    #[serde(default)]
    port: Option<u16>,
    /// The host of `port`, as seen from this one.
    #[serde(default = "localhost")]
    host: String,
    /// A path that exists.
    #[serde(default)]
    path: Option<String>,
    /// Seconds.
    #[serde(default = "minute")]
    timeout: u32,
}

fn postgres() -> String {
    "postgres".to_owned()
}

fn localhost() -> String {
    "127.0.0.1".to_owned()
}

fn minute() -> u32 {
    60
}

impl WaitFor {
    fn condition(&self, view: &View<'_>) -> Option<Condition> {
        match (&self.sql, self.port, &self.path) {
            (Some(query), None, None) => Some(Condition::Sql {
                port: view.port(),
                database: self.database.clone(),
                query: query.clone(),
            }),
            (None, Some(port), None) => Some(Condition::Port {
                host: self.host.clone(),
                port,
            }),
            (None, None, Some(path)) => Some(Condition::PathExists { path: path.clone() }),
            _ => None,
        }
    }
}

impl Resource for WaitFor {
    fn subject(&self) -> String {
        match (&self.sql, self.port, &self.path) {
            (Some(query), ..) => query.clone(),
            (_, Some(port), _) => format!("{}:{port}", self.host),
            (.., path) => path.clone().unwrap_or_default(),
        }
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        self.condition(view)
            .map(Probe::Condition)
            .into_iter()
            .collect()
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let until = self.condition(view).ok_or_else(|| {
            Problem::input("`wait_for` takes exactly one of `sql`, `port` and `path`")
                .hint("make one step for each thing that is waited for")
        })?;
        // What held when it was looked at may be what an earlier change ends: a restart closes a port.
        let unchanged = view.now == Time::Planned(0);
        if unchanged && view.facts().conditions.get(&until) == Some(&true) {
            return Ok(Verdict::AsDeclared);
        }
        Ok(Draft::new(Action::Wait)
            .op(Op::Wait {
                until,
                timeout_seconds: self.timeout,
            })
            .into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        if let Some(condition) = self.condition(view) {
            facts.conditions.insert(condition, true);
        }
    }
}
