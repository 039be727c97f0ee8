//! A server without a session: what the probe's script sees of a real process, its pid file and pg_isready, and what pgha makes
//! of it. No word that the server says takes part.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use pgha::facts::{Answer, Answers, Instance, Probe, Probes, Release, Section, Why, understood};

use crate::host::{Host, SHELLS, Table, has_turn};

/// What pgha makes of a server whose session ended with `code` after it had said `said`, and of which pg_isready says `ping`.
fn seen(host: &Host, shell: &[&str], (code, said): (i32, &str), ping: i32) -> Instance {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/facts/instance.sh");
    let script = fs::read_to_string(script).unwrap();
    host.write("pg_isready", &format!("#!/bin/sh\nexit {ping}\n"));
    let around = r#"root=$1 given=$2 said=$3
as() { shift; "$@"; }
ask() { printf %s "$said"; echo 'FATAL:  zu viele' >&2; return "$given"; }
sleep() { command sleep 0.001; }
chmod +x "$root/pg_isready"
set -- "$root/data" 5432 "$root/pg_isready"
"#;
    let output = Command::new(shell[0])
        .args(&shell[1..])
        .args(["-c", &format!("{around}{script}"), "sh"])
        .arg(host.path(""))
        .args([&code.to_string(), said])
        .output()
        .unwrap();
    let lines = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.lines().map(str::to_owned).collect::<Vec<String>>()
    };
    let server = Answer {
        lines: lines(&output.stdout),
        errors: lines(&output.stderr),
        code: output.status.code().unwrap(),
    };
    let system = Answer {
        lines: vec!["release debian-12 Debian".to_owned()],
        ..Answer::default()
    };
    let asked = BTreeMap::from([(Release::Debian12, Probes::from([Probe::Pooler(1)]))]);
    let answers = Answers::from([(Section::System, system), (Section::Server, server)]);
    understood(&answers, &asked).unwrap().server
}

#[test]
fn a_server_without_a_session_is_there_or_is_not() {
    let mut table = Table::default();
    let mut host = Host::new();
    for shell in SHELLS {
        for status in ["starting", "stopping", "ready   ", "standby ", ""] {
            for (frozen, code, said, ping) in [
                (false, 2, "", 0),
                (false, 2, "", 1),
                (false, 2, "", 2),
                (false, 124, "", 0),
                (false, 3, "server {\"in_recovery\": false", 0),
                (false, 0, "server {\"in_recovery\": false", 0),
                (false, 0, "WARNUNG: Sortierfolge", 0),
                (true, 2, "", 2),
            ] {
                let row = format!("{status:?}, {frozen}, {code}, {said:?}, {ping}");
                if !has_turn(shell, &row) {
                    continue;
                }
                host.reset();
                host.start_server("");
                let pid = host.read("data/postmaster.pid");
                let file = format!("{pid}\n/data\n1\n5432\n/run\n*\n0 0\n{status}\n");
                host.write("data/postmaster.pid", &file);
                if frozen {
                    let stop = Command::new("kill").args(["-STOP", &pid]).status();
                    assert!(stop.unwrap().success());
                }
                let why = match (status.trim(), code, ping) {
                    _ if code == 0 && said.starts_with("server ") => Why::Garbled,
                    _ if frozen => Why::Frozen,
                    ("starting", ..) => Why::Starting,
                    ("stopping", ..) => Why::Stopping,
                    (_, 0, _) => Why::Garbled,
                    ("standby", _, 1) => Why::Closed,
                    (_, _, 1) => Why::Starting,
                    (_, 124, _) | (_, _, 2) => Why::Hung,
                    _ => Why::Refusing,
                };
                let seen = seen(&host, shell, (code, said), ping);
                let case = format!("{row}, {shell:?}");
                let told = seen.untold().map(|untold| untold.why);
                table.same(&case, told, Some(why));
                host.end_server();
            }
        }
        // Nobody has the data directory open: what a crash has left, a number that is another's by now, another server's socket.
        for (file, ping, there) in [
            ("", 2, false),
            ("4194304\n\n\n\n\n\n\nready\n", 2, false),
            ("1\n\n\n\n\n\n\nstarting\n", 2, false),
            ("no number\n", 2, false),
            ("", 0, true),
            ("", 1, true),
        ] {
            host.reset();
            host.write("data/postmaster.pid", file);
            let seen = seen(&host, shell, (2, ""), ping);
            let case = format!("{file:?}, {ping}, {shell:?}");
            table.same(&case, seen.is_down(), !there);
        }
    }
    table.end();
}

/// What stops a server before a change: its unit, and its process, whoever started it.
#[test]
fn a_server_is_stopped_whoever_started_it() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/run/stop-postgresql.sh");
    let script = fs::read_to_string(script).unwrap();
    let around = r#"root=$1 unit=$2
as() { shift; "$@"; }
systemctl() {
  case "$1 $unit" in
  'stop its') kill "$(cat "$root/data/postmaster.pid")"; while [ -e "$root/data/postmaster.pid" ]; do command sleep 0.01; done ;;
  'stop fails') return 5 ;;
  esac
}
sleep() { command sleep 0.01; }
set -- postgresql@15-main "$root/data" 10
"#;
    let mut table = Table::default();
    let mut host = Host::new();
    for shell in SHELLS {
        for (unit, ignored, starts, code, runs) in [
            ("its", "", true, 0, false),
            ("past", "", true, 0, false),
            // It does not heed the request.
            ("past", "INT", true, 1, true),
            ("past", "", false, 0, false),
            ("fails", "", true, 5, true),
        ] {
            host.reset();
            match starts {
                true => host.start_server(ignored),
                // The number in its file is another's by now.
                false => {
                    let own = format!("{}\n", std::process::id());
                    host.write("data/postmaster.pid", &own);
                }
            }
            let output = Command::new(shell[0])
                .args(&shell[1..])
                .args(["-c", &format!("{around}{script}"), "sh"])
                .arg(host.path(""))
                .arg(unit)
                .output()
                .unwrap();
            let case = format!("{unit}, ignores {ignored:?}, starts {starts}, {shell:?}");
            table.check(&case, output.status.code() == Some(code), &output);
            table.same(&case, starts && host.server_runs(), runs);
            host.end_server();
        }
    }
    table.end();
}
