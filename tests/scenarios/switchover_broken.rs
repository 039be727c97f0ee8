//! Something breaks in the middle of a switchover: up to the decision all is undone, from there on the rest goes on.

use std::fs;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use crate::lab::{Hosts, Lab};
use crate::load::Load;
use crate::moment::Moment::Began;
use crate::moment::{self, Run};
use crate::seen::Seen;
use crate::switchover::{TWO_POOLERS, streams};
use crate::{clean, promise};

/// What is shipped.
const PLAYBOOK: &str = include_str!("../../playbooks/switchover.yml");

const TIMELINE: &str = "select timeline_id from pg_control_checkpoint()";

const HOSTS: [&str; 4] = ["node1", "node2", "node3", "pooler1"];

/// How a switchover from node1 to node2 ended to which something happened, and what clients saw.
struct Struck {
    code: i32,
    stderr: String,
    seen: Seen,
    /// node1's, before.
    timeline: String,
}

/// Strikes at a halt, and mends when the run has ended.
fn struck(lab: &Lab, before: &str, strike: impl FnOnce(), mend: impl FnOnce()) -> Struck {
    halt(lab, before);
    let timeline = lab.sql("node1", TIMELINE);
    let load = Load::start(lab);
    let mut run = Run::start(lab, "switchover", &["--to", "node2"]);
    run.wait_for(Began("command", 1));
    strike();
    let code = run.process.wait();
    let stderr = run.stderr();
    fs::remove_dir_all(lab.dir.join("playbooks")).unwrap();
    mend();
    load.wait_for_writes(load.now());
    let stall = load.stall_since(Duration::ZERO);
    let last = stderr.lines().rev().nth(1).unwrap_or_default();
    eprintln!("{code}: {last}; clients waited {stall:?}");
    let seen = load.stop();
    Struck {
        code,
        stderr,
        seen,
        timeline,
    }
}

/// Puts a playbook of the user's own beside the inventory, which is the shipped one with a halt before one of its plays.
fn halt(lab: &Lab, before: &str) {
    let play = "- name: a halt
  hosts: sibling
  in_order: true
  steps:
    - name: for what is done to it here
      command: { argv: [sleep, '2'] }

";
    let play = play.replace("sibling", "node3");
    let name = format!("- name: {before}\n");
    let text = PLAYBOOK.replacen(&name, &(play + &name), 1);
    assert_ne!(text, PLAYBOOK, "no play {before}");
    let folder = lab.dir.join("playbooks");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("switchover.yml"), text).unwrap();
}

/// Asserts that the run failed, and that node1 is the primary as before.
fn assert_undone(lab: &Lab, struck: &Struck) {
    let Struck {
        code,
        stderr,
        seen,
        timeline,
    } = struck;
    assert_eq!(*code, 1, "{stderr}");
    seen.assert_no_failures();
    seen.assert_one_primary();
    seen.assert_nothing_lost(lab, "node1");
    assert_eq!(clean::primaries(lab), ["node1"], "{stderr}");
    assert_eq!(lab.sql("node1", TIMELINE), *timeline, "{stderr}");
}

fn assert_said(struck: &Struck, what: &str) {
    assert!(struck.stderr.contains(what), "{}", struck.stderr);
}

/// The old primary does not do its part.
pub fn old_primary() {
    let lab = Lab::converged(Hosts::default());
    old_primary_does_not_stop(&lab);
    decision_comes_late(&lab);
    old_primary_does_not_answer(&lab);
    works_after_all(lab);
}

/// The candidate does not do its part.
pub fn candidate() {
    let lab = Lab::converged(Hosts::default());
    candidate_misses_records(&lab);
    candidate_stands_still(&lab);
    works_after_all(lab);
}

fn works_after_all(lab: Lab) {
    lab.pgha("switchover", &["--to", "node2"]).exits(0);
    clean::is(&lab, "node2");
    clean::is_mended(&lab);
}

/// One of its processes does not listen.
fn old_primary_does_not_stop(lab: &Lab) {
    let strike = || {
        let idle = "select pid from pg_stat_activity
            where backend_type = 'client backend' and state = 'idle' and usename = 'app' limit 1";
        let pid = lab.sql("node1", idle);
        lab.on("node1", &format!("kill -STOP {pid}"));
    };
    let struck = struck(lab, "the old primary stops", strike, || {});
    assert_undone(lab, &struck);
    assert_said(
        &struck,
        "undone: the cluster is as it was, `node1` is the primary",
    );
    clean::is(lab, "node1");
}

fn candidate_stands_still(lab: &Lab) {
    let strike = || lab.freeze_host("node2");
    let struck = struck(lab, "the old primary stops", strike, || {
        lab.thaw_host("node2")
    });
    moment::wait_for_timers(lab, &HOSTS);
    assert_undone(lab, &struck);
    streams(lab, "node2");
    // What could not be taken back on a host that does not answer.
    lab.pgha("switchover", &["--to", "node1"]).exits(0);
    clean::is(lab, "node1");
}

/// It is cut off from the old primary before that stops.
fn candidate_misses_records(lab: &Lab) {
    let address = lab.address("node1");
    let strike = || {
        lab.on("node2", &format!("ip route add blackhole {address}"));
        let end = "select pg_terminate_backend(pid) from pg_stat_replication where application_name = 'node2'";
        lab.sql("node1", end);
        lab.sql(
            "node1",
            "select pg_logical_emit_message(true, 'pgha', 'missed')",
        );
    };
    let mend = || {
        lab.on("node2", &format!("ip route del blackhole {address}"));
    };
    let struck = struck(lab, "the old primary stops", strike, mend);
    assert_undone(lab, &struck);
    assert_said(
        &struck,
        "undone: the cluster is as it was, `node1` is the primary",
    );
    assert_said(&struck, "WAL ends at");
    streams(lab, "node2");
    clean::is(lab, "node1");
}

/// The candidate's host dies once it was decided. One that boots is promoted, since that is decided on its disk and the old
/// primary's; where it stays down, `failover` leads out, and it is a standby when it is back.
pub fn candidate_dies() {
    let lab = Lab::converged(Hosts::default());
    let dies = || lab.kill_host("node2");
    let becomes = "the candidate becomes the primary";
    let boots = struck(&lab, becomes, dies, || lab.start_host("node2"));
    assert_eq!(clean::primaries(&lab), ["node2"], "{}", boots.stderr);
    boots.seen.assert_one_primary();
    boots.seen.assert_nothing_lost(&lab, "node2");
    lab.pgha("switchover", &["--to", "node2"]).exits(0);
    clean::is(&lab, "node2");

    lab.pgha("switchover", &["--to", "node1"]).exits(0);
    let replaced = || {
        lab.pgha("failover", &["--fenced-by", "its host was killed"])
            .exits(0);
    };
    let stays_down = struck(&lab, becomes, dies, replaced);
    stays_down.seen.assert_one_primary();
    let primary = &clean::primaries(&lab)[0];
    stays_down.seen.assert_nothing_lost(&lab, primary);
    lab.start_host("node2");
    moment::wait_for_timers(&lab, &["node2"]);
    assert_eq!(clean::primaries(&lab), [primary.as_str()]);
    lab.pgha("rejoin", &["node2"]).exits(0);
    clean::is(&lab, primary);
    clean::is_mended(&lab);
}

/// A promotion begins a timeline, for which the candidate's disk has no room.
pub fn no_room() {
    let lab = &Lab::converged(Hosts::default());
    small_disk(lab, "node2");
    let full = "/var/lib/postgresql/15/main/pg_wal/full";
    let strike = || {
        lab.try_on("node2", &format!("dd if=/dev/zero of={full} bs=1M"));
    };
    let mend = || {
        lab.on(
            "node2",
            &format!("rm {full}; systemctl start postgresql@15-main"),
        );
    };
    let struck = struck(lab, "the decision", strike, mend);
    assert_undone(lab, &struck);
    assert_said(
        &struck,
        "undone: the cluster is as it was, `node1` is the primary",
    );
    streams(lab, "node2");
    clean::is(lab, "node1");
}

/// What was decided arrives, its answer does not: the candidate finds out by itself.
fn old_primary_does_not_answer(lab: &Lab) {
    let gateway = lab.on("node1", "ip -4 route show default | awk '{ print $3 }'");
    let strike = || {
        lab.on("node1", &format!("ip route add blackhole {gateway}"));
    };
    let mend = || {
        lab.on("node1", &format!("ip route del blackhole {gateway}"));
    };
    let struck = struck(lab, "the decision", strike, mend);
    moment::wait_for_timers(lab, &HOSTS);
    assert_said(
        &struck,
        "it could not be undone and was finished: `node2` is the primary",
    );
    assert_finished(lab, &struck);
    lab.pgha("switchover", &["--to", "node2"]).exits(0);
    clean::is(lab, "node2");
    lab.pgha("switchover", &["--to", "node1"]).exits(0);
}

/// The decision arrives when the old primary has given up waiting for it, and is the primary again.
fn decision_comes_late(lab: &Lab) {
    let signal = |signal: &str| {
        lab.on(
            "node1",
            &format!("kill -{signal} $(pgrep -f '^sshd: root@')"),
        );
    };
    let struck = struck(lab, "the decision", || signal("STOP"), || signal("CONT"));
    moment::wait_for_timers(lab, &HOSTS);
    assert_undone(lab, &struck);
    assert_said(
        &struck,
        "undone: the cluster is as it was, `node1` is the primary",
    );
    lab.pgha("switchover", &["--to", "node1"]).exits(0);
    clean::is(lab, "node1");
}

/// Asserts that the run failed, and that node2 is the primary all the same.
fn assert_finished(lab: &Lab, struck: &Struck) {
    let Struck {
        code, stderr, seen, ..
    } = struck;
    assert_eq!(*code, 1, "{stderr}");
    assert_eq!(clean::primaries(lab), ["node2"], "{stderr}");
    seen.assert_no_failures();
    seen.assert_one_primary();
    seen.assert_nothing_lost(lab, "node2");
}

/// Puts the WAL of a standby on a file system with little room.
pub fn small_disk(lab: &Lab, node: &str) {
    lab.on(
        node,
        "set -e
        systemctl stop postgresql@15-main
        cd /var/lib/postgresql/15/main
        size=$(($(du -sm pg_wal | cut -f1) + 250))
        mv pg_wal ../pg_wal
        install -d -o postgres -g postgres -m 0700 pg_wal
        mount -t tmpfs -o size=${size}M,uid=$(id -u postgres),gid=$(id -g postgres),mode=0700 tmpfs pg_wal
        cp -a ../pg_wal/. pg_wal/
        rm -r ../pg_wal
        systemctl start postgresql@15-main",
    );
    streams(lab, node);
}

/// A transaction that somebody forgot, with each way to deal with it.
pub fn drains() {
    let lab = Lab::converged(Hosts::default());
    let forgotten = Session::of(&lab);
    forgotten.ask("begin; select 1").unwrap();
    let drain = |choice: &str| {
        let arguments = ["--to", "node2", "--drain", choice, "--pause-timeout", "2"];
        lab.pgha("switchover", &arguments)
    };
    let refused = drain("refuse").exits(3);
    assert!(refused.stderr.contains("transaction"), "{refused}");
    clean::is_quickly(&lab, "node1");
    let waited = drain("wait").exits(1);
    assert!(waited.stderr.contains("undone"), "{waited}");
    clean::is_quickly(&lab, "node1");
    forgotten.ask("select 1").unwrap();
    drain("terminate").exits(0);
    clean::is(&lab, "node2");
    forgotten.ask("select 1").unwrap_err();
    drop(forgotten);
    clean::is_mended(&lab);
}

/// A client of the pooler.
struct Session {
    runtime: Runtime,
    client: Client,
}

impl Session {
    fn of(lab: &Lab) -> Self {
        let runtime = Runtime::new().unwrap();
        let conninfo = promise::conninfo(lab);
        let connect = tokio_postgres::connect(&conninfo, NoTls);
        let (client, connection) = runtime.block_on(connect).unwrap();
        runtime.spawn(connection);
        Self { runtime, client }
    }

    fn ask(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.runtime.block_on(self.client.batch_execute(sql))
    }
}

/// A pooler is lost once clients are held up: the other one's are served, and its own when it is back.
pub fn goes_on() {
    let lab = Lab::converged(TWO_POOLERS);
    let strike = || lab.freeze_host("pooler2");
    let mend = || {
        lab.thaw_host("pooler2");
        moment::wait_for_timers(&lab, &["pooler1", "pooler2"]);
    };
    let struck = struck(&lab, "the decision", strike, mend);
    assert_said(&struck, "pooler2");
    assert_said(&struck, "`node2` is the primary");
    clean::leads(&lab, "node2");
    assert_finished(&lab, &struck);
    lab.pgha("switchover", &["--to", "node2"]).exits(0);
    clean::is(&lab, "node2");
    clean::is_mended(&lab);
}
