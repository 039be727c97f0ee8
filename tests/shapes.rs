//! Inventories in every shape that Ansible reads (`tests/shapes/`): pgha's `--list` gives the same hosts, groups and variables
//! as `ansible-inventory`. What that gave is kept beside each (`*.list.json`), and compared always.
//!
//! `cargo test --test shapes -- --ignored` asks ansible-core itself, which it installs from PyPI into the target folder;
//! with `PGHA_BLESS=1` it keeps the answers.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Name, what pgha is given, and what ansible-inventory is given where that differs.
const SHAPES: [(&str, &[&str], &[&str]); 12] = [
    ("ini", &["ini/hosts"], &[]),
    ("ranges", &["ranges/hosts.yml"], &[]),
    ("yaml11", &["yaml11/hosts.yml"], &[]),
    ("precedence", &["precedence/hosts.yml"], &[]),
    ("files", &["files/hosts.yml"], &[]),
    ("folder", &["folder/inventory"], &[]),
    ("several", &["several/one.yml", "several/more/two.ini"], &[]),
    ("program", &["program/hosts.sh"], &[]),
    // Ansible reads such a list from a program only.
    ("listed", &["listed/hosts.json"], &["listed/hosts.sh"]),
    ("listed-again", &["listed/hosts.sh"], &[]),
    ("clusters", &["clusters/pigsty.yml"], &[]),
    ("foreign", &["foreign/hosts.yml"], &[]),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shapes")
}

/// The same whatever the order of hosts and groups; without what only names the format.
fn sorted(mut list: Value) -> Value {
    for (name, group) in list.as_object_mut().expect("groups") {
        if name == "_meta" {
            group.as_object_mut().unwrap().remove("profile");
        }
        for part in ["hosts", "children"] {
            if let Some(Value::Array(names)) = group.get_mut(part) {
                names.sort_by_key(ToString::to_string);
            }
        }
    }
    let mut list = plain(list);
    list.sort_all_objects();
    list
}

/// A list writes text that is not to be evaluated as `{"__ansible_unsafe": "text"}`: pgha as text.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(map) => match map.get("__ansible_unsafe") {
            Some(text) => text.clone(),
            None => map
                .into_iter()
                .map(|(name, value)| (name, plain(value)))
                .collect(),
        },
        Value::Array(items) => items.into_iter().map(plain).collect(),
        other => other,
    }
}

fn listed(program: &mut Command) -> Value {
    let output = program.output().expect("it starts");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {words}"))
}

fn pgha(inventories: &[&str]) -> Value {
    let mut program = Command::new(env!("CARGO_BIN_EXE_pgha"));
    program
        .args(["inventory", inventories[0], "--list"])
        .current_dir(folder());
    for more in &inventories[1..] {
        program.args(["--inventory", more]);
    }
    sorted(listed(&mut program))
}

fn kept(name: &str) -> PathBuf {
    folder().join(format!("{name}.list.json"))
}

#[test]
fn inventories_are_read_as_ansible_read_them() {
    for (name, inventories, _) in SHAPES {
        let expected = std::fs::read_to_string(kept(name)).expect("it was kept");
        let expected = sorted(serde_json::from_str(&expected).expect("it is JSON"));
        let found = pgha(inventories);
        assert!(
            found == expected,
            "{name}: pgha has\n{found:#}\nAnsible has\n{expected:#}"
        );
    }
}

/// ansible-inventory in a folder of its own, or why there is none.
fn ansible() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ansible-core");
    let program = target.join("bin/ansible-inventory");
    let run = |command: &mut Command| {
        let output = command.output().map_err(|error| error.to_string())?;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(()).ok_or(words)
    };
    if !program.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&target))?;
        let install = ["install", "--quiet", "ansible-core"];
        run(Command::new(target.join("bin/pip")).args(install))?;
    }
    Ok(program)
}

#[test]
#[ignore = "installs ansible-core from PyPI"]
fn inventories_are_read_as_ansible_reads_them() {
    let program = match ansible() {
        Ok(program) => program,
        Err(why) => return eprintln!("skipped, no ansible-core from PyPI: {why}"),
    };
    for (name, inventories, theirs) in SHAPES {
        let mut command = Command::new(&program);
        // `group_vars` in the current folder would be read as well.
        command
            .arg("--list")
            .current_dir(env!("CARGO_TARGET_TMPDIR"));
        for inventory in if theirs.is_empty() {
            inventories
        } else {
            theirs
        } {
            command.arg("-i").arg(folder().join(inventory));
        }
        let theirs = sorted(listed(&mut command));
        if std::env::var_os("PGHA_BLESS").is_some() {
            std::fs::write(kept(name), format!("{theirs:#}\n")).expect("it can be kept");
        }
        let ours = pgha(inventories);
        assert!(
            ours == theirs,
            "{name}: pgha has\n{ours:#}\nAnsible has\n{theirs:#}"
        );
    }
}
