//! Templates in variables beside Ansible: `tests/templates/` is an inventory, `expected/` what ansible-core 2.19.14 made of each
//! host's variables whose names begin with `t_`. And what is refused, with the chain of places.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use pgha::inventory::{self, Inventory, Outside, Sources, Surroundings, VarsFile};
use pgha::problem::{Problem, Problems, Source};
use pgha::secret::Text;
use pgha::vault::{Keys, is_vault};
use serde_json::Value;
use zeroize::Zeroizing;

/// Of everything in `tests/templates/`.
const PASSWORD: &str = "correct horse";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/templates")
}

fn keys() -> Keys {
    let mut keys = Keys::default();
    keys.add("dev", Zeroizing::new(PASSWORD.as_bytes().to_vec()));
    keys
}

struct Machine;

impl Outside for Machine {
    fn environment(&self, name: &str) -> Option<String> {
        (name == "PGHA_TEMPLATES").then(|| "here".to_owned())
    }

    fn file(&self, path: &str) -> Result<Arc<Source>, Problem> {
        let text = fs::read_to_string(folder().join("files").join(path));
        let text = text.map_err(|_| Problem::input(format!("there is no file `{path}`")))?;
        Ok(source(path, &text))
    }
}

/// A text, or what is encrypted in it.
fn source(name: &str, text: &str) -> Arc<Source> {
    let vaulted = is_vault(text);
    let text = match vaulted {
        true => keys().open(text).ok().unwrap().text.to_string(),
        false => text.to_owned(),
    };
    Arc::new(Source {
        name: name.to_owned(),
        text,
        vaulted,
    })
}

fn sources(inventory: &str, group_vars: &[(&str, &str)], host_vars: &[(&str, &str)]) -> Sources {
    let owned = |files: &[(&str, &str)], folder: &str| {
        let files = files.iter().enumerate();
        files
            .map(|(index, (owner, text))| {
                let name = format!(
                    "{folder}/{owner}{}.yml",
                    if index > 0 {
                        index.to_string()
                    } else {
                        String::new()
                    }
                );
                VarsFile::new(format!("{owner}/{index}.yml"), source(&name, text))
            })
            .collect()
    };
    let mut sources = Sources::of(source("inventory.yml", inventory), folder());
    sources.origins[0].group_vars = owned(group_vars, "group_vars");
    sources.origins[0].host_vars = owned(host_vars, "host_vars");
    sources.surroundings = Surroundings {
        keys: keys(),
        outside: Some(Arc::new(Machine)),
        playbook_dir: "/playbooks".to_owned(),
    };
    sources
}

/// A variable of the user's own, with the secrets in it in the open.
fn revealed(inventory: &Inventory, value: Value) -> Value {
    match value {
        Value::String(text) => Text::parse(&text)
            .reveal(&inventory.secrets)
            .unwrap()
            .into(),
        Value::Array(items) => items
            .into_iter()
            .map(|item| revealed(inventory, item))
            .collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, revealed(inventory, value)))
            .collect(),
        other => other,
    }
}

#[test]
fn variables_are_what_ansible_makes_of_them() {
    let read = |path: &str| fs::read_to_string(folder().join(path)).unwrap();
    let inventory = inventory::load(&sources(
        &read("inventory.yml"),
        &[
            ("all", &read("group_vars/all/vars.yml")),
            ("all", &read("group_vars/all/vault.yml")),
        ],
        &[("node2", &read("host_vars/node2.yml"))],
    ))
    .unwrap();
    for host in inventory.hosts.values() {
        let expected: Value =
            serde_json::from_str(&read(&format!("expected/{}.json", host.name))).unwrap();
        for (name, expected) in expected.as_object().unwrap() {
            let value = host.own.get(name).unwrap_or_else(|| panic!("{name}"));
            let value = value.unwrap_or_else(|problem| panic!("{name}: {problem}"));
            let shown = value.to_string();
            assert!(
                !shown.contains("s3cret") && !shown.to_lowercase().contains("t0ken"),
                "{name}: {shown}"
            );
            let is_secret = name.starts_with("t_vaulted");
            assert_eq!(shown.contains('\u{FDD0}'), is_secret, "{name}: {shown}");
            let value = match (revealed(&inventory, value), expected) {
                // A secret is text.
                (Value::String(text), Value::Number(number)) if is_secret => {
                    assert_eq!(text, number.to_string());
                    continue;
                }
                (value, _) => value,
            };
            assert_eq!(value, *expected, "{}: {name}", host.name);
        }
    }
}

/// The same, asked of Ansible anew: `ANSIBLE=VENV/bin cargo test --test templates -- --ignored`.
#[test]
#[ignore = "needs ansible-core, from PyPI"]
fn ansible_still_says_so() {
    let bin = PathBuf::from(
        std::env::var_os("ANSIBLE").expect("ANSIBLE is the folder of ansible-playbook"),
    );
    let out = tempfile::tempdir().unwrap();
    let password = out.path().join("password");
    fs::write(&password, PASSWORD).unwrap();
    let status = Command::new(bin.join("ansible-playbook"))
        .current_dir(folder())
        .args(["-i", "inventory.yml", "ask.yml", "--vault-id"])
        .arg(format!("dev@{}", password.display()))
        .args(["-e", &format!("out={}", out.path().display())])
        .env("PGHA_TEMPLATES", "here")
        .status()
        .unwrap();
    assert!(status.success());
    for entry in fs::read_dir(folder().join("expected")).unwrap() {
        let name = entry.unwrap().file_name();
        let read = |folder: &Path| -> Value {
            serde_json::from_str(&fs::read_to_string(folder.join(&name)).unwrap()).unwrap()
        };
        assert_eq!(
            read(out.path()),
            read(&folder().join("expected")),
            "{name:?}"
        );
    }
}

const HOSTS: &str = "all: { children: { postgres: { hosts: { node1: { ansible_host: 10.0.0.1 }, node2: { ansible_host: 10.0.0.2 } } } } }";

fn load(variables: &str) -> Result<Inventory, Problems> {
    inventory::load(&sources(HOSTS, &[("all", variables)], &[]))
}

/// The one message, and its hint.
fn refusal(variables: &str) -> String {
    let problems = load(variables).unwrap_err();
    let [problem] = problems.0.as_slice() else {
        panic!("{problems}");
    };
    format!(
        "{problem} / {}",
        problem.hint.as_deref().unwrap_or_default()
    )
}

#[test]
fn what_is_not_defined_is_told_with_the_chain_of_places() {
    let told = refusal("a: \"{{ nope }}\"\nb: \"{{ a }}\"\npostgresql_port: \"{{ b }}\"\n");
    assert!(
        told.starts_with("group_vars/all.yml:1:4: `nope` is not defined"),
        "{told}"
    );
    assert!(told.contains("needed by `b` (group_vars/all.yml:2:4)\nneeded by `postgresql_port` (group_vars/all.yml:3:18)"), "{told}");
    let told = refusal("postgres_port: 5\npostgresql_port: \"{{ postgres_prt }}\"\n");
    assert!(told.contains("did you mean `postgres_port`?"), "{told}");
    let told = refusal("cluster_name: \"{{ hostvars['node3'].x }}\"\n");
    assert!(told.contains("group_vars/all.yml:1:15"), "{told}");
    let told = refusal("postgresql_listen_addresses: \"{{ ansible_default_ipv4.address }}\"\n");
    assert!(
        told.contains("`ansible_default_ipv4") && told.contains("ansible_host"),
        "{told}"
    );
    let told = refusal(
        "postgresql_settings: { shared_buffers: \"{{ (ansible_memtotal_mb / 4) | int }}MB\" }\n",
    );
    assert!(
        told.contains("`ansible_memtotal_mb`") && told.contains("facts.memory"),
        "{told}"
    );
}

#[test]
fn what_needs_itself_is_told_with_the_way_round() {
    let told = refusal("postgresql_port: \"{{ postgresql_port }}\"\n");
    assert!(
        told.starts_with("group_vars/all.yml:1:18: `postgresql_port` needs itself"),
        "{told}"
    );
    let told = refusal("a: \"{{ b }}\"\nb: \"{{ a }}\"\npostgresql_port: \"{{ a }}\"\n");
    assert!(
        told.contains(
            "`a` (group_vars/all.yml:1:4) needs `b`\n`b` (group_vars/all.yml:2:4) needs `a`"
        ),
        "{told}"
    );
    // A part that does not need itself is none.
    assert!(load("m: { a: 5433, b: \"{{ m.a }}\" }\npostgresql_port: \"{{ m.b }}\"\n").is_ok());
}

#[test]
fn what_pgha_does_not_have_is_refused_by_name() {
    for (template, what, hint) in [
        (
            "{{ lookup('password', '/dev/null') }}",
            "there is no lookup `password`",
            "secrets.yml",
        ),
        (
            "{{ lookup('community.hashi_vault.hashi_vault', 'x') }}",
            "there is no lookup `community.hashi_vault.hashi_vault`",
            "secrets_command",
        ),
        (
            "{{ query('dig', 'x') }}",
            "there is no lookup `dig`",
            "lookup('env'",
        ),
        (
            "{{ lookup('file', 'absent') }}",
            "there is no file `absent`",
            "",
        ),
        (
            "{{ '10.0.0.1' | ipaddr }}",
            "there is no filter `ipaddr`",
            "computes with addresses",
        ),
        (
            "{{ 'x' | ansible.utils.ipv4 }}",
            "there is no filter `ansible.utils.ipv4`",
            "computes with addresses",
        ),
        (
            "{{ 'x' | password_hash('sha512') }}",
            "there is no filter `password_hash`",
            "verifier",
        ),
        (
            "{{ 'x' | nonsense }}",
            "there is no filter `nonsense`",
            "inventory",
        ),
        ("{{ x", "does not parse", "!unsafe"),
        ("{{ 'a' if false }}", "not defined", ""),
    ] {
        for variables in [
            format!("cluster_name: \"{template}\"\n"),
            format!("postgresql_users: [{{ name: app, password: \"{template}\" }}]\n"),
            format!("x1: \"{template}\"\nrepmgr_password: \"{{{{ x1 }}}}\"\n"),
        ] {
            let told = refusal(&variables);
            assert!(
                told.contains(what) && told.contains(hint),
                "{variables}: {told}"
            );
            assert!(told.contains("group_vars/all.yml:1:"), "{told}");
        }
    }
}

#[test]
fn a_password_comes_from_where_its_template_says() {
    let secret = |variables: &str, role: &str| {
        load(variables)
            .unwrap()
            .secrets
            .get(role)
            .map(|secret| secret.expose().to_owned())
    };
    let app = |password: &str| {
        secret(
            &format!(
                "x: \"{{{{ lookup('env', 'PGHA_TEMPLATES') }}}}\"\npostgresql_users: [{{ name: app, password: {password} }}]\n"
            ),
            "app",
        )
    };
    assert_eq!(
        app("\"{{ lookup('env', 'PGHA_TEMPLATES') }}\""),
        Some("here".to_owned())
    );
    assert_eq!(
        app("\"{{ x }}-{{ lookup('file', 'text') | trim }}\""),
        Some("here-t e".to_owned())
    );
    assert_eq!(app("!unsafe \"{{ x }}\""), Some("{{ x }}".to_owned()));
    assert_eq!(
        app("\"{% raw %}{{ x }}{% endraw %}\""),
        Some("{{ x }}".to_owned())
    );
    assert_eq!(app("\"{{ nope | default(omit) }}\""), None);
    assert_eq!(
        secret("repmgr_user: r\nrepmgr_password: \"{{ x }}\"\nx: pw\n", "r"),
        Some("pw".to_owned())
    );
    let told = refusal(
        "postgresql_users: [{ name: app, password: \"{{ lookup('env', 'PGHA_NOT_SET') }}\" }]\n",
    );
    assert!(told.contains("the password is empty"), "{told}");
}

#[test]
fn a_value_keeps_its_type_and_is_told_at_its_template() {
    let inventory = load("p: 5433\nt: \"5434\"\npostgresql_port: \"{{ p }}\"\npgbouncer_port: \"{{ t }}\"\nversion: 1.10\npostgresql_settings: { a: \"{{ p }}\", b: \"{{ version }}\", c: \"{{ p == 5433 }}\", d: \"x{{ p }}\", e: \"{{ nope | default(omit) }}\" }\n").unwrap();
    let variables = &inventory.hosts["node1"].variables;
    assert_eq!(
        (variables.postgresql_port, variables.pgbouncer_port),
        (5433, 5434)
    );
    let settings: Vec<(&str, &str)> = variables
        .postgresql_settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        settings,
        [("a", "5433"), ("b", "1.1"), ("c", "on"), ("d", "x5433")]
    );
    let told = refusal("p: many\npostgresql_port: \"{{ p }}\"\n");
    assert!(
        told.starts_with("group_vars/all.yml:2:18") && told.contains("`many`"),
        "{told}"
    );
    assert!(told.contains("from `p` (group_vars/all.yml:1:1)"), "{told}");
}

#[test]
fn what_a_template_gave_is_no_template() {
    let inventory = load(
        "cmd: \"{{ '{{ evil }}' }}\"\npostgresql_settings: { archive_command: \"{{ cmd }}\" }\n",
    )
    .unwrap();
    assert_eq!(
        inventory.hosts["node1"].variables.postgresql_settings["archive_command"],
        "{{ evil }}"
    );
}

#[test]
fn secrets_are_refused_where_plans_would_show_them() {
    let vault = fs::read_to_string(folder().join("group_vars/all/vault.yml")).unwrap();
    let with = |variables: &str| {
        inventory::load(&sources(HOSTS, &[("all", variables), ("all", &vault)], &[]))
    };
    for variables in [
        "postgresql_settings: { archive_command: \"cp {{ vault_token }}\" }",
        "cluster_name: \"{{ vault_token }}\"",
        "postgresql_users: [{ name: \"{{ vault_token }}\" }]",
        "ansible_user: \"{{ vault_token }}\"",
        "x: \"{{ vault_token | length }}\"\npostgresql_port: \"{{ x }}\"",
    ] {
        let problems = with(variables).unwrap_err().to_string();
        assert!(
            problems.contains("found a secret"),
            "{variables}: {problems}"
        );
        assert!(!problems.contains("t0ken"), "{problems}");
    }
    let password =
        with("postgresql_users: [{ name: app, password: \"{{ vault_token }}\" }]").unwrap();
    assert!(password.secrets.get("app").unwrap().expose() == "t0ken-of-file");
}
