//! `ask-members` and `find-primary`: what members say, and who is the primary by that.

use crate::host::{Host, SHELLS, Said, Table, has_turn, prints};

/// What node2's `psql` and `pg_isready` do, and the answer that is made of it.
const ANSWERS: [(&str, &str, &str, &str); 18] = [
    ("primary", "echo 'primary 2 77'", "exit 9", "primary 2 77"),
    ("standby", "echo standby", "exit 9", "standby"),
    (
        "refused",
        "echo 'connection refused' >&2; exit 2",
        "exit 2",
        "silent connection refused",
    ),
    ("silent", "exec /bin/sleep 9", "exit 0", "silent "),
    ("ended after its time", "exit 137", "exit 0", "silent "),
    (
        "full",
        "echo 'FATAL:  sorry, too many clients already' >&2; exit 2",
        "exit 0",
        "there FATAL: sorry, too many clients already",
    ),
    (
        "full, in German",
        "echo 'FATAL:  tut mir leid, schon zu viele Verbindungen' >&2; exit 2",
        "exit 0",
        "there FATAL: tut mir leid, schon zu viele Verbindungen",
    ),
    ("starting up", "exit 2", "exit 1", "there "),
    ("nobody there by pg_isready", "exit 2", "exit 3", "silent "),
    (
        "a statement fails",
        "echo 'ERROR:  permission denied' >&2; exit 1",
        "exit 0",
        "there ERROR: permission denied",
    ),
    (
        "a warning first",
        "echo 'WARNING:  database has a collation version mismatch' >&2; echo 'primary 2 77'",
        "exit 9",
        "primary 2 77",
    ),
    (
        "a warning in German",
        "echo 'WARNUNG:  Version der Sortierfolge\nTIPP:  primary 9 9' >&2; echo standby",
        "exit 9",
        "standby",
    ),
    ("garbage", "echo 'Welcome!'", "exit 9", "there "),
    (
        "garbage before the answer",
        "echo 'Welcome!'; echo 'primary 2 77'",
        "exit 9",
        "there ",
    ),
    ("no number", "echo 'primary two 77'", "exit 9", "there "),
    (
        "no number at the end",
        "echo 'primary 2 77; x'",
        "exit 9",
        "there ",
    ),
    ("nothing", "", "exit 9", "there "),
    (
        "an answer, then ended",
        "echo 'primary 2 77'; kill -KILL $$",
        "exit 9",
        "primary 2 77",
    ),
];

/// node2 does as the case says; node1 is a primary and node3 a standby.
fn told(host: &Host, psql: &str, pg_isready: &str) {
    host.answer(
        "psql",
        &format!(
            "case $* in
*' 172.30.7.12 '*) {psql}\n;;
*' 172.30.7.11 '*) echo 'primary 1 77' ;;
*) echo standby ;;
esac"
        ),
    );
    host.answer("pg_isready", pg_isready);
}

const PLAIN: [(&str, &str); 3] = [
    ("AS_UID", "1000"),
    ("PGHA_LIMIT", "0.7"),
    ("PGHOSTADDR", "10.9.9.9"),
];

#[test]
fn each_answer_of_a_member_is_told_apart() {
    let host = Host::new();
    // Not in the order of their names.
    host.configure(
        "members='node3 172.30.7.13 5432\nnode2 172.30.7.12 5432\nnode1 172.30.7.11 5432'",
    );
    let mut table = Table::default();
    for shell in SHELLS {
        for (case, psql, pg_isready, answer) in ANSWERS {
            told(&host, psql, pg_isready);
            let said = host.run_with(shell, "ask-members", &[], &PLAIN, "");
            let expected = format!(
                "node1 172.30.7.11 5432 primary 1 77\nnode2 172.30.7.12 5432 {answer}\nnode3 172.30.7.13 5432 standby\n"
            );
            // What a server says of itself ends with a blank or does not.
            let seen = said
                .out
                .lines()
                .map(|line| format!("{}\n", line.trim_end()))
                .collect::<String>();
            let expected = expected
                .lines()
                .map(|line| format!("{}\n", line.trim_end()))
                .collect::<String>();
            table.check(
                &format!("{case}, {shell:?}"),
                said.code == Some(0) && seen == expected,
                &said,
            );
        }
    }
    table.end();
}

/// Also as root, which asks as postgres; nothing of the caller's environment gets to psql.
#[test]
fn asks_with_a_plain_environment_and_as_postgres() {
    let host = Host::new();
    host.answer("psql", "env >>\"$root/environment\"; echo standby");
    for shell in SHELLS {
        for uid in ["0", "1000"] {
            host.remove("environment");
            let environment = [
                ("AS_UID", uid),
                ("PGHOSTADDR", "10.9.9.9"),
                ("PGOPTIONS", "-c x=y"),
                ("LANG", "de_DE"),
            ];
            let said = host.run_with(shell, "ask-members", &[], &environment, "");
            assert_eq!(
                (said.code, said.out.lines().count()),
                (Some(0), 3),
                "{said:?}"
            );
            let seen = host.read("environment");
            for word in ["PGHOSTADDR", "PGOPTIONS", "LANG=", "AS_UID"] {
                assert!(!seen.contains(word), "{shell:?}, {uid}: {word} in\n{seen}");
            }
            let passfile = format!("PGPASSFILE={}", host.path("passfile").display());
            assert!(seen.contains(&passfile), "{seen}");
        }
    }
}

#[test]
fn says_that_it_cannot_ask() {
    let host = Host::new();
    host.answer("psql", "echo standby");
    for shell in SHELLS {
        host.remove("passfile");
        let said = host.run_with(shell, "ask-members", &[], &PLAIN, "");
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.contains("passfile cannot be read"), "{said:?}");
        let said = host.run(shell, "find-primary", &[]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        host.write("passfile", "");
    }
    host.remove("pg/15/bin/psql");
    for shell in SHELLS {
        let said = host.run_with(shell, "ask-members", &[], &PLAIN, "");
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.contains("there is no psql"), "{said:?}");
    }
}

/// What a member answers, for `find-primary`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Primary(u32, &'static str),
    Standby,
    There,
    Silent,
}

const KINDS: [Kind; 7] = [
    Kind::Primary(1, "7312"),
    Kind::Primary(2, "7312"),
    Kind::Primary(1, "9123"),
    // A part of the other's.
    Kind::Primary(3, "731"),
    Kind::Standby,
    Kind::There,
    Kind::Silent,
];

impl Kind {
    fn answer(self) -> String {
        match self {
            Kind::Primary(timeline, system) => format!("primary {timeline} {system}"),
            Kind::Standby => "standby".to_owned(),
            Kind::There => "there FATAL: zu viele 9 9".to_owned(),
            Kind::Silent => "silent primary 9 7312".to_owned(),
        }
    }
}

/// The exit code, and the member that it prints.
fn primary_of(kinds: [Kind; 3]) -> (i32, Option<usize>) {
    let primaries = kinds
        .iter()
        .enumerate()
        .filter_map(|(at, kind)| match kind {
            Kind::Primary(timeline, system) => Some((at, *timeline, *system)),
            _ => None,
        });
    let primaries = primaries.collect::<Vec<_>>();
    let Some(&(at, highest, system)) = primaries.iter().max_by_key(|(_, timeline, _)| *timeline)
    else {
        return (if kinds.contains(&Kind::There) { 4 } else { 1 }, None);
    };
    let alone = primaries
        .iter()
        .filter(|(_, timeline, _)| *timeline == highest)
        .count()
        == 1;
    if !alone || primaries.iter().any(|(_, _, other)| *other != system) {
        return (3, None);
    }
    (0, Some(at))
}

#[test]
fn the_primary_is_found_in_every_combination_of_answers() {
    std::thread::scope(|scope| {
        for shell in SHELLS {
            scope.spawn(move || every_combination(shell));
        }
    });
}

fn every_combination(shell: &[&str]) {
    let host = Host::new();
    host.stub("lib/ask-members");
    let mut table = Table::default();
    for first in KINDS {
        for second in KINDS {
            for third in KINDS {
                let kinds = [first, second, third];
                if !has_turn(shell, &format!("{kinds:?}")) {
                    continue;
                }
                let lines = kinds
                    .iter()
                    .enumerate()
                    .map(|(at, kind)| format!("node{at} 10.0.0.{at} 5432 {}\n", kind.answer()));
                let lines = lines.collect::<String>();
                host.answer("ask-members", &prints(&lines));
                let said = host.run(shell, "find-primary", &[]);
                let (code, found) = primary_of(kinds);
                let expected = found.map_or(String::new(), |at| {
                    let answer = kinds[at].answer();
                    format!(
                        "node{at} 10.0.0.{at} 5432{}\n",
                        answer.trim_start_matches("primary")
                    )
                });
                let holds = said.code == Some(code)
                    && said.out == expected
                    && said.err.is_empty() == (code == 0);
                table.check(
                    &format!("{kinds:?}, {shell:?}: {code} {expected}"),
                    holds,
                    &said,
                );
            }
        }
    }
    table.end();
}

/// From members to the answer, with nothing between them.
#[test]
fn a_warning_hides_no_primary_and_a_full_server_is_no_absent_one() {
    let host = Host::new();
    let find = |shell, psql, pg_isready| -> Said {
        host.answer(
            "psql",
            &format!("case $* in *' 172.30.7.12 '*) {psql} ;; *) echo standby ;; esac"),
        );
        host.answer("pg_isready", pg_isready);
        host.run(shell, "find-primary", &[])
    };
    for shell in SHELLS {
        let said = find(
            shell,
            "echo WARNUNG: primary 5 5 >&2; echo primary 2 77",
            "exit 9",
        );
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(0), "node2 172.30.7.12 5432 2 77\n"),
            "{said:?}"
        );
        let said = find(shell, "echo zu viele >&2; exit 2", "exit 0");
        assert_eq!((said.code, said.out.as_str()), (Some(4), ""), "{said:?}");
        assert!(
            said.err.contains("node2") && said.err.contains("zu viele"),
            "{said:?}"
        );
    }
}

/// The example is what a host has: one that lacks a value would let a program pass that stops on a host.
#[test]
fn the_values_are_those_that_hosts_have() {
    let names = |text: &str| {
        let names = text.lines().filter_map(|line| {
            let (name, _) = line.split_once('=')?;
            let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
            (!name.is_empty() && name.chars().all(is_name)).then(|| name.to_owned())
        });
        names.collect::<Vec<_>>()
    };
    let template = names(include_str!("../../templates/host.conf.j2"));
    assert!(template.len() > 15, "{template:?}");
    assert_eq!(names(include_str!("host.conf")), template);
}
