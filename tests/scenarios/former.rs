//! A primary that was replaced stays down: pgha never makes a second writable one.

use std::time::{Duration, Instant};

use crate::lab::{Hosts, Lab};

/// repmgrd promotes a standby after the primary crashed; the next apply turns the poolers, and leaves the old primary
/// stopped; with its data directory moved away it is cloned anew.
pub fn stays_stopped() {
    let lab = Lab::up(Hosts::default());
    // Not less than 4 s in all: within twice its monitoring interval repmgrd takes the primary for still seen by the other
    // standby, cancels the election, and does not hold another (5.3.3).
    lab.set_variable("repmgr_settings: { reconnect_attempts: 4, reconnect_interval: 2 }");
    lab.pgha("apply", &[]).exits(0);

    lab.on(
        "node1",
        "systemctl kill --signal=KILL postgresql@15-main; systemctl stop postgresql@15-main",
    );
    let primary = promoted(&lab, &["node2", "node3"]);
    followed(&lab, primary);

    let plan = lab.json("plan", &[]);
    let held = plan["held"][0]["what"].as_str().unwrap_or_default();
    assert!(held.contains("former primary"), "{plan}");
    lab.pgha("apply", &[]).exits(0);

    let state = lab.on("node1", "systemctl is-active postgresql@15-main || true");
    assert_ne!(state.trim(), "active", "the former primary was started");
    let databases = lab.on("pooler1", "cat /etc/pgbouncer/databases.ini");
    assert!(databases.contains(&lab.address(primary)), "{databases}");

    lab.on(
        "node1",
        "mv /var/lib/postgresql/15/main /var/lib/postgresql/15/main.old",
    );
    lab.pgha("apply", &[]).exits(0);
    lab.assert_converged();
    let status = lab.json("status", &[]);
    assert_eq!(status["healthy"], true, "{status}");
}

/// Waits until one of these is a primary.
fn promoted<'a>(lab: &Lab, nodes: &[&'a str]) -> &'a str {
    until(|| {
        let mut nodes = nodes.iter();
        nodes
            .find(|node| lab.sql(node, "select not pg_is_in_recovery()") == "t")
            .copied()
    })
}

/// Waits until a standby streams from it, and repmgr's tables say so.
fn followed(lab: &Lab, primary: &str) {
    let streams = "select count(*) = 1 from pg_stat_replication where state = 'streaming'";
    let recorded = "select count(*) = 1 from repmgr.nodes n join repmgr.nodes p on p.node_id = n.upstream_node_id \
                    where n.active and n.type = 'standby' and p.type = 'primary' and p.active";
    until(|| {
        let there =
            lab.sql(primary, streams) == "t" && lab.sql_in(primary, "repmgr", recorded) == "t";
        there.then_some(())
    });
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "it did not come true"
        );
        std::thread::sleep(Duration::from_millis(500));
    }
}
