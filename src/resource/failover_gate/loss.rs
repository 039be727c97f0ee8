//! What may be lost with a dead primary. That nothing is, is said only where it follows from what the primary itself recorded
//! of its commits, and from the standbys that could have acknowledged them.

use serde::Deserialize;

use crate::facts::{Facts, Path, Server, Time};
use crate::plan::{place, reached};
use crate::postgres::synchronous::Synchronous;
use crate::resource::View;
use crate::words::list;

/// Where a primary's host keeps what its commits wait for (`programs/primary-watch.sh`).
pub const RECORD: &str = "/var/lib/pgha/synchronous";

/// Seconds between the last record and the end of the server. It is written every 30 s, and a look may take as long.
const FRESH: f64 = 60.0;

/// Seconds by which a unit's time may be before a record that was written before it: Debian 11 tells whole ones.
const CLOCK: f64 = 1.0;

/// `programs/synchronous.sql`
#[derive(Deserialize)]
struct Record {
    /// Seconds since 1970, by the host's clock.
    at: f64,
    timeline: u32,
    names: String,
    /// `None`: it could not be told.
    commit: Option<String>,
    own: Vec<Own>,
}

/// What a database or a role sets for its sessions.
#[derive(Deserialize)]
struct Own {
    role: Option<String>,
    database: Option<String>,
    commit: String,
}

/// What may be lost if the host at hand takes the place of `dead`.
pub fn told(view: &View<'_>, dead: &str) -> String {
    let Some(server) = view.server() else {
        return String::new();
    };
    match proof(view, dead, server) {
        Ok(proof) => proof,
        Err(why) => format!(
            "what `{dead}` wrote after {}, and nobody who answers got, is not in the cluster any more; how much that is, is known when it comes back (`pgha rejoin`). That nothing acknowledged is among it cannot be proven: {why}",
            place(server)
        ),
    }
}

/// A commit that waited for `k` of some standbys is on one of those that answer if fewer than `k` of them do not; and the
/// candidate has all that any of those has.
///
/// # Errors
/// What is not known, or not so.
fn proof(view: &View<'_>, dead: &str, candidate: &Server) -> Result<String, String> {
    let record = record(view, dead)?;
    if candidate.timeline != Some(record.timeline) {
        return Err(format!(
            "`{dead}` was on timeline {}, and `{}` is not",
            record.timeline, view.host
        ));
    }
    let cluster = &view.inventory.cluster;
    record.waits(&[&cluster.repmgr_user, &view.variables().watch_user])?;
    let names = &record.names;
    let Some(synchronous) = Synchronous::parse(names) else {
        return Err(match names.trim() {
            "" => "its commits waited for no standby".to_owned(),
            _ => format!("its `synchronous_standby_names` cannot be read: `{names}`"),
        });
    };
    let members = view
        .topology
        .members
        .iter()
        .map(|member| member.name.as_str());
    let members: Vec<&str> = members.filter(|name| *name != dead).collect();
    let mut answer = Vec::new();
    let mut missing = Vec::new();
    for named in synchronous.distinct() {
        if named == "*" {
            return Err(format!(
                "its `synchronous_standby_names` is `{names}`, and whoever received could acknowledge"
            ));
        }
        if named.eq_ignore_ascii_case(dead) {
            continue;
        }
        let member = members.iter().find(|name| named.eq_ignore_ascii_case(name));
        match member.and_then(|name| Some((*name, has(view, name)?))) {
            Some(found) => answer.push(found),
            None => missing.push(named),
        }
    }
    if answer.is_empty() && missing.is_empty() {
        return Err(format!(
            "its `synchronous_standby_names` is `{names}`, and names nobody but itself"
        ));
    }
    if answer.is_empty() || missing.len() >= synchronous.count {
        return Err(format!(
            "its `synchronous_standby_names` is `{names}`, and {} could not be asked",
            list(&missing)
        ));
    }
    for (name, server) in &answer {
        if reached(server) > reached(candidate) {
            return Err(format!("`{name}` has more than `{}`", view.host));
        }
        if server.timeline != candidate.timeline {
            return Err(format!(
                "`{name}` is on another timeline than `{}`",
                view.host
            ));
        }
        let raw = |name: &str| {
            server
                .settings
                .get(name)
                .map(|setting| setting.raw.as_str())
        };
        if raw("fsync") == Some("off") {
            return Err(format!(
                "`{name}` runs with `fsync = off`, and may have lost what it acknowledged"
            ));
        }
    }
    let answer: Vec<&str> = answer.iter().map(|(name, _)| *name).collect();
    Ok(format!(
        "nothing that was acknowledged is lost, unless a session asked not to wait: by its own record commits on `{dead}` waited for `{names}`, of those {} {}, and `{}` has all that any of them has",
        list(&answer),
        if answer.len() == 1 {
            "answers"
        } else {
            "answer"
        },
        view.host,
    ))
}

/// A standby that tells how far it is.
fn has<'a>(view: &View<'a>, name: &str) -> Option<&'a Server> {
    let server = view.world.get(name)?.server.answers()?;
    (server.in_recovery && reached(server).1.0 > 0).then_some(server)
}

/// The record of the primary that is dead, from its disk.
fn record(view: &View<'_>, dead: &str) -> Result<Record, String> {
    let Some(facts) = view.world.get(dead) else {
        return Err(format!(
            "what its commits waited for is known on `{dead}` alone, which does not answer"
        ));
    };
    let content = match facts.paths.get(RECORD) {
        Some(Path::File { content, .. }) => content.as_deref(),
        _ => None,
    };
    let record: Record = content
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or_else(|| format!("`{dead}` has no record of what its commits waited for"))?;
    let view = View {
        host: dead,
        ..*view
    };
    let ended = ended(facts, &view.unit()).ok_or_else(|| {
        format!("when `{dead}` ended is not known, and so not whether its record is the last word")
    })?;
    if ended + CLOCK < record.at {
        return Err(format!(
            "`{dead}` recorded what its commits waited for after it had ended: its clock was set"
        ));
    }
    if ended - record.at > FRESH {
        return Err(format!(
            "`{dead}` recorded what its commits waited for {:.0} s before it ended, and it may have changed since",
            ended - record.at
        ));
    }
    let on_disk = facts.data.as_ref().and_then(|data| data.timeline);
    if on_disk.is_some_and(|timeline| timeline > record.timeline) {
        return Err(format!(
            "the record of what commits on `{dead}` waited for is of an older timeline"
        ));
    }
    Ok(record)
}

/// When the unit of a server that does not run any more has ended, in seconds since 1970.
fn ended(facts: &Facts, unit: &str) -> Option<f64> {
    let unit = facts.units.get(unit).filter(|unit| !unit.is_running())?;
    match unit.changed {
        Time::At(at) if at > 0.0 && facts.server.is_down() => Some(at),
        _ => None,
    }
}

impl Record {
    /// Whether commits waited until a standby had them on its disk, in every session that did not ask for something else. The
    /// roles of pgha and repmgr never wait ([`session`](crate::postgres::session)): nothing of an application's is theirs.
    fn waits(&self, roles_of_ours: &[&str]) -> Result<(), String> {
        let Some(commit) = &self.commit else {
            return Err("its own `synchronous_commit` was not told".to_owned());
        };
        if !is_safe(commit) {
            return Err(format!("its `synchronous_commit` is `{commit}`"));
        }
        let is_ours = |own: &Own| {
            let role = own.role.as_deref();
            own.database.is_none() && role.is_some_and(|role| roles_of_ours.contains(&role))
        };
        let mut own = self.own.iter().filter(|own| !is_ours(own));
        match own.find(|own| !is_safe(&own.commit)) {
            None => Ok(()),
            Some(own) => {
                let role = own.role.iter().map(|name| format!("the role `{name}`"));
                let database = own
                    .database
                    .iter()
                    .map(|name| format!("the database `{name}`"));
                let whose: Vec<String> = role.chain(database).collect();
                Err(format!(
                    "`synchronous_commit` is `{}` for {}",
                    own.commit,
                    whose.join(" in ")
                ))
            }
        }
    }
}

/// Levels at which a standby has a commit on its disk before it acknowledges it; with `remote_write` its operating system has.
/// A boolean's other spellings mean `on` (PostgreSQL, `synchronous_commit_options`).
fn is_safe(level: &str) -> bool {
    ["on", "remote_apply", "true", "yes", "1"]
        .iter()
        .any(|safe| safe.eq_ignore_ascii_case(level))
}
