//! What keeps a cluster safe and is switched off on a host. Whoever looks is told, with since when.

use super::{Facts, Path, Probe, Time};
use crate::words::list;

/// Somebody's word that PostgreSQL may run here whatever the other members say; it holds for an hour (`programs/common.sh`).
const GUARD_OFF: &str = "/run/pgha-guard-off";
/// There while a primary is down since it saw too few of the others.
const ISOLATED: &str = "/run/pgha-isolated";
/// Says that a pause of repmgrd is pgha's.
const PAUSED: &str = "/var/lib/pgha/repmgrd-paused";

/// What a host is to the cluster; it may be several things.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part {
    pub member: bool,
    pub witness: bool,
    pub pooler: bool,
    /// Whether nodes are to run repmgrd.
    pub repmgrd: bool,
}

impl Part {
    /// The units that act without pgha, and what is not done while one does not run.
    fn units(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let nodes = self.repmgrd && (self.member || self.witness);
        [
            (nodes, "repmgrd", "it takes no part in a failover"),
            (
                self.member,
                "pgha-guard",
                "a primary here that has been replaced is not stopped",
            ),
            (
                self.pooler,
                "pgha-follow",
                "clients are not led to a new primary",
            ),
        ]
        .into_iter()
        .filter_map(|(is_here, unit, then)| is_here.then_some((unit, then)))
    }

    /// What must be asked of the host, beside its server and its pooler.
    pub fn probes(self) -> impl Iterator<Item = Probe> {
        let paths = [GUARD_OFF, ISOLATED, PAUSED].into_iter();
        let paths = paths.filter(move |_| self.member);
        let paths = paths.map(|path| Probe::Path(path.to_owned()));
        paths.chain(self.units().map(|(unit, _)| Probe::Unit(unit.to_owned())))
    }

    /// All that is switched off, a sentence each, which speaks of “here”.
    pub fn off(self, facts: &Facts) -> Vec<String> {
        let mut off = Vec::new();
        let since = |path: &str| match facts.paths.get(path) {
            Some(file @ Path::File { .. }) => Some(since(Some(file.modified()))),
            _ => None,
        };
        if let Some(since) = since(GUARD_OFF) {
            off.push(format!(
                "`{GUARD_OFF}` is there{since}: a primary here that has been replaced is neither stopped nor kept from starting; it ends an hour after that"
            ));
        }
        if let Some(since) = since(ISOLATED) {
            off.push(format!(
                "PostgreSQL is kept stopped here{since}: it saw too few of the others (`cluster_isolation_timeout`)"
            ));
        }
        off.extend(self.signal(facts));
        for (unit, then) in self.units() {
            let is = stopped(facts, unit, self.runs(facts));
            off.extend(is.map(|is| format!("`{unit}` {is} {then}")));
        }
        let server = facts.server.answers();
        if server.is_some_and(|server| server.repmgrd_paused == Some(true)) {
            let by_hand = || facts.data.as_ref()?.repmgrd_state;
            let since = since(PAUSED).unwrap_or_else(|| self::since(by_hand()));
            off.push(format!(
                "repmgrd is paused here{since}: it takes no part in a failover"
            ));
        }
        if let Some(pooler) = facts.pooler.as_ref().filter(|_| self.pooler) {
            let databases = pooler.databases.iter();
            let databases = databases.filter(|(_, database)| database.paused);
            let names: Vec<&String> = databases.map(|(name, _)| name).collect();
            if !names.is_empty() {
                off.push(format!(
                    "pgbouncer is paused here: it holds back the clients of {}",
                    list(&names)
                ));
            } else if pooler.paused {
                off.push("pgbouncer is paused here: it holds back all clients".to_owned());
            }
        }
        off
    }

    /// Whether there is something here that the units are for.
    fn runs(self, facts: &Facts) -> bool {
        !facts.server.is_down() || facts.pooler.is_some()
    }

    fn signal(self, facts: &Facts) -> Option<String> {
        let server = facts.server.answers()?;
        let data = facts.data.as_ref()?;
        (self.member && data.standby_signal && !server.in_recovery).then(|| {
            format!(
                "`standby.signal` is there{}, and PostgreSQL takes writes: it would not do so any more after a restart",
                since(data.signal)
            )
        })
    }
}

/// How a unit does not run, or will not; `None` where all is well, nobody asked, or nothing is here that it is for.
fn stopped(facts: &Facts, unit: &str, runs: bool) -> Option<String> {
    let unit = facts.units.get(unit)?;
    match unit.load.as_str() {
        "" | "not-found" => runs.then(|| "is not there:".to_owned()),
        _ if !unit.is_running() => Some(format!("is stopped{}:", since(Some(unit.changed)))),
        _ if !unit.enabled => Some("does not start at boot, and from then on".to_owned()),
        _ => None,
    }
}

/// ` since 2026-11-25 09:00:00 UTC`, as far as it is known.
fn since(time: Option<Time>) -> String {
    let told = time.and_then(Time::told);
    told.map_or_else(String::new, |time| format!(" since {time}"))
}
