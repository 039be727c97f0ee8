//! `answer`: what a key that is bound to it may ask, and `leave`.

use crate::host::{Host, SHELLS, Table};

/// A host whose programs only say that they were called.
fn host() -> Host {
    let host = Host::new();
    let programs = [
        "lib/timeline",
        "lib/standing",
        "lib/switchover",
        "pg/15/bin/repmgr",
    ];
    for program in programs {
        host.stub(program);
    }
    host
}

/// Whatever programs ask over SSH, the key that they have is for: what `ssh_to` is given in any of them.
#[test]
fn a_bound_key_admits_all_that_programs_ask() {
    let host = host();
    let lib = host.path("lib").display().to_string();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    let mut asked = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for call in text.split("ssh_to \"$").skip(1) {
            let words = call.split_once(' ').unwrap().1;
            let words = words.split([')', '|', ';', '2', '\n']).next().unwrap();
            asked.push(
                words
                    .replace("$lib", &lib)
                    .replace("$me", "node1")
                    .replace('"', ""),
            );
        }
    }
    assert!(asked.len() >= 3, "{asked:?}");
    for command in asked {
        let command = command.trim();
        let variables = [("SSH_ORIGINAL_COMMAND", command)];
        let said = host.run_with(SHELLS[0], "answer", &[], &variables, "");
        assert_ne!(said.code, Some(126), "{command}: {said:?}");
    }
}

#[test]
fn a_bound_key_asks_what_programs_ask_and_nothing_else() {
    let host = host();
    let lib = host.path("lib").display().to_string();
    let timeline = format!("{lib}/timeline");
    let decided = |candidate: &str| format!("{lib}/switchover decided {candidate}");
    let bin = host.path("pg/15/bin").display().to_string();
    let repmgr = |words: &str| format!("{bin}/repmgr -f /etc/repmgr.conf  {words}");
    let looks = ["show", "matrix"].map(|look| format!("cluster {look} --csv --terse -L NOTICE"));
    let admitted = [
        (
            repmgr(&looks[0]),
            "repmgr -f /etc/repmgr.conf cluster show --csv --terse -L NOTICE",
        ),
        (
            repmgr(&looks[1]),
            "repmgr -f /etc/repmgr.conf cluster matrix --csv --terse -L NOTICE",
        ),
        ("true".to_owned(), ""),
        (timeline.clone(), "timeline"),
        (format!("{lib}/standing"), "standing"),
        (decided("node2"), "switchover decided node2"),
        (
            decided("db-1.example_x"),
            "switchover decided db-1.example_x",
        ),
    ];
    let mut refused = vec![
        String::new(),
        "sh".to_owned(),
        "false".to_owned(),
        "true ; id".to_owned(),
        " true".to_owned(),
        "timeline".to_owned(),
        format!("{timeline} x"),
        format!("{timeline};id"),
        format!("{timeline}\nid"),
        format!("{lib}/../lib/timeline"),
        format!("{lib}/switchover"),
        format!("{lib}/switchover promote 5"),
        format!("{lib}/switchover take-back"),
        format!("{lib}/rejoin replace x"),
        decided(""),
        repmgr("standby promote"),
        repmgr("cluster show"),
        repmgr(&format!("{};id", looks[0])),
        format!("{bin}/repmgr -f /tmp/repmgr.conf  {}", looks[0]),
        format!("/tmp/repmgr -f /etc/repmgr.conf  {}", looks[1]),
    ];
    let candidates = [
        "node2 x",
        "-n",
        "node2;id",
        "$(id)",
        "`id`",
        "node2\nid",
        "../x",
        "a/b",
        "*",
        "'a'",
        "é",
        " node2",
        "node2 ",
    ];
    refused.extend(candidates.map(decided));
    let mut table = Table::default();
    for shell in SHELLS {
        let asks = |command: &str| {
            host.reset();
            let environment = [("SSH_ORIGINAL_COMMAND", command)];
            let said = host.run_with(shell, "answer", &[], &environment, "");
            (said, host.log())
        };
        for (command, called) in &admitted {
            let (said, log) = asks(command);
            let is_well = said.code == Some(0) && log == *called;
            table.check(&format!("{command:?}, {shell:?}"), is_well, &(said, log));
        }
        for command in &refused {
            let (said, log) = asks(command);
            // 1 would say of a switchover that it will not be decided.
            let is_well = said.code == Some(126) && log.is_empty() && said.out.is_empty();
            table.check(&format!("{command:?}, {shell:?}"), is_well, &(said, log));
        }
        // A terminal, or `-W`: no command at all.
        host.reset();
        let said = host.run(shell, "answer", &[]);
        table.check(
            "no command",
            said.code == Some(126) && host.log().is_empty(),
            &said,
        );
    }
    table.end();
}

/// What stands for `ssh`: the other host's sshd, which gives what comes after the address to `answer`.
const SSHD: &str = r#"
while [ "${1#-}" != "$1" ]; do
  case $1 in -o | -F) shift ;; esac
  shift
done
shift
SSH_ORIGINAL_COMMAND="$*" exec sh "$root/lib/answer"
"#;

/// The programs ask nothing that `answer` does not admit: each of their questions gets through it.
#[test]
fn what_programs_ask_is_admitted() {
    let mut table = Table::default();
    for shell in SHELLS {
        let host = host();
        host.answer("ssh", SSHD);
        host.stub("lib/find-primary");
        host.answer("find-primary", "exit 1");
        host.control("77", 2, "in production");
        host.answer("timeline", "echo 77 3");
        let said = host.run(shell, "start-guard", &[]);
        let is_told = said.code == Some(1) && said.err.contains("is on timeline 3");
        table.check(&format!("start-guard, {shell:?}"), is_told, &said);

        host.reset();
        host.answer("psql", "echo f");
        host.answer("switchover", "exit 1");
        host.set("state/armed", true);
        let said = host.run(
            shell,
            "failsafe",
            &["watch", "candidate", "0", "172.30.7.12"],
        );
        let log = host.log();
        let is_asked = log.lines().any(|line| line == "switchover decided node1");
        table.check(&format!("failsafe, {shell:?}"), is_asked, &(said, log));
    }
    table.end();
}

/// A node that leaves does not run any more, in its unit or past it.
#[test]
fn who_leaves_is_stopped() {
    let mut table = Table::default();
    for shell in SHELLS {
        for ignored in ["", "INT"] {
            let mut host = Host::new();
            host.configure("proc=/proc\nsleep() { command sleep 0.002; }");
            host.start_server(ignored);
            let said = host.run(shell, "leave", &[]);
            let is_stopped = said.code == Some(0) && !host.server_runs();
            let case = format!("ignores {ignored:?}, {shell:?}");
            table.check(&case, is_stopped, &said);
            let log = host.log();
            table.check(
                &case,
                log.contains("systemctl stop postgresql@15-main"),
                &log,
            );
        }
        let host = Host::new();
        // A witness is nobody's standby.
        let said = host.run(shell, "leave", &[]);
        let is_well = said.code == Some(0) && !host.has("data/pgha-fenced");
        table.check(&format!("does not run, {shell:?}"), is_well, &said);
    }
    table.end();
}
