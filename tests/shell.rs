//! Shell that pgha sends to hosts, ships, or is built with: every `.sh` file of the repository, and what is put together of them,
//! is read by `dash`, by `bash --posix` and by shellcheck. No host takes part.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use pgha::facts::{self, Release};
use pgha::inventory::{self, Inventory, Sources};
use pgha::plan::{
    Action, Change, Check, Condition, Declaration, Drain, Failover, Guard, Handover, Intent, Op,
    Removal, Returning, ServiceAction,
};
use pgha::playbook;
use pgha::problem::Source;
use pgha::resource;
use pgha::run::{Lock, compile};
use pgha::secret::Secrets;
use pgha::shell::{LOOK, prelude};
use pgha::template::Engine;

const INVENTORY: &str = "
all:
  vars:
    postgresql_users: [{ name: app, password: \"it's $secret\" }]
    postgresql_databases: [{ name: \"my 'app\", owner: app, extensions: [citext] }]
    postgresql_data_directory: /srv/a b/it's
  children:
    postgres:
      hosts:
        node1: { ansible_host: 10.0.0.1 }
        node2: { ansible_host: 10.0.0.2 }
        node3: { ansible_host: 10.0.0.3 }
    pgbouncer:
      hosts:
        pooler1: { ansible_host: 10.0.0.4 }
";

/// In a script that is put together: a part may set what only another one reads (2034), or be given words that it does not
/// use because a file before it has set others (2120, 2119); and a step's subshell is to lose what it sets (2030, 2031).
const ASSEMBLED: &str = "SC2034,SC2030,SC2031,SC2119,SC2120";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn reads(program: &str, arguments: &[&str], text: &str) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("`{program}` does not start: {error}\nhint: `apt-get install {program}`")
        });
    let mut stdin = child.stdin.take().unwrap();
    let text = text.to_owned();
    // What it says may fill its pipe before it has read all.
    let writer = std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// What `program` finds wrong.
fn wrong(program: &str, arguments: &[&str], text: &str) -> Option<String> {
    let output = reads(program, arguments, text);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (!output.status.success() || !said.is_empty())
        .then(|| format!("{program} {}:\n{said}", arguments.join(" ")))
}

/// What the shells find wrong with a script for hosts, and shellcheck with what the last word of `lint` names; `-` is the text.
fn of_posix(text: &str, lint: &[&str]) -> Vec<String> {
    let lint = [&["--severity=warning", "--shell=sh"], lint].concat();
    [
        wrong("dash", &["-n"], text),
        wrong("bash", &["--posix", "-n"], text),
        wrong("shellcheck", &lint, text),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// All shell files, from the top of the repository.
fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    walk(&path, found);
                }
            } else if name.ends_with(".sh") {
                found.push(path);
            }
        }
    }
    let mut found = vec![root().join(".ci/run")];
    walk(root(), &mut found);
    found.sort();
    found
}

#[test]
fn every_file_is_sound() {
    let files = files();
    for known in ["src/facts/wal.sh", "src/shell/prelude.sh", "benches/lab.sh"] {
        assert!(files.contains(&root().join(known)), "{known} is not found");
    }
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(root()).unwrap().to_str().unwrap();
        let first = text.lines().next().unwrap_or_default();
        let is_bash = first.ends_with("bash");
        let complaints: Vec<String> = if is_bash {
            let lint = ["--severity=warning", "-x", "-P", "SCRIPTDIR", name];
            let complaints = [
                wrong("bash", &["-n"], &text),
                wrong("shellcheck", &lint, ""),
            ];
            complaints.into_iter().flatten().collect()
        } else {
            of_posix(&text, &["-x", "-P", "SCRIPTDIR", name])
        };
        found.extend(complaints.iter().map(|what| format!("{name}: {what}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Text that asks PostgreSQL without the settings of a session of pgha's own, and why it may.
const OTHER_SESSIONS: [(&str, &str, &str); 5] = [
    (
        "src/shell/psql.sh",
        "exec timeout \"$limit\" psql ",
        "it is what sets them",
    ),
    (
        "src/facts/readiness/probe.rs",
        "-c IDENTIFY_SYSTEM",
        "no setting applies to a command of replication",
    ),
    (
        "programs/ask-members.sh",
        "-U \"$watch_user\"",
        "the role has them",
    ),
    (
        "programs/await-news.sh",
        "-U \"$watch_user\"",
        "the role has them",
    ),
    (
        "programs/pooler-switchover.sh",
        "-U \"$1\" -d \"$2\"",
        "it logs in as an application does",
    ),
];

/// Wherever psql is called, in what pgha ships and sends, it is in a session of pgha's own, or talks to pgbouncer.
#[test]
fn every_session_is_pghas_own() {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(&path, found),
                false => found.push(path),
            }
        }
    }
    let mut paths = Vec::new();
    for folder in ["src", "programs", "playbooks"] {
        walk(&root().join(folder), &mut paths);
    }
    let mut unused = OTHER_SESSIONS.to_vec();
    let mut own = 0;
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
        // The lab looks from outside; what is shown is not run.
        if name.starts_with("src/lab/") || name.starts_with("src/render/") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap().replace("\\\n", " ");
        for line in text.lines() {
            let code = line.trim_start();
            let is_call = ["psql -", "psql} -", "psql\" -", "XAtq", "- psql"]
                .iter()
                .any(|call| code.contains(call));
            let is_prose = code.starts_with("//") || code.starts_with('#');
            if !is_call || is_prose {
                continue;
            }
            let other = |(file, with, _): &(&str, &str, &str)| *file == name && code.contains(with);
            if code.contains("PGOPTIONS=\"$session\"")
                || code.contains("PGOPTIONS=\"$peer_session\"")
                || code.contains("own_psql ")
            {
                own += 1;
            } else if OTHER_SESSIONS.iter().any(other) {
                unused.retain(|exempt| !other(exempt));
            } else if !code.contains("-U pgbouncer") {
                wrong.push(format!("{name}: {code}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(unused.is_empty() && own >= 4, "{own}, {unused:?}");
}

#[test]
fn what_is_wrong_is_found() {
    assert_eq!(of_posix("if true; then\n", &["-"]).len(), 3);
    assert_eq!(of_posix("a=(1 2)\necho \"${a[0]}\"\n", &["-"]).len(), 2);
    assert_eq!(of_posix("cd /a b; rm -rf $1/\n", &["-"]).len(), 1);
}

/// What a step's script is put together with.
fn assembled(prelude: &str, steps: impl IntoIterator<Item = String>) -> String {
    let steps: String = steps
        .into_iter()
        .map(|step| format!("(\n{step}\n)\n"))
        .collect();
    format!("{prelude}\n{steps}")
}

fn check(scripts: &BTreeMap<String, String>) {
    let exclude = format!("--exclude={ASSEMBLED}");
    let mut found = Vec::new();
    for (text, name) in scripts {
        for what in of_posix(text, &[&exclude, "-"]) {
            found.push(format!("{name}: {what}"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn source(name: &str, text: String) -> Arc<Source> {
    Arc::new(Source {
        name: name.to_owned(),
        text,
        vaulted: false,
    })
}

fn shipped(folder: &str, name: &str) -> Option<Arc<Source>> {
    let path = root().join(folder).join(name);
    Some(source(name, std::fs::read_to_string(path).ok()?))
}

fn inventory() -> Inventory {
    inventory::load(&Sources::of(
        source("inventory.yml", INVENTORY.to_owned()),
        "/",
    ))
    .expect("the inventory is valid")
}

#[test]
fn what_a_host_is_asked_is_sound_on_every_release() {
    let inventory = inventory();
    let engine = Engine::new(|name| shipped("templates", name))
        .with_programs(|name: &str| shipped("programs", name));
    let handover = Intent::Handover(Handover {
        candidate: Some("node2".to_owned()),
        max_lag: 1,
        pause_timeout: 5,
        drain: Drain::default(),
    });
    let failover = Intent::Failover(Failover {
        candidate: None,
        fenced_by: None,
        without: Vec::new(),
        stop: None,
    });
    let returning = Intent::Returning(Returning {
        member: "node3".to_owned(),
        rebuild: false,
        accept_data_loss: false,
        discard: false,
    });
    let removal = Intent::Removal(Removal {
        node: "node3".to_owned(),
    });
    let mut scripts = BTreeMap::new();
    for (name, intent) in [
        ("site.yml", &Intent::Converge),
        ("switchover.yml", &handover),
        ("failover.yml", &failover),
        ("rejoin/save.yml", &returning),
        ("rejoin.yml", &returning),
        ("remove.yml", &removal),
    ] {
        let playbook = playbook::parse(name, resource::NAMES, &|name| shipped("playbooks", name))
            .expect("the shipped playbook is valid");
        let declaration = Declaration {
            inventory: &inventory,
            playbook: &playbook,
            engine: &engine,
            limit: None,
            allow_restart_primary: false,
            intent: intent.clone(),
        };
        let questions = declaration.questions().expect("there are questions");
        for (host, by_release) in questions {
            // One script has the questions of every release. The other members are asked the same, about other hosts.
            assert!(by_release.keys().copied().eq(Release::ALL));
            if host == "node2" || host == "node3" {
                continue;
            }
            let lock = Lock::Settled;
            let steps = facts::script(&by_release).into_iter().map(|(_, body)| body);
            let text = assembled(
                &format!("{}{LOOK}\n{}", prelude(), lock.prelude()),
                std::iter::once(lock.step().body).chain(steps),
            );
            scripts
                .entry(text)
                .or_insert_with(|| format!("what {host} is asked for {name}"));
        }
    }
    assert!(scripts.len() >= 6, "{}", scripts.len());
    check(&scripts);
}

/// Every kind of operation.
fn ops() -> Vec<Op> {
    let text = |text: &str| text.to_owned();
    let words = |words: &[&str]| words.iter().map(|word| text(word)).collect::<Vec<_>>();
    let path = || text("/srv/a b/it's");
    let (mode, owner, group) = (text("0644"), text("root"), text("root"));
    let wait = |until: Condition| Op::Wait {
        until,
        timeout_seconds: 5,
    };
    let service = |action: ServiceAction| Op::Service {
        unit: text("postgresql@15-main"),
        action,
    };
    let mut ops = vec![
        Op::WriteFile {
            path: path(),
            content: "it's $1\n".into(),
            mode: mode.clone(),
            owner: owner.clone(),
            group: group.clone(),
            validate: Some(Check::Command(words(&["visudo", "-cf%s"]))),
        },
        Op::MakeDirectory {
            path: path(),
            mode: mode.clone(),
            owner: owner.clone(),
            group: group.clone(),
        },
        Op::SetAttributes {
            path: path(),
            mode,
            owner,
            group,
        },
        Op::RemoveFile { path: path() },
        Op::Rename {
            from: path(),
            to: text("/srv/other"),
        },
        Op::Run {
            argv: words(&["echo", "it's", "$HOME"]),
            user: text("postgres"),
            stdin: Some("x\n".into()),
            environment: vec![(text("A"), text("b c"))],
        },
        Op::Sql {
            port: 5432,
            database: text("my 'app"),
            statement: "select 'a'".into(),
        },
        Op::StartPostgresql {
            unit: text("postgresql@15-main"),
            port: 5432,
            timeout_seconds: 60,
        },
        Op::StopPostgresql {
            unit: text("postgresql@15-main"),
            data_directory: text("/srv/it's/main"),
            timeout_seconds: 60,
        },
        Op::ReloadUnits,
        Op::Pooler {
            port: 6432,
            command: text("PAUSE \"my app\""),
        },
        wait(Condition::Sql {
            port: 5432,
            database: text("my 'app"),
            query: text("select true"),
        }),
        wait(Condition::Port {
            host: text("10.0.0.1"),
            port: 22,
        }),
        wait(Condition::PathExists { path: path() }),
        wait(Condition::Command {
            argv: words(&["/bin/sh", "-c", "[ \"$(id -u)\" = 0 ]"]),
            user: text("postgres"),
        }),
    ];
    ops.extend(
        [
            ServiceAction::Start,
            ServiceAction::Stop,
            ServiceAction::Restart,
            ServiceAction::Reload,
            ServiceAction::Enable,
            ServiceAction::Disable,
        ]
        .map(service),
    );
    ops
}

/// A kind that is new fails to compile here, and then belongs into [`ops`].
fn kind(op: &Op) -> u8 {
    match op {
        Op::WriteFile { .. } => 0,
        Op::MakeDirectory { .. } => 1,
        Op::SetAttributes { .. } => 2,
        Op::RemoveFile { .. } => 3,
        Op::Rename { .. } => 4,
        Op::Run { .. } => 5,
        Op::Sql { .. } => 6,
        Op::Service { .. } => 7,
        Op::StartPostgresql { .. } => 8,
        Op::ReloadUnits => 9,
        Op::Pooler { .. } => 10,
        Op::Wait { .. } => 11,
        Op::StopPostgresql { .. } => 12,
    }
}

fn guards() -> Vec<Guard> {
    let path = "/srv/a b/it's".to_owned();
    let is_primary = |system_identifier: Option<&str>| Guard::IsPrimary {
        port: 5432,
        system_identifier: system_identifier.map(str::to_owned),
    };
    vec![
        Guard::PathAbsent { path: path.clone() },
        Guard::PathExists { path: path.clone() },
        Guard::NoCluster { path: path.clone() },
        Guard::FileIs {
            path: path.clone(),
            sha256: "0".repeat(64),
        },
        Guard::FileUntouched {
            path,
            witness: "7 42 1.0".to_owned(),
        },
        is_primary(None),
        is_primary(Some("7")),
        Guard::IsStandby { port: 5432 },
        Guard::MainPid {
            unit: "repmgrd".to_owned(),
            pid: 5,
        },
    ]
}

#[test]
fn what_a_host_is_told_to_do_is_sound() {
    let kinds: BTreeSet<u8> = ops().iter().map(kind).collect();
    assert_eq!(kinds.len(), 13, "an operation is missing in `ops`");
    let ops = ops();
    let change = |ops: Vec<Op>, guards: Vec<Guard>| Change {
        host: "node1".to_owned(),
        step: "a step".to_owned(),
        resource: "file".to_owned(),
        subject: "/a".to_owned(),
        action: Action::Create,
        fields: Vec::new(),
        diff: None,
        guards,
        ops,
        after: Vec::new(),
        undo: Vec::new(),
        decides: false,
    };
    let body = |change: &Change| compile::change(change, &Secrets::default()).unwrap();
    let all = body(&change(ops, guards()));
    let lock = Lock::Alone;
    let text = assembled(
        &format!("{}\n{}", prelude(), lock.prelude()),
        [lock.step().body, all],
    );
    check(&BTreeMap::from([(
        text,
        "a change of every kind".to_owned(),
    )]));
}
