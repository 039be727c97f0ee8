//! pgha is killed in the middle of a switchover: the hosts end it by themselves, and the next run finishes.

use std::time::Duration;

use crate::clean;
use crate::lab::Lab;
use crate::load::Load;
use crate::moment::Moment::{Began, Finished};
use crate::moment::{self, Moment, Run};
use crate::switchover::TWO_POOLERS;

const HOSTS: [&str; 5] = ["pooler1", "pooler2", "node1", "node2", "node3"];

/// For so long clients may wait, with nobody to help.
const WITHIN: Duration = Duration::from_secs(15);

pub fn before_the_decision() {
    let lab = Lab::converged(TWO_POOLERS);
    let moments = [
        // Only a primary that was never a standby has to be told whom it will follow.
        Finished("standby_upstream", 1),
        Finished("repmgrd_pause", 1),
        Finished("postgresql_slots", 1),
        Finished("postgresql_checkpoint", 1),
        Finished("dead_man", 2),
        Finished("dead_man", 5),
        Began("pgbouncer_pause", 1),
        Finished("pgbouncer_pause", 1),
        Finished("pgbouncer_pause", 2),
        Began("primary_stop", 1),
        Finished("primary_stop", 1),
        Began("wal_received", 1),
    ];
    at_each(lab, &moments);
}

pub fn after_the_decision() {
    let moments = [
        Finished("wal_received", 1),
        Began("standby_signal", 1),
        Finished("standby_signal", 1),
        Began("standby_promotion", 1),
        Finished("standby_promotion", 1),
        Began("pgbouncer_primary", 1),
        Finished("pgbouncer_primary", 1),
        Finished("repmgr_nodes", 1),
        Finished("postgresql_server", 1),
        Finished("standby_upstream", 2),
        Finished("postgresql_slots", 2),
        Finished("pgbouncer_login", 2),
        Finished("dead_man", 6),
        Finished("repmgrd_pause", 4),
    ];
    at_each(Lab::converged(TWO_POOLERS), &moments);
}

fn at_each(lab: Lab, moments: &[Moment]) {
    let mut primary = "node1";
    for moment in moment::some_of(moments, 7) {
        let to = if primary == "node1" { "node2" } else { "node1" };
        killed(&lab, *moment, to);
        primary = to;
    }
    clean::is(&lab, primary);
    clean::is_mended(&lab);
}

/// The run's end without pgha, and with it.
fn killed(lab: &Lab, moment: Moment, to: &str) {
    eprintln!("killed at {moment:?}");
    let arguments = ["--to", to, "--pause-timeout", "2"];
    let load = Load::start(lab);
    let mut run = Run::start(lab, "switchover", &arguments);
    run.wait_for(moment);
    run.process.kill();
    let since = load.now();

    moment::wait_for_timers(lab, &HOSTS);
    load.wait_for_writes(load.now());
    let stall = load.stall_since(since);
    assert!(stall < WITHIN, "clients waited {stall:?}");
    let primaries = clean::primaries(lab);
    assert_eq!(primaries.len(), 1, "{primaries:?}");
    clean::leads(lab, &primaries[0]);
    eprintln!("  by itself: {} after {stall:?}", primaries[0]);

    let again = lab.pgha("switchover", &arguments).exits(0);
    assert!(
        again.stderr.contains(&format!("`{to}` is the primary")),
        "{again}"
    );
    load.wait_for_writes(load.now());
    let seen = load.stop();
    seen.assert_no_failures();
    seen.assert_one_primary();
    seen.assert_nothing_lost(lab, to);
    clean::is_quickly(lab, to);
}
