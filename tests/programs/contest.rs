//! Two primaries on one timeline: one stops, which both know, and it stays stopped.

use crate::host::{Host, SHELLS, Table, prints};
use crate::others::say;
use crate::watch::looks;

/// This member, and the other: who decides is the one whose name comes first.
const PAIRS: [(&str, &str); 2] = [("node1", "node2"), ("node2", "node1")];

fn address(node: &str) -> &'static str {
    match node {
        "node1" => "172.30.7.11",
        "node2" => "172.30.7.12",
        _ => "172.30.7.13",
    }
}

/// What a member's server says of itself.
fn psql(host: &Host, standing: &str) {
    host.answer("psql", &format!("echo '{standing}'"));
}

/// `me` takes writes on timeline 2 of system 77, and `other` too, as it says by SQL; what that one's host says over SSH.
fn host(me: &str, other: &str, kind: &str, ssh: &str) -> Host {
    let host = Host::new();
    host.stub("lib/ask-members");
    host.configure(&format!("{}me={me}\n", looks(1)));
    host.control("77", 2, "in production");
    host.answer(
        "systemctl",
        "case $* in 'stop postgresql@15-main') rm \"$root/data/postmaster.pid\" ;; esac",
    );
    let mut lines = [(me, "primary 2 77"), (other, kind), ("node3", "standby")]
        .map(|(name, kind)| format!("{name} {} 5432 {kind}\n", address(name)));
    lines.sort();
    host.answer("ask-members", &prints(&lines.concat()));
    host.answer(
        "ssh",
        &format!(
            "case $* in *' {} '*) {ssh} ;; *) exit 255 ;; esac",
            address(other)
        ),
    );
    host.reset();
    host.seems_to_run();
    host
}

/// As it is kept.
fn line(text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!("{text}\n"),
    }
}

fn stopped(host: &Host) -> bool {
    !host.has("data/postmaster.pid")
}

/// The one that decides, by what it and the other have.
#[test]
fn whom_more_follow_goes_on() {
    let mut table = Table::default();
    for shell in SHELLS {
        for (own, theirs, stops) in [
            ("primary 1 0", "primary 0 9", false),
            ("primary 0 9", "primary 1 0", true),
            ("primary 0 9", "primary 10 0", true),
            ("primary 9 0", "primary 10 0", true),
            ("primary 1 3", "primary 1 4", true),
            ("primary 1 4", "primary 1 3", false),
            ("primary 1 10", "primary 1 9", false),
            ("primary 0 0", "primary 0 0", false),
        ] {
            let ssh = format!("case $* in *standing) echo Willkommen; echo {theirs} ;; esac");
            let host = host("node1", "node2", "primary 2 77", &ssh);
            psql(&host, own);
            let said = host.run(shell, "primary-watch", &[]);
            let winner = if stops { "node2" } else { "node1" };
            let seen = (stopped(&host), host.read("kept/verdict.node2"));
            let case = format!("{own} against {theirs}, {shell:?}");
            table.same(&case, seen, (stops, format!("{winner} 77 2")));
            let mark = if stops { "node2 77 2" } else { "" };
            table.same(&case, host.read("kept/outvoted").as_str(), mark);
            table.check(
                &case,
                said.out.contains("it is decided that node2 goes on") == stops,
                &said,
            );
        }
    }
    table.end();
}

/// It is decided once: whatever is so later, both hear the same.
#[test]
fn what_was_decided_holds() {
    let mut table = Table::default();
    for shell in SHELLS {
        for (verdict, theirs, stops) in [
            ("node1 77 2", "primary 9 9", false),
            ("node2 77 2", "primary 0 0", true),
            // Another contest's.
            ("node1 77 1", "primary 9 9", true),
            ("node2 78 2", "primary 0 0", false),
            ("", "primary 9 9", true),
            ("node1 77", "primary 9 9", true),
        ] {
            let host = host("node1", "node2", "primary 2 77", &format!("echo {theirs}"));
            psql(&host, "primary 1 1");
            host.write("kept/verdict.node2", &line(verdict));
            let said = host.run(shell, "primary-watch", &[]);
            table.check(
                &format!("`{verdict}`, {theirs}"),
                stopped(&host) == stops,
                &said,
            );
        }
    }
    table.end();
}

/// The other one asks, and decides nothing.
#[test]
fn whoever_does_not_decide_asks() {
    let mut table = Table::default();
    for shell in SHELLS {
        for (ssh, stops) in [
            ("echo verdict node2 node1 77 2; echo primary 0 0", true),
            ("echo verdict node2 node2 77 2; echo primary 9 9", false),
            ("echo verdict node3 node1 77 2; echo primary 9 9", false),
            ("echo verdict node2 node1 77 1; echo primary 9 9", false),
            ("echo verdict node2 node1 78 2; echo primary 9 9", false),
            ("echo primary 9 9", false),
            ("exit 255", false),
        ] {
            let host = host("node2", "node1", "primary 2 77", ssh);
            psql(&host, "primary 0 0");
            let said = host.run(shell, "primary-watch", &[]);
            let case = format!("{ssh}, {shell:?}");
            table.check(&case, stopped(&host) == stops, &said);
            table.check(&case, !host.has("kept/verdict.node1"), &"it decided");
        }
    }
    table.end();
}

/// From what one decides to what the other does: never both, never none.
#[test]
fn exactly_one_of_the_two_goes_on() {
    let mut table = Table::default();
    for shell in SHELLS {
        for followers in [(0, 0), (0, 1), (1, 0), (2, 2)] {
            for sessions in [(0, 0), (0, 1), (1, 0)] {
                let standing = [
                    format!("primary {} {}", followers.0, sessions.0),
                    format!("primary {} {}", followers.1, sessions.1),
                ];
                let ssh = format!("echo {}", standing[1]);
                let first = host("node1", "node2", "primary 2 77", &ssh);
                psql(&first, &standing[0]);
                first.run(shell, "primary-watch", &[]);
                // What the first one's program says, over what stands for SSH. Its server may be stopped by now.
                let heard = first.run(shell, "standing", &[]);
                let second = host("node2", "node1", "primary 2 77", &prints(&heard.out));
                psql(&second, &standing[1]);
                second.run(shell, "primary-watch", &[]);
                let case = format!("{standing:?}, {shell:?}");
                let both = (stopped(&first), stopped(&second));
                table.check(&case, both.0 != both.1, &(both, &heard));
            }
        }
    }
    table.end();
}

/// Where it cannot be decided nobody stops, and that is said once.
#[test]
fn nobody_stops_where_it_is_not_decided() {
    let mut table = Table::default();
    for shell in SHELLS {
        for (me, other) in PAIRS {
            for ssh in [
                "exit 255",
                "echo there",
                "echo standby",
                "echo down",
                "",
                "echo primary",
            ] {
                let host = host(me, other, "primary 2 77", ssh);
                host.configure(&format!("{}me={me}\n", looks(3)));
                psql(&host, "primary 1 1");
                let said = host.run(shell, "primary-watch", &[]);
                let case = format!("{me}, {ssh}, {shell:?}");
                table.check(&case, !stopped(&host) && said.code == Some(0), &said);
                let told = said.err.matches("takes writes, too").count();
                table.same(&case, told, 1);
            }
        }
        // Its word cannot be kept: it is none.
        let host = host("node1", "node2", "primary 2 77", "echo primary 9 9");
        psql(&host, "primary 1 1");
        host.write("kept/verdict.node2/x", "");
        let said = host.run(shell, "primary-watch", &[]);
        table.check("the disk is full", !stopped(&host), &said);
    }
    table.end();
}

/// A standby, another cluster's primary, one on a lower timeline and one that is not there are no second primary.
#[test]
fn others_are_no_second_primary() {
    let mut table = Table::default();
    for shell in SHELLS {
        for kind in ["standby", "primary 1 77", "primary 2 78", "silent x"] {
            let host = host("node1", "node2", kind, "echo primary 9 9");
            psql(&host, "primary 0 0");
            let said = host.run(shell, "primary-watch", &[]);
            table.check(kind, !stopped(&host) && !host.has("kept"), &said);
        }
        // One that has no connection free is found over SSH.
        let ssh = "case $* in *timeline) echo 77 2 ;; *) echo primary 9 9 ;; esac";
        let full = host("node1", "node2", "there zu viele", ssh);
        psql(&full, "primary 0 0");
        let said = full.run(shell, "primary-watch", &[]);
        table.check("full", stopped(&full), &said);
        let ssh = "case $* in *timeline) echo 77 2 ;; *) echo standby ;; esac";
        let starting = host("node1", "node2", "there starting up", ssh);
        psql(&starting, "primary 0 0");
        let said = starting.run(shell, "primary-watch", &[]);
        table.check(
            "a standby that starts",
            !stopped(&starting) && said.err.is_empty(),
            &said,
        );
    }
    table.end();
}

/// It stays stopped, whoever starts it, until its data are on a higher timeline or somebody says that it may run.
#[test]
fn the_one_that_stopped_stays_stopped() {
    let mut table = Table::default();
    for shell in SHELLS {
        for (mark, timeline, starts) in [
            ("node2 77 2", 2, false),
            ("node2 77 2", 3, true),
            ("node2 77 3", 2, false),
            ("node2 78 2", 2, true),
            ("", 2, true),
            ("node2 77", 2, true),
        ] {
            let host = Host::new();
            host.stub("lib/find-primary");
            host.answer("find-primary", "exit 1");
            host.control("77", timeline, "in production");
            say(&host, "exit 255", "exit 255");
            host.reset();
            host.write("kept/outvoted", &line(mark));
            let said = host.run(shell, "start-guard", &[]);
            let case = format!("`{mark}` on {timeline}, {shell:?}");
            table.check(&case, (said.code == Some(0)) == starts, &said);
            if starts {
                continue;
            }
            table.check(
                &case,
                said.err.contains("pgha rejoin INVENTORY node1"),
                &said,
            );
            // Somebody's word is for good: it is the primary from then on.
            host.write("guard-off", "");
            let said = host.run(shell, "start-guard", &[]);
            table.check(&case, said.code == Some(0), &said);
            host.remove("guard-off");
            let said = host.run(shell, "start-guard", &[]);
            table.check(&case, said.code == Some(0), &said);
        }
    }
    table.end();
}

/// What a host says of its own server.
#[test]
fn a_host_tells_how_its_server_stands() {
    let mut table = Table::default();
    let host = Host::new();
    for shell in SHELLS {
        host.reset();
        let said = host.run(shell, "standing", &[]);
        table.same("down", (said.code, said.out.as_str()), (Some(0), "down\n"));
        host.seems_to_run();
        for (psql, out) in [
            ("echo standby", "standby\n"),
            ("echo primary 2 7", "primary 2 7\n"),
            ("echo 'zu viele' >&2; exit 2", "there\n"),
        ] {
            host.answer("psql", psql);
            let said = host.run(shell, "standing", &[]);
            table.same(psql, (said.code, said.out.as_str()), (Some(0), out));
        }
        host.write("kept/verdict.node2", "node1 77 2\n");
        host.write("kept/verdict.node3", "node3 77 1\n");
        let said = host.run(shell, "standing", &[]);
        let out = "verdict node2 node1 77 2\nverdict node3 node3 77 1\nthere\n";
        table.same("verdicts", said.out.as_str(), out);
    }
    table.end();
}
