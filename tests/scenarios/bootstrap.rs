//! Bare hosts to a running cluster, exactly as the plan said.

use std::fs;

use serde_json::Value;

use crate::lab::{Hosts, Lab};
use crate::{plans, promise, state};

const NODES: [&str; 3] = ["node1", "node2", "node3"];
const HOSTS: [&str; 4] = ["node1", "node2", "node3", "pooler1"];

/// Root logs in; packages come from the distribution.
pub fn as_root() {
    let lab = Lab::up(Hosts {
        bare: true,
        ..Hosts::default()
    });
    let plan = lab.json("plan", &[]);

    lab.pgha("apply", &[]).exits(0);

    assert_eq!(plans::ran(&lab), plans::planned(&plan));
    promise::is_kept(&lab, &NODES, "node1");
    lab.assert_converged();
}

/// A user with `sudo` logs in, and the plan that was kept is the one that runs.
pub fn as_a_user_with_sudo() {
    let lab = Lab::up(Hosts {
        user: "admin",
        ..Hosts::default()
    });
    applies_what_was_planned(&lab, 15, &HOSTS);
    promise::is_kept(&lab, &NODES, "node1");
    lab.assert_converged();
}

/// A plan is kept and applied: its steps are those that run, and no file is another that it does not name.
pub fn applies_what_was_planned(lab: &Lab, version: u16, hosts: &[&str]) {
    let plan = lab.pgha("plan", &["--json"]).exits(0);
    let again = lab.pgha("plan", &["--json"]).exits(0);
    assert_eq!(plan.stdout, again.stdout, "one state, one plan");
    let kept = lab.dir.join("kept.json").display().to_string();
    lab.pgha("plan", &["--output", &kept]).exits(0);
    assert_eq!(fs::read_to_string(&kept).unwrap(), plan.stdout);
    let before = state::of_files(lab, hosts);

    lab.pgha("apply", &["--plan", &kept]).exits(0);

    assert_eq!(plans::ran(lab), plans::planned(&plan.json()));
    assert_eq!(
        fs::read_to_string(lab.latest_run().join("plan.json"))
            .unwrap()
            .trim_end(),
        plan.stdout.trim_end(),
    );
    let unplanned: Vec<String> = state::changed(&before, &state::of_files(lab, hosts))
        .into_iter()
        .filter(|file| !is_planned(&plan.json(), version, file))
        .collect();
    assert_eq!(
        unplanned, [""; 0],
        "files changed that the plan did not name"
    );
}

/// Whether the plan names the file `HOST PATH`, or a command of Debian's or systemd's that makes it.
fn is_planned(plan: &Value, version: u16, file: &str) -> bool {
    let (host, path) = file.split_once(' ').unwrap();
    let configuration = format!("/etc/postgresql/{version}/main/");
    let data = format!("/var/lib/postgresql/{version}/main");
    let by_command = [
        ("pg_createcluster", configuration.as_str()),
        ("pg_createcluster", &data),
        (
            "pg_createcluster",
            "/etc/apt/apt.conf.d/02autoremove-postgresql",
        ),
        ("enable", "/etc/rc"),
        ("enable", "/etc/systemd/system/multi-user.target.wants/"),
    ];
    plans::changes(plan)
        .iter()
        .filter(|change| change["host"] == host)
        .any(|change| {
            let ops = change["ops"].to_string();
            ops.contains(&format!("\"path\":\"{path}\""))
                || by_command.iter().any(|(command, made)| {
                    ops.contains(&format!("\"{command}\"")) && path.starts_with(made)
                })
        })
}

/// A plan that was kept is refused once a host has moved, and says what moved.
pub fn stale_plan() {
    let lab = Lab::converged(Hosts::default());
    lab.set_variable("postgresql_settings: { work_mem: 5MB }");
    let kept = lab.dir.join("kept.json").display().to_string();
    lab.pgha("plan", &["--output", &kept]).exits(0);
    lab.on(
        "node2",
        "echo '# by hand' >>/etc/postgresql/15/main/pg_hba.conf",
    );

    let refused = lab.pgha("apply", &["--plan", &kept]).exits(5);

    let told: Vec<&str> = refused
        .stderr
        .lines()
        .filter(|line| line.starts_with("error"))
        .collect();
    let moved =
        "error: node2: `/etc/postgresql/15/main/pg_hba.conf` has moved since the plan was made";
    assert_eq!(told, [moved], "{refused}");
    assert_eq!(lab.sql("node1", "show work_mem"), "4MB", "nothing was done");

    lab.on("node2", "sed -i '$d' /etc/postgresql/15/main/pg_hba.conf");
    lab.pgha("plan", &["--output", &kept]).exits(0);
    lab.pgha("apply", &["--plan", &kept]).exits(0);
    assert_eq!(lab.sql("node1", "show work_mem"), "5MB");
}
