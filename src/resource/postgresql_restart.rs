//! The resource `postgresql_restart`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::postgresql_role::{is_primary, sql};
use super::postgresql_server::{start, stop};
use super::repmgrd::{self, REPMGRD, repmgrd};
use super::{Draft, Resource, Verdict, View, in_force};
use crate::condition::Condition;
use crate::facts::{DataDirectory, Facts, Probe, Server, Written};
use crate::plan::{Action, Guard, Op, ServiceAction, fails_over};
use crate::postgres::ident::quote_literal;
use crate::postgres::setting::{in_control_file, larger};
use crate::problem::Problem;
use crate::shell::quote;
use crate::words::list;

/// Restarts PostgreSQL, only where a setting waits for a restart; the primary only with `--allow-restart-primary`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlRestart {}

/// A setting that waits, with its running and its coming value.
type Waiting = (String, String, Option<String>);

fn waiting(server: Option<&Server>) -> Vec<Waiting> {
    let Some(server) = server else {
        return Vec::new();
    };
    server
        .settings
        .iter()
        .filter(|(_, setting)| setting.pending_restart)
        // PostgreSQL waits for one also where a list only has other blanks.
        .filter(|(name, setting)| match &setting.waiting {
            Some(value) => in_force::differs(name, value, setting),
            None => true,
        })
        .map(|(name, setting)| (name.clone(), setting.value.clone(), setting.waiting.clone()))
        .collect()
}

/// A restart would bring what another file says in the place of what pgha wrote: it is not made for that.
fn overridden(view: &View<'_>, waiting: &[Waiting]) -> Option<Verdict> {
    let server = view.server()?;
    let own = format!("{}/conf.d/pgha.conf", view.config_directory());
    waiting.iter().find_map(|(name, ..)| {
        let of_name = |line: &&Written| line.name.eq_ignore_ascii_case(name);
        let declared = server
            .files
            .iter()
            .filter(of_name)
            .find(|line| line.file == own)?;
        let line = in_force::overriding(server, &server.files, &own, name, &declared.value)?;
        Some(Verdict::Held {
            what: format!(
                "a restart would bring `{name}` = {}, which {} says, and not {}",
                line.value,
                in_force::at(&line.file, line.line),
                declared.value
            ),
            hint: "remove that line, or declare its value in `postgresql_settings`".to_owned(),
        })
    })
}

/// Whether the primary is to be restarted, and it is allowed.
pub fn restarts_primary(view: &View<'_>) -> bool {
    view.allow_restart_primary && !waiting(view.primary_server()).is_empty()
}

/// Members that would promote one of themselves if the primary's restart takes longer than their repmgrd's patience.
fn watching<'v>(view: &View<'v>) -> Vec<&'v str> {
    let is_watching = |name: &str| {
        let server = view
            .world
            .get(name)
            .and_then(|facts| facts.server.answers());
        server.is_some_and(|server| server.repmgrd_paused == Some(false))
    };
    if !fails_over(view.inventory, view.world) {
        return Vec::new();
    }
    let standbys = view.topology.standbys();
    let names = standbys.map(|member| member.name.as_str());
    names.filter(|name| is_watching(name)).collect()
}

impl Resource for PostgresqlRestart {
    fn subject(&self) -> String {
        "PostgreSQL".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![
            view.cluster_probe(),
            Probe::Unit(view.unit()),
            Probe::Unit(REPMGRD.to_owned()),
        ]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let waiting = waiting(view.server());
        if waiting.is_empty() {
            return Ok(Verdict::AsDeclared);
        }
        if view.is_primary() && !view.allow_restart_primary {
            let names: Vec<&str> = waiting.iter().map(|(name, ..)| name.as_str()).collect();
            return Ok(Verdict::Held {
                what: format!("the primary must be restarted for {}", names.join(", ")),
                hint: "`--allow-restart-primary` does it; clients of the primary are cut"
                    .to_owned(),
            });
        }
        if let Some(told) = overridden(view, &waiting) {
            return Ok(told);
        }
        let signal = |data: &DataDirectory| data.standby_signal;
        if view.takes_writes() && view.facts().data.as_ref().is_some_and(signal) {
            return Err(Problem::refused(
                "a restart would make it a standby: `standby.signal` is in its data directory",
            )
            .hint("remove the file, if the server is to stay a primary"));
        }
        let watching = watching(view);
        if view.is_primary() && !watching.is_empty() {
            return Ok(Verdict::Held {
                what: format!(
                    "the primary is not restarted while repmgrd on {} may take it for dead",
                    list(&watching)
                ),
                hint: "`repmgrd_pause: { paused: true, for_restart: true }` comes before it on all members, also those outside of `--limit`"
                    .to_owned(),
            });
        }
        let mut draft = Draft::new(Action::Restart);
        for (name, before, after) in &waiting {
            let after = after.as_deref().unwrap_or("as in the files");
            draft = draft.field(name, before.as_str(), after);
        }
        draft = draft.guard(if view.takes_writes() {
            is_primary(view)
        } else {
            Guard::IsStandby { port: view.port() }
        });
        if !view.takes_writes() {
            for wait in waiting.iter().filter_map(|setting| replayed(view, setting)) {
                draft = draft.op(wait);
            }
        }
        let others = view.topology.members.iter();
        draft = draft.after(
            others
                .filter(|member| member.name != view.host)
                .map(|member| member.name.clone()),
        );
        Ok(if view.is_primary() {
            restart_primary(view, draft)
        } else {
            restart_other(view, draft)
        }
        .into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        if view.is_primary() && !view.allow_restart_primary {
            return;
        }
        let Some(server) = facts.server.answers_mut() else {
            return;
        };
        for setting in server.settings.values_mut() {
            if let Some(value) = setting.waiting.take() {
                setting.raw.clone_from(&value);
                setting.value = value;
                setting.unit = None;
            }
            setting.pending_restart = false;
        }
        server.started = view.now;
        server.loaded = view.now;
    }
}

/// Seconds until it must answer again; the shutdown checkpoint is short, since one was made right before.
const TIMEOUT: u32 = 300;

/// It is waited for the members that followed it, and for nobody else: a backup that received WAL may not come back.
fn restart_primary(view: &View<'_>, mut draft: Draft) -> Draft {
    draft = draft
        .op(sql(view, "checkpoint"))
        .op(stop(view))
        .op(start(view, TIMEOUT));
    let senders = view.server().map(|server| &server.senders);
    let streams = |name: &str| {
        let sender = senders.and_then(|senders| senders.get(name));
        sender.is_some_and(|sender| sender.state == "streaming")
    };
    let members = view.topology.standbys();
    let members = members.filter(|member| streams(&member.name));
    let names: Vec<String> = members.map(|member| quote_literal(&member.name)).collect();
    if names.is_empty() {
        return draft;
    }
    draft.op(until(
        view,
        &format!(
            "select count(distinct application_name) = {} from pg_stat_replication where state = 'streaming' and application_name in ({})",
            names.len(),
            names.join(", ")
        ),
    ))
}

/// A standby, or the witness. repmgrd is stopped on it meanwhile: it would record its own node as failed.
fn restart_other(view: &View<'_>, mut draft: Draft) -> Draft {
    let watched = repmgrd::runs(view);
    if watched {
        draft = draft.op(repmgrd(ServiceAction::Stop));
    }
    draft = draft
        // What is written out now keeps the shutdown short.
        .op(sql(view, "checkpoint"))
        .op(stop(view))
        .op(start(view, TIMEOUT));
    if !view.is_witness() {
        draft = draft.op(streams(view));
    }
    if watched {
        draft = draft.op(repmgrd(ServiceAction::Start));
    }
    draft
}

/// Waits until this standby has replayed that its primary has no more of a setting than it is to have itself: before that
/// it would not start again.
fn replayed(view: &View<'_>, (name, before, after): &Waiting) -> Option<Op> {
    let after = after.as_deref()?;
    if larger(after, before) == after {
        return None;
    }
    let label = in_control_file(name)?;
    let value = format!(
        "{} -D {} | sed -n {}",
        quote(&view.program("pg_controldata")),
        quote(&view.data_directory()),
        quote(&format!("s/^{label}: *//p")),
    );
    Some(Op::Wait {
        until: Condition::Command {
            argv: [
                "/bin/sh",
                "-c",
                &format!("[ \"$({value})\" -le {} ]", quote(after)),
            ]
            .map(str::to_owned)
            .to_vec(),
            user: "postgres".to_owned(),
        },
        timeout_seconds: 60,
    })
}

/// Waits until this standby receives WAL.
pub fn streams(view: &View<'_>) -> Op {
    until(
        view,
        "select exists (select from pg_stat_wal_receiver where status = 'streaming')",
    )
}

fn until(view: &View<'_>, query: &str) -> Op {
    Op::Wait {
        until: Condition::Sql {
            port: view.port(),
            database: "postgres".to_owned(),
            query: query.to_owned(),
        },
        timeout_seconds: 60,
    }
}
