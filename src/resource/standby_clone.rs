//! `standby_clone`: a standby's data directory, copied from the primary where there is none.

use serde::Deserialize;

use super::postgresql_cluster::{
    self, adopt, build_directory, new_directory_probes, no_cluster, prepare,
};
use super::repmgrd::{stand_aside, stood_aside};
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::{Action, Op, Shown};
use crate::problem::Problem;
use crate::size::bytes;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandbyClone {}

impl Resource for StandbyClone {
    fn subject(&self) -> String {
        "data directory".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        let mut probes = new_directory_probes(view);
        probes.push(Probe::Free(view.data_directory()));
        probes
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        if view.facts().data.is_some() {
            return Ok(
                adopt(view, Draft::new(Action::Update)).map_or(Verdict::AsDeclared, Into::into)
            );
        }
        if view.is_primary() {
            return Err(Problem::refused("the primary cannot be a copy of itself")
                .hint("`hosts: standbys` in the play means all other members"));
        }
        if view.is_lost() {
            return Ok(Verdict::Held {
                what: format!(
                    "its data are gone: this member was one of the cluster, and `{}` holds none",
                    view.data_directory()
                ),
                hint: format!(
                    "mount what is missing there, or copy them anew: `pgha rebuild INVENTORY {}`",
                    view.host
                ),
            });
        }
        Ok(copy(view, stand_aside(view, Draft::new(Action::Create)))?.into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        if facts.data.is_none() {
            stood_aside(facts);
        }
        settle(view, facts);
    }
}

/// The facts after a data directory was copied (or taken in).
pub fn settle(view: &View<'_>, facts: &mut Facts) {
    postgresql_cluster::settle(view, facts, true);
}

/// Copies the primary's data to where there are none.
pub fn copy(view: &View<'_>, draft: Draft) -> Result<Draft, Problem> {
    enough_room(view)?;
    let build = build_directory(view);
    let mut draft = base_backup(view, draft.guard(no_cluster(view)))?;
    if view.path(&view.config_file()).is_absent() {
        // A copy of a primary that keeps its configuration in `/etc` comes without any; `pg_createcluster` wants some.
        let sample = format!(
            "/usr/share/postgresql/{}/postgresql.conf.sample",
            view.version()
        );
        draft = draft
            .run(
                "postgres",
                [
                    "install",
                    "-m",
                    "0600",
                    sample.as_str(),
                    &format!("{build}/postgresql.conf"),
                ],
            )
            .run(
                "postgres",
                [
                    "touch".to_owned(),
                    format!("{build}/pg_hba.conf"),
                    format!("{build}/pg_ident.conf"),
                ],
            );
    }
    let draft = draft.op(Op::Rename {
        from: build,
        to: view.data_directory(),
    });
    Ok(adopt(view, draft).expect("a copy is something to do"))
}

/// Copies the primary's data into the directory where one is built.
pub fn base_backup(view: &View<'_>, draft: Draft) -> Result<Draft, Problem> {
    let member = view.topology.member(view.host).ok_or_else(|| {
        Problem::input("only a host of group `postgres` can be a standby")
            .hint("`hosts: standbys` in the play means them")
    })?;
    let source = view.upstream(&view.topology.primary);
    let basebackup = [
        view.program("pg_basebackup"),
        "--pgdata".to_owned(),
        build_directory(view),
        "--dbname".to_owned(),
        source.to_string(),
        "--wal-method=stream".to_owned(),
        "--checkpoint=fast".to_owned(),
        format!("--slot={}", member.slot),
        "--write-recovery-conf".to_owned(),
        "--progress".to_owned(),
        "--no-password".to_owned(),
    ];
    Ok(prepare(view, draft)
        .after([view.topology.primary.clone()])
        .field("data directory", None, view.data_directory())
        .field("source", None, view.topology.primary.as_str())
        .field(
            "size",
            None,
            match view.primary_server() {
                Some(server) if server.size > 0 => Shown::Value(bytes(server.size)),
                _ => Shown::Unknown("the primary was created".to_owned()),
            },
        )
        .run("postgres", basebackup))
}

/// A tenth more than the primary's databases must be free: WAL arrives while the copy runs.
pub fn enough_room(view: &View<'_>) -> Result<(), Problem> {
    let needed = view
        .primary_server()
        .map_or(0, |server| server.size / 10 * 11);
    let directory = view.data_directory();
    match view.facts().free.get(&directory) {
        Some(free) if *free < needed => Err(Problem::refused(format!(
            "too little disk for a clone: {} free, {} needed",
            bytes(*free),
            bytes(needed)
        ))
        .hint(format!(
            "make room on the filesystem of `{directory}`, or name another in `postgresql_data_directory`"
        ))),
        _ => Ok(()),
    }
}
