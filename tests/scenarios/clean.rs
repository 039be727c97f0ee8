//! A cluster in which nothing is left of a handover, looked at on the hosts and not asked of pgha.

use std::collections::BTreeSet;

use crate::lab::Lab;
use crate::moment;

/// Prints what should not be there: nothing. A `psql` with a statement ends by itself, and hosts ask all the time, some over
/// connections that they keep; one that is only beginning or ending has no arguments.
const LEFT: &str = "
ls -d /run/pgha?* /run/pgha/* /var/lib/pgha/repmgrd-paused /var/lib/pgha/handed-to /var/lib/pgha/rewinding /var/lib/postgresql/*/*.pgha-* 2>/dev/null | grep -vx /run/pgha/lock
systemctl list-units --all --plain --no-legend 'pgha*' | grep -v -e '^pgha-follow.service ' -e '^pgha-guard.service '
ps -C psql -o stat=,args= | grep -v -e ^Z -e ' -[A-Za-z]*c ' -e 'lib/pgha/[a-z-]*\\.sql$' -e ' \\[psql\\]$'";

/// Prints what repmgr does not find in order, and whether its daemon is paused: nothing.
const REPMGR: &str = "
for look in 'cluster show --terse' 'node check' 'service status'; do
    said=$(repmgr -f /etc/repmgr.conf $look 2>&1) || printf '%s:\\n%s\\n' \"$look\" \"$said\"
done
psql -XAtqd repmgr -c \"select 'paused' where repmgr.repmgrd_is_paused()\"";

/// Asserts all of it.
#[track_caller]
pub fn is(lab: &Lab, primary: &str) {
    is_quickly(lab, primary);
    let witnesses = witnesses(lab);
    for witness in &witnesses {
        // Its copy of the table is up to 15 s old, and before that its repmgrd may have to give up the former primary (20 s).
        let show =
            "until repmgr -f /etc/repmgr.conf cluster show >/dev/null 2>&1; do sleep 1; done";
        lab.as_postgres(witness, &format!("timeout 60 sh -c '{show}' || :"));
    }
    for node in members(lab).union(&witnesses) {
        assert_eq!(lab.as_postgres(node, REPMGR), "", "on {node}");
    }
    lab.assert_healthy();
}

/// Asserts that whatever a scenario has made of a cluster is taken back by an `apply` of the inventory that it began with.
#[track_caller]
pub fn is_mended(lab: &Lab) {
    std::fs::write(lab.inventory(), &lab.born_with).unwrap();
    // It plans once more at its end, and fails where that is not empty.
    lab.pgha("apply", &[]).exits(0);
    let primaries = primaries(lab);
    assert_eq!(primaries.len(), 1, "{primaries:?}");
    match moment::is_whole() {
        true => is(lab, &primaries[0]),
        false => is_quickly(lab, &primaries[0]),
    }
}

/// Asserts what PostgreSQL, the poolers and the hosts themselves tell.
#[track_caller]
pub fn is_quickly(lab: &Lab, primary: &str) {
    for host in lab.names().into_values() {
        let left = lab.try_on(&host, LEFT).line();
        assert_eq!(left, "", "left on {host}");
    }
    for member in members(lab) {
        if member != primary {
            follows(lab, &member, primary);
        }
    }
    assert_eq!(lab.sql(primary, "select pg_is_in_recovery()"), "f");
    slots(lab, primary);
    for pooler in poolers(lab) {
        assert_eq!(lead(lab, &pooler), lab.address(primary), "at {pooler}");
    }
}

/// A standby streams from the primary, on its timeline, and holds no slot.
#[track_caller]
fn follows(lab: &Lab, standby: &str, primary: &str) {
    let timeline = "select left(pg_walfile_name(pg_current_wal_lsn()), 8)";
    let timeline = lab.sql(primary, timeline);
    let ask = "select pg_is_in_recovery(), status, sender_host, upper(lpad(to_hex(received_tli), 8, '0')),
        (select count(*) from pg_replication_slots) from pg_stat_wal_receiver";
    let expected = format!("t|streaming|{}|{timeline}|0", lab.address(primary));
    assert_eq!(lab.sql(standby, ask), expected, "{standby}");
}

/// The primary has one slot for each standby, and each is used.
#[track_caller]
fn slots(lab: &Lab, primary: &str) {
    let have = "select slot_name, active from pg_replication_slots order by 1";
    let have = lab.sql(primary, have);
    let want =
        "select 'repmgr_slot_' || node_id, 't' from repmgr.nodes where type = 'standby' order by 1";
    assert_eq!(have, lab.sql_in(primary, "repmgr", want), "slots");
}

/// Where a pooler leads; clients of it must not be held up.
#[track_caller]
fn lead(lab: &Lab, pooler: &str) -> String {
    let show = "psql -h /var/run/postgresql -p 6432 -U pgbouncer -XAq -P footer=off -c 'show databases' pgbouncer";
    let shown = lab.as_postgres(pooler, show);
    let mut rows = shown.lines().map(|row| row.split('|').collect::<Vec<_>>());
    let names = rows.next().unwrap();
    let column = |name| names.iter().position(|column| *column == name).unwrap();
    let rows: Vec<_> = rows.collect();
    let paused = |row: &Vec<&str>| row[column("paused")] != "0";
    assert!(!rows.iter().any(paused), "{pooler} is paused:\n{shown}");
    let app = rows.iter().find(|row| row[column("name")] == "app");
    app.unwrap()[column("host")].to_owned()
}

pub fn members(lab: &Lab) -> BTreeSet<String> {
    group(lab, "node")
}

pub fn witnesses(lab: &Lab) -> BTreeSet<String> {
    group(lab, "witness")
}

fn poolers(lab: &Lab) -> BTreeSet<String> {
    group(lab, "pooler")
}

fn group(lab: &Lab, prefix: &str) -> BTreeSet<String> {
    let names = lab.names().into_values();
    names.filter(|name| name.starts_with(prefix)).collect()
}

/// Whoever takes writes, of those that answer.
pub fn primaries(lab: &Lab) -> Vec<String> {
    let is_primary = |member: &String| {
        let ask = "psql -XAtqc 'select not pg_is_in_recovery()'";
        lab.try_on(member, &format!("runuser -u postgres -- {ask}"))
            .line()
            == "t"
    };
    members(lab).into_iter().filter(is_primary).collect()
}

/// Asserts that every pooler leads there and holds nobody up.
#[track_caller]
pub fn leads(lab: &Lab, primary: &str) {
    for pooler in poolers(lab) {
        assert_eq!(lead(lab, &pooler), lab.address(primary), "at {pooler}");
    }
}
