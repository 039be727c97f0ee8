//! `failover` and `failsafe`: what happens where the other side says nothing any more.

use std::process::Command;

use crate::host::{Host, NOBODY, SHELLS, Table, has_turn, prints};

/// A standby's server, which takes writes once it was asked to.
const CANDIDATE: &str = "case $* in
*'select pg_promote('*) : >\"$root/promoted\" ;;
*'not pg_is_in_recovery()'*) if [ -e \"$root/promoted\" ]; then echo t; else echo f; fi ;;
*pg_stat_wal_receiver*) echo t ;;
esac";

// --- a primary that is replaced without having been asked ---

#[test]
fn fences_what_is_stopped_and_nothing_else() {
    let mut table = Table::default();
    let mut host = Host::new();
    for shell in SHELLS {
        // A server outside of its unit, too.
        for ignored in ["", "INT"] {
            host.configure("proc=/proc\nsleep() { command sleep 0.002; }");
            host.reset();
            host.start_server(ignored);
            let said = host.run(shell, "failover", &["fence"]);
            let case = format!("it runs, {ignored:?}, {shell:?}");
            table.check(&case, said.code == Some(0) && !host.server_runs(), &said);
            table.check(
                &case,
                host.log().contains("systemctl stop postgresql@15-main"),
                &host.log(),
            );
            table.same(
                &case,
                (
                    host.has("data/standby.signal"),
                    host.has("data/pgha-fenced"),
                ),
                (true, true),
            );
            host.end_server();
        }
        // One that was stopped by a signal: systemd would wait for it.
        host.reset();
        host.start_server("");
        let pid = host.read("data/postmaster.pid");
        let stop = Command::new("kill").args(["-STOP", &pid]).status();
        assert!(stop.unwrap().success());
        let said = host.run(shell, "failover", &["fence"]);
        let gone = said.code == Some(0) && !host.server_runs();
        table.check("it is frozen", gone, &said);
        let log = host.log();
        let at = |words: &str| log.find(words).unwrap_or(usize::MAX);
        table.check(
            "it is frozen",
            at("pkill -KILL -P") < at("systemctl stop"),
            &log,
        );
        host.end_server();
        host.configure("");
        let fence = |table: &mut Table, case: &str, code: i32, fenced: bool, words: &str| {
            let said = host.run(shell, "failover", &["fence"]);
            let case = format!("{case}, {shell:?}");
            table.check(
                &case,
                said.code == Some(code) && said.err.contains(words),
                &said,
            );
            table.same(
                &case,
                (
                    host.has("data/standby.signal"),
                    host.has("data/pgha-fenced"),
                ),
                (fenced, fenced),
            );
        };
        host.reset();
        fence(&mut table, "it is down", 0, true, "");
        host.reset();
        host.remove("data/global/pg_control");
        fence(&mut table, "no data", 0, false, "");
        host.reset();
        host.seems_to_run();
        fence(
            &mut table,
            "it does not stop",
            1,
            false,
            "PostgreSQL does not stop",
        );
        // Somebody starts it between the stop and the signal: it is a primary, and must not be taken for a standby.
        host.reset();
        let start = format!(
            "echo {NOBODY} >\"$root/data/postmaster.pid\"; mkdir -p \"$root/proc/{NOBODY}\"; echo postgres >\"$root/proc/{NOBODY}/comm\""
        );
        host.answer(
            "sync",
            &format!("case $* in *pgha-fenced*) {start} ;; esac"),
        );
        fence(
            &mut table,
            "it is started meanwhile",
            1,
            false,
            "somebody has started PostgreSQL again",
        );
        host.remove("answers/sync");
    }
    table.end();
}

// --- the candidate of a failover ---

#[test]
fn takes_over_only_where_nobody_takes_writes() {
    let host = Host::new();
    host.stub("lib/find-primary");
    let mut table = Table::default();
    for shell in SHELLS {
        for (case, find, code, promotes) in [
            ("nobody", "echo nobody >&2; exit 1", 0, true),
            ("itself", "echo node1 172.30.7.11 5432 2 77", 0, false),
            ("another", "echo node2 172.30.7.12 5432 2 77", 1, false),
            (
                "a name that begins alike",
                "echo node11 172.30.7.12 5432 2 77",
                1,
                false,
            ),
            ("it cannot ask", "echo no psql >&2; exit 2", 1, false),
            ("several", "echo two >&2; exit 3", 1, false),
            (
                "one is full",
                "echo one does not tell >&2; exit 4",
                1,
                false,
            ),
            ("it was ended", "kill -KILL $$", 1, false),
        ] {
            // Whether others are being promoted: never, for a moment, for too long; what they say is no answer.
            for (being, waits) in [
                ("never", "echo f"),
                (
                    "a moment",
                    "[ \"$(grep -c being-promoted \"$root/log\")\" -ge 3 ] && echo f || echo t",
                ),
                ("too long", "echo t"),
                ("silent", "exit 2"),
            ] {
                if being != "never" && case != "nobody" {
                    continue;
                }
                host.reset();
                host.answer("find-primary", find);
                host.answer(
                    "psql",
                    &format!(
                        "case $* in
*'host=172.30.7.12 '*being-promoted.sql*) {waits} ;;
*being-promoted.sql*) echo f ;;
*'select pg_promote(false)'*) : >\"$root/promoted\" ;;
*'select not pg_is_in_recovery()'*) if [ -e \"$root/promoted\" ]; then echo t; else echo f; fi ;;
esac"
                    ),
                );
                host.remove("promoted");
                let said = host.run(shell, "failover", &["take-over", "1"]);
                let case = format!("{case}, being promoted: {being}, {shell:?}");
                let late = being == "too long";
                let expected = if late { 1 } else { code };
                table.check(&case, said.code == Some(expected), &said);
                table.same(&case, host.has("promoted"), promotes && !late);
                table.check(&case, said.err.is_empty() == (expected == 0), &said);
            }
        }
        // Who is there and does not tell is a standby, or is not known to be one.
        let untold = |names: &[&str]| {
            let lines = names
                .iter()
                .map(|name| format!("{name} 172.30.7.12 5432 there too many\n"));
            let lines: String = lines.collect();
            format!(
                "{{ echo find-primary: no member says; {}}} >&2; exit 4",
                prints(&lines)
            )
        };
        for (there, known, promotes) in [
            (&["node2"][..], &["node2"][..], true),
            (&["node2"], &["node3"], false),
            (&["node2"], &["node22"], false),
            (&["node2", "node3"], &["node3"], false),
            (&["node2", "node3"], &["node2", "node3"], true),
            (&[], &["node2", "node3"], false),
        ] {
            host.reset();
            host.answer("find-primary", &untold(there));
            host.answer(
                "psql",
                "case $* in
*'select pg_promote(false)'*) : >\"$root/promoted\" ;;
*'select not pg_is_in_recovery()'*) if [ -e \"$root/promoted\" ]; then echo t; else echo f; fi ;;
esac",
            );
            host.remove("promoted");
            let said = host.run(shell, "failover", &[&["take-over", "1"], known].concat());
            let case = format!("{there:?} are there, {known:?} are standbys, {shell:?}");
            table.check(&case, said.code == Some(i32::from(!promotes)), &said);
            table.same(&case, host.has("promoted"), promotes);
        }
        // It does not become the primary.
        host.reset();
        host.answer("find-primary", "exit 1");
        host.answer("psql", "echo f");
        let said = host.run(shell, "failover", &["take-over", "1"]);
        table.check(
            "it is not promoted",
            said.code == Some(1) && said.err.contains("it was not promoted within 1 s"),
            &said,
        );
    }
    table.end();
}

// --- repmgrd's promotion ---

/// A primary that came back while an election was held stays the primary; nothing else keeps repmgrd from promoting.
#[test]
fn nobody_is_promoted_beside_a_primary_that_came_back() {
    let host = Host::new();
    host.stub("lib/find-primary");
    let mut table = Table::default();
    for shell in SHELLS {
        for (case, find, code) in [
            ("nobody", "echo nobody >&2; exit 1", 0),
            ("the primary", "echo node2 172.30.7.12 5432 2 77", 3),
            (
                "one that was promoted",
                "echo node2 172.30.7.12 5432 3 77",
                3,
            ),
            ("a former one", "echo node2 172.30.7.12 5432 1 77", 0),
            ("another cluster's", "echo node2 172.30.7.12 5432 2 78", 0),
            ("it cannot ask", "echo no psql >&2; exit 2", 0),
            ("one is full", "echo one does not tell >&2; exit 4", 0),
        ] {
            host.reset();
            host.control("77", 2, "in archive recovery");
            host.answer("find-primary", find);
            let said = host.run(shell, "may-promote", &[]);
            let case = format!("{case}, {shell:?}");
            table.check(&case, said.code == Some(code), &said);
            table.same(&case, said.out.contains("node2 takes writes"), code == 3);
        }
    }
    table.end();
}

// --- the failsafe timer ---

/// A member whose timer runs out at once. `up` is there while its server takes writes.
fn host() -> Host {
    let host = Host::new();
    host.stub("lib/find-primary");
    host.answer(
        "systemctl",
        "case $* in 'start '*) : >\"$root/state/started\" ;; *is-active*) exit 3 ;; esac",
    );
    host.answer("find-primary", "echo node1 172.30.7.11 5432 1 77");
    host
}

/// The old primary: what is decided is on its disk.
#[test]
fn the_timer_of_the_old_primary_does_what_is_decided() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        // The files that are there; whether it starts, as the primary, and what is left.
        for (case, armed, signed_off, handed_to, signal) in [
            ("it is over", false, false, false, false),
            ("over, and it is a standby", false, false, true, true),
            ("nothing is decided", true, false, false, false),
            ("it was about to be", true, false, true, true),
            ("it has signed off", false, true, true, true),
            ("somebody has fenced it", true, false, false, true),
        ] {
            host.reset();
            for (file, there) in [
                ("state/armed", armed),
                ("state/signed-off", signed_off),
                ("data/standby.signal", signal),
            ] {
                host.set(file, there);
            }
            if handed_to {
                host.write("kept/handed-to", "node2\n");
            }
            // As a standby it follows node2; as the primary it takes writes once it is started.
            host.answer(
                "psql",
                "case $* in
*'not pg_is_in_recovery()'*) if [ -e \"$root/state/started\" ] && [ ! -e \"$root/data/standby.signal\" ]; then echo t; fi ;;
*pg_stat_wal_receiver*) echo t ;;
esac",
            );
            host.answer(
                "find-primary",
                if signal && !(armed && handed_to) {
                    "echo node2 172.30.7.12 5432 2 77"
                } else {
                    "echo node1 172.30.7.11 5432 1 77"
                },
            );
            let said = host.run(
                shell,
                "failsafe",
                &["watch", "outgoing", "20", "172.30.7.12"],
            );
            let case = format!("{case}, {shell:?}");
            table.check(&case, said.code == Some(0), &said);
            let acts = armed || signed_off;
            let started = host
                .log()
                .contains("systemctl start --no-block postgresql@15-main");
            table.same(&case, started, acts);
            table.same(
                &case,
                (host.has("state/armed"), host.has("state/signed-off")),
                (false, false),
            );
            let takes_back = armed && handed_to;
            table.same(
                &case,
                host.has("data/standby.signal"),
                signal && !takes_back,
            );
            table.same(&case, host.has("kept/handed-to"), handed_to && !acts);
        }
        // Where it finds no place the candidate may still ask: whom it handed the role to stays.
        host.reset();
        host.write("state/signed-off", "");
        host.write("data/standby.signal", "");
        host.write("kept/handed-to", "node2\n");
        host.answer("find-primary", "exit 1");
        let said = host.run(
            shell,
            "failsafe",
            &["watch", "outgoing", "20", "172.30.7.12"],
        );
        table.same(
            "no place",
            (
                said.code,
                host.read("kept/handed-to").as_str(),
                host.has("state/signed-off"),
            ),
            (Some(0), "node2", false),
        );
        let decided = host.run(shell, "switchover", &["decided", "node2"]);
        table.check("no place", decided.code == Some(0), &decided);
        let decided = host.run(shell, "switchover", &["decided", "node3"]);
        table.check("no place", decided.code == Some(1), &decided);
        // Nor may it ask where nothing was decided, whether a place is found or not.
        host.reset();
        host.write("state/armed", "");
        host.write("data/standby.signal", "");
        host.write("kept/handed-to", "node2\n");
        let said = host.run(
            shell,
            "failsafe",
            &["watch", "outgoing", "20", "172.30.7.12"],
        );
        table.same(
            "nothing decided, no place",
            (
                said.code,
                host.has("kept/handed-to"),
                host.has("data/standby.signal"),
            ),
            (Some(0), false, false),
        );
    }
    table.end();
}

/// The candidate asks the old primary's host, and is promoted only by its word.
#[test]
fn the_timer_of_the_candidate_asks_before_it_promotes() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for (case, ssh, promotes, asks) in [
            ("it is decided", "exit 0", true, 1),
            ("not, and it will not be", "exit 1", false, 1),
            (
                "not yet",
                "[ \"$(grep -c '^ssh ' \"$root/log\")\" -ge 4 ] || exit 2",
                true,
                4,
            ),
            (
                "silent, then decided",
                "[ \"$(grep -c '^ssh ' \"$root/log\")\" -ge 3 ] || exit 255",
                true,
                3,
            ),
            (
                "silent, then not",
                "[ \"$(grep -c '^ssh ' \"$root/log\")\" -ge 3 ] && exit 1; exit 124",
                false,
                3,
            ),
            ("silent, and another is the primary", "exit 255", false, 59),
            (
                "silent for hours, then decided",
                "[ \"$(grep -c '^ssh ' \"$root/log\")\" -ge 130 ] || exit 255",
                true,
                130,
            ),
        ] {
            if asks > 10 && !has_turn(shell, case) {
                continue;
            }
            host.reset();
            let other = if asks == 59 { 60 } else { 1000 };
            let found = format!(
                "[ \"$(grep -c '^ssh ' \"$root/log\")\" -ge {} ] || exit 1; echo node3 172.30.7.13 5432 2 77",
                other - 1
            );
            host.answer("find-primary", &found);
            host.remove("promoted");
            host.write("state/armed", "");
            host.write("data/standby.signal", "");
            host.answer("ssh", ssh);
            host.answer("psql", CANDIDATE);
            let said = host.run(
                shell,
                "failsafe",
                &["watch", "candidate", "20", "172.30.7.11"],
            );
            let case = format!("{case}, {shell:?}");
            table.same(
                &case,
                (said.code, host.has("promoted")),
                (Some(0), promotes),
            );
            let log = host.log();
            let asked = log.lines().filter(|line| {
                line.starts_with("ssh ") && line.ends_with("/switchover decided node1")
            });
            table.same(&case, asked.count(), asks);
            table.check(&case, !host.has("state/armed"), &"armed");
        }
    }
    table.end();
}

#[test]
fn a_timer_is_armed_and_disarmed() {
    let host = host();
    for shell in SHELLS {
        host.reset();
        host.write("kept/handed-to", "node9\n");
        host.write("state/signed-off", "");
        let said = host.run(shell, "failsafe", &["arm", "outgoing", "20", "172.30.7.12"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        let log = host.log();
        let wanted = "systemd-run --quiet --collect --unit=pgha-dead-man";
        assert!(
            log.contains(wanted) && log.contains("failsafe watch outgoing 20 172.30.7.12"),
            "{log}"
        );
        // It goes on after a reboot.
        assert_eq!(host.read("kept/failsafe"), "outgoing 172.30.7.12");
        // Nothing of an earlier one.
        assert!(
            host.has("state/armed") && !host.has("state/signed-off") && !host.has("kept/handed-to")
        );
        let said = host.run(shell, "failsafe", &["disarm"]);
        assert_eq!(
            (
                said.code,
                host.has("state/armed"),
                host.has("kept/failsafe")
            ),
            (Some(0), false, false),
            "{said:?}"
        );
        assert!(host.log().contains("systemctl stop pgha-dead-man"));
    }
}

/// What another switchover has decided here is not erased by one that comes after it.
#[test]
fn a_timer_is_not_armed_beside_one_that_runs() {
    let host = host();
    for shell in SHELLS {
        host.reset();
        host.answer("systemctl", "");
        host.write("state/signed-off", "");
        host.write("kept/handed-to", "node9\n");
        host.write("kept/failsafe", "outgoing 172.30.7.12\n");
        host.write("data/standby.signal", "");
        let said = host.run(shell, "failsafe", &["arm", "sibling", "20", "172.30.7.12"]);
        assert!(
            said.code == Some(1) && said.err.contains("a switchover is under way here"),
            "{said:?}"
        );
        assert!(!host.log().contains("systemd-run"), "{said:?}");
        assert_eq!(
            (
                host.has("state/armed"),
                host.has("state/signed-off"),
                host.read("kept/handed-to").as_str(),
                host.read("kept/failsafe").as_str(),
            ),
            (false, true, "node9", "outgoing 172.30.7.12")
        );
    }
}

/// One that cannot be started leaves nothing that looks as if it ran.
#[test]
fn a_timer_that_does_not_start_is_not_armed() {
    let host = host();
    host.answer("systemd-run", "exit 1");
    for shell in SHELLS {
        host.reset();
        let said = host.run(
            shell,
            "failsafe",
            &["arm", "candidate", "20", "172.30.7.12"],
        );
        assert_eq!(
            (
                said.code,
                host.has("state/armed"),
                host.has("kept/failsafe")
            ),
            (Some(1), false, false),
            "{said:?}"
        );
    }
}

/// A host that boots in the middle goes on at once with what its timer was for; nothing else makes it.
#[test]
fn a_timer_goes_on_after_a_boot() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for (case, pending, armed, signed_off, active, goes_on) in [
            ("nothing was under way", false, false, false, false, false),
            ("it has booted", true, false, false, false, true),
            ("it runs", true, true, false, true, false),
            ("it goes on already", true, false, false, true, false),
            ("a run is at it", true, true, false, false, false),
            ("decided by a run", true, false, true, false, false),
        ] {
            host.reset();
            if pending {
                host.write("kept/failsafe", "candidate 172.30.7.11\n");
            }
            host.set("state/armed", armed);
            host.set("state/signed-off", signed_off);
            let code = if active { 0 } else { 3 };
            host.answer("systemctl", &format!("exit {code}"));
            let said = host.run(shell, "failsafe", &["resume"]);
            let case = format!("{case}, {shell:?}");
            table.check(&case, said.code == Some(0), &said);
            let log = host.log();
            let goes = log.lines().any(|line| {
                line.starts_with("systemd-run ")
                    && line.ends_with("/failsafe watch candidate 0 172.30.7.11")
            });
            table.same(&case, goes, goes_on);
            table.same(&case, host.has("kept/failsafe"), pending);
        }
    }
    table.end();
}

/// After a boot what is on disk is the decision: nothing is taken back, and the guard is asked.
#[test]
fn an_old_primary_that_has_booted_is_what_is_on_its_disk() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for handed_over in [false, true] {
            host.reset();
            host.write("kept/failsafe", "outgoing 172.30.7.11\n");
            if handed_over {
                host.write("kept/handed-to", "node2\n");
                host.write("data/standby.signal", "");
            }
            host.answer(
                "find-primary",
                "[ ! -e \"$root/state/starting-again\" ] || : >\"$root/unguarded\"; exit 1",
            );
            let said = host.run(
                shell,
                "failsafe",
                &["watch", "outgoing", "0", "172.30.7.11"],
            );
            let case = format!("handed over: {handed_over}, {shell:?}");
            table.check(&case, said.code == Some(0), &said);
            table.same(
                &case,
                (
                    host.has("data/standby.signal"),
                    host.has("kept/handed-to"),
                    host.has("state/started"),
                    host.has("unguarded"),
                    host.has("kept/failsafe"),
                ),
                (handed_over, handed_over, true, false, false),
            );
        }
    }
    table.end();
}

/// Somebody was promoted instead, while this host was down.
#[test]
fn a_candidate_that_comes_late_stays_a_standby() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for (case, find, promotes) in [
            ("nobody", "exit 1", true),
            ("one does not tell", "exit 4", true),
            ("another", "echo node3 172.30.7.13 5432 2 77", false),
        ] {
            host.reset();
            host.remove("promoted");
            host.write("kept/failsafe", "candidate 172.30.7.12\n");
            host.write("data/standby.signal", "");
            host.answer("find-primary", find);
            host.answer("psql", CANDIDATE);
            let said = host.run(
                shell,
                "failsafe",
                &["watch", "candidate", "0", "172.30.7.12"],
            );
            table.same(
                &format!("{case}, {shell:?}"),
                (said.code, host.has("promoted")),
                (Some(0), promotes),
            );
        }
    }
    table.end();
}

/// It has found nobody to follow; but what it paused watches again. Where that cannot be told, the mark stays for who comes
/// next.
#[test]
fn whoever_gives_up_lets_repmgrd_watch() {
    let host = host();
    host.answer("find-primary", "exit 1");
    let mut table = Table::default();
    for shell in SHELLS {
        for role in ["outgoing", "candidate", "sibling"] {
            for is_told in [true, false] {
                host.reset();
                host.write("kept/failsafe", &format!("{role} 172.30.7.12\n"));
                host.write("kept/repmgrd-paused", "");
                host.write("data/standby.signal", "");
                host.answer("ssh", "exit 1");
                host.answer(
                    "psql",
                    &format!(
                        "case $* in *'repmgrd_pause(false)'*) exit {} ;; *) echo f ;; esac",
                        if is_told { 0 } else { 2 }
                    ),
                );
                let said = host.run(shell, "failsafe", &["watch", role, "0", "172.30.7.12"]);
                table.same(
                    &format!("{role}, told: {is_told}, {shell:?}"),
                    (said.code, host.has("kept/repmgrd-paused")),
                    (Some(0), !is_told),
                );
            }
        }
    }
    table.end();
}

/// It acts alone: whoever is at work on this host goes on first.
#[test]
fn a_timer_waits_for_the_lock() {
    let host = host();
    for shell in SHELLS {
        host.reset();
        host.write("state/armed", "");
        let holder = host.hold_lock("sleep 0.3; rm \"$root/state/armed\"");
        let said = host.run(
            shell,
            "failsafe",
            &["watch", "outgoing", "20", "172.30.7.12"],
        );
        holder.end();
        assert_eq!((said.code, host.log().as_str()), (Some(0), ""), "{said:?}");
    }
}
