//! `primary-watch`: when a running primary is stopped, and that it is.

use std::fs::File;
use std::time::{Duration, SystemTime};

use crate::host::{Host, NOBODY, SHELLS, Said, Table, prints};
use crate::others::{ANSWERS, say};

/// `sleep 2` is the watch's own, which ends after so many looks; 10 s go by at each. Other sleeps are short.
pub fn looks(count: u32) -> String {
    format!(
        r#"
looks=0
sleep() {{
  if [ "$1" != 2 ]; then echo rest >>"$root/log"; command sleep 0.002; return; fi
  looks=$((looks + 1))
  echo "$((looks * 10)).5 0" >"$root/proc/uptime"
  [ "$looks" -le {count} ]
}}
# It is really waited for, but not for seconds.
flock() {{
  echo "flock $*" >>"$root/log"
  [ "$1" != -w ] || {{ shift 2; set -- -w 0.1 "$@"; }}
  command flock "$@"
}}
"#
    )
}

/// A primary on timeline 2 of system 77, which systemd stops if it is asked to.
fn host(values: &str) -> Host {
    let host = Host::new();
    host.stub("lib/ask-members");
    host.stub("lib/await-news");
    host.configure(&format!("{}{values}", looks(1)));
    host.control("77", 2, "in production");
    host.answer(
        "systemctl",
        "case $* in 'stop postgresql@15-main') rm \"$root/data/postmaster.pid\" ;; esac",
    );
    say(&host, "exit 255", "exit 255");
    host
}

fn under_both(table: impl Fn(&[&str]) + Sync) {
    let table = &table;
    std::thread::scope(|scope| {
        for shell in SHELLS {
            scope.spawn(move || table(shell));
        }
    });
}

/// What node2 says by SQL; this server's own line says what node1's does.
fn by_sql(host: &Host, node2: &str) {
    host.answer(
        "ask-members",
        &prints(&format!("node1 172.30.7.11 5432 primary 2 77\nnode2 172.30.7.12 5432 {node2}\nnode3 172.30.7.13 5432 standby\n")),
    );
}

/// It was stopped, or nothing was done.
fn gave_up(host: &Host, said: &Said, timeline: Option<u32>) -> bool {
    let stopped = host.log().contains("systemctl stop postgresql@15-main");
    let mark = host.read("kept/replaced");
    let fine = said.code == Some(0);
    match timeline {
        Some(timeline) => {
            let words = format!(
                "PostgreSQL is being stopped: node2 is on timeline {timeline}, this server on 2: it has been replaced. To make it a standby: pgha rejoin"
            );
            let (before, after) = said.out.split_once('\n').unwrap_or_default();
            fine && stopped
                && !host.has("data/postmaster.pid")
                && mark == format!("node2 77 {timeline}")
                && before.starts_with(&words)
                && after == "PostgreSQL is stopped\n"
        }
        None => {
            fine && !stopped
                && mark.is_empty()
                && said.out.is_empty()
                && host.has("data/postmaster.pid")
        }
    }
}

#[test]
fn stops_a_primary_that_another_is_past_by_sql() {
    under_both(|shell| {
        let host = host("");
        let mut table = Table::default();
        for (node2, past) in [
            ("primary 3 77", Some(3)),
            ("primary 10 77", Some(10)),
            ("primary 2 77", None),
            ("primary 1 77", None),
            ("primary 3 78", None),
            ("primary 3 7", None),
            ("standby", None),
            ("silent primary 3 77", None),
        ] {
            by_sql(&host, node2);
            // bit 0: whatever the others say; bit 1: a standby; bit 2: it does not run; bit 3: it would start as a standby
            for mask in 0..16 {
                if mask > 2 && past.is_none() {
                    continue;
                }
                host.reset();
                host.seems_to_run();
                host.set("guard-off", mask & 1 != 0);
                host.set("data/standby.signal", mask & (2 | 8) != 0);
                let state = if mask & 2 != 0 {
                    "in archive recovery"
                } else {
                    "in production"
                };
                host.control("77", 2, state);
                if mask & 4 != 0 {
                    host.write(&format!("proc/{NOBODY}/comm"), "psql\n");
                }
                let said = host.run(shell, "primary-watch", &[]);
                let expected = past.filter(|_| mask & !8 == 0);
                table.check(
                    &format!("{node2}, {mask:04b}, {shell:?}"),
                    gave_up(&host, &said, expected),
                    &(&said, host.log()),
                );
            }
        }
        table.end();
    });
}

/// One that has no connection free is asked over SSH; one that is a standby, or silent, is not.
#[test]
fn stops_a_primary_that_another_is_past_by_ssh() {
    under_both(|shell| {
        let host = host("");
        let mut table = Table::default();
        for answer in &ANSWERS {
            for kind in ["there zu viele", "silent", "standby"] {
                if kind != "there zu viele" && answer.name != "higher" {
                    continue;
                }
                by_sql(&host, kind);
                say(&host, answer.ssh, "echo 77 9");
                host.reset();
                host.seems_to_run();
                let said = host.run(shell, "primary-watch", &[]);
                let expected = answer.seen.past().filter(|_| kind.starts_with("there"));
                let case = format!("{kind}, SSH {}, {shell:?}", answer.name);
                table.check(&case, gave_up(&host, &said, expected), &(&said, host.log()));
            }
        }
        host.answer("ask-members", "exit 2");
        host.reset();
        host.seems_to_run();
        let said = host.run(shell, "primary-watch", &[]);
        table.check("it cannot ask", gave_up(&host, &said, None), &said);
        table.end();
    });
}

/// To look takes seconds: somebody may have said meanwhile that it may run, or pgha made a standby of it.
#[test]
fn looks_once_more_before_it_stops() {
    let host = host("");
    for shell in SHELLS {
        for file in ["guard-off", "data/standby.signal"] {
            host.reset();
            host.seems_to_run();
            host.answer(
                "ask-members",
                &format!(": >\"$root/{file}\"; echo node2 172.30.7.12 5432 primary 3 77"),
            );
            let (primary, standby) = ("in production", "in archive recovery");
            let [primary, standby] =
                [primary, standby].map(|state| prints(&crate::host::control_data("77", 2, state)));
            host.answer(
                "pg_controldata",
                &format!("if [ -e \"$root/data/standby.signal\" ]; then {standby}else {primary}fi"),
            );
            let said = host.run(shell, "primary-watch", &[]);
            assert!(gave_up(&host, &said, None), "{file}: {said:?}");
        }
        // Or it was brought back.
        host.reset();
        host.seems_to_run();
        by_sql(&host, "primary 3 77");
        let then = |timeline| crate::host::control_data("77", timeline, "in production");
        host.answer(
            "pg_controldata",
            &format!("if [ -e \"$root/state/seen\" ]; then {}else mkdir -p \"$root/state\"; : >\"$root/state/seen\"; {}fi", prints(&then(3)), prints(&then(2))),
        );
        let said = host.run(shell, "primary-watch", &[]);
        assert!(gave_up(&host, &said, None), "brought back: {said:?}");
        host.control("77", 2, "in production");
    }
}

/// Somebody's word holds for an hour from when it was last given, and a time that is yet to come is none.
#[test]
fn a_word_ends_by_itself() {
    let host = host("");
    let now = SystemTime::now();
    let minutes = |count: u64| Duration::from_secs(60 * count);
    for shell in SHELLS {
        by_sql(&host, "primary 3 77");
        for (given, holds) in [
            (now, true),
            (now - minutes(59), true),
            (now - minutes(61), false),
            (now - minutes(60 * 24 * 400), false),
            (now + minutes(60), false),
        ] {
            host.reset();
            host.seems_to_run();
            host.write("guard-off", "");
            let file = File::open(host.path("guard-off")).unwrap();
            file.set_modified(given).unwrap();
            let said = host.run(shell, "primary-watch", &[]);
            let ended = said.out.contains("guard-off is over, and removed\n");
            assert_eq!((ended, host.has("guard-off")), (!holds, holds), "{said:?}");
            let stopped = host.log().contains("systemctl stop postgresql@15-main");
            assert_eq!(stopped, !holds, "{given:?}, {shell:?}: {said:?}");
        }
    }
}

/// `pg_ctlcluster` as postgres starts a server outside of its unit: to stop the unit stops nothing.
#[test]
fn a_server_outside_of_its_unit_is_gone_before_it_is_said() {
    for shell in SHELLS {
        for ignored in ["", "INT", "INT QUIT"] {
            let mut host = host("");
            host.configure(&format!("{}proc=/proc\n", looks(1)));
            host.answer("systemctl", "");
            // Its children.
            host.answer("pkill", "");
            by_sql(&host, "primary 3 77");
            host.start_server(ignored);
            let said = host.run(shell, "primary-watch", &[]);
            assert!(
                gave_up(&host, &said, Some(3)),
                "{ignored}, {shell:?}: {said:?}"
            );
            assert!(!host.server_runs(), "{ignored}: {said:?}");
            // What heeds no fast shutdown is asked for an immediate one before it is killed.
            let rests = host.log().matches("rest\n").count();
            assert!(ignored == "INT QUIT" || rests < 59, "{ignored}: {rests}");
        }
    }
}

#[test]
fn does_not_say_that_a_server_is_stopped_which_is_not() {
    let host = host("");
    host.answer("systemctl", "");
    by_sql(&host, "primary 3 77");
    for shell in SHELLS {
        host.reset();
        host.seems_to_run();
        let said = host.run(shell, "primary-watch", &[]);
        assert!(
            said.out.contains("is being stopped") && !said.out.contains("is stopped"),
            "{said:?}"
        );
        assert!(said.err.contains("PostgreSQL does not stop"), "{said:?}");
        // It is remembered all the same, and it goes on with its looks.
        assert_eq!(
            (said.code, host.read("kept/replaced").as_str()),
            (Some(0), "node2 77 3"),
            "{said:?}"
        );
    }
}

/// Whoever holds the host's lock, a run or a child that it left behind, does not keep a second primary alive.
#[test]
fn waits_for_the_lock_for_seconds_at_most() {
    let host = host("");
    by_sql(&host, "primary 3 77");
    for shell in SHELLS {
        host.reset();
        host.seems_to_run();
        let holder = host.hold_lock("exec sleep 30");
        let said = host.run(shell, "primary-watch", &[]);
        holder.end();
        assert!(gave_up(&host, &said, Some(3)), "{said:?}");
        let log = host.log();
        let waits = log
            .lines()
            .find_map(|line| line.strip_prefix("flock -w "))
            .unwrap_or(&log);
        let seconds = waits.split(' ').next().unwrap().parse::<u32>();
        assert!(seconds.is_ok_and(|seconds| seconds <= 10), "{log}");
    }
}

// --- isolation ---

/// For how long it is cut off, which begins anew once it is not. 10 s go by from one look to the next; of what it must see,
/// `quorum.rs` has the table.
#[test]
fn stops_a_primary_that_has_been_cut_off_for_so_long() {
    let nobody = "exit 2";
    under_both(|shell| {
        let mut table = Table::default();
        let host = host("");
        by_sql(&host, "silent");
        let mut look = |case: &str, count: u32, timeout: u32, pg_isready: &str, stops: bool| {
            host.configure(&format!("{}\nisolation_timeout={timeout}\n", looks(count)));
            host.answer("pg_isready", pg_isready);
            host.reset();
            host.seems_to_run();
            let said = host.run(shell, "primary-watch", &[]);
            let stopped = host.log().contains("systemctl stop postgresql@15-main")
                && !host.has("data/postmaster.pid");
            let marked = host.has("isolated");
            let words = said.out.contains("for 20 s more of the other members");
            let seen = (stopped, marked, words, host.has("kept/replaced"), said.code);
            table.same(
                &format!("{case}, {shell:?}"),
                seen,
                (stops, stops, stops, false, Some(0)),
            );
        };
        look("not for long enough", 2, 20, nobody, false);
        look("for long enough", 3, 20, nobody, true);
        look("never", 5, 0, nobody, false);
        let own = "case $* in *172.30.7.11*) exit 0 ;; *) exit 2 ;; esac";
        look("its own answer does not count", 3, 20, own, true);
        look("pg_isready cannot ask", 3, 20, "exit 3", true);
        let again =
            "case $(cut -d . -f 1 \"$root/proc/uptime\") in 20) exit 0 ;; *) exit 2 ;; esac";
        look("it begins anew", 4, 20, again, false);
        look("and then it lasts", 5, 20, again, true);
        table.end();
    });
}

// --- when it looks ---

/// It logs in to nobody while there is no news, but once a minute.
#[test]
fn looks_where_there_is_news_and_once_a_minute() {
    let host = host("");
    by_sql(&host, "standby");
    for shell in SHELLS {
        for (case, news, turns, looks_expected) in [
            ("no news", "", 5, 1),
            // 10 s go by in each turn.
            ("for two minutes", "", 13, 3),
            ("one takes writes", "echo node2 primary", 5, 5),
            (
                "one is lost, once",
                "[ \"$(grep -c await-news \"$root/log\")\" != 3 ] || echo node2 lost",
                5,
                2,
            ),
        ] {
            host.configure(&looks(turns));
            host.answer("await-news", news);
            host.reset();
            host.seems_to_run();
            let said = host.run(shell, "primary-watch", &[]);
            let log = host.log();
            let asked = log.matches("ask-members").count();
            let waited = log.matches("await-news 30 1 node2 node3").count();
            assert_eq!(
                (said.code, asked, waited),
                (Some(0), looks_expected, turns as usize),
                "{case}, {shell:?}: {log}"
            );
        }
        // Where another could be the primary, it does not wait for news.
        host.configure(&looks(4));
        host.answer("await-news", "");
        for (node2, asks) in [("there zu viele", 4), ("primary 1 77", 4), ("silent", 1)] {
            by_sql(&host, node2);
            host.reset();
            host.seems_to_run();
            host.run(shell, "primary-watch", &[]);
            assert_eq!(host.log().matches("ask-members").count(), asks, "{node2}");
        }
        by_sql(&host, "standby");
        // Who is no primary keeps no connection.
        host.reset();
        host.seems_to_run();
        host.write("data/standby.signal", "");
        host.control("77", 1, "in archive recovery");
        host.run(shell, "primary-watch", &[]);
        let log = host.log();
        let asked = log
            .lines()
            .filter(|line| !line.starts_with("pg_controldata "));
        assert_eq!(asked.count(), 0, "{shell:?}: {log}");
        host.control("77", 1, "in production");
    }
}
