//! Settings that need a restart: one node at a time, in the order that hot standby demands, the primary only if allowed.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::lab::{Hosts, Lab, Running};
use crate::plans;

const NODES: [&str; 3] = ["node1", "node2", "node3"];
const ALLOWED: &[&str] = &["--allow-restart-primary"];

/// All under a load of writes, so that nothing here may count on an idle cluster.
pub fn in_the_order_that_hot_standby_demands() {
    let lab = Lab::converged(Hosts::default());
    let load = Load::on(&lab);

    // A raise: standbys first. Without leave for the primary that much is done, and the rest is said. With it comes a
    // setting in which members need not agree.
    set(&lab, "{ max_connections: 150, shared_buffers: 100MB }");
    let before = started(&lab);
    let report = lab.json("apply", &[]);
    assert_eq!(restarts(&report["plan"]), ["node2", "node3"]);
    assert_eq!(held(&report["plan"]), ["node1"]);
    assert_eq!(running(&lab, "max_connections"), ["100", "150", "150"]);
    // What is held back is left, too.
    let plan = lab.pgha("plan", &["--json", "--detailed-exitcode"]);
    let plan = plan.exits(10).json();
    assert_eq!((restarts(&plan).len(), held(&plan)), (0, vec!["node1"]));

    let report = lab.json("apply", ALLOWED);
    assert_eq!(restarts(&report["plan"]), ["node1"]);
    assert_eq!(running(&lab, "max_connections"), ["150"; 3]);
    assert_eq!(running(&lab, "shared_buffers"), ["100MB"; 3]);
    assert_order(&before, &started(&lab), &["node2", "node3", "node1"]);

    // A lowering: the primary first.
    set(&lab, "{ max_connections: 120, shared_buffers: 100MB }");
    let before = started(&lab);
    let report = lab.json("apply", ALLOWED);
    assert_eq!(restarts(&report["plan"]), NODES);
    assert_eq!(running(&lab, "max_connections"), ["120"; 3]);
    assert_order(&before, &started(&lab), &NODES);

    // Both, with a halt between; and what is not set any more is as it was before it was set.
    set(&lab, "{ max_connections: 110, max_worker_processes: 10 }");
    let report = lab.json("apply", &[]);
    assert_eq!(restarts(&report["plan"]), ["node2", "node3"]);
    assert_eq!(held(&report["plan"]), ["node1"]);
    assert_eq!(running(&lab, "max_connections"), ["120"; 3]);
    let report = lab.json("apply", ALLOWED);
    assert_eq!(restarts(&report["plan"]), NODES);
    assert_eq!(running(&lab, "max_connections"), ["110"; 3]);
    assert_eq!(running(&lab, "max_worker_processes"), ["10"; 3]);
    assert_eq!(running(&lab, "shared_buffers"), ["128MB"; 3]);

    // Both in one: standbys, the primary, standbys again.
    set(&lab, "{ max_connections: 160, max_worker_processes: 6 }");
    let report = lab.json("apply", ALLOWED);
    assert_eq!(
        restarts(&report["plan"]),
        ["node2", "node3", "node1", "node2", "node3"]
    );
    assert_eq!(running(&lab, "max_connections"), ["160"; 3]);
    assert_eq!(running(&lab, "max_worker_processes"), ["6"; 3]);

    drop(load);
    for node in NODES {
        let log = lab.on(node, "cat /var/log/postgresql/*.log");
        for complaint in ["insufficient parameter settings", "recovery has paused"] {
            assert!(!log.contains(complaint), "{node}:\n{log}");
        }
    }
    lab.assert_converged();
    lab.assert_healthy();
}

/// Sets `postgresql_settings`, in place of what it was.
fn set(lab: &Lab, settings: &str) {
    lab.edit_inventory(|text| {
        let kept = text
            .lines()
            .filter(|line| !line.contains("postgresql_settings:"));
        let text: String = kept.map(|line| line.to_owned() + "\n").collect();
        let line = format!("    postgresql_settings: {settings}\n  children:\n");
        text.replacen("  children:\n", &line, 1)
    });
}

/// The hosts that a plan restarts, in order; one in each stage.
fn restarts(plan: &Value) -> Vec<&str> {
    let mut restarts = Vec::new();
    for stage in plan["stages"].as_array().unwrap() {
        let hosts = stage["hosts"].as_object().unwrap().iter();
        let restarted: Vec<&str> = hosts
            .filter(|(_, changes)| {
                let changes = changes.as_array().unwrap();
                changes
                    .iter()
                    .any(|change| change["resource"] == "postgresql_restart")
            })
            .map(|(host, _)| host.as_str())
            .collect();
        assert!(restarted.len() <= 1, "at the same time: {restarted:?}");
        restarts.extend(restarted);
    }
    assert_eq!(
        plans::changes(plan)
            .iter()
            .filter(|change| change["action"] == "restart")
            .count(),
        restarts.len()
    );
    restarts
}

fn held(plan: &Value) -> Vec<&str> {
    let held = plan["held"].as_array().unwrap().iter();
    held.map(|held| held["host"].as_str().unwrap()).collect()
}

/// A setting as every node runs with it.
fn running(lab: &Lab, setting: &str) -> Vec<String> {
    NODES
        .iter()
        .map(|node| lab.sql(node, &format!("show {setting}")))
        .collect()
}

/// When each server was started, by its host's clock.
fn started(lab: &Lab) -> BTreeMap<&'static str, f64> {
    let ask = |node| {
        lab.sql(
            node,
            "select extract(epoch from pg_postmaster_start_time())",
        )
    };
    NODES
        .iter()
        .map(|node| (*node, ask(node).parse().unwrap()))
        .collect()
}

/// Asserts that all were restarted, in this order.
fn assert_order(before: &BTreeMap<&str, f64>, after: &BTreeMap<&str, f64>, order: &[&str]) {
    assert!(
        order.iter().all(|node| after[node] > before[node]),
        "{before:?} {after:?}"
    );
    assert!(
        order.is_sorted_by(|one, next| after[one] < after[next]),
        "{after:?}"
    );
}

/// Small transactions on the primary, one after the other, until it is dropped.
struct Load<'a>(&'a Lab, Running);

impl<'a> Load<'a> {
    fn on(lab: &'a Lab) -> Self {
        lab.sql(
            "node1",
            "create table load (at timestamptz default clock_timestamp())",
        );
        let write = "while [ ! -e /run/load-ends ]; do
            runuser -u postgres -- psql -Xqc 'insert into load default values' || sleep 0.1
            sleep 0.02
        done";
        Self(lab, lab.start_on("node1", write))
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        self.0.try_on("node1", "touch /run/load-ends");
        self.1.wait();
    }
}
