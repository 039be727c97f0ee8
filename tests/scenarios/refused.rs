//! Hosts that pgha must not work on: it says which, why, and what to do, and leaves them as they are.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::lab::{Hosts, Lab, PGHA, Ran, run};
use crate::state;

const NODES: [&str; 2] = ["node1", "node2"];

pub fn leaves_hosts_as_they_are() {
    let lab = Lab::up(Hosts {
        nodes: 2,
        poolers: 0,
        ..Hosts::default()
    });
    an_unsupported_release(&lab);
    lab.pgha("apply", &["--limit", "node1"]).exits(0);
    too_little_disk(&lab);
    a_foreign_data_directory(&lab);
    an_interrupted_apply(&lab);
    two_primaries(&lab);
}

/// `plan` and `apply` refuse and change nothing; what they say.
fn refused(lab: &Lab, words: &[&str]) {
    let before = state::of_files(lab, &NODES);
    for verb in ["plan", "apply"] {
        says(&lab.pgha(verb, &[]).exits(3), words);
    }
    assert_eq!(
        state::changed(&before, &state::of_files(lab, &NODES)),
        [""; 0]
    );
}

fn says(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is missing: {ran}");
    }
}

fn an_unsupported_release(lab: &Lab) {
    lab.on(
        "node2",
        r#"mv /etc/os-release /etc/os-release.kept
        printf '%s\n' 'PRETTY_NAME="Ubuntu 24.04 LTS"' ID=ubuntu 'VERSION_ID="24.04"' >/etc/os-release"#,
    );
    refused(lab, &["node2", "24.04", "hint: pgha knows Debian"]);
    lab.on("node2", "mv /etc/os-release.kept /etc/os-release");
}

fn too_little_disk(lab: &Lab) {
    lab.on(
        "node2",
        "mount -t tmpfs -o size=20m tmpfs /var/lib/postgresql",
    );
    refused(
        lab,
        &["node2", "20 MiB free, ", " MiB needed", "hint: make room"],
    );
    lab.on("node2", "umount /var/lib/postgresql");
}

/// Somebody's own cluster stands where the copy would go.
fn a_foreign_data_directory(lab: &Lab) {
    const DIRECTORY: &str = "/var/lib/postgresql/15/main";
    let initdb = format!("/usr/lib/postgresql/15/bin/initdb -D {DIRECTORY}");
    lab.on("node2", "install -d -o postgres /var/lib/postgresql/15");
    lab.as_postgres("node2", &initdb);
    let look = format!(r"find {DIRECTORY} -printf '%p %i %m %u %s %C@\n' | sort");
    let before = lab.on("node2", &look);

    refused(
        lab,
        &[
            "node2",
            "another cluster",
            "hint: pgha does not remove data",
        ],
    );

    assert_eq!(lab.on("node2", &look), before);
    lab.on("node2", &format!("rm -r {DIRECTORY}"));
}

/// Ctrl-c while node2 is copied.
fn an_interrupted_apply(lab: &Lab) {
    let log = lab.dir.join("stderr");
    let mut apply = Command::new(PGHA)
        .arg("apply")
        .arg(lab.inventory())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let told = || fs::read_to_string(&log).unwrap();
    let copying = || lab.try_on("node2", "pgrep pg_basebackup").code == 0;
    until(&mut apply, copying);
    run(Command::new("kill").args(["-INT", &apply.id().to_string()])).exits(0);

    until(&mut apply, || false);

    let (code, told) = (apply.wait().unwrap().code(), told());
    assert_eq!(code, Some(130), "{told}");
    for words in [
        "node2: + create standby_clone data directory … was at work",
        "not done:\n  node2:\n",
        "interrupted: ",
        "hint: the same command again goes on",
    ] {
        assert!(told.contains(words), "`{words}` is missing: {told}");
    }
    lab.pgha("apply", &[]).exits(0);
    lab.assert_converged();
    assert_eq!(
        lab.json("status", &[])["healthy"],
        true,
        "an interruption leaves nothing behind"
    );
}

/// Waits until something is so, or until it has ended.
fn until(child: &mut Child, so: impl Fn() -> bool) {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() && !so() {
        assert!(began.elapsed() < Duration::from_secs(120), "it goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn two_primaries(lab: &Lab) {
    // It would stop the one on the lower timeline.
    lab.on("node1", "systemctl stop pgha-guard");
    assert_eq!(lab.sql("node2", "select pg_promote()"), "t");
    refused(
        lab,
        &["`node1` and `node2` are writable primaries", "hint: "],
    );
    let status = lab.pgha("status", &["--json"]).exits(1).json();
    assert_eq!(status["healthy"], false);
    let problems = status["problems"].to_string();
    assert!(
        problems.contains("node1") && problems.contains("node2"),
        "{problems}"
    );
}
