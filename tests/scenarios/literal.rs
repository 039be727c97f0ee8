//! What an inventory says is taken literally, however much it looks like SQL or shell, or a template that is marked as text; and
//! no password is ever where others could read it. `secrets.yml` is a vault.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pgha::vault::Keys;
use serde_json::json;
use zeroize::Zeroizing;

use crate::lab::{Hosts, Lab, PGHA, Ran, bounded, run};
use crate::promise;

const HOSTS: [&str; 3] = ["node1", "node2", "pooler1"];

/// Roles and their passwords. Each password holds a word by which a leak of it in any notation is found.
const USERS: [(&str, &str); 6] = [
    ("app", "WordOfApp1 $(touch /tmp/pwned)"),
    (
        "o'brien; drop role app; --",
        r#"it's "WordOfBrien"; `touch /tmp/pwned` 100% %s"#,
    ),
    (
        "$(touch /tmp/pwned)",
        r"{{ 7 * 7 }} {% raw %} ${HOME} WordOfDollar",
    ),
    (
        r#"back\slash "`touch /tmp/pwned`""#,
        r"\WordOfBackslash\\ \' \n :\:",
    ),
    ("  blanks  ", "  WordOfBlanks  "),
    ("Jürgen 字 %s", "pässwörd ☃ 字 WordOfUnicode"),
];
const REPMGR: &str = r#"it's :a\b: "WordOfRepmgr" `touch /tmp/pwned` 字"#;
/// Its password is generated.
const GENERATED: &str = "generated";
/// Its password is generated too.
const WATCH: &str = r#"it's :a\b: "watch" `touch /tmp/pwned` $(id) 字"#;
/// May not log in, so it has no password.
const GROUP: &str = "a group; it's %s";

/// The first is one that pgbouncer can name; it leads to the others by `*`.
const DATABASES: [&str; 6] = [
    "app",
    "o'brien's; drop database app; --",
    "$(touch /tmp/pwned)",
    r#"back\slash "`touch /tmp/pwned`""#,
    "  blanks  ",
    "Größe 字 %s",
];

const SETTINGS: [(&str, &str); 6] = [
    ("log_statement", "all"),
    (
        "log_line_prefix",
        r#"%m [%p] it's "a" \ $(touch /tmp/pwned) `touch /tmp/pwned`; é% "#,
    ),
    ("search_path", r#""$user", "it's; a schema", public"#),
    (
        "recovery_end_command",
        r#"test ! -f '/mnt/a b/%r' && echo "$(touch /tmp/pwned)" \"#,
    ),
    ("literal.motto", r"  {7*7} ''\n'' \\ # 100% ; ☃ 字  "),
    ("literal.empty", ""),
];
const LOCATION: &str = "rack 'one' \\ \"$(touch /tmp/pwned)\"";

/// `{}` under the vault id `prod`, encrypted by ansible-core.
const NO_SECRETS: &str = include_str!("../vault/nothing.vault");
const VAULT_PASSWORD: &str = "correct horse";

/// Names, passwords and settings arrive as they are written; nothing of them is run, and nothing leaks.
pub fn is_literal_and_leaks_nothing() {
    let lab = Lab::up(Hosts {
        nodes: 2,
        ..Hosts::default()
    });
    declare(&lab);
    let mut seen = vec![("plan --json", text(&lab.pgha("plan", &["--json"]).exits(0)))];
    watch(&lab);

    let apply = run(bounded(PGHA)
        .args(["apply", "--verbose"])
        .arg(lab.inventory())
        .env("ANSIBLE_VAULT_PASSWORD_FILE", lab.vault_password())
        .env("PGHA_LOG", "debug"))
    .exits(0);

    seen.extend(watched(&lab));
    lab.assert_converged();
    names(&lab);
    settings(&lab);
    logins(&lab);
    for host in ["pooler1", "node2"] {
        let found = lab.on(host, "/usr/local/lib/pgha/find-primary");
        let expected = format!("node1 {} 5432 1 ", lab.address("node1"));
        assert!(found.starts_with(&expected), "{found}");
    }
    let by_hand = lab.pgha("plan", &["--json"]).exits(0);
    seen.extend([("apply", text(&apply)), ("plan --json", text(&by_hand))]);
    seen.extend(left_behind(&lab));
    for host in HOSTS {
        lab.on(host, "[ ! -e /tmp/pwned ]");
    }
    assert!(!Path::new("/tmp/pwned").exists());
    for secret in secrets(&lab) {
        for (place, text) in &seen {
            secret.is_not_in(place, text);
        }
    }
}

fn declare(lab: &Lab) {
    let mut users: Vec<_> = USERS
        .iter()
        .map(|(name, password)| json!({"name": name, "password": password, "member_of": [GROUP]}))
        .collect();
    users.insert(0, json!({"name": GROUP, "attributes": ["NOLOGIN"]}));
    users.push(json!({"name": GENERATED}));
    let databases: Vec<_> = DATABASES
        .iter()
        .zip(USERS)
        .map(|(name, (owner, _))| json!({"name": name, "owner": owner}))
        .collect();
    let settings: serde_json::Map<_, _> = SETTINGS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let users = json!(users).to_string();
    // Braces of a password are no template.
    let users = users.replace(r#""{{ 7"#, r#" !unsafe "{{ 7"#);
    lab.edit_inventory(|text| {
        text.replace("[{ name: app }]", &users)
            .replace("[{ name: app, owner: app }]", &json!(databases).to_string())
            .replace("host app app", "host all all")
    });
    lab.set_variable(&format!("postgresql_settings: {}", json!(settings)));
    lab.set_variable(&format!("repmgr_password: {}", json!(REPMGR)));
    lab.set_variable(&format!("watch_user: {}", json!(WATCH)));
    // Through two templates, to the same bytes.
    lab.set_variable(&format!("rack: {}", json!(LOCATION)));
    lab.set_variable("place: { rack: '{{ rack }}' }");
    lab.set_variable("repmgr_location: \"{{ hostvars[inventory_hostname].place.rack }}\"");
    fs::write(lab.vault_password(), VAULT_PASSWORD).unwrap();
    fs::write(lab.dir.join("secrets.yml"), NO_SECRETS).unwrap();
}

/// The secrets that pgha made, which it put into the vault.
fn kept(lab: &Lab) -> String {
    let text = fs::read_to_string(lab.dir.join("secrets.yml")).unwrap();
    assert!(
        text.starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"),
        "{text}"
    );
    let mut keys = Keys::default();
    keys.add("prod", Zeroizing::new(VAULT_PASSWORD.as_bytes().to_vec()));
    keys.open(&text).ok().unwrap().text.to_string()
}

fn names(lab: &Lab) {
    let on_each = |sql: &str, expected: BTreeSet<&str>| {
        for node in ["node1", "node2"] {
            let rows = lab.sql(node, sql);
            // Between marks, so that blanks at the end of the last one are seen.
            let rows: BTreeSet<_> = rows.lines().map(|row| row.trim_matches('|')).collect();
            assert_eq!(rows, expected, "on {node}");
        }
    };
    let mut roles = BTreeSet::from(["postgres", "repmgr", GENERATED, WATCH, GROUP]);
    roles.extend(USERS.map(|(name, _)| name));
    on_each(
        "select '|' || rolname || '|' from pg_roles where rolname !~ '^pg_'",
        roles,
    );
    let mut databases = BTreeSet::from(["postgres", "repmgr"]);
    databases.extend(DATABASES);
    on_each(
        "select '|' || datname || '|' from pg_database where not datistemplate",
        databases,
    );
    let group = "select '|' || roleid::regrole || '|' from pg_auth_members where roleid >= 16384";
    let quoted = format!("\"{GROUP}\"");
    on_each(group, BTreeSet::from([quoted.as_str()]));
    let without = "select '|' || rolname || '|' from pg_authid
        where rolpassword is null and rolname !~ '^pg_'";
    on_each(without, BTreeSet::from(["postgres", GROUP]));
}

fn settings(lab: &Lab) {
    for node in ["node1", "node2"] {
        for (name, value) in SETTINGS {
            let shown = lab.sql(
                node,
                &format!("select '<' || current_setting('{name}') || '>'"),
            );
            assert_eq!(shown, format!("<{value}>"), "{name} on {node}");
        }
        let locations = lab.sql_in(node, "repmgr", "select distinct location from repmgr.nodes");
        assert_eq!(locations, LOCATION);
    }
}

/// Every user logs in, every database is reached: past the pooler and through it.
fn logins(lab: &Lab) {
    for via in ["members", "pooler"] {
        for ((user, password), database) in USERS.into_iter().zip(DATABASES) {
            let arguments = ["--via", via, "-U", user, "-d", database, "--show-password"];
            let conninfo = lab.pgha("conninfo", &arguments).exits(0).stdout;
            let conninfo = conninfo.strip_suffix('\n').unwrap();
            let config: tokio_postgres::Config = conninfo.parse().unwrap();
            assert_eq!(config.get_user(), Some(user));
            assert_eq!(config.get_dbname(), Some(database));
            assert_eq!(config.get_password(), Some(password.as_bytes()));
            let who = "select '<' || session_user || '@' || current_database() || '>'";
            let answer = promise::connect_and_ask(conninfo, who);
            assert_eq!(answer, Ok(format!("<{user}@{database}>")), "{via}");
        }
    }
    let blanks = lab.pgha("conninfo", &["-U", "  blanks  ", "--show-password"]);
    let trimmed = blanks
        .exits(0)
        .line()
        .replace("'  WordOfBlanks  '", "WordOfBlanks");
    assert!(trimmed.ends_with("password=WordOfBlanks"), "{trimmed}");
    let refused = promise::connect_and_ask(&trimmed, "select 1").unwrap_err();
    assert!(refused.contains("authentication failed"), "{refused}");
}

/// Looks at all processes of the hosts, again and again, until [`watched`].
fn watch(lab: &Lab) {
    let look = "while [ ! -e /tmp/watched ] && [ $(date +%s) -lt $end ]; do
            cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' >>/tmp/processes
            echo >>/tmp/looks
            sleep 0.1
        done";
    for host in HOSTS {
        lab.on(
            host,
            &format!("(end=$(($(date +%s) + 300)); {look}) >/dev/null 2>&1 &"),
        );
    }
}

fn watched(lab: &Lab) -> Vec<(&'static str, String)> {
    let looks = HOSTS.map(|host| {
        lab.on(host, "touch /tmp/watched");
        let looks: u32 = lab.on(host, "wc -l </tmp/looks").parse().unwrap();
        assert!(looks > 50, "{looks} looks at {host}");
        ("processes", lab.on(host, "sort -u /tmp/processes"))
    });
    assert!(looks[0].1.contains("PGCONNECT_TIMEOUT"), "psql was seen");
    assert!(looks[1].1.contains("pg_basebackup"), "the copy was seen");
    looks.into()
}

/// Logs of the hosts, and what pgha keeps of its runs.
fn left_behind(lab: &Lab) -> Vec<(&'static str, String)> {
    let mut seen = Vec::new();
    for host in HOSTS {
        let journal = "journalctl --quiet --no-pager --all --output=verbose";
        seen.push(("journal", lab.on(host, journal)));
        seen.push(("logs", lab.on(host, "cat /var/log/postgresql/*")));
    }
    let log = &seen[1].1;
    assert!(log.contains("create role \"app\""), "statements are logged");
    assert!(log.contains("SCRAM-SHA-256$4096:"), "verifiers are logged");
    let mut kept = Vec::new();
    files(&lab.dir.join(".pgha"), &mut kept);
    for name in ["plan.json", "events.jsonl"] {
        assert!(kept.iter().any(|file| file.ends_with(name)), "{kept:?}");
    }
    for file in kept {
        let bytes = fs::read(file).unwrap();
        seen.push((".pgha", String::from_utf8_lossy(&bytes).into_owned()));
    }
    seen
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn text(ran: &Ran) -> String {
    format!("{}\n{}", ran.stdout, ran.stderr)
}

/// A piece of a secret that is the same in every notation, and that stands nowhere by chance.
struct Secret(String);

/// The passwords, and the private key by which `postgres` logs in.
fn secrets(lab: &Lab) -> Vec<Secret> {
    let kept = kept(lab);
    assert!(!kept.contains(GROUP), "no password for who cannot log in");
    let mut words: Vec<&str> = USERS
        .into_iter()
        .map(|(_, password)| password)
        .chain([REPMGR])
        .map(|password| {
            let mut words = password.split(|c: char| !c.is_ascii_alphanumeric());
            words.find(|word| word.starts_with("WordOf")).unwrap()
        })
        .collect();
    let made = kept.lines().filter_map(|line| {
        let (_, value) = line.rsplit_once(": ")?;
        let is_password = value.len() == 32 && value.chars().all(|c| c.is_ascii_alphanumeric());
        is_password.then_some(value)
    });
    let made: Vec<&str> = made.collect();
    assert_eq!(made.len(), 2, "of {GENERATED} and {WATCH}");
    words.extend(made);
    let key = kept
        .lines()
        .skip_while(|line| !line.contains("BEGIN OPENSSH PRIVATE KEY"))
        .skip(1)
        .take_while(|line| !line.contains("END OPENSSH"));
    words.extend(key.map(str::trim));
    assert!(
        words.len() > USERS.len() + 5,
        "a password or the key is missing"
    );
    words
        .into_iter()
        .map(|word| Secret(word.to_owned()))
        .collect()
}

impl Secret {
    fn is_not_in(&self, place: &str, text: &str) {
        let Self(word) = self;
        assert!(word.len() >= 10, "{word}");
        assert!(!text.contains(word), "{word} in {place}");
        // Lines of base64 are cut anywhere; before the word may stand any number of bytes.
        let joined: String = text.split_whitespace().collect();
        for before in 0..3 {
            let encoded = STANDARD.encode([vec![0; before], word.as_bytes().to_vec()].concat());
            let own = &encoded[[0, 2, 3][before]..encoded.trim_end_matches('=').len() - 1];
            assert!(!joined.contains(own), "base64 of {word} in {place}");
        }
    }
}
