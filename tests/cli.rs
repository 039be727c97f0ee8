//! Bad input from end to end: the real binary says what is wrong and where, exits 2, and touches no host.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use tempfile::TempDir;

/// A folder with an inventory of one host, which is a port of this machine that notices every knock.
struct Place {
    dir: TempDir,
    host: TcpListener,
}

/// What the binary did.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        let host = TcpListener::bind("127.0.0.1:0").unwrap();
        host.set_nonblocking(true).unwrap();
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
            host,
        };
        place.write("key", "not read by anybody");
        fs::set_permissions(place.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
        place.inventory("");
        place
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The inventory with more lines among the variables of all hosts.
    fn inventory(&self, variables: &str) {
        let port = self.host.local_addr().unwrap().port();
        let variables: String = variables
            .lines()
            .map(|line| format!("    {line}\n"))
            .collect();
        self.write(
            "inventory.yml",
            &format!(
                "all:\n  vars:\n    ansible_port: {port}\n    ansible_ssh_private_key_file: key\n{variables}  children:\n    postgres:\n      hosts:\n        node1: {{ ansible_host: 127.0.0.1 }}\n"
            ),
        );
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let output = Command::cargo_bin("pgha")
            .unwrap()
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .args(arguments)
            .timeout(Duration::from_secs(30))
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Runs `apply`, which must refuse with all of these words, before it touches a host.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], words: &[&str]) {
        let all = [&["apply", "inventory.yml"], arguments].concat();
        let said = self.run(&all);
        assert_eq!(
            (said.code, said.out.as_str()),
            (2, ""),
            "{all:?}: {}",
            said.err
        );
        for word in words {
            assert!(
                said.err.contains(word),
                "{all:?}: no `{word}` in:\n{}",
                said.err
            );
        }
        let knocked = self.host.accept().map_err(|error| error.kind());
        assert_eq!(knocked.err(), Some(ErrorKind::WouldBlock), "{all:?}");
    }

    /// As [`Self::refuses`], of a playbook whose one step declares this.
    #[track_caller]
    fn refuses_step(&self, step: &str, words: &[&str]) {
        self.write(
            "own.yml",
            &format!("- name: p\n  hosts: all\n  steps:\n    - name: s\n      {step}\n"),
        );
        eprintln!("{step}");
        self.refuses(&["--playbook", "own.yml"], words);
    }

    /// A playbook whose one step declares this is valid.
    #[track_caller]
    fn accepts_step(&self, step: &str) {
        self.write(
            "own.yml",
            &format!("- name: p\n  hosts: all\n  steps:\n    - name: s\n      {step}\n"),
        );
        let said = self.run(&["validate", "inventory.yml", "--playbook", "own.yml"]);
        assert_eq!(said.code, 0, "{step}: {}", said.err);
    }
}

#[test]
fn good_input_does_reach_for_the_host() {
    let place = Place::new();
    // It accepts and says nothing: enough to see that the other tests would notice.
    let knocked = std::thread::scope(|scope| {
        let host = &place.host;
        let knock = scope.spawn(move || {
            let deadline = Instant::now() + Duration::from_secs(20);
            while Instant::now() < deadline {
                if host.accept().is_ok() {
                    return true;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            false
        });
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("pgha"))
            .args(["plan", "inventory.yml"])
            .current_dir(place.dir.path())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let knocked = knock.join().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        knocked
    });
    assert!(knocked);
}

#[test]
fn a_key_that_is_unknown_is_told_with_its_place_in_every_kind_of_file() {
    let place = Place::new();
    place.inventory("postgresql_prot: 5433");
    place.refuses(
        &[],
        &[
            "inventory.yml:5:5",
            "postgresql_prot",
            "^^^",
            "hint: did you mean `postgresql_port`?",
        ],
    );
    place.inventory("");
    for (file, place_in_file) in [
        ("group_vars/all.yml", "group_vars/all.yml:1:1"),
        ("host_vars/node1.yml", "host_vars/node1.yml:1:1"),
    ] {
        place.write(file, "repmgr_prority: 3\n");
        place.refuses(
            &[],
            &[
                place_in_file,
                "repmgr_prority",
                "^^^",
                "hint: did you mean `repmgr_priority`?",
            ],
        );
        fs::remove_file(place.path(file)).unwrap();
    }
    place.write("more.yml", "x: 1\npgbouncer_prot: 1\n");
    place.refuses(
        &["--extra-vars", "@more.yml"],
        &[
            "more.yml:2:1",
            "^^^",
            "hint: did you mean `pgbouncer_port`?",
        ],
    );
    place.refuses(
        &["--extra-vars", "cluster_nme=x"],
        &["--extra-vars:1:1", "hint: did you mean `cluster_name`?"],
    );
    place.write("own.yml", "- name: p\n  hosts: all\n  stepz: []\n");
    place.refuses(
        &["--playbook", "own.yml"],
        &["own.yml:3:3", "stepz", "^^^", "hint: did you mean `steps`?"],
    );
}

#[test]
fn duplicate_keys_and_wrong_types_are_told_with_their_place() {
    let place = Place::new();
    place.inventory("postgresql_port: 1\npostgresql_port: 2");
    place.refuses(
        &[],
        &["inventory.yml:6:5", "postgresql_port", "twice", "hint:"],
    );
    place.inventory("postgresql_port: many");
    place.refuses(&[], &["inventory.yml:5:22", "many", "hint:"]);
    place.inventory("");
    place.refuses(
        &["--extra-vars", "postgresql_port=many"],
        &["--extra-vars", "postgresql_port", "hint:"],
    );
}

#[test]
fn secrets_are_read_strictly_and_never_shown() {
    let place = Place::new();
    for (text, words) in [
        ("app: hunter2\napp: hunter2\n", &["secrets.yml:2:1"][..]),
        ("app: [hunter2]\n", &["secrets.yml:1"]),
        ("- hunter2\n", &["secrets.yml:1"]),
        ("app: \"hunter2\n", &["secrets.yml:2"]),
    ] {
        place.write("secrets.yml", text);
        fs::set_permissions(place.path("secrets.yml"), fs::Permissions::from_mode(0o600)).unwrap();
        place.refuses(&[], words);
        let said = place.run(&["apply", "inventory.yml", "--verbose"]);
        assert!(!said.err.contains("hunter2"), "{}", said.err);
    }
    place.write("secrets.yml", "app: hunter2\n");
    fs::set_permissions(place.path("secrets.yml"), fs::Permissions::from_mode(0o644)).unwrap();
    place.refuses(&[], &["secrets.yml", "0644", "hint: chmod 600"]);
}

#[test]
fn hosts_that_cannot_be_a_cluster_are_refused() {
    let place = Place::new();
    let hosts =
        |hosts: &str| format!("all: {{ children: {{ postgres: {{ hosts: {hosts} }} }} }}\n");
    for (inventory, words) in [
        (
            hosts("{ node1: { ansible_host: 127.0.0.1 }, node2: { ansible_host: 127.0.0.1 } }"),
            &["node1", "node2", "127.0.0.1", "hint:"][..],
        ),
        (
            hosts("{ node1: { repmgr_node_id: 1 }, node2: { repmgr_node_id: 1 } }"),
            &["node1", "node2", "repmgr_node_id", "hint:"],
        ),
        (hosts("{ \"node 1\": {} }"), &["node 1", "hint:"]),
        (hosts("{ \"$(touch x)\": {} }"), &["$(touch x)", "hint:"]),
        (hosts("{ \"a;b\": {} }"), &["a;b", "hint:"]),
        (hosts("{ \"a\\eb\": {} }"), &["inventory.yml:1", "hint:"]),
        (hosts("{}"), &["postgres", "hint:"]),
        ("all: { hosts: { a: } }\n".to_owned(), &["postgres", "hint:"]),
        (
            "all: { children: { postgres: { hosts: { a: }, children: { b: } }, b: { children: { postgres: } } } }\n"
                .to_owned(),
            &["postgres", "b", "hint:"],
        ),
    ] {
        place.write("inventory.yml", &inventory);
        place.refuses(&[], words);
    }
    assert!(!place.path("x").exists());
}

#[test]
fn files_that_are_no_inventory_are_refused_at_once() {
    let place = Place::new();
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..10 {
        let aliases = format!("*a{},", level - 1).repeat(9);
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    for (text, words) in [
        (String::new(), &["inventory.yml", "empty", "hint:"][..]),
        ("\u{7f}ELF { ] :".to_owned(), &["inventory.yml:1", "hint:"]),
        ("just words".to_owned(), &["inventory.yml:1:1", "hint:"]),
        (bomb, &["inventory.yml", "hint:"]),
        ("# x\n".repeat(13 << 20), &["too large", "52 MiB", "hint:"]),
    ] {
        place.write("inventory.yml", &text);
        let began = Instant::now();
        place.refuses(&[], words);
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    fs::write(place.path("inventory.yml"), b"all: \xff").unwrap();
    place.refuses(&[], &["inventory.yml", "no UTF-8", "hint:"]);
    fs::remove_file(place.path("inventory.yml")).unwrap();
    place.refuses(&[], &["`inventory.yml` cannot be read", "hint:"]);
    fs::create_dir(place.path("inventory.yml")).unwrap();
    place.refuses(&[], &["no file that could be one", "hint:"]);
}

#[test]
fn keys_that_ssh_would_not_take_are_refused() {
    let place = Place::new();
    fs::set_permissions(place.path("key"), fs::Permissions::from_mode(0o644)).unwrap();
    place.refuses(
        &[],
        &[
            "inventory.yml:4",
            "key` can be read by others (mode 0644)",
            "hint: chmod 600",
        ],
    );
    fs::remove_file(place.path("key")).unwrap();
    place.refuses(&[], &["inventory.yml:4", "key` cannot be read", "hint:"]);
}

#[test]
fn a_step_with_wrong_arguments_is_told_at_the_argument() {
    let place = Place::new();
    for (step, words) in [
        (
            "file: { pth: /etc/a, content: x }",
            &["own.yml:5:15", "`pth`", "hint: did you mean `path`?"][..],
        ),
        (
            "file: { content: x }",
            &["own.yml:5", "lacks the key `path`", "hint: add `path:`"],
        ),
        ("package: { names: 5 }", &["own.yml:5:25", "list", "hint:"]),
        (
            "file: { path: /a, content: x, mode: 644 }",
            &["own.yml:5:43", "hint: write `mode: \"0644\"`"],
        ),
        (
            "file: { path: /a, content: x, mode: \"644\" }",
            &["own.yml:5:43", "four octal digits"],
        ),
        (
            "directory: { path: /a, mode: \"0999\" }",
            &["own.yml:5:36", "four octal digits"],
        ),
        (
            "file: { path: etc/a, content: x }",
            &["own.yml:5:21", "absolute path", "hint:"],
        ),
        (
            "template: { src: a.j2, path: a }",
            &["own.yml:5", "absolute path"],
        ),
        (
            "directory: { path: ~/a }",
            &["own.yml:5:26", "absolute path"],
        ),
        (
            "template: { src: none.j2, path: /a }",
            &["own.yml:5:24", "there is no template `none.j2`", "hint:"],
        ),
        (
            "file: { src: start-gard.sh, path: /a }",
            &[
                "own.yml:5:20",
                "there is no program `start-gard.sh`",
                "hint:",
            ],
        ),
        (
            "file: { src: own.sh, content: x, path: /a }",
            &["own.yml:5:20", "`content` and `src`", "hint: keep one"],
        ),
        (
            "command: { argv: [] }",
            &["own.yml:5:18", "`argv` is empty"],
        ),
        (
            "postgresql_role: { name: app, attributes: [LOGIN, FLYING] }",
            &["own.yml:5:57", "FLYING", "hint:"],
        ),
        ("fil: { path: /a }", &["own.yml:5:7", "`fil`", "hint:"]),
        (
            "file: { path: /a, content: x }\n      when: [1, 2]",
            &["own.yml:6", "condition", "hint:"],
        ),
        (
            "file: { path: /a, content: x }\n      when: \"{{ x }}\"",
            &["own.yml:6:13", "hint: remove the braces"],
        ),
        (
            "file: { path: /a, content: x }\n      when: a ==",
            &["own.yml:6:13", "does not parse", "hint:"],
        ),
        (
            "file: { path: /a, content: x }\n      when: nothing_known",
            &["own.yml:6:13", "`nothing_known` is not defined", "hint:"],
        ),
        (
            "file: { path: /a, content: \"{{ postgresql_prot }}\" }",
            &["own.yml:5:34", "hint: did you mean `postgresql_port`?"],
        ),
        (
            "file: { path: /a, content: \"{{ 1 + }}\" }",
            &["own.yml:5:34", "does not parse", "hint:"],
        ),
        (
            "file: { path: \"{{ '/a\\\\u0000' }}\", content: x }",
            &["own.yml:5", "hint:"],
        ),
    ] {
        place.refuses_step(step, words);
    }
}

#[test]
fn a_template_file_is_told_at_its_own_line() {
    let place = Place::new();
    for (text, words) in [
        (
            "a\nb {{ cluster_nam }}\n",
            &[
                "templates/own.j2:2:6",
                "`cluster_nam` is not defined",
                "hint: did you mean `cluster_name`?",
            ][..],
        ),
        (
            "a\n{% if x %}\n",
            &["templates/own.j2", "does not parse", "hint:"],
        ),
        (
            "{{ groups.nobody }}\n",
            &["templates/own.j2:1", "not defined"],
        ),
        (
            "{% for x in range(1000000000) %}{% endfor %}",
            &["templates/own.j2:1"],
        ),
    ] {
        place.write("templates/own.j2", text);
        place.refuses_step("template: { src: own.j2, path: /a }", words);
    }
}

#[test]
fn a_program_is_taken_as_it_is_and_told_at_its_place() {
    let place = Place::new();
    let step = "file: { src: mine.sh, path: /a }";
    place.refuses_step(step, &["own.yml:5:20", "no program `mine.sh`"]);
    place.write("programs/mime.sh", "");
    place.refuses_step(step, &["own.yml:5:20", "hint: did you mean `mime.sh`?"]);
    for (text, words) in [
        (
            "true\nx=\u{fdd0}\n",
            &["programs/mine.sh:2:3", "U+FDD0", "hint:"][..],
        ),
        ("x=\0\n", &["programs/mine.sh:1:3", "U+0000", "hint:"]),
    ] {
        place.write("programs/mine.sh", text);
        place.refuses_step(step, words);
    }
    fs::write(place.path("programs/mine.sh"), b"\xff").unwrap();
    place.refuses_step(step, &["own.yml:5:20", "no UTF-8", "hint:"]);
    // A template would not parse.
    place.write("programs/mine.sh", "echo '{{ 1 + }}' {% nonsense %}\n");
    place.accepts_step(step);
    place.write("templates/own.j2", "x=\u{fdd1}\n");
    place.refuses_step(
        "template: { src: own.j2, path: /a }",
        &["templates/own.j2:1:3", "U+FDD1"],
    );
}

#[test]
fn what_the_command_line_gets_wrong() {
    let place = Place::new();
    place.refuses(&["--diff=all"], &["'all'", "short, full"]);
    place.refuses(&["--limit", "nobody"], &["nobody", "hint:"]);
    place.refuses(&["--limit", ""], &["hint:"]);
    place.refuses(&["--limt", "node1"], &["--limt", "--limit"]);
    place.refuses(&["--extra-vars", "novalue"], &["novalue", "hint:"]);
    place.refuses(&["--extra-vars", "=x"], &["hint:"]);
    place.refuses(
        &["--extra-vars", "@none.yml"],
        &["`none.yml` cannot be read", "hint:"],
    );
    place.refuses(
        &["--playbook", "none.yml"],
        &["`none.yml` cannot be read", "hint:"],
    );
    for (text, words) in [
        (
            "",
            &["`kept.json`", "hint: `pgha plan -o FILE` writes one"][..],
        ),
        ("{", &["`kept.json`", "hint:"]),
        ("{\"cluster\": 5}", &["`kept.json`", "hint:"]),
    ] {
        place.write("kept.json", text);
        place.refuses(&["--plan", "kept.json"], words);
    }
    place.refuses(&["--plan", "none.json"], &["`none.json`", "hint:"]);
    for arguments in [
        &["aply"][..],
        &["plan"],
        &[],
        &["lab", "up", "--nodes", "0"],
    ] {
        let said = place.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
    }
}

#[test]
fn past_runs_are_shown_again_and_unknown_ones_refused() {
    let place = Place::new();
    let log = |arguments: &[&str]| place.run(&[&["log"], arguments].concat());
    #[track_caller]
    fn refused(said: &Said, words: &[&str]) {
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
        for word in words {
            assert!(said.err.contains(word), "no `{word}` in:\n{}", said.err);
        }
    }
    let none = [
        "no run of `inventory.yml` is recorded",
        "hint:",
        "pgha apply",
    ];
    refused(&log(&["inventory.yml"]), &none);
    refused(&log(&["inventory.yml", "--list"]), &none);
    refused(
        &log(&["inventry.yml"]),
        &["`inventry.yml` cannot be read", "hint:"],
    );

    let began = r#"{"time":"2025-03-01T02:00:00.000Z","event":"connecting","hosts":["node1"]}"#;
    for run in ["20250301T020001.000Z", "20250301T030001.000Z"] {
        let plan = r#"{"cluster":"main","playbook":"site.yml","stages":[],"held":[]}"#;
        place.write(&format!(".pgha/runs/{run}/plan.json"), plan);
        let events = format!("{began}\n{{\"time\":\"2025-03");
        place.write(&format!(".pgha/runs/{run}/events.jsonl"), &events);
    }
    place.write(".pgha/runs/20250302T010101.000Z/plan.json", "{");
    refused(
        &log(&["inventory.yml", "20250303"]),
        &[
            "there is no run `20250303`",
            "hint: the latest are `20250302T010101.000Z`, `20250301T030001.000Z`, `20250301T020001.000Z`",
        ],
    );
    refused(
        &log(&["inventory.yml", "20250301"]),
        &[
            "`20250301` begins the names of 2 runs",
            "hint: write more of it: the latest are `20250301T030001.000Z`, `20250301T020001.000Z`",
        ],
    );
    refused(&log(&["inventory.yml", "20250301", "--list"]), &["--list"]);

    let latest = log(&["inventory.yml"]);
    assert_eq!((latest.code, latest.err.as_str()), (0, ""));
    assert!(
        latest.out.starts_with("run 20250302T010101.000Z\n"),
        "{}",
        latest.out
    );
    let one = log(&["inventory.yml", "20250301T02"]);
    assert!(one.out.contains("cluster `main`"), "{}", one.out);
    let json = |arguments: &[&str]| {
        let said = log(&[&["inventory.yml", "--json"], arguments].concat());
        assert_eq!(said.code, 0, "{}", said.err);
        serde_json::from_str::<serde_json::Value>(&said.out).unwrap()
    };
    let document = json(&["20250301T02"]);
    assert_eq!(document["run"], "20250301T020001.000Z");
    assert_eq!(document["plan"]["cluster"], "main");
    let began: serde_json::Value = serde_json::from_str(began).unwrap();
    assert_eq!(document["events"], serde_json::json!([began]));
    assert_eq!(log(&["inventory.yml", "--list"]).out.lines().count(), 4);
    let list = json(&["--list"]);
    assert_eq!(list[0]["outcome"], "no_changes");
    assert_eq!(list[2]["outcome"], "cut_off");
}

/// What looks like syntax of a shell, SQL, YAML or a template is text like any other.
#[test]
fn hostile_text_in_values_stays_text() {
    let place = Place::new();
    let odd = r#"'"; touch x; $(touch x) `touch x` \ % é"#;
    let yaml = odd.replace('\'', "''");
    place.inventory(&format!(
        "postgresql_users: [{{ name: '{yaml}', password: !unsafe '{yaml} {{{{ 1 }}}} ' }}]\npostgresql_databases: [{{ name: '{yaml}' }}]"
    ));
    let said = place.run(&["validate", "inventory.yml"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let said = place.run(&[
        "conninfo",
        "inventory.yml",
        "--via",
        "members",
        "--show-password",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    let quoted = odd.replace('\\', r"\\").replace('\'', r"\'");
    assert_eq!(
        said.out.matches(&format!("'{quoted}'")).count(),
        2,
        "{}",
        said.out
    );
    let password = format!("'{quoted} {{{{ 1 }}}} '");
    assert!(said.out.contains(&password), "{}", said.out);
    assert!(!place.path("x").exists());
    for control in ["\\0", "\\e[2J", "\\x07", "\\n"] {
        place.inventory(&format!("postgresql_users: [{{ name: \"a{control}b\" }}]"));
        let said = place.run(&["validate", "inventory.yml"]);
        assert!(
            !said.err.contains(['\u{1b}', '\u{7}', '\0']),
            "{:?}",
            said.err
        );
        assert!(
            said.code == 2 || control == "\\n",
            "{control}: {}",
            said.err
        );
    }
}

#[test]
fn paths_in_messages_are_as_the_user_gave_them() {
    let place = Place::new();
    place.write("sub/inventory.yml", "all: [\n");
    let said = place.run(&["plan", "sub/inventory.yml"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("sub/inventory.yml:"), "{}", said.err);
    assert!(
        !said
            .err
            .contains(&*Path::new(place.dir.path()).to_string_lossy())
    );
}
