//! `await-news` and `pooler-calm`: when there is reason to ask who is the primary, and what it costs to wait for one.

use std::time::{Duration, Instant};

use crate::host::{Host, SHELLS, Said, Table};

/// Seconds pass a hundred times as fast. What rests is one process, as it is on a host.
const FAST: &str = r#"
sleep() {
  echo "sleep $1" >>"$root/log"
  case $1 in
    1) command sleep 0.01 ;;
    *) exec sleep "$(echo "$1" | awk '{ print $1 / 100 }')" ;;
  esac
}
"#;

/// In a stub of `psql`: so many seconds after the host has booted.
const LATER: &str = "later() { echo \"$1.5 0\" >\"$root/proc/uptime\"; }\n";

fn host(values: &str) -> Host {
    let host = Host::new();
    host.configure(&format!("{FAST}{values}"));
    host
}

/// How many of the calls of a stub have all of these words.
fn calls(host: &Host, words: &[&str]) -> usize {
    let log = host.log();
    let lines = log
        .lines()
        .filter(|line| words.iter().all(|word| line.contains(word)));
    lines.count()
}

/// What node1, node2 and node3 say over connections that are kept, and the reason that it is.
const NEWS: [(&str, [&str; 3], &str); 9] = [
    (
        "standbys go on for ever",
        [
            "exec sleep 60",
            "echo node2 standby; exec sleep 60",
            "exec sleep 60",
        ],
        "",
    ),
    (
        "one takes writes",
        [
            "exit 9",
            "echo node2 primary; exec sleep 60",
            "exec sleep 60",
        ],
        "node2 primary\n",
    ),
    (
        "one is promoted",
        [
            "exit 9",
            "echo node2 standby; until [ -e \"$root/told\" ]; do sleep 0.01; done; later 200; echo node2 primary; exec sleep 60",
            "echo node3 standby; : >\"$root/told\"; exec sleep 60",
        ],
        "node2 primary node2 node3\n",
    ),
    (
        "one is promoted before another could tell",
        [
            "exit 9",
            "later 101; echo node2 primary; exec sleep 60",
            "echo node3 standby; exec sleep 60",
        ],
        "node2 primary\n",
    ),
    (
        "one is silent and one is promoted",
        [
            "exit 9",
            "later 200; echo node2 primary; exec sleep 60",
            "exit 2",
        ],
        "node2 primary\n",
    ),
    (
        "one that told is lost",
        ["exit 9", "echo node2 standby; exit 2", "exec sleep 60"],
        "node2 lost\n",
    ),
    (
        "one that never told is not lost",
        ["exit 9", "exit 2", "echo node3 standby; exec sleep 60"],
        "",
    ),
    (
        "one is there again, as the primary",
        [
            "exit 9",
            "[ \"$(grep -c 'psql.*name=node2' \"$root/log\")\" -ge 3 ] || exit 2; echo node2 primary; exec sleep 60",
            "exec sleep 60",
        ],
        "node2 primary\n",
    ),
    (
        "words of a server are none of its",
        [
            "exit 9",
            "echo WARNUNG: node2 primary >&2; exec sleep 60",
            "exec sleep 60",
        ],
        "",
    ),
];

#[test]
fn a_member_that_takes_writes_or_is_lost_is_news() {
    let one = |shell: &[&str]| {
        let mut table = Table::default();
        for (case, [node1, node2, node3], reason) in NEWS {
            let host = host("");
            host.answer(
                "psql",
                &format!("{LATER}case $* in *name=node1*) {node1} ;; *name=node2*) {node2} ;; *) {node3} ;; esac"),
            );
            let began = Instant::now();
            // One that is no news lasts for a second, and the others for as long as they take.
            let limit = if reason.is_empty() { "100" } else { "6000" };
            let said = host.run(shell, "await-news", &[limit, "1", "node2", "node3"]);
            let case = format!("{case}, {shell:?}");
            let first = said.out.split_whitespace().collect::<Vec<_>>();
            let mut words = first.clone();
            if words.len() > 2 {
                words[2..].sort_unstable();
            }
            table.same(
                &case,
                (said.code, words.join(" ")),
                (Some(0), reason.trim_end().to_owned()),
            );
            table.check(
                &case,
                began.elapsed() < Duration::from_secs(40),
                &began.elapsed(),
            );
            table.check(&case, calls(&host, &["name=node1"]) == 0, &host.log());
        }
        table.end();
    };
    std::thread::scope(|scope| {
        for shell in SHELLS {
            scope.spawn(move || one(shell));
        }
    });
}

/// The reason may come before all are begun.
#[test]
fn one_that_is_begun_late_ends_with_the_others() {
    let late = r#"read() {
  command read "$@" || return
  case ${name-} in node3) command sleep 0.2 ;; esac
}
"#;
    for shell in SHELLS {
        let host = host(late);
        host.answer(
            "psql",
            "case $* in *name=node2*) echo node2 primary ;; esac; exec sleep 60",
        );
        let said = host.run(shell, "await-news", &["6000", "1", "node2", "node3"]);
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(0), "node2 primary\n"),
            "{said:?}"
        );
    }
}

/// One login to each, however long it lasts.
#[test]
fn waiting_logs_in_once() {
    for shell in SHELLS {
        let host = host("");
        host.answer(
            "psql",
            "for look in 1 2 3 4 5 6 7 8 9; do echo node2 standby; done; exec sleep 60",
        );
        let said = host.run(shell, "await-news", &["300", "1", "node2", "node3"]);
        assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
        assert_eq!(calls(&host, &["psql"]), 2, "{}", host.log());
    }
}

/// What pgbouncer's console prints, whether the primary takes connections, and why the wait is over.
const CALM: [(&str, &str, &str, &str); 10] = [
    (
        "nothing happens",
        "echo used_servers 8; exec sleep 60",
        "exit 0",
        "time",
    ),
    (
        "the primary is silent",
        "echo used_servers 8; exec sleep 60",
        "exit 2",
        "primary",
    ),
    (
        "it starts or stops",
        "echo used_servers 8; exec sleep 60",
        "exit 1",
        "primary",
    ),
    (
        "all are gone",
        "echo used_servers 8; later 200; echo used_servers 0; exec sleep 60",
        "exit 0",
        "connections",
    ),
    (
        "most are gone, and others begin",
        "echo used_servers 8; later 200; echo used_servers 3; exec sleep 60",
        "exit 0",
        "connections",
    ),
    (
        "a few are closed",
        "echo used_servers 8; later 200; echo used_servers 4; exec sleep 60",
        "exit 0",
        "time",
    ),
    (
        "it has only begun to wait, and does not forget",
        "echo used_servers 1; echo used_servers 0; echo used_servers 1; sleep 0.1; later 200; echo used_servers 1; exec sleep 60",
        "exit 0",
        "connections",
    ),
    (
        "it has only begun to wait",
        "echo used_servers 1; echo used_servers 0; exec sleep 60",
        "exit 0",
        "time",
    ),
    (
        "there were none",
        "later 200; echo used_servers 0; exec sleep 60",
        "exit 0",
        "time",
    ),
    ("pgbouncer ends", "echo used_servers 8", "exit 0", "console"),
];

#[test]
fn a_pooler_is_calm_while_its_connections_hold_and_the_primary_answers() {
    let one = |shell: &[&str]| {
        let mut table = Table::default();
        for (case, psql, pg_isready, reason) in CALM {
            let host = host("");
            host.answer("psql", &format!("{LATER}echo databases 2; {psql}"));
            host.answer("pg_isready", pg_isready);
            let said = host.run(shell, "pooler-calm", &["172.30.7.12", "5432"]);
            let case = format!("{case}, {shell:?}");
            table.same(&case, (said.code, said.out.trim_end()), (Some(0), reason));
            // It logs in to nobody.
            let elsewhere = calls(&host, &["psql"]) - calls(&host, &["psql", "-U pgbouncer"]);
            table.same(&case, elsewhere, 0);
        }
        table.end();
    };
    std::thread::scope(|scope| {
        for shell in SHELLS {
            scope.spawn(move || one(shell));
        }
    });
}

/// The more poolers, the less often each: all together ask twice a second at most.
#[test]
fn many_poolers_ask_the_primary_no_more_often_than_a_few() {
    for poolers in [1_u32, 2, 10, 11, 50, 51, 100] {
        let host = host(&format!("poolers={poolers}\n"));
        host.answer("psql", "exec sleep 60");
        // The third time it is silent.
        host.answer(
            "pg_isready",
            "[ \"$(grep -c '^pg_isready' \"$root/log\")\" -lt 3 ] || exit 2",
        );
        let said: Said = host.run(SHELLS[0], "pooler-calm", &["172.30.7.12", "5432"]);
        assert_eq!(said.out, "primary\n", "{said:?}");
        let log = host.log();
        // The last two rests are those between questions.
        let rests = log.lines().filter_map(|line| line.strip_prefix("sleep "));
        let rests = rests.filter_map(|rest| rest.parse::<u32>().ok());
        let every = rests.filter(|rest| *rest < 60).max().expect("it rests");
        assert!(every >= 5, "{poolers}: {log}");
        assert!(
            f64::from(poolers) / f64::from(every) < 2.1,
            "{poolers}: {log}"
        );
        let words = ["-h 172.30.7.12", "-p 5432"];
        assert_eq!(
            calls(&host, &["pg_isready", words[0], words[1]]),
            3,
            "{log}"
        );
    }
}

/// What a look costs: the programs that it starts.
#[test]
fn a_look_starts_fourteen_programs() {
    let host = Host::new();
    let tools = [
        "env", "timeout", "head", "sort", "tr", "cut", "grep", "sed", "awk", "cat",
    ];
    for name in tools {
        host.stub(&format!("pg/15/bin/{name}"));
        host.answer(name, &format!("exec /usr/bin/{name} \"$@\""));
    }
    host.answer("psql", "echo standby");
    for shell in SHELLS {
        host.reset();
        let said = host.run(shell, "ask-members", &[]);
        assert_eq!(
            (said.code, said.out.lines().count()),
            (Some(0), 3),
            "{said:?}"
        );
        let log = host.log();
        let started = |name: &str| {
            log.lines()
                .filter(|line| line.split(' ').next() == Some(name))
                .count()
        };
        // Three of each for the members; and as whom it asks, and the order in which it tells.
        let counts = tools.map(started);
        assert_eq!(counts, [4, 3, 3, 1, 0, 0, 0, 0, 0, 0], "{log}");
        assert_eq!(started("psql"), 3, "{log}");
    }
}
