//! `rejoin`: what was a standby's does not start as a primary, however a step ends.

use crate::host::{Host, SHELLS, Table};

/// A member that is down. `postgres --single` recovers it.
fn host() -> Host {
    let host = Host::new();
    host.configure("install() { mkdir -p \"$8\"; }");
    host
}

#[test]
fn the_signal_is_there_again_however_a_step_ends() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        // What fails, by the name of its stub.
        for (fails, script) in [
            ("", ""),
            ("postgres", "exit 1"),
            ("psql", "case $* in *checkpoint*) exit 2 ;; esac"),
            ("pg_rewind", "exit 1"),
            // It is ended itself, e.g. with the connection that it was begun over.
            (
                "psql",
                "case $* in *checkpoint*) kill -TERM $PPID; exit 2 ;; esac",
            ),
            (
                "psql",
                "case $* in *checkpoint*) kill -HUP $PPID; exit 2 ;; esac",
            ),
        ] {
            for signal in [false, true] {
                for state in ["shut down", "in production"] {
                    host.reset();
                    for name in ["postgres", "psql", "pg_rewind"] {
                        host.answer(name, if name == fails { script } else { "" });
                    }
                    host.control("77", 1, state);
                    host.set("data/standby.signal", signal);
                    let said = host.run(shell, "rejoin", &["rewind", "node2"]);
                    let case = format!("{fails} {script}, signal {signal}, {state}, {shell:?}");
                    // Only a server that was not shut down must recover, which its signal would prevent.
                    let recovers = state != "shut down";
                    let works = fails.is_empty() || (fails == "postgres" && !recovers);
                    table.check(&case, (said.code == Some(0)) == works, &said);
                    table.same(&case, host.log().contains("postgres --single"), recovers);
                    table.same(&case, host.has("data/standby.signal"), signal || works);
                    // Data that are neither one thing nor the other are known as such.
                    let begun = !works && fails == "pg_rewind";
                    table.check(
                        &case,
                        host.has("kept/rewinding") == begun || fails == "psql",
                        &"rewinding",
                    );
                }
            }
        }
    }
    table.end();
}

#[test]
fn a_log_that_is_not_saved_leaves_the_signal_as_it_was() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for signal in [false, true] {
            for fails in [false, true] {
                host.reset();
                host.control("77", 1, "shut down");
                host.set("data/standby.signal", signal);
                host.write("data/pg_wal/000000010000000000000003", "wal");
                if fails {
                    // It has no room to be saved in.
                    host.write("kept/diverged", "");
                }
                let said = host.run(shell, "rejoin", &["save", "1 0/3000000", "1:0/3000000:"]);
                let case = format!("signal {signal}, fails {fails}, {shell:?}");
                table.check(&case, (said.code == Some(0)) != fails, &said);
                table.same(&case, host.has("data/standby.signal"), signal);
            }
        }
    }
    table.end();
}

/// One that does not tell, whatever it heeds.
#[test]
fn a_server_is_stopped_without_being_asked() {
    let mut host = host();
    for shell in SHELLS {
        for ignored in ["", "INT QUIT"] {
            host.configure("proc=/proc\nsleep() { command sleep 0.002; }");
            host.reset();
            host.start_server(ignored);
            let said = host.run(shell, "rejoin", &["stop"]);
            assert!(said.code == Some(0) && !host.server_runs(), "{said:?}");
            assert!(!host.log().contains("psql"), "{}", host.log());
            host.end_server();
        }
    }
}

/// Recovery is no business of a copy's, nor of a standby's that is one already.
#[test]
fn recovers_only_what_crashed_as_a_primary() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for (case, state, file, recovers) in [
            ("it crashed", "in production", "", true),
            ("while it stopped", "shutting down", "", true),
            ("it was shut down", "shut down", "", false),
            ("a standby", "in archive recovery", "", false),
            (
                "a standby that was shut down",
                "shut down in recovery",
                "",
                false,
            ),
            ("a copy", "in production", "data/backup_label", false),
        ] {
            host.reset();
            host.control("77", 1, state);
            host.write("data/pg_wal/000000010000000000000003", "wal");
            if !file.is_empty() {
                host.write(file, "");
            }
            let said = host.run(shell, "rejoin", &["save", "1 0/3000000", "1:0/3000000:"]);
            let single = host.log().contains("postgres --single");
            table.same(
                &format!("{case}, {shell:?}"),
                (said.code, single),
                (Some(0), recovers),
            );
        }
        host.reset();
        host.seems_to_run();
        for step in [
            &["save", "1 0/3000000"][..],
            &["rewind", "node2"],
            &["attach", "node2"],
        ] {
            let said = host.run(shell, "rejoin", step);
            table.check(
                "it runs",
                said.code == Some(1) && said.err.contains("PostgreSQL is running"),
                &said,
            );
            table.check("it runs", !host.has("data/standby.signal"), &said);
        }
    }
    table.end();
}

/// A log whose beginning is gone is not passed off as the whole.
#[test]
fn tells_that_a_log_is_not_whole() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for (case, segments, incomplete) in [
            (
                "whole",
                &["000000010000000000000003", "000000010000000000000004"][..],
                false,
            ),
            ("its beginning is gone", &["000000010000000000000004"], true),
            ("all is gone", &[], true),
            ("another timeline's", &["000000020000000000000003"], true),
            (
                "with what was before",
                &["000000010000000000000002", "000000010000000000000003"],
                false,
            ),
        ] {
            host.reset();
            host.control("77", 1, "shut down");
            host.write("data/pg_wal/000000010000000000000003.partial", "");
            for segment in segments {
                host.write(&format!("data/pg_wal/{segment}"), "wal");
            }
            let said = host.run(shell, "rejoin", &["save", "1 0/3000000", "1:0/3000000:"]);
            let case = format!("{case}, {shell:?}");
            table.check(&case, said.code == Some(0), &said);
            table.same(
                &case,
                said.out.lines().any(|line| line == "incomplete"),
                incomplete,
            );
            table.check(
                &case,
                !host.has("kept/diverged/1-0-3000028/pg_wal/000000010000000000000002"),
                &"more than was asked for",
            );
        }
    }
    table.end();
}
