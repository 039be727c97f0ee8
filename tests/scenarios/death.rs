//! A host that dies in the middle of an apply: the others finish the stage, nothing that follows starts, and it is said
//! what was not done. A later run finishes.

use std::time::{Duration, Instant};

use crate::lab::{Hosts, Lab, Ran};
use crate::promise;

/// Holds pgbouncer's start up until it is removed.
const SLOW_START: &str = "mkdir -p /etc/systemd/system/pgbouncer.service.d
    printf '[Service]\\nExecStartPre=!/bin/sh -c \"touch /run/slow; sleep 5\"\\nTimeoutStartSec=60\\n' \
        >/etc/systemd/system/pgbouncer.service.d/slow.conf";

const BASE_BACKUP: &str = "/usr/lib/postgresql/15/bin/pg_basebackup";

/// What stands for a frozen host must be longer than this: three keepalives of five seconds, and time to say it.
const AT_MOST: Duration = Duration::from_secs(60);

pub fn stops_what_follows() {
    let lab = Lab::up(Hosts::default());
    lab.on("pooler1", SLOW_START);
    for node in ["node2", "node3"] {
        // Whoever clones says so in `/run/slow`, and takes its time on node2.
        let pause = if node == "node2" { "sleep 5" } else { ":" };
        lab.on(
            node,
            &format!(
                "mv {BASE_BACKUP} {BASE_BACKUP}.real
                printf '#!/bin/sh\\ntouch /tmp/slow; {pause}\\nexec {BASE_BACKUP}.real \"$@\"\\n' >{BASE_BACKUP}
                chmod 755 {BASE_BACKUP}"
            ),
        );
    }

    // A pooler, in the first stage.
    let ran = during(&lab, "pooler1", "/run/slow", || lab.kill_host("pooler1"));
    told(
        &ran,
        "pooler1",
        &[
            "pooler1: it runs with that",
            "node2: its data directory",
            "node3: its data directory",
        ],
    );
    let registered = "select node_name from repmgr.nodes";
    assert_eq!(lab.sql_in("node1", "repmgr", registered), "node1");
    for node in ["node2", "node3"] {
        lab.on(
            node,
            "! [ -e /tmp/slow ] && ! [ -e /var/lib/postgresql/15/main ]",
        );
    }
    lab.start_host("pooler1");
    lab.on(
        "pooler1",
        "rm /etc/systemd/system/pgbouncer.service.d/slow.conf; systemctl daemon-reload",
    );

    // A standby, while it is cloned.
    let ran = during(&lab, "node2", "/tmp/slow", || lab.kill_host("node2"));
    let list = told(
        &ran,
        "node2",
        &[
            "node2: its data directory",
            "node2: it is registered with repmgr",
        ],
    );
    assert!(
        list.iter().all(|change| change.starts_with("node2")),
        "{list:#?}"
    );
    assert_eq!(streaming(&lab), "node3");
    lab.start_host("node2");

    // A standby that freezes: that is found out, and takes no longer than it must.
    let mut since = Instant::now();
    let ran = during(&lab, "node2", "/tmp/slow", || {
        lab.freeze_host("node2");
        since = Instant::now();
    });
    assert!(since.elapsed() < AT_MOST, "{:?}: {ran}", since.elapsed());
    told(&ran, "node2", &["node2: its data directory"]);
    since = Instant::now();
    let plan = lab.pgha("plan", &[]).exits(4);
    assert!(since.elapsed() < AT_MOST, "{:?}: {plan}", since.elapsed());
    assert!(plan.stderr.contains("error: node2: "), "{plan}");
    lab.thaw_host("node2");

    lab.pgha("apply", &[]).exits(0);
    promise::is_kept(&lab, &["node1", "node2", "node3"], "node1");
    lab.assert_converged();
}

/// An apply, to its end, in which something is done to a host once `mark` is there.
fn during(lab: &Lab, host: &str, mark: &str, mut strike: impl FnMut()) -> Ran {
    std::thread::scope(|scope| {
        let apply = scope.spawn(|| lab.pgha("apply", &["--json"]));
        lab.on(
            host,
            &format!("timeout 120 sh -c 'until [ -e {mark} ]; do sleep 0.1; done'"),
        );
        strike();
        apply.join().unwrap()
    })
}

/// Asserts that the end of the host is told, with what was not done because of it.
fn told(ran: &Ran, host: &str, not_done: &[&str]) -> Vec<String> {
    assert_eq!(ran.code, 4, "{ran}");
    assert!(
        ran.stderr
            .contains(&format!("error: {host}: lost the connection")),
        "{ran}"
    );
    let list = ran.json();
    let list: Vec<String> = list["not_done"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            let text = |name: &str| change[name].as_str().unwrap();
            format!("{}: {}", text("host"), text("step"))
        })
        .collect();
    for line in not_done {
        assert!(
            list.iter().any(|change| change.starts_with(line)),
            "{line}: {list:#?}"
        );
        let (host, _) = line.split_once(':').unwrap();
        // What is not done is in the message too.
        assert!(
            ran.stderr.contains("not done:") && ran.stderr.contains(host),
            "{ran}"
        );
    }
    list
}

fn streaming(lab: &Lab) -> String {
    let ask =
        "select application_name from pg_stat_replication where state = 'streaming' order by 1";
    lab.sql("node1", ask)
}
