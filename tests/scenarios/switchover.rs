//! The primary's role goes from one member to another while clients write: none of them notices more than a wait.

use std::time::Duration;

use crate::lab::{Hosts, Lab};
use crate::load::Load;
use crate::{clean, state};

pub const NODES: [&str; 3] = ["node1", "node2", "node3"];

const HOSTS: [&str; 4] = ["node1", "node2", "node3", "pooler1"];

pub const TWO_POOLERS: Hosts = Hosts {
    nodes: 3,
    poolers: 2,
    witness: false,
    os: "debian-12",
    user: "root",
    bare: false,
};

/// The timers of hosts would have acted after this time: it is no switchover any more.
const LONGEST_STALL: Duration = Duration::from_secs(10);

/// Round the members under load; then with replication that clients wait for.
pub fn ten_in_a_row() {
    let lab = Lab::converged(TWO_POOLERS);
    let round: Vec<&str> = NODES.into_iter().cycle().skip(1).take(10).collect();
    in_a_row(&lab, &round);

    lab.set_variable(
        "postgresql_settings: { synchronous_standby_names: 'ANY 1 (node1, node2, node3)' }",
    );
    lab.pgha("apply", &[]).exits(0);
    in_a_row(&lab, &["node1", "node3", "node2"]);
    let synchronous = "select count(*) from pg_stat_replication where sync_state = 'quorum'";
    assert_eq!(lab.sql("node2", synchronous), "2");
    lab.assert_converged();
    clean::is_mended(&lab);
}

fn in_a_row(lab: &Lab, round: &[&str]) {
    let load = Load::start(lab);
    let mut stalls = Vec::new();
    for to in round {
        let moment = load.now();
        lab.pgha("switchover", &["--to", to]).exits(0);
        load.wait_for_writes(load.now());
        stalls.push(load.stall_since(moment));
        clean::is_quickly(lab, to);
    }
    let seen = load.stop();
    stalls.sort_unstable();
    eprintln!("stalls: {stalls:?}");
    seen.assert_no_failures();
    seen.assert_one_primary();
    let primary = round.last().unwrap();
    seen.assert_nothing_lost(lab, primary);
    assert!(*stalls.last().unwrap() < LONGEST_STALL, "{stalls:?}");
    clean::is(lab, primary);
}

/// The way back, to whom it belongs; and what changes nothing.
pub fn and_back() {
    let lab = Lab::converged(Hosts::default());
    // As PostgreSQL makes them in advance: whoever takes one for the WAL's first file reads nothing in it.
    lab.as_postgres(
        "node1",
        "last=$(psql -XAtqc 'select left(pg_walfile_name(pg_current_wal_lsn()), 16)')
        for i in $(seq 224 255); do truncate -s 16M /var/lib/postgresql/15/main/pg_wal/$last$(printf 000000%02X $i); done",
    );

    // Looking at it, or asking for what is so already.
    lab.pgha("switchover", &["--to", "node2"]).exits(0);
    let before = state::of(&lab, &HOSTS);
    let dry = lab
        .pgha("switchover", &["--to", "node3", "--dry-run"])
        .exits(0);
    assert!(dry.stdout.contains("standby_promotion"), "{dry}");
    let nothing = lab.pgha("switchover", &["--to", "node2"]).exits(0);
    assert!(
        nothing
            .stderr
            .contains("nothing to do: `node2` is the primary"),
        "{nothing}"
    );
    assert_eq!(state::changed(&before, &state::of(&lab, &HOSTS)), [""; 0]);

    // To the member that had it.
    let load = Load::start(&lab);
    lab.pgha("failback", &[]).exits(0);
    clean::is_quickly(&lab, "node1");
    // To the one that is to have it.
    lab.set_variable("cluster_preferred_primary: node3");
    lab.pgha("failback", &["--dry-run"]).exits(0);
    clean::is_quickly(&lab, "node1");
    lab.pgha("failback", &[]).exits(0);
    clean::is_quickly(&lab, "node3");
    lab.pgha("failback", &[]).exits(0);
    lab.pgha("switchover", &["--to", "node1"]).exits(0);
    let seen = load.stop();
    seen.assert_no_failures();
    seen.assert_one_primary();
    seen.assert_nothing_lost(&lab, "node1");
    clean::is(&lab, "node1");

    // Not to one that cannot have it.
    lab.on("node3", "systemctl stop postgresql@15-main");
    let others = ["node1", "node2", "pooler1"];
    let before = state::of(&lab, &others);
    let refused = lab.pgha("failback", &[]).exits(3);
    assert!(refused.stderr.contains("node3"), "{refused}");
    assert_eq!(state::changed(&before, &state::of(&lab, &others)), [""; 0]);
    lab.on("node3", "systemctl start postgresql@15-main");
    streams(&lab, "node3");
    lab.pgha("failback", &[]).exits(0);
    clean::is(&lab, "node3");
}

/// Waits until a standby streams.
pub fn streams(lab: &Lab, standby: &str) {
    lab.as_postgres(
        standby,
        "timeout 60 sh -c 'until psql -XAtqc \"table pg_stat_wal_receiver\" 2>/dev/null | grep -q streaming; do
            sleep 0.2
        done'",
    );
}

/// The load that the other scenarios trust in: it sees nothing where nothing is, and it sees what is.
pub fn load_tells() {
    let lab = Lab::converged(TWO_POOLERS);

    let load = Load::start(&lab);
    std::thread::sleep(Duration::from_secs(3));
    let seen = load.stop();
    seen.assert_no_failures();
    seen.assert_nothing_lost(&lab, "node1");
    seen.assert_one_primary();
    clean::is(&lab, "node1");

    // Held up, clients wait; nothing fails.
    let load = Load::start(&lab);
    let moment = load.now();
    lab.as_postgres(
        "pooler1",
        "console='psql -h /var/run/postgresql -p 6432 -U pgbouncer -Xq pgbouncer'
        $console -c pause; sleep 1; $console -c resume",
    );
    load.wait_for_writes(load.now());
    let stall = load.stall_since(moment);
    assert!(stall > Duration::from_secs(1), "{stall:?}");
    load.stop().assert_no_failures();

    // A pooler is started again: whoever was at it is told.
    let load = Load::start(&lab);
    lab.on("pooler2", "systemctl restart pgbouncer");
    load.wait_for_writes(load.now());
    let seen = load.stop();
    for who in ["writer at pooler2", "pgbench at pooler2"] {
        assert!(seen.failures.iter().any(|failure| failure.who == who));
    }
    seen.assert_no_failures_but(|failure| failure.who.ends_with("pooler2"));
    seen.assert_nothing_lost(&lab, "node1");

    // What is lost is missed, and what nobody wrote is found.
    let change = |sql| lab.sql_in("node1", "app", sql);
    change("update load set number = -number where number = 3");
    assert_eq!(seen.lost(&lab, "node1").len(), 4);
    change("update load set number = -number where number = -3");
    change("update pgbench_branches set bbalance = bbalance + 1");
    assert_eq!(seen.lost(&lab, "node1").len(), 1);

    // Two primaries.
    let load = Load::start(&lab);
    lab.sql("node3", "select pg_promote()");
    std::thread::sleep(Duration::from_millis(500));
    let two = load.stop().two_primaries();
    assert!(
        two.len() == 1 && two[0].starts_with("node1 and node3 "),
        "{two:?}"
    );
}
