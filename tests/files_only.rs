//! The verbs that read files and connect nowhere: `conninfo`, `validate`, `playbook`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

const INVENTORY: &str = r#"
all:
  vars:
    postgresql_users:
      - { name: owner, attributes: [NOLOGIN] }
      - { name: app }
      - { name: "odd 'one'", password: 'back\slash' }
    postgresql_databases: [{ name: shop }, { name: "my shop" }]
  children:
    postgres:
      hosts:
        node2: { ansible_host: 10.0.0.2, postgresql_port: 5433 }
        node1: { ansible_host: 10.0.0.1 }
    pgbouncer:
      hosts:
        pooler1: { ansible_host: 10.0.0.5 }
        pooler2: { ansible_host: 10.0.0.6, pgbouncer_port: 6433 }
"#;

fn folder(inventory: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("inventory.yml"), inventory).unwrap();
    dir
}

/// Exit code, stdout, stderr.
fn pgha(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("pgha")
        .unwrap()
        .current_dir(dir)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn conninfo(dir: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    pgha(
        dir.path(),
        &[&["conninfo", "inventory.yml"], arguments].concat(),
    )
}

#[test]
fn an_application_connects_through_all_poolers() {
    let (code, out, err) = conninfo(&folder(INVENTORY), &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "host=10.0.0.5,10.0.0.6 port=6432,6433 dbname=shop user=app connect_timeout=5\n"
    );
}

#[test]
fn or_straight_to_whichever_member_takes_writes() {
    let expected = "host=10.0.0.2,10.0.0.1 port=5433,5432 dbname=shop user=app connect_timeout=5 target_session_attrs=read-write\n";
    let dir = folder(INVENTORY);
    assert_eq!(conninfo(&dir, &["--via", "members"]).1, expected);
    let (without, _) = INVENTORY.split_once("    pgbouncer:").unwrap();
    let dir = folder(without);
    assert_eq!(conninfo(&dir, &[]).1, expected);
    let (code, _, err) = conninfo(&dir, &["--via", "pooler"]);
    assert_eq!(code, 2);
    assert!(err.contains("hint: use `--via members`"), "{err}");
}

#[test]
fn names_and_passwords_of_any_kind_are_quoted() {
    let arguments = ["--user", "odd 'one'", "--database", "my shop", "--json"];
    let dir = folder(INVENTORY);
    let (code, out, _) = conninfo(&dir, &arguments);
    assert_eq!(code, 0);
    assert!(!out.contains("slash"), "{out}");
    let (_, out, _) = conninfo(&dir, &[&arguments[..], &["--show-password"]].concat());
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        json["conninfo"],
        r"host=10.0.0.5,10.0.0.6 port=6432,6433 dbname='my shop' user='odd \'one\'' connect_timeout=5 password='back\\slash'"
    );
}

#[test]
fn a_password_is_the_one_that_the_first_apply_made() {
    let dir = folder(INVENTORY);
    let (code, out, err) = conninfo(&dir, &["--show-password"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("there is no password of `app` yet"), "{err}");
    assert!(err.contains("first `pgha apply`"), "{err}");
    let secrets = dir.path().join("secrets.yml");
    fs::write(&secrets, "app: made\n").unwrap();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    let (_, out, _) = conninfo(&dir, &["--show-password"]);
    assert!(out.ends_with(" password=made\n"), "{out}");
}

#[test]
fn a_name_that_is_not_declared_is_an_error() {
    let dir = folder(INVENTORY);
    let cases = [
        (
            ["--user", "ap"],
            "`ap` is not in `postgresql_users`",
            "did you mean `app`?",
        ),
        (
            ["--database", "zzz"],
            "`zzz` is not in `postgresql_databases`",
            "it has `shop`, `my shop`",
        ),
        (["--user", "owner"], "`owner` may not log in", "NOLOGIN"),
    ];
    for (arguments, what, hint) in cases {
        let (code, out, err) = conninfo(&dir, &arguments);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.contains(what) && err.contains(hint), "{err}");
    }
    let dir = folder("all: { children: { postgres: { hosts: { node1: } } } }\n");
    let (code, _, err) = conninfo(&dir, &[]);
    assert_eq!(code, 2);
    assert!(err.contains("hint: add one to the inventory"), "{err}");
}

const PLAYBOOK: &str = "
- name: Files
  hosts: all
  steps:
    - name: A file
      file: { path: /etc/a, mode: '0644', content: 'x' }
";

fn validate(playbook: &str, arguments: &[&str]) -> (i32, String, String) {
    let dir = folder(INVENTORY);
    fs::write(dir.path().join("own.yml"), playbook).unwrap();
    let common = ["validate", "inventory.yml", "--playbook", "own.yml"];
    pgha(dir.path(), &[&common[..], arguments].concat())
}

#[test]
fn what_is_valid_is_counted() {
    let (code, out, err) = validate(PLAYBOOK, &[]);
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (0, "valid: 4 hosts, 1 play, 1 step\n", "")
    );
    let (_, out, _) = validate(PLAYBOOK, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"valid": true, "warnings": 0, "hosts": 4, "plays": 1, "steps": 1})
    );
}

#[test]
fn a_step_that_could_not_be_planned_is_not_valid() {
    for (from, to, what) in [
        ("content: 'x'", "content: '{{ nothing }}'", "nothing"),
        ("path:", "pth:", "pth"),
        ("hosts: all", "hosts: nobody", "nobody"),
    ] {
        let (code, out, err) = validate(&PLAYBOOK.replace(from, to), &[]);
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(
            err.contains(what) && err.contains("own.yml:"),
            "{what}: {err}"
        );
    }
}

#[test]
fn shipped_playbooks_are_listed_shown_and_exported() {
    let dir = tempfile::tempdir().unwrap();
    let (code, list, _) = pgha(dir.path(), &["playbook", "list"]);
    assert_eq!(code, 0);
    let (code, _, err) = pgha(dir.path(), &["playbook", "show", "no such"]);
    assert_eq!(code, 2);
    assert!(err.contains("ships no playbook `no such`"), "{err}");
    assert_eq!(pgha(dir.path(), &["playbook", "export", "out"]).0, 0);
    for line in list.lines() {
        let name = line.split_whitespace().next().unwrap();
        let shown = pgha(dir.path(), &["playbook", "show", name]).1;
        assert_eq!(
            shown,
            fs::read_to_string(dir.path().join("out").join(name)).unwrap()
        );
    }
}
