//! `start-guard`: whether a server that would take writes may start.

use std::fs::File;
use std::time::{Duration, SystemTime};

use crate::host::{Host, SHELLS, Said, Table, has_turn, prints};
use crate::others::{ANSWERS, Answer, Seen, say};

/// What `find-primary` says: its name, what it does, and the member that it names, with system and timeline.
type Found = (
    &'static str,
    &'static str,
    Option<(&'static str, &'static str, u32)>,
);

const FOUND: [Found; 8] = [
    ("nobody", "exit 1", None),
    (
        "itself",
        "echo node1 172.30.7.11 5432 2 77",
        Some(("node1", "77", 2)),
    ),
    (
        "lower",
        "echo node2 172.30.7.12 5432 1 77",
        Some(("node2", "77", 1)),
    ),
    (
        "equal",
        "echo node2 172.30.7.12 5432 2 77",
        Some(("node2", "77", 2)),
    ),
    (
        "higher",
        "echo node2 172.30.7.12 5432 3 77",
        Some(("node2", "77", 3)),
    ),
    (
        "another system",
        "echo node2 172.30.7.12 5432 3 78",
        Some(("node2", "78", 3)),
    ),
    ("several", "echo two take writes >&2; exit 3", None),
    ("full", "exit 4", None),
];

/// What is remembered: the file, and whether it says that this server was replaced.
const MARKS: [(&str, Option<&str>, bool); 6] = [
    ("none", None, false),
    ("higher", Some("node3 77 3\n"), true),
    ("equal", Some("node3 77 2\n"), false),
    ("another system", Some("node3 78 9\n"), false),
    ("empty", Some(""), false),
    ("half", Some("node3 77\n"), false),
];

/// A member on timeline 2 whose server does not run.
fn host() -> Host {
    let host = Host::new();
    host.stub("lib/find-primary");
    host.control("77", 2, "in production");
    host.answer(
        "systemctl",
        "case $1 in is-system-running) echo running ;; esac",
    );
    host.answer("find-primary", "exit 1");
    say(&host, "exit 255", "exit 255");
    host
}

fn start(host: &Host, shell: &[&str]) -> Said {
    host.run(shell, "start-guard", &[])
}

/// Who refuses: what the message names and whether it is remembered.
#[derive(Debug, PartialEq)]
enum Refused {
    /// It was remembered before.
    Remembered,
    /// Told today.
    Told(Vec<(&'static str, u32)>),
    /// Told today that there is a primary on the same timeline, which is nothing to remember.
    Twin,
}

fn verdict(
    replaced: bool,
    others: &[(&'static str, Seen)],
    found: Option<(&'static str, &'static str, u32)>,
) -> Option<Refused> {
    if replaced {
        return Some(Refused::Remembered);
    }
    let past = others
        .iter()
        .filter_map(|(name, seen)| Some((*name, seen.past()?)));
    let past = past.collect::<Vec<_>>();
    if !past.is_empty() {
        return Some(Refused::Told(past));
    }
    match found {
        Some((name, "77", timeline)) if name != "node1" && timeline > 2 => {
            Some(Refused::Told(vec![(name, timeline)]))
        }
        Some((name, "77", 2)) if name != "node1" => Some(Refused::Twin),
        _ => None,
    }
}

/// What was said and is on disk is what the verdict says.
fn holds(host: &Host, said: &Said, expected: Option<&Refused>, mark: Option<&str>) -> bool {
    let kept = mark.map(|text| text.trim_end().to_owned());
    let now = host
        .has("kept/replaced")
        .then(|| host.read("kept/replaced"));
    let refused = said.code == Some(1)
        && said.err.contains("PostgreSQL is not started")
        && said.err.contains("this server on 2")
        && said.err.contains("pgha rejoin INVENTORY node1")
        && said.err.contains("guard-off");
    match expected {
        None => said.code == Some(0) && said.err.is_empty() && now == kept,
        Some(Refused::Remembered) => {
            refused && said.err.contains("node3 is on timeline 3") && now == kept
        }
        Some(Refused::Twin) => {
            refused && said.err.contains("node2 is on timeline 2") && now == kept
        }
        Some(Refused::Told(by)) => {
            refused
                && by.iter().any(|(name, timeline)| {
                    said.err
                        .contains(&format!("{name} is on timeline {timeline}, "))
                        && now.as_deref() == Some(&format!("{name} 77 {timeline}"))
                })
        }
    }
}

fn under_both(table: fn(&[&str])) {
    std::thread::scope(|scope| {
        for shell in SHELLS {
            scope.spawn(move || table(shell));
        }
    });
}

#[test]
fn refuses_where_another_is_past_a_promotion() {
    under_both(|shell| {
        let host = host();
        let mut table = Table::default();
        for Answer { name, ssh, seen } in &ANSWERS {
            say(&host, ssh, "exit 255");
            for (found_name, found, says) in FOUND {
                // Each with each where they differ in what they forbid.
                let each = ["higher", "equal", "silent", "another system"].contains(name);
                if !each && !["nobody", "equal", "higher"].contains(&found_name) {
                    continue;
                }
                if !has_turn(shell, &format!("{name} {found_name}")) {
                    continue;
                }
                host.answer("find-primary", found);
                host.reset();
                let said = start(&host, shell);
                let expected = verdict(false, &[("node2", *seen)], says);
                let case = format!("SSH {name}, SQL {found_name}, {shell:?}");
                table.check(&case, holds(&host, &said, expected.as_ref(), None), &said);
                if !matches!(expected, Some(Refused::Told(_))) {
                    continue;
                }
                // What was told once holds, also where nobody is left to tell it.
                if *name == "higher" || found_name == "higher" {
                    say(&host, "exit 255", "exit 255");
                    host.answer("find-primary", "exit 1");
                    let again = start(&host, shell);
                    table.check(&format!("{case}, and again"), again.code == Some(1), &again);
                    say(&host, ssh, "exit 255");
                }
            }
        }
        table.end();
    });
}

#[test]
fn what_is_remembered_holds_as_long_as_the_data_are_behind() {
    under_both(|shell| {
        let host = host();
        let mut table = Table::default();
        for (mark_name, mark, replaced) in MARKS {
            for (name, ssh, seen) in [
                ("silent", "exit 255", Seen::Unknown),
                ("equal", "echo 77 2", Seen::At("77", 2)),
                ("higher", "echo 77 4", Seen::At("77", 4)),
            ] {
                say(&host, ssh, "exit 255");
                host.reset();
                if let Some(mark) = mark {
                    host.write("kept/replaced", mark);
                }
                let said = start(&host, shell);
                let expected = verdict(replaced, &[("node2", seen)], None);
                let case = format!("mark {mark_name}, SSH {name}, {shell:?}");
                table.check(&case, holds(&host, &said, expected.as_ref(), mark), &said);
            }
        }
        // Data that came back by `pgha rejoin` are on that timeline.
        say(&host, "exit 255", "exit 255");
        host.control("77", 3, "shut down");
        host.write("kept/replaced", "node3 77 3\n");
        let said = start(&host, shell);
        table.check("on the timeline of the mark", said.code == Some(0), &said);
        table.end();
    });
}

#[test]
fn both_others_are_heard() {
    under_both(|shell| {
        let host = host();
        let mut table = Table::default();
        for first in ANSWERS.iter().step_by(3) {
            for second in &ANSWERS[..7] {
                if !has_turn(shell, &format!("{} {}", first.name, second.name)) {
                    continue;
                }
                say(&host, first.ssh, second.ssh);
                host.reset();
                let said = start(&host, shell);
                let expected = verdict(
                    false,
                    &[("node2", first.seen), ("node3", second.seen)],
                    None,
                );
                let case = format!("node2 {}, node3 {}, {shell:?}", first.name, second.name);
                table.check(&case, holds(&host, &said, expected.as_ref(), None), &said);
            }
        }
        table.end();
    });
}

/// What lets a server start unasked: it is a standby, has no data, comes back after a switchover that was undone, or somebody's
/// word for it.
#[test]
fn asks_nobody_where_there_is_nothing_to_ask() {
    under_both(|shell| {
        let host = host();
        let mut table = Table::default();
        let files = [
            "data/standby.signal",
            "data/recovery.signal",
            "state/starting-again",
            "guard-off",
        ];
        for mask in 0..1_u32 << files.len() {
            for told in ["SSH", "SQL", "mark"] {
                host.reset();
                for (at, file) in files.iter().enumerate() {
                    host.set(file, mask >> at & 1 == 1);
                }
                say(
                    &host,
                    if told == "SSH" {
                        "echo 77 3"
                    } else {
                        "exit 255"
                    },
                    "exit 255",
                );
                host.answer(
                    "find-primary",
                    if told == "SQL" {
                        "echo node2 172.30.7.12 5432 3 77"
                    } else {
                        "exit 1"
                    },
                );
                if told == "mark" {
                    host.write("kept/replaced", "node3 77 3\n");
                }
                let said = start(&host, shell);
                let free = mask != 0;
                let case = format!("{told}, files {mask:04b}, {shell:?}");
                table.check(&case, said.code == Some(i32::from(!free)), &said);
                let remembered = host.has("kept/replaced");
                table.check(&case, remembered == (!free || told == "mark"), &"the mark");
                if free {
                    table.check(&case, !host.log().contains("ssh"), &host.log());
                }
                // It is said, since it is dangerous.
                if mask == 0b1000 {
                    table.check(&case, said.out.contains("guard-off is there"), &said);
                }
            }
        }
        // Somebody's word does not hold for ever.
        for (minutes, holds) in [(59, true), (61, false)] {
            host.reset();
            host.write("guard-off", "");
            let given = SystemTime::now() - Duration::from_secs(60 * minutes);
            let file = File::open(host.path("guard-off")).unwrap();
            file.set_modified(given).unwrap();
            say(&host, "echo 77 3", "exit 255");
            let said = start(&host, shell);
            let case = format!("said {minutes} min ago, {shell:?}");
            table.same(&case, said.code, Some(i32::from(!holds)));
            table.same(&case, host.has("guard-off"), holds);
        }
        host.reset();
        host.remove("data/global/pg_control");
        let said = start(&host, shell);
        table.check("no data", said.code == Some(0), &said);
        host.reset();
        host.answer("pg_controldata", "echo unreadable >&2; exit 1");
        let said = start(&host, shell);
        table.check(
            "data that PostgreSQL will refuse",
            said.code == Some(0),
            &said,
        );
        host.control("77", 2, "in production");
        table.end();
    });
}

/// A promotion is in the control data as “min recovery ending” before its checkpoint is.
#[test]
fn its_own_timeline_is_the_higher_of_two() {
    let host = host();
    let own = crate::host::control_data("77", 2, "in production")
        .replace("ending loc's timeline:   0", "ending loc's timeline:   3");
    host.answer("pg_controldata", &prints(&own));
    for shell in SHELLS {
        for (timeline, code) in [(3, 0), (4, 1)] {
            host.reset();
            say(&host, &format!("echo 77 {timeline}"), "exit 255");
            let said = start(&host, shell);
            assert_eq!(said.code, Some(code), "{timeline}: {said:?}");
        }
    }
}

/// While this host boots the others may, too.
#[test]
fn waits_for_others_only_while_its_host_boots() {
    let host = host();
    host.configure("sleep() { echo \"sleep $1\" >>\"$root/log\"; }");
    let sleeps = |host: &Host| {
        host.log()
            .lines()
            .filter(|line| line.starts_with("sleep "))
            .count()
    };
    for shell in SHELLS {
        host.reset();
        host.answer("systemctl", "echo starting; exit 1");
        let said = start(&host, shell);
        assert_eq!((said.code, sleeps(&host)), (Some(0), 10), "{said:?}");
        host.reset();
        host.answer("systemctl", "echo degraded; exit 1");
        let said = start(&host, shell);
        assert_eq!((said.code, sleeps(&host)), (Some(0), 0), "{said:?}");
        // Something else of the boot hangs, hours later.
        host.reset();
        host.write("proc/uptime", "7200.25 0.00\n");
        host.answer("systemctl", "echo starting; exit 1");
        let said = start(&host, shell);
        assert_eq!((said.code, sleeps(&host)), (Some(0), 0), "{said:?}");
        // It answers the third time.
        host.reset();
        host.answer("systemctl", "echo starting; exit 1");
        let later =
            "[ \"$(grep -c '^ssh .*172.30.7.12' \"$root/log\")\" -ge 3 ] || exit 255; echo 77 3";
        say(&host, later, "echo 77 2");
        let said = start(&host, shell);
        assert_eq!((said.code, sleeps(&host)), (Some(1), 2), "{said:?}");
        say(&host, "exit 255", "exit 255");
    }
}

/// Debian's start takes a number that is another's for a server that runs.
#[test]
fn a_file_of_a_server_that_is_gone_is_removed_and_no_other() {
    let host = host();
    let mut table = Table::default();
    let number = crate::host::NOBODY;
    for shell in SHELLS {
        for (case, file, comm, stays) in [
            (
                "a server runs",
                format!("{number}\n/data\n"),
                Some("postgres"),
                true,
            ),
            (
                "another's number",
                format!("{number}\n/data\n"),
                Some("psql"),
                false,
            ),
            (
                "a name that begins alike",
                format!("{number}\n"),
                Some("postgres-guard"),
                false,
            ),
            ("nobody's number", format!("{number}\n"), None, false),
            ("empty", String::new(), None, false),
            ("no number", "x\n".to_owned(), None, false),
        ] {
            host.reset();
            host.write("data/postmaster.pid", &file);
            if let Some(comm) = comm {
                host.write(&format!("proc/{number}/comm"), &format!("{comm}\n"));
            }
            let said = start(&host, shell);
            table.check(case, said.code == Some(0), &said);
            table.same(case, host.has("data/postmaster.pid"), stays);
        }
    }
    table.end();
}
