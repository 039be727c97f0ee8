//! Members come, the inventory is rewritten, the primary moves: what must not change does not.

use crate::lab::{Hosts, Lab};
use crate::{failover, promise, state};

const OTHERS: [&str; 4] = ["node1", "node2", "node3", "pooler1"];

/// A fourth member is cloned and registered; the others learn of it, and nothing is restarted.
pub fn a_fourth() {
    let lab = Lab::up(Hosts {
        nodes: 4,
        ..Hosts::default()
    });
    let mut newcomer = String::new();
    lab.edit_inventory(|text| {
        let (out, rest): (Vec<_>, Vec<_>) = text
            .lines()
            .map(|line| line.to_owned() + "\n")
            .partition(|line| line.contains("node4:"));
        newcomer = out.concat();
        rest.concat()
    });
    lab.pgha("apply", &[]).exits(0);
    let before = state::of(&lab, &OTHERS);

    lab.edit_inventory(|text| text.replace("    pgbouncer:\n", &(newcomer + "    pgbouncer:\n")));
    lab.pgha("apply", &[]).exits(0);

    let mut expected = vec!["node1 slot repmgr_slot_4".to_owned()];
    for node in ["node1", "node2", "node3"] {
        for thing in [
            "/etc/postgresql/15/main/pg_hba.conf",
            "/var/lib/postgresql/.pgpass",
            "/usr/local/lib/pgha/host.conf",
            "/var/lib/postgresql/.ssh/known_hosts",
            "configuration of postgres",
        ] {
            expected.push(format!("{node} {thing}"));
        }
    }
    for file in [
        "/etc/pgbouncer/pgha.pgpass",
        "/etc/pgbouncer/primary/node4.ini",
        "/usr/local/lib/pgha/host.conf",
    ] {
        expected.push(format!("pooler1 {file}"));
    }
    expected.sort();
    assert_eq!(state::changed(&before, &state::of(&lab, &OTHERS)), expected);
    promise::is_kept(&lab, &["node1", "node2", "node3", "node4"], "node1");
    lab.assert_converged();
}

/// Whom the inventory names first, or as the first primary, does not matter once there is a cluster; who is primary is
/// what PostgreSQL says.
pub fn reordered_and_switched_over() {
    let lab = Lab::converged(Hosts::default());

    swap(&lab, "node1", "node2");
    lab.assert_converged();
    swap(&lab, "node2", "node3");
    lab.assert_converged();
    lab.set_variable("cluster_initial_primary: node3");
    lab.assert_converged();

    lab.as_postgres(
        "node2",
        "repmgr -f /etc/repmgr.conf standby switchover --siblings-follow",
    );
    assert_eq!(lab.sql("node2", "select pg_is_in_recovery()"), "f");
    // repmgr leaves the slot of a sibling behind, one time in four; that is not what this is about.
    lab.as_postgres(
        "node1",
        "for i in $(seq 100); do [ \"$(psql -XAtqc 'select count(pg_drop_replication_slot(slot_name)) from pg_replication_slots where not active' \
            -c 'select count(*) from pg_replication_slots' | tail -n 1)\" = 0 ] && exit; sleep 0.2; done; exit 1",
    );
    // The pooler has followed by itself.
    failover::is_led_to(&lab, "pooler1", "node2");
    promise::is_kept(&lab, &["node1", "node2", "node3"], "node2");
    lab.assert_converged();
}

/// Swaps the lines of two hosts.
fn swap(lab: &Lab, one: &str, other: &str) {
    lab.edit_inventory(|text| {
        let line = |host: &str| {
            let found = text
                .lines()
                .find(|line| line.trim_start().starts_with(&format!("{host}:")));
            found.unwrap().to_owned()
        };
        let (first, second) = (line(one), line(other));
        text.replace(&first, "\0")
            .replace(&second, &first)
            .replace('\0', &second)
    });
}
