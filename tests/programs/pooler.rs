//! `pooler-follow`, `pooler-switchover` and `pooler-failsafe`: where clients are led, and where not.

use crate::host::{Host, SHELLS, Said, Table};

/// A pgbouncer whose configuration is what its SHOW DATABASES says: a line for each database.
const PGBOUNCER: &str = r#"
show_databases() { cat "$root/loaded"; }
command_of() { # STATEMENT
  case $1 in
    RELOAD*) [ ! -e "$root/deaf" ] || exit 2; cp "$root/pooler/databases.ini" "$root/loaded" ;;
    RESUME*) : >"$root/resumed"; echo 'ERROR: pooler is not paused/suspended' >&2 ;;
    'SHOW DATABASES'*) [ ! -e "$root/deaf" ] || exit 2; show_databases ;;
    'SHOW SERVERS'*) cat "$root/servers" ;;
    PAUSE*) [ ! -e "$root/busy" ] || exec /bin/sleep 9 ;;
    'SHOW POOLS'*) echo 'database|cl_waiting'; echo 'app|0' ;;
    'SHOW VERSION'*) echo 'PgBouncer 1.18.0' ;;
  esac
}
case $* in
  *' -c '*)
    for statement; do :; done
    case $* in *tuples_only=off*) case $statement in 'SHOW DATABASES') echo 'name|host|port|database|pool_size|paused' ;; esac ;; esac
    echo "told $statement" >>"$root/log"
    command_of "$statement" ;;
  *)
    while IFS= read -r line; do
      case $line in
        '\warn pgha-end') echo pgha-end >&2 ;;
        '\'*) ;;
        *) echo "asked $line" >>"$root/log"; command_of "${line%;}" 2>/dev/null ;;
      esac
    done ;;
esac
"#;

fn line(node: u32) -> String {
    format!("app|172.30.7.1{node}|5432|app|20|0\n")
}

/// A pooler that leads to node1. `sleep 0.2` is the end of a turn of `attend`, and it ends after so many.
fn host(turns: u32, values: &str) -> Host {
    let host = Host::new();
    host.stub("lib/find-primary");
    // There is always reason to look.
    host.stub("lib/pooler-calm");
    host.stub("lib/await-news");
    host.answer("await-news", "echo node2 primary");
    host.configure(&format!(
        r#"
turns=0
sleep() {{
  if [ "$1" != 0.2 ]; then return; fi
  turns=$((turns + 1))
  [ "$turns" -lt {turns} ] || exit 0
}}
{values}"#
    ));
    host.answer("psql", PGBOUNCER);
    host.answer(
        "systemctl",
        "case $* in *is-active*) [ ! -e \"$root/down\" ] || exit 3 ;; esac",
    );
    for node in 1..=3 {
        host.write(&format!("pooler/primary/node{node}.ini"), &line(node));
    }
    anew(&host);
    host
}

fn anew(host: &Host) {
    host.reset();
    host.write("pooler/databases.ini", &line(1));
    host.write("loaded", &line(1));
    host.write("servers", "state|close_needed\nactive|0\nidle|1\n");
    for file in ["deaf", "down", "busy", "resumed", "looked"] {
        host.remove(file);
    }
}

/// What `find-primary` does, look by look; the last one from then on.
fn finds(host: &Host, looks: &[&str]) {
    let mut script = "echo x >>\"$root/looked\"\ncase $(wc -l <\"$root/looked\") in\n".to_owned();
    for (at, look) in looks.iter().enumerate() {
        let pattern = if at + 1 == looks.len() {
            "*".to_owned()
        } else {
            (at + 1).to_string()
        };
        script += &format!("{pattern}) {look} ;;\n");
    }
    host.answer("find-primary", &(script + "esac\n"));
}

const NODE1: &str = "echo node1 172.30.7.11 5432 1 77";
const NODE2: &str = "echo node2 172.30.7.12 5432 2 77";
const NODE3_EQUAL: &str = "echo node3 172.30.7.13 5432 1 77";
const NONE: &str = "echo nobody takes writes >&2; exit 1";
const FULL: &str = "echo one does not tell >&2; exit 4";

/// The member that clients are led to, by what pgbouncer runs with and by what it would start with.
fn leads(host: &Host) -> (String, String) {
    let node = |name| {
        let text = host.read(name);
        let (_, rest) = text.split_once("172.30.7.1").unwrap_or_default();
        format!("node{}", rest.split('|').next().unwrap_or_default())
    };
    (node("loaded"), node("pooler/databases.ini"))
}

fn both(node: &str) -> (String, String) {
    (node.to_owned(), node.to_owned())
}

#[test]
fn never_goes_back_to_a_lower_timeline_of_the_same_cluster() {
    let host = host(1, "");
    host.write(
        "lib/driver",
        r#"
. "${0%/*}/common.sh"
. "$lib/console.sh"
. "$lib/pooler.sh"
errors=
if allowed "$1" "$2" "$3"; then echo yes; else echo "no $errors"; fi
"#,
    );
    let mut table = Table::default();
    for shell in SHELLS {
        for (known, expected) in [
            (None, true),
            (Some("77 1 node2\n"), true),
            (Some("77 5 node2\n"), true),
            (Some("77 6 node2\n"), false),
            (Some("77 10 node2\n"), false),
            (Some("78 6 node2\n"), true),
            (Some("7 6 node2\n"), true),
            (Some(""), true),
            (Some("77\n"), true),
        ] {
            anew(&host);
            if let Some(known) = known {
                host.write("kept/known-primary", known);
            }
            let said = host.run(shell, "driver", &["node1", "77", "5"]);
            let words = "no node1 takes writes on timeline 5, and node2 was the primary on";
            let holds = if expected {
                said.out == "yes\n"
            } else {
                said.out.starts_with(words) && said.out.contains("rm ")
            };
            table.check(
                &format!("{known:?}, {shell:?}"),
                holds && said.code == Some(0) && said.err.is_empty(),
                &said,
            );
        }
    }
    table.end();
}

#[test]
fn starts_where_the_primary_is() {
    let host = host(1, "");
    let mut table = Table::default();
    for shell in SHELLS {
        for (case, look, known, moving, code, node) in [
            ("found", NODE2, "", false, 0, "node2"),
            ("the same", NODE1, "", false, 0, "node1"),
            ("nobody", NONE, "", false, 1, "node1"),
            ("full", FULL, "", false, 1, "node1"),
            ("back", NODE2, "77 3 node1", false, 1, "node1"),
            ("another cluster", NODE2, "78 3 node1", false, 0, "node2"),
            ("clients are being moved", NODE2, "", true, 0, "node1"),
        ] {
            anew(&host);
            finds(&host, &[look]);
            if !known.is_empty() {
                host.write("kept/known-primary", &format!("{known}\n"));
            }
            if moving {
                host.write("state/moving", "");
            }
            let said = host.run(shell, "pooler-follow", &["start"]);
            let case = format!("{case}, {shell:?}");
            table.same(
                &case,
                (said.code, leads(&host).1),
                (Some(code), node.to_owned()),
            );
            table.check(&case, said.err.is_empty() == (code == 0), &said);
            table.check(
                &case,
                !host.has("pooler/.primary") && !host.log().contains("psql"),
                &host.log(),
            );
        }
    }
    table.end();
}

/// What a pooler does look by look.
struct Attended {
    name: &'static str,
    looks: &'static [&'static str],
    known: &'static str,
    /// A file that is there: `deaf`, `down`, `state/moving`, …
    there: &'static str,
    turns: u32,
    /// Where it leads to at the end: pgbouncer itself, and its file.
    node: (&'static str, &'static str),
    remembers: &'static str,
    reloads: usize,
}

const ATTENDED: [Attended; 17] = [
    Attended {
        name: "it is there",
        looks: &[NODE1],
        known: "",
        there: "",
        turns: 2,
        node: ("node1", "node1"),
        remembers: "77 1 node1",
        reloads: 0,
    },
    Attended {
        name: "another was promoted",
        looks: &[NODE1, NODE2],
        known: "",
        there: "",
        turns: 3,
        node: ("node2", "node2"),
        remembers: "77 2 node2",
        reloads: 1,
    },
    Attended {
        name: "at its first look",
        looks: &[NODE2],
        known: "77 1 node1",
        there: "",
        turns: 1,
        node: ("node2", "node2"),
        remembers: "77 2 node2",
        reloads: 1,
    },
    Attended {
        name: "a former primary",
        looks: &[NODE3_EQUAL],
        known: "77 2 node1",
        there: "",
        turns: 12,
        node: ("node1", "node1"),
        remembers: "77 2 node1",
        reloads: 0,
    },
    Attended {
        name: "another cluster",
        looks: &[NODE2],
        known: "78 9 node1",
        there: "",
        turns: 1,
        node: ("node2", "node2"),
        remembers: "77 2 node2",
        reloads: 1,
    },
    Attended {
        name: "the new one is full",
        looks: &[FULL],
        known: "77 1 node1",
        there: "",
        turns: 3,
        node: ("node1", "node1"),
        remembers: "77 1 node1",
        reloads: 0,
    },
    Attended {
        name: "full, and the former one is back",
        looks: &[NODE2, FULL, NODE1],
        known: "77 1 node1",
        there: "",
        turns: 13,
        node: ("node2", "node2"),
        remembers: "77 2 node2",
        reloads: 1,
    },
    Attended {
        name: "nobody, then a promotion",
        looks: &[NODE1, NONE, NONE, NODE2],
        known: "",
        there: "",
        turns: 4,
        node: ("node2", "node2"),
        remembers: "77 2 node2",
        reloads: 1,
    },
    Attended {
        name: "a short look counts promotions only",
        looks: &[NODE1, NONE, NODE3_EQUAL],
        known: "",
        there: "",
        turns: 10,
        node: ("node1", "node1"),
        remembers: "77 1 node1",
        reloads: 0,
    },
    Attended {
        name: "the tenth is patient",
        looks: &[NODE1, NONE, NODE3_EQUAL],
        known: "",
        there: "",
        turns: 12,
        node: ("node3", "node3"),
        remembers: "77 1 node3",
        reloads: 1,
    },
    Attended {
        name: "a switchover is under way",
        looks: &[NODE2],
        known: "77 1 node1",
        there: "state/pooler-armed",
        turns: 2,
        node: ("node1", "node1"),
        remembers: "77 1 node1",
        reloads: 0,
    },
    Attended {
        name: "pgbouncer is down",
        looks: &[NODE2],
        known: "77 1 node1",
        there: "down",
        turns: 1,
        node: ("node1", "node2"),
        remembers: "77 2 node2",
        reloads: 0,
    },
    Attended {
        name: "pgbouncer does not answer",
        looks: &[NODE2],
        known: "77 1 node1",
        there: "deaf",
        turns: 2,
        node: ("node1", "node2"),
        remembers: "77 1 node1",
        reloads: 0,
    },
    Attended {
        name: "it was ended in the middle",
        looks: &[NODE1],
        known: "77 1 node1",
        there: "state/moving",
        turns: 1,
        node: ("node1", "node1"),
        remembers: "77 1 node1",
        reloads: 1,
    },
    Attended {
        name: "the lock is held",
        looks: &[NODE2],
        known: "77 1 node1",
        there: "held",
        turns: 24,
        node: ("node1", "node1"),
        remembers: "77 1 node1",
        reloads: 0,
    },
    Attended {
        name: "the lock is held for long",
        looks: &[NODE2],
        known: "77 1 node1",
        there: "held",
        turns: 27,
        node: ("node2", "node2"),
        remembers: "77 2 node2",
        reloads: 1,
    },
    Attended {
        name: "nobody is known",
        looks: &[NONE, NODE1],
        known: "",
        there: "",
        turns: 2,
        node: ("node1", "node1"),
        remembers: "77 1 node1",
        reloads: 0,
    },
];

#[test]
fn follows_the_primary_look_by_look() {
    let one = |shell: &[&str]| {
        let mut table = Table::default();
        for case in &ATTENDED {
            let held = "flock() { [ \"$1\" != -n ]; }";
            let host = host(case.turns, if case.there == "held" { held } else { "" });
            finds(&host, case.looks);
            if !case.known.is_empty() {
                host.write("kept/known-primary", &format!("{}\n", case.known));
            }
            if !matches!(case.there, "" | "held") {
                host.write(case.there, "");
            }
            let said = host.run(shell, "pooler-follow", &["attend"]);
            let name = format!("{}, {shell:?}", case.name);
            let (loaded, file) = leads(&host);
            table.same(&name, (loaded.as_str(), file.as_str()), case.node);
            table.same(
                &name,
                host.read("kept/known-primary").as_str(),
                case.remembers,
            );
            let reloads = host.log().matches("told RELOAD").count();
            table.same(&name, reloads, case.reloads);
            table.check(
                &name,
                said.code == Some(0) && !host.has("state/moving"),
                &said,
            );
            if case.reloads > 0 {
                table.check(&name, host.has("resumed"), &"held up");
            }
        }
        table.end();
    };
    std::thread::scope(|scope| {
        for shell in SHELLS {
            scope.spawn(move || one(shell));
        }
    });
}

/// A switchover that begins between the look and the lock leads clients itself.
#[test]
fn looks_for_a_switchover_once_it_has_the_lock() {
    let host = host(2, "flock() { : >\"$state/pooler-armed\"; }");
    for shell in SHELLS {
        anew(&host);
        finds(&host, &[NODE2]);
        let said = host.run(shell, "pooler-follow", &["attend"]);
        assert_eq!(
            (said.code, leads(&host)),
            (Some(0), both("node1")),
            "{said:?}"
        );
    }
}

/// A disk is written to only where there is something new to remember.
#[test]
fn remembers_what_is_new() {
    let host = host(3, "");
    for shell in SHELLS {
        for (known, writes) in [
            ("", 1),
            ("77 1 node1\n", 0),
            ("77 1 node2\n", 1),
            ("78 1 node1\n", 1),
        ] {
            anew(&host);
            finds(&host, &[NODE1]);
            host.write("kept/known-primary", known);
            let said = host.run(shell, "pooler-follow", &["attend"]);
            let log = host.log();
            assert_eq!(
                log.matches("known-primary.new").count(),
                writes,
                "{known}: {said:?}"
            );
            assert_eq!(host.read("kept/known-primary"), "77 1 node1");
        }
    }
}

/// Once for each reason, however often it looks.
#[test]
fn says_once_why_clients_stay() {
    let host = host(35, "");
    for shell in SHELLS {
        anew(&host);
        finds(&host, &[FULL]);
        let said = host.run(shell, "pooler-follow", &["attend"]);
        assert_eq!(
            (said.code, said.err.as_str()),
            (Some(0), "one does not tell\n"),
            "{said:?}"
        );
    }
}

/// A client waits for an answer of the former primary: only a new pgbouncer frees it.
#[test]
fn begins_anew_where_a_client_is_held() {
    let host = host(1, "");
    let mut table = Table::default();
    for shell in SHELLS {
        for (servers, anew_expected) in [
            ("state|close_needed\nactive|1\n", true),
            ("close_needed|state\n0|idle\n1|active_cancel\n", true),
            ("state|close_needed\nbeing_canceled|1\n", true),
            ("state|close_needed\nactive|0\nidle|1\n", false),
            ("state|close_needed\n", false),
        ] {
            anew(&host);
            host.write("servers", servers);
            let said = host.run(shell, "pooler-follow", &["bring", "node2"]);
            let log = host.log();
            let begun = log.contains("systemctl kill --signal=KILL pgbouncer")
                && log.contains("systemctl restart pgbouncer");
            table.check(
                &format!("{servers:?}, {shell:?}"),
                said.code == Some(0) && begun == anew_expected && host.has("resumed") != begun,
                &log,
            );
            table.same(
                servers,
                (leads(&host), host.has("state/moving")),
                (both("node2"), false),
            );
        }
    }
    table.end();
}

// --- what pgbouncer says ---

#[test]
fn knows_where_pgbouncer_leads_by_whole_names() {
    let host = host(
        1,
        "pooler_targets='node1\nnode1 app|10.0.0.1|5432|\nnode1 app2|10.0.0.1|5432|\nnode11 app|10.0.0.11|5432|\nnode3'",
    );
    host.write(
        "lib/driver",
        "
. \"${0%/*}/common.sh\"
. \"$lib/console.sh\"
. \"$lib/pooler.sh\"
leads_to \"$1\" \"$2\"
",
    );
    let mut table = Table::default();
    for shell in SHELLS {
        for (member, says, code) in [
            ("node1", "app|10.0.0.1|5432|app|20\napp2|10.0.0.1|5432|x", 0),
            (
                "node1",
                "app2|10.0.0.1|5432|x\nother|10.0.0.9|5432|y\napp|10.0.0.1|5432|app",
                0,
            ),
            ("node1", "app|10.0.0.1|5432|app", 1),
            ("node1", "app2|10.0.0.1|5432|app", 1),
            // Ends of other names.
            ("node1", "myapp|10.0.0.1|5432|a\napp2|10.0.0.1|5432|x", 1),
            ("node1", "app|10.0.0.11|5432|a\napp2|10.0.0.1|5432|x", 1),
            ("node1", "app|10.0.0.1|54321|a\napp2|10.0.0.1|5432|x", 1),
            ("node1", "x|app|10.0.0.1|5432|a\napp2|10.0.0.1|5432|x", 1),
            ("node1", "", 1),
            ("node11", "app|10.0.0.11|5432|app", 0),
            ("node11", "app|10.0.0.1|5432|app", 1),
            ("node3", "", 0),
            ("node2", "app|10.0.0.1|5432|app", 1),
            ("node", "app|10.0.0.1|5432|app", 1),
        ] {
            let said = host.run(shell, "driver", &[member, says]);
            table.check(
                &format!("{member}, {says:?}, {shell:?}"),
                said.code == Some(code) && said.err.is_empty() == (code == 0),
                &said,
            );
        }
    }
    table.end();
}

/// It refuses where nothing is paused: whether clients go on is what counts.
#[test]
fn clients_go_on_once_nothing_is_paused() {
    let host = host(1, "");
    for shell in SHELLS {
        anew(&host);
        let resume = || host.run(shell, "pooler-switchover", &["resume"]);
        let said = resume();
        assert_eq!(
            (said.code, host.has("resumed")),
            (Some(0), true),
            "{said:?}"
        );
        host.write("loaded", &(line(1) + "other|172.30.7.11|5432|other|20|1\n"));
        let said = resume();
        assert!(
            said.code == Some(1) && said.err.contains("clients are still held up"),
            "{said:?}"
        );
        // One that does not answer may hold somebody up; one that does not run does not.
        anew(&host);
        host.write("deaf", "");
        let said = resume();
        let words = "clients may still be held up: pgbouncer runs and does not answer";
        assert!(said.code == Some(1) && said.err.contains(words), "{said:?}");
        host.write("down", "");
        let said = resume();
        assert_eq!(said.code, Some(0), "{said:?}");
    }
}

// --- a pooler's part in a switchover ---

/// Its console is opened, used and closed.
#[test]
fn leads_clients_who_wait() {
    for shell in SHELLS {
        let host = host(1, "");
        let step = |words: &[&str]| -> Said { host.run(shell, "pooler-switchover", words) };
        let said = step(&["open"]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
        let said = step(&["pause", "1"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        let said = step(&["lead", "node2"]);
        assert_eq!(
            (said.code, leads(&host)),
            (Some(0), both("node2")),
            "{said:?}"
        );
        let log = host.log();
        let order = [
            "asked PAUSE;",
            "asked RELOAD;",
            "asked SHOW DATABASES;",
            "asked RESUME;",
        ]
        .map(|words| log.find(words).expect(words));
        assert!(order.is_sorted(), "{log}");
        assert!(
            host.has("state/console/pid") || host.has("state/pooler/pid"),
            "it stays open"
        );
        let said = step(&["served"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        // It does not run with what was prepared.
        host.write("pooler/.primary/node3.ini", &line(2));
        let said = step(&["lead", "node3"]);
        assert!(
            said.code == Some(1) && said.err.contains("app|172.30.7.13|5432| is not among"),
            "{said:?}"
        );
        let said = step(&["lead", "node4"]);
        assert!(said.code != Some(0), "{said:?}");
        let said = host.run(shell, "pooler-failsafe", &["disarm"]);
        assert_eq!(
            (
                said.code,
                host.has("state/pooler"),
                host.has("pooler/.primary")
            ),
            (Some(0), false, false),
            "{said:?}"
        );
        // A failover has no console open.
        let said = step(&["lead", "node1"]);
        assert_eq!(
            (said.code, leads(&host), host.has("state/pooler")),
            (Some(0), both("node1"), false),
            "{said:?}"
        );
    }
}

#[test]
fn transactions_that_do_not_end_are_told() {
    for shell in SHELLS {
        let host = host(1, "");
        assert_eq!(
            host.run(shell, "pooler-switchover", &["open"]).code,
            Some(0)
        );
        host.write("busy", "");
        let said = host.run(shell, "pooler-switchover", &["pause", "1"]);
        assert!(
            said.code == Some(1)
                && said
                    .err
                    .contains("transactions were still under way after 1 s"),
            "{said:?}"
        );
    }
}

/// An application's login: what it gets to is on the primary's timeline. Its password is in no argument.
#[test]
fn an_application_gets_to_the_primary_that_members_know() {
    let host = host(1, "");
    let mut table = Table::default();
    for shell in SHELLS {
        for (look, sees, code) in [
            (NODE2, "2", 0),
            (NODE2, "1", 1),
            (NODE2, "", 1),
            (NONE, "2", 1),
            (FULL, "2", 1),
        ] {
            anew(&host);
            finds(&host, &[look]);
            host.answer(
                "psql",
                &format!("[ \"$PGPASSWORD\" = \"it's \\$ecret\" ] || exit 2; echo {sees}"),
            );
            let said = host.run_with(
                shell,
                "pooler-switchover",
                &["login", "app", "db"],
                &[],
                "it's $ecret",
            );
            table.check(
                &format!("{look}, {sees}, {shell:?}"),
                said.code == Some(code) && said.err.is_empty() == (code == 0),
                &said,
            );
            table.check("the password", !host.log().contains("ecret"), &host.log());
        }
    }
    table.end();
}

// --- the failsafe timer ---

#[test]
fn the_timer_leads_clients_to_whoever_is_the_primary() {
    let mut table = Table::default();
    let pass = "
sleep() {
  passed=$((${passed:-100} + 10))
  echo \"$passed.0 0\" >\"$proc/uptime\"
  [ \"$1\" = 7 ] || echo \"rest\" >>\"$root/log\"
}
";
    let host = host(1, "");
    host.configure(pass);
    // It ends after so many looks at whether it is active.
    host.answer("systemctl", "case $* in *is-active*) echo x >>\"$root/active\"; [ \"$(wc -l <\"$root/active\")\" -le 8 ] || exit 3 ;; esac");
    for shell in SHELLS {
        for (name, looks, known, node, rests) in [
            ("at once", &[NODE2][..], "", "node2", 0),
            ("where it was", &[NODE1], "", "node1", 0),
            ("later", &[NONE, FULL, NODE2], "", "node2", 2),
            (
                "late",
                &[NONE, NONE, NONE, NONE, NONE, NODE2],
                "",
                "node2",
                5,
            ),
            ("never", &[NONE], "", "node1", 8),
            ("a former one", &[NODE2], "77 3 node1", "node1", 8),
        ] {
            anew(&host);
            host.remove("active");
            finds(&host, looks);
            host.write("state/pooler-armed", "");
            if !known.is_empty() {
                host.write("kept/known-primary", &format!("{known}\n"));
            }
            let said = host.run(shell, "pooler-failsafe", &["watch", "7"]);
            let log = host.log();
            let name = format!("{name}, {shell:?}");
            table.same(&name, (said.code, leads(&host)), (Some(0), both(node)));
            table.same(
                &name,
                log.matches("rest\n").count() + usize::from(log.ends_with("rest")),
                rests,
            );
            // Clients go on in each case: at the end, and after 30 s.
            table.check(
                &name,
                host.has("resumed") && !host.has("state/pooler-armed"),
                &log,
            );
            let early = log
                .split("rest")
                .take(4)
                .any(|part| part.contains("told RESUME"));
            table.check(&format!("{name}, within 30 s"), early, &log);
        }
        // A switchover that has ended.
        anew(&host);
        finds(&host, &[NODE2]);
        let said = host.run(shell, "pooler-failsafe", &["watch", "7"]);
        table.same(
            "not armed",
            (said.code, leads(&host), host.has("resumed")),
            (Some(0), both("node1"), false),
        );
    }
    table.end();
}

/// It acts alone: whoever is at work on this host goes on first.
#[test]
fn the_timer_waits_for_the_lock() {
    let host = host(1, "");
    finds(&host, &[NODE2]);
    for shell in SHELLS {
        anew(&host);
        host.write("state/pooler-armed", "");
        let holder = host.hold_lock("sleep 0.3; rm \"$root/state/pooler-armed\"");
        let said = host.run(shell, "pooler-failsafe", &["watch", "7"]);
        holder.end();
        assert_eq!(
            (said.code, leads(&host)),
            (Some(0), both("node1")),
            "{said:?}"
        );
    }
}
