//! `switchover`: the decision, and what each step refuses.

use std::process::Command;

use crate::host::{Host, SHELLS, Said, Table, prints};

/// Who of this machine has no rights, where the tests run as root.
fn nobody() -> bool {
    let id = Command::new("id").arg("-u").output().expect("`id` starts");
    id.stdout == b"0\n"
}

// --- the decision -----------------------------------------------------------------------------------------------------

#[test]
fn the_candidate_is_told_what_files_on_disk_decide() {
    let host = Host::new();
    // postgres of another host asks as postgres of this one: it reads what root wrote.
    let open = Command::new("chmod")
        .arg("0755")
        .arg(host.path(""))
        .status();
    assert!(open.is_ok_and(|status| status.success()));
    let plain = "exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";
    let mut table = Table::default();
    for shell in SHELLS {
        for mask in 0..8_u32 {
            for (handed_to, is_this) in [
                (None, false),
                (Some("node2\n"), true),
                (Some("node3\n"), false),
                (Some("node22\n"), false),
                (Some(""), false),
            ] {
                host.reset();
                let there = |bit: u32| mask >> bit & 1 == 1;
                if there(0) {
                    host.write("state/armed", "");
                }
                if there(1) {
                    host.write("state/signed-off", "");
                }
                host.set("data/standby.signal", there(2));
                if let Some(handed_to) = handed_to {
                    host.write("kept/handed-to", handed_to);
                }
                let expected = match (there(0), there(2), is_this) {
                    (true, _, _) => 2,
                    (false, true, true) => 0,
                    _ => 1,
                };
                let case = format!("{mask:03b}, {handed_to:?}, {shell:?}");
                let said = host.run(shell, "switchover", &["decided", "node2"]);
                table.check(
                    &case,
                    said.code == Some(expected) && said.err.is_empty(),
                    &said,
                );
                if nobody() {
                    let mut words = vec!["sh", "-c", plain, "sh"];
                    words.extend(shell);
                    let said = host.run_with(
                        &words,
                        "switchover",
                        &["decided", "node2"],
                        &[("AS_UID", "65534")],
                        "",
                    );
                    table.check(
                        &format!("{case}, without rights"),
                        said.code == Some(expected) && said.err.is_empty(),
                        &said,
                    );
                }
            }
        }
    }
    table.end();
}

/// A member that is stopped, with `stop` behind it.
fn stopped(host: &Host) {
    host.reset();
    host.write("state/armed", "");
    let control = host.path("data/global/pg_control");
    let stat = Command::new("stat")
        .args(["-c", "%i %s %.9Y"])
        .arg(control)
        .output()
        .expect("`stat` starts");
    host.write("state/stopped", &String::from_utf8(stat.stdout).unwrap());
}

/// Files by which a member's part in the decision shows: armed, signed off, the signal, and whom it handed the role to.
fn decision(host: &Host) -> (bool, bool, bool, String) {
    (
        host.has("state/armed"),
        host.has("state/signed-off"),
        host.has("data/standby.signal"),
        host.read("kept/handed-to"),
    )
}

fn refused(said: &Said, why: &str) -> bool {
    said.code == Some(1) && said.err.contains(why)
}

#[test]
fn signs_off_only_what_was_stopped_and_is_armed() {
    let host = Host::new();
    let mut table = Table::default();
    for shell in SHELLS {
        let mut sign_off = |case: &str, why: &str, spoil: &dyn Fn()| {
            stopped(&host);
            spoil();
            let armed = host.has("state/armed");
            let said = host.run(shell, "switchover", &["sign-off", "node2"]);
            let case = format!("{case}, {shell:?}");
            if why.is_empty() {
                table.check(&case, said.code == Some(0), &said);
                table.same(
                    &case,
                    decision(&host),
                    (false, true, true, "node2".to_owned()),
                );
                let decided = host.run(shell, "switchover", &["decided", "node2"]);
                table.check(&case, decided.code == Some(0), &decided);
            } else {
                table.check(&case, refused(&said, why), &said);
                table.same(&case, decision(&host), (armed, false, false, String::new()));
            }
        };
        host.remove("answers/sync");
        sign_off("all is well", "", &|| {});
        sign_off("the timer has run", "the timer has run out", &|| {
            host.remove("state/armed")
        });
        sign_off("it runs", "somebody has started PostgreSQL again", &|| {
            host.write("data/postmaster.pid", "")
        });
        let since = "somebody has started PostgreSQL since it was stopped";
        sign_off("its time", since, &|| {
            let touched = Command::new("touch")
                .args(["-d", "2001-01-01"])
                .arg(host.path("data/global/pg_control"))
                .status();
            assert!(touched.is_ok_and(|status| status.success()));
        });
        sign_off("its size", since, &|| {
            host.write("data/global/pg_control", "x")
        });
        sign_off("its inode", since, &|| {
            let copied = Command::new("sh")
                .args([
                    "-c",
                    "cp -p \"$1\" \"$1.new\" && mv \"$1.new\" \"$1\"",
                    "sh",
                ])
                .arg(host.path("data/global/pg_control"))
                .status();
            assert!(copied.is_ok_and(|status| status.success()));
        });
        // Between the signal and the look after it.
        host.answer(
            "sync",
            "case $* in *standby.signal*) : >\"$root/data/postmaster.pid\" ;; esac",
        );
        sign_off(
            "it is started meanwhile",
            "somebody has started PostgreSQL again",
            &|| {},
        );
        host.remove("answers/sync");
    }
    table.end();
}

/// Without what `stop` left there is nothing to compare with.
#[test]
fn signs_off_nothing_that_it_did_not_stop() {
    let host = Host::new();
    for shell in SHELLS {
        stopped(&host);
        host.remove("state/stopped");
        let said = host.run(shell, "switchover", &["sign-off", "node2"]);
        assert!(
            said.code != Some(0) && !host.has("data/standby.signal") && host.has("state/armed"),
            "{said:?}"
        );
    }
}

#[test]
fn takes_the_decision_back_from_whoever_has_not_found_its_place() {
    let mut host = Host::new();
    host.configure("proc=/proc\nsleep() { command sleep 0.002; }");
    let mut table = Table::default();
    for shell in SHELLS {
        for mask in 0..8_u32 {
            for runs in [false, true] {
                host.reset();
                let there = |bit: u32| mask >> bit & 1 == 1;
                if there(0) {
                    host.write("kept/handed-to", "node2\n");
                }
                host.set("data/standby.signal", there(1));
                if there(2) {
                    host.write("state/signed-off", "");
                }
                if runs {
                    host.start_server("");
                }
                let said = host.run(shell, "switchover", &["take-back"]);
                let case =
                    format!("handed to, signal, signed off: {mask:03b}, runs: {runs}, {shell:?}");
                if !there(0) && there(1) {
                    table.check(
                        &case,
                        refused(&said, "has found its place as a standby"),
                        &said,
                    );
                    table.same(
                        &case,
                        decision(&host),
                        (false, there(2), true, String::new()),
                    );
                } else {
                    table.check(&case, said.code == Some(0), &said);
                    table.same(
                        &case,
                        decision(&host),
                        (there(2), false, false, String::new()),
                    );
                }
                if runs {
                    // The timer may have started it as a standby.
                    table.same(&case, host.server_runs(), !there(0));
                    host.end_server();
                }
            }
        }
    }
    table.end();
}

// --- the stop ---------------------------------------------------------------------------------------------------------

const LAST: &str = "rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: 0/03000028, prev 0/03000000, desc: CHECKPOINT_SHUTDOWN redo 0/3000028; tli 1";

#[test]
fn stops_cleanly_and_tells_where_the_log_ends() {
    let mut host = Host::new();
    host.configure("proc=/proc\nsleep() { command sleep 0.005; }");
    let mut table = Table::default();
    for shell in SHELLS {
        let mut stop = |case: &str,
                        state: &str,
                        record: &str,
                        expected: Result<&str, &str>,
                        spoil: &dyn Fn(&Host)| {
            host.reset();
            host.write("state/armed", "");
            host.control("77", 1, state);
            host.answer("pg_waldump", &prints(&format!("{record}\n")));
            if case != "it does not run" {
                host.start_server(if case == "it does not stop" {
                    "INT"
                } else {
                    ""
                });
            }
            spoil(&host);
            let said = host.run(shell, "switchover", &["stop", "1"]);
            let case = format!("{case}, {shell:?}");
            match expected {
                Ok(end) => {
                    table.check(&case, said.code == Some(0), &said);
                    table.same(&case, said.out, format!("pgha-note end_of_wal {end}\n"));
                    table.check(
                        &case,
                        !host.server_runs() && host.has("state/stopped"),
                        &"it is stopped",
                    );
                    let asked = format!(
                        "pg_waldump -s 0/3000028 -n 1 {}",
                        host.path("data/pg_wal/000000010000000000000003").display()
                    );
                    table.check(
                        &case,
                        host.log().lines().any(|line| line == asked),
                        &host.log(),
                    );
                }
                Err(why) => {
                    table.check(&case, refused(&said, why) && said.out.is_empty(), &said);
                    // Nothing is signed off without it.
                    table.check(&case, !host.has("state/stopped"), &"nothing to sign off by");
                }
            }
            host.end_server();
        };
        stop("all is well", "shut down", LAST, Ok("0/30000A0"), &|_| {});
        stop(
            "the timer has run",
            "shut down",
            LAST,
            Err("the timer has run out"),
            &|host| host.remove("state/armed"),
        );
        stop(
            "it does not run",
            "shut down",
            LAST,
            Err("PostgreSQL does not run"),
            &|_| {},
        );
        stop(
            "it is a standby by now",
            "shut down",
            LAST,
            Err("this server is a standby by now"),
            &|host| host.write("data/standby.signal", ""),
        );
        for state in [
            "in production",
            "shutting down",
            "shut down in recovery",
            "in archive recovery",
        ] {
            stop(
                state,
                state,
                LAST,
                Err("PostgreSQL was not shut down cleanly"),
                &|_| {},
            );
        }
        for record in [
            "",
            &LAST.replace("CHECKPOINT_SHUTDOWN", "CHECKPOINT_ONLINE"),
            &LAST.replace("CHECKPOINT_SHUTDOWN", "SWITCH"),
        ] {
            stop(
                "another last record",
                "shut down",
                record,
                Err("the last record is no shutdown checkpoint"),
                &|_| {},
            );
        }
        stop(
            "it does not stop",
            "shut down",
            LAST,
            Err("PostgreSQL did not stop within 1 s"),
            &|_| {},
        );
    }
    table.end();
}

/// The last record may go over into the next segment.
#[test]
fn looks_into_the_next_segment_where_there_is_one() {
    let mut host = Host::new();
    host.configure("proc=/proc\nsleep() { command sleep 0.005; }");
    host.answer("pg_waldump", &format!("echo '{LAST}'"));
    for shell in SHELLS {
        host.reset();
        host.write("state/armed", "");
        let control =
            crate::host::control_data("77", 1, "shut down").replace("0/3000028", "0/3FFFFE0");
        host.answer("pg_controldata", &prints(&control));
        host.write("data/pg_wal/000000010000000000000004", "");
        host.start_server("");
        let said = host.run(shell, "switchover", &["stop", "5"]);
        // 114 bytes, 40 of a header, aligned.
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(0), "pgha-note end_of_wal 0/4000080\n"),
            "{said:?}"
        );
        let log = host.log();
        assert!(
            log.contains("/000000010000000000000003 ") && log.contains("/000000010000000000000004"),
            "{log}"
        );
        host.end_server();
    }
}

// --- the console ------------------------------------------------------------------------------------------------------

/// A `psql` that waits for statements: it fails at what a test says, in German.
const CONSOLE: &str = r#"
case $* in *-XAq*) ;; *) exit 9 ;; esac
failed=
while IFS= read -r line; do
  echo "$line" >>"$root/statements"
  case $line in
    '\warn pgha-end') case $(cat "$root/mood") in silent | half) ;; *) echo pgha-end >&2 ;; esac ;;
    '\warn pgha-failed :SQLSTATE') [ -z "$failed" ] || echo "pgha-failed $failed" >&2 ;;
    '\if :ERROR' | '\endif') ;;
    'select true;') echo t ;;
    *'end $$;' | *'(false);')
      case $(cat "$root/mood") in
        german) failed=P0001; echo 'FEHLER:  WAL endet bei 0/1' >&2 ;;
        warning) failed=; echo 'WARNUNG:  ERROR: FATAL: pgha' >&2 ;;
        half) echo 'WARNUNG:  es ist' >&2 ;;
        *) failed= ;;
      esac ;;
  esac
done
"#;

/// A candidate whose console is open.
fn console(shell: &[&str]) -> Host {
    let host = Host::new();
    host.answer(
        "psql",
        &format!("case $* in *-XAtq*) echo \"$sql\"; exit 0 ;; esac\n{CONSOLE}"),
    );
    host.write("mood", "");
    host.write("state/armed", "");
    let said = host.run(shell, "switchover", &["open"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
    host
}

#[test]
fn what_the_console_says_is_told_apart_in_any_language() {
    for shell in SHELLS {
        let host = console(shell);
        for (mood, why) in [
            ("", None),
            ("german", Some("FEHLER:  WAL endet bei 0/1")),
            ("warning", None),
            // An error of before is none of the next statement's.
            ("german", Some("FEHLER:  WAL endet bei 0/1")),
            ("", None),
            ("silent", Some("no answer within 1 s")),
        ] {
            host.write("mood", mood);
            let said = host.run(shell, "switchover", &["received", "0/3000000", "0"]);
            match why {
                None => assert_eq!(
                    (said.code, said.err.as_str()),
                    (Some(0), ""),
                    "{mood}: {said:?}"
                ),
                Some(why) => assert!(refused(&said, why), "{mood}: {said:?}"),
            }
        }
        let statements = host.read("statements");
        assert!(
            statements.contains(">= '0/3000000' then return"),
            "{statements}"
        );
    }
}

#[test]
fn half_an_answer_is_none() {
    for shell in SHELLS {
        let host = console(shell);
        host.write("mood", "half");
        let said = host.run(shell, "switchover", &["received", "0/3000000", "0"]);
        assert!(
            refused(&said, "no answer within 1 s: WARNUNG:  es ist"),
            "{said:?}"
        );
    }
}

/// What comes from another host goes into a statement.
#[test]
fn asks_for_nothing_that_is_no_lsn() {
    let host = Host::new();
    let mut table = Table::default();
    for shell in SHELLS {
        for wrong in [
            "",
            "/",
            "0",
            "0/",
            "/0",
            "0/0/0",
            "//",
            "0/0'; drop table x; --",
            "0/3000000 ",
            " 0/3000000",
            "0/3000000\n1",
            "0/3000000\n\\! id",
            "0/30000ab",
            "a/0",
            "0/x",
            "0x0/1",
            "0/-1",
            "0/3000000;",
            "É/1",
            "0/0",
            "00/000",
            "3000000",
            "000000001/0",
            "1/100000000",
        ] {
            let said = host.run(shell, "switchover", &["received", wrong, "1"]);
            table.check(
                &format!("{wrong:?}, {shell:?}"),
                refused(&said, "is no LSN") && !said.err.contains("the connection is closed"),
                &said,
            );
        }
        for right in ["0/3000000", "0/1", "1/0", "FFFFFFFF/FFFFFFFF", "A/BC"] {
            let said = host.run(shell, "switchover", &["received", right, "1"]);
            table.check(
                &format!("{right:?}, {shell:?}"),
                refused(
                    &said,
                    "the connection is closed: the failsafe timer has run",
                ),
                &said,
            );
        }
    }
    table.end();
}

// --- the candidate ----------------------------------------------------------------------------------------------------

#[test]
fn promotes_only_while_it_is_armed() {
    for shell in SHELLS {
        let host = console(shell);
        let promote = || host.run(shell, "switchover", &["promote", "0"]);
        host.remove("state/armed");
        let said = promote();
        assert!(
            refused(&said, "the timer has run out") && !host.has("state/promoting"),
            "{said:?}"
        );
        assert!(!host.read("statements").contains("pg_promote"));
        host.write("state/armed", "");
        let said = promote();
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(
            host.read("statements").contains("select pg_promote(false)")
                && host.has("state/promoting")
        );
        // It fails, unless the timer was first.
        host.write("mood", "german");
        for (writable, code) in [("f", 1), ("t", 0)] {
            host.answer("psql", &format!("echo {writable}"));
            let said = promote();
            assert_eq!(said.code, Some(code), "{writable}: {said:?}");
        }
    }
}

#[test]
fn stands_down_for_good() {
    let mut host = Host::new();
    host.configure("proc=/proc\nsleep() { command sleep 0.002; }");
    host.answer("systemctl", "");
    let mut table = Table::default();
    for shell in SHELLS {
        // What it says of itself, was it asked to be promoted, has it the signal still; the code, and whether it was stopped.
        for (recovery, promoting, signal, code, halts) in [
            ("f", false, false, 1, false),
            ("f", true, false, 1, false),
            ("t", false, true, 0, false),
            ("t", true, true, 0, true),
            ("", false, true, 0, true),
            ("", true, true, 0, true),
            // A server that has begun removes it.
            ("t", true, false, 1, true),
            ("", true, false, 1, true),
        ] {
            host.reset();
            host.write("state/armed", "");
            host.write("kept/failsafe", "candidate 172.30.7.11\n");
            host.set("state/promoting", promoting);
            host.set("data/standby.signal", signal);
            host.write("data/promote", "");
            host.answer(
                "psql",
                &format!(
                    "case $* in *'select true'*) echo t ;; *) {} ;; esac",
                    if recovery.is_empty() {
                        "exit 2".to_owned()
                    } else {
                        format!("echo {recovery}")
                    }
                ),
            );
            host.start_server("");
            let said = host.run(shell, "switchover", &["stand-down"]);
            let case = format!("{recovery:?}, promoting {promoting}, signal {signal}, {shell:?}");
            table.same(&case, (said.code, !host.server_runs()), (Some(code), halts));
            table.check(
                &case,
                !host.has("state/armed") && !host.has("kept/failsafe"),
                &"armed",
            );
            table.check(
                &case,
                host.log().contains("systemctl stop pgha-dead-man"),
                &host.log(),
            );
            table.same(&case, host.has("data/promote"), !halts);
            if halts {
                table.check(
                    &case,
                    host.log()
                        .contains("systemctl start --no-block postgresql@15-main"),
                    &host.log(),
                );
            }
            if code == 1 {
                table.check(&case, said.err.contains("it was promoted"), &said);
            }
            host.end_server();
        }
    }
    table.end();
}

/// The old primary comes back, unless it can only be a standby.
#[test]
fn starts_again_what_has_not_signed_off() {
    let host = Host::new();
    for shell in SHELLS {
        host.reset();
        host.write("data/standby.signal", "");
        let said = host.run(shell, "switchover", &["start-again"]);
        assert!(
            refused(&said, "it can only come back as a standby"),
            "{said:?}"
        );
        assert!(!host.log().contains("systemctl"), "{said:?}");
        // The guard does not ask while it starts.
        host.reset();
        host.answer(
            "systemctl",
            "[ ! -e \"$root/state/starting-again\" ] || : >\"$root/state/up\"",
        );
        host.answer("psql", "[ ! -e \"$root/state/up\" ] || echo t");
        let said = host.run(shell, "switchover", &["start-again"]);
        assert_eq!(
            (said.code, host.has("state/starting-again")),
            (Some(0), false),
            "{said:?}"
        );
        assert!(
            host.log()
                .contains("systemctl start --no-block postgresql@15-main"),
            "{said:?}"
        );
    }
}
