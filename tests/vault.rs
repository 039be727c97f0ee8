//! Ansible Vault: files, values and `secrets.yml` that it encrypted, and that nothing of them is shown.
//! What is encrypted here was encrypted by ansible-core 2.19.14.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use assert_cmd::Command;
use pgha::run::secrets::Store;
use pgha::vault::{Keys, SALT, is_vault};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// `app_owner: vaulted_owner`, a user `vaulted_user` whose password is `whole-f1le`, and `own_token: t0ken`; password `correct horse`.
const GROUP_VARS: &str = include_str!("vault/group_vars.vault");
/// `app: kept-s3cret`, under the id `prod`, whose password is `pässwörd`.
const SECRETS: &str = include_str!("vault/secrets.vault");

const INVENTORY: &str = "
all:
  vars:
    postgresql_databases: [{ name: app }]
  children:
    postgres: { hosts: { node1: { ansible_host: 10.0.0.1 } } }
";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let mode = if text.starts_with("#!") { 0o755 } else { 0o600 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    dir
}

/// Exit code, stdout, stderr.
fn pgha(
    dir: &Path,
    arguments: &[&str],
    input: &str,
    environment: &[(&str, &str)],
) -> (i32, String, String) {
    let output = Command::cargo_bin("pgha")
        .unwrap()
        .current_dir(dir)
        .args(arguments)
        .env_remove("ANSIBLE_VAULT_PASSWORD_FILE")
        .env_remove("ANSIBLE_VAULT_IDENTITY_LIST")
        .envs(environment.iter().copied())
        .write_stdin(input)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

const CONNINFO: [&str; 4] = ["conninfo", "inventory.yml", "--show-password", "--user"];

fn vaulted() -> TempDir {
    folder(&[
        ("inventory.yml", INVENTORY),
        ("group_vars/all/vault.yml", GROUP_VARS),
        ("right", "  correct horse \n"),
        ("wrong", "battery staple\n"),
        ("print.sh", "#!/bin/sh\necho correct horse\n"),
        ("fail.sh", "#!/bin/sh\necho correct horse\nexit 3\n"),
        (
            "pass-client",
            "#!/bin/sh\n[ \"$1 $2\" = '--vault-id prod' ] && echo correct horse\n",
        ),
        ("empty", "\n"),
    ])
}

#[test]
fn a_vaulted_file_is_opened_by_every_source_of_a_password() {
    let dir = vaulted();
    let shown = |options: &[&str], input: &str, environment: &[(&str, &str)]| {
        let arguments = [&CONNINFO, &["vaulted_user"][..], options].concat();
        let (code, out, err) = pgha(dir.path(), &arguments, input, environment);
        assert_eq!(code, 0, "{options:?}: {err}");
        assert!(out.contains("password=whole-f1le"), "{out}");
        err
    };
    shown(&["--vault-password-file", "right"], "", &[]);
    shown(&["--vault-password-file", "print.sh"], "", &[]);
    shown(&["--vault-id", "right"], "", &[]);
    shown(&["--vault-id", "a@wrong", "--vault-id", "b@right"], "", &[]);
    shown(&["--vault-id", "prod@pass-client"], "", &[]);
    let asked = shown(&["--vault-id", "dev@prompt"], "correct horse\n", &[]);
    assert_eq!(asked, "Vault password (dev): \n");
    assert_eq!(
        shown(&["--ask-vault-pass"], "correct horse\n", &[]),
        "Vault password: \n"
    );
    shown(&[], "", &[("ANSIBLE_VAULT_PASSWORD_FILE", "right")]);
    shown(
        &[],
        "",
        &[("ANSIBLE_VAULT_IDENTITY_LIST", "a@wrong, b@print.sh")],
    );
}

#[test]
fn a_vault_that_does_not_open_is_one_message_with_its_place() {
    let dir = vaulted();
    for (options, message, hint) in [
        (
            &[][..],
            "this file is encrypted, and no vault password was given",
            "--vault-password-file FILE",
        ),
        (
            &["--vault-id", "wrong"],
            "this file is not opened by the vault password",
            "ansible-vault view",
        ),
        (
            &["--vault-id", "a@wrong", "--vault-id", "b@wrong"],
            "any of the vault passwords (`a`, `b`)",
            "ansible-vault view",
        ),
        (
            &["--vault-id", "absent"],
            "the vault password file `absent` cannot be read",
            "check the path",
        ),
        (
            &["--vault-id", "empty"],
            "the vault password is empty: `empty`",
            "nothing else",
        ),
        (
            &["--vault-id", "fail.sh"],
            "the vault password program `fail.sh` failed: exit status: 3",
            "run it by hand",
        ),
    ] {
        let (code, out, err) = pgha(
            dir.path(),
            &[&["validate", "inventory.yml"], options].concat(),
            "",
            &[],
        );
        assert_eq!((code, out.as_str()), (2, ""), "{options:?}: {err}");
        assert!(
            err.contains(message) && err.contains(hint),
            "{options:?}: {err}"
        );
        assert_eq!(err.matches("error:").count(), 1, "{err}");
        if message.starts_with("this file") {
            assert!(err.contains("group_vars/all/vault.yml:1:1"), "{err}");
        }
        assert!(
            !err.contains("correct horse") && !err.contains("battery"),
            "{err}"
        );
    }
}

#[test]
fn secrets_are_written_back_as_the_vault_that_they_were() {
    let dir = folder(&[("secrets.yml", SECRETS)]);
    let path = dir.path().join("secrets.yml");
    let mut keys = Keys::default();
    keys.add("other", Zeroizing::new(b"correct horse".to_vec()));
    keys.add("prod", Zeroizing::new("pässwörd".as_bytes().to_vec()));
    let store = Store::File {
        path: path.clone(),
        keys,
    };
    let mut secrets = store.load().unwrap();
    assert!(secrets.get("app").unwrap().expose() == "kept-s3cret");
    let made = store
        .complete(&mut secrets, ["app", "repmgr", "ssh_private_key"])
        .unwrap();
    assert_eq!(made, ["repmgr", "ssh_private_key", "ssh_public_key"]);
    let written = fs::read_to_string(&path).unwrap();
    assert!(
        written.starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"),
        "{written}"
    );
    assert_ne!(
        written.lines().nth(1),
        SECRETS.lines().nth(1),
        "a salt of its own"
    );
    let again = store.load().unwrap();
    for name in ["app", "repmgr", "ssh_private_key", "ssh_public_key"] {
        assert!(again.get(name) == secrets.get(name), "{name}");
    }
    assert!(
        fs::read_dir(dir.path()).unwrap().count() == 1,
        "nothing is left beside it"
    );
}

#[test]
fn secrets_that_do_not_open_are_one_message_with_its_place() {
    let dir = folder(&[
        ("inventory.yml", INVENTORY),
        ("secrets.yml", SECRETS),
        ("wrong", "battery staple"),
    ]);
    for (options, message) in [
        (&[][..], "no vault password was given"),
        (
            &["--vault-id", "prod@wrong"],
            "is not opened by the vault password of `prod`",
        ),
        (
            &["--vault-id", "dev@wrong"],
            "under the vault id `prod`, of which no password was given, and the vault password of `dev`",
        ),
    ] {
        let (code, _, err) = pgha(
            dir.path(),
            &[&["validate", "inventory.yml"], options].concat(),
            "",
            &[],
        );
        assert_eq!(code, 2, "{err}");
        assert!(
            err.contains("secrets.yml:1:1") && err.contains(message),
            "{options:?}: {err}"
        );
        assert_eq!(err.matches("error:").count(), 1, "{err}");
    }
    assert!(is_vault(SECRETS));
}

#[test]
fn secrets_of_a_command_leave_no_file() {
    let inventory = INVENTORY.replace("  vars:", "  vars:\n    secrets_command: ./secrets.sh \"$PGHA_ARGUMENT\"\n    postgresql_users: [{ name: app }]");
    let dir = folder(&[
        ("inv/inventory.yml", &inventory),
        (
            "inv/secrets.sh",
            "#!/bin/sh\ncase $1 in print) echo 'app: from-c0mmand' ;; nothing) ;; *) exit 3 ;; esac\n",
        ),
    ]);
    let arguments = ["conninfo", "inv/inventory.yml", "--show-password"];
    let with = |argument| pgha(dir.path(), &arguments, "", &[("PGHA_ARGUMENT", argument)]);
    let (code, out, err) = with("print");
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("password=from-c0mmand"), "{out}");
    assert!(with("nothing").2.contains("`secrets_command` must give it"));
    let (code, _, err) = with("fail");
    assert!(
        code == 2 && err.contains("`secrets_command` failed: exit status: 3"),
        "{err}"
    );
    // It is not run where only files are read.
    let (code, _, err) = pgha(
        dir.path(),
        &["validate", "inv/inventory.yml"],
        "",
        &[("PGHA_ARGUMENT", "fail")],
    );
    assert_eq!(code, 0, "{err}");
    let store = Store::Command {
        command: "echo 'app: x'".to_owned(),
        folder: dir.path().to_owned(),
    };
    let mut secrets = store.load().unwrap();
    let problem = store.complete(&mut secrets, ["app", "repmgr"]).unwrap_err();
    assert_eq!(problem.what, "`secrets_command` does not give `repmgr`");
    assert!(
        store
            .lacks(&["ssh_private_key"])
            .unwrap()
            .hint
            .unwrap()
            .contains("ssh-keygen")
    );
    fs::write(dir.path().join("inv/secrets.yml"), "app: x").unwrap();
    let (code, _, err) = with("print");
    assert!(
        code == 2 && err.contains("there are two places for secrets"),
        "{err}"
    );
}

/// Everything that can be asked for without hosts, and what may be left behind.
#[test]
fn nothing_decrypted_is_shown_or_left_behind() {
    let dir = vaulted();
    fs::write(dir.path().join("secrets.yml"), SECRETS).unwrap();
    fs::write(dir.path().join("other"), "p\u{e4}ssw\u{f6}rd").unwrap();
    let temporary = dir.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let playbook = "- hosts: all\n  steps:\n    - { name: a, file: { path: /etc/a, content: 'x={{ own_token }}' } }\n    - { name: b, command: { argv: [echo, '{{ own_token }}'] } }\n";
    fs::write(dir.path().join("own.yml"), playbook).unwrap();
    let environment = [
        ("TMPDIR", temporary.to_str().unwrap()),
        ("PGHA_LOG", "trace"),
    ];
    for arguments in [
        &["validate", "inventory.yml"][..],
        &["validate", "inventory.yml", "--json"],
        &["validate", "inventory.yml", "--playbook", "own.yml"],
        &["conninfo", "inventory.yml"],
        &[
            "plan",
            "inventory.yml",
            "-e",
            "ansible_host=127.0.0.1",
            "-e",
            "ansible_port=1",
            "--record",
            "record",
            "-o",
            "plan",
        ],
        &[
            "apply",
            "inventory.yml",
            "-e",
            "ansible_host=127.0.0.1",
            "-e",
            "ansible_port=1",
        ],
        &[
            "validate",
            "inventory.yml",
            "-e",
            "cluster_name={{ own_token }}",
        ],
        &[
            "validate",
            "inventory.yml",
            "-e",
            "cluster_name={{ own_token | nonsense }}",
        ],
        &[
            "validate",
            "inventory.yml",
            "-e",
            "postgresql_port={{ own_token }}",
        ],
        &[
            "validate",
            "inventory.yml",
            "-e",
            "postgresql_port={{ own_token + 1 }}",
        ],
    ] {
        let arguments = [
            arguments,
            &["--vault-id", "right", "--vault-id", "prod@other"],
        ]
        .concat();
        let (_, out, err) = pgha(dir.path(), &arguments, "", &environment);
        for secret in [
            "t0ken",
            "whole-f1le",
            "kept-s3cret",
            "correct horse",
            "p\u{e4}ssw\u{f6}rd",
        ] {
            assert!(
                !out.contains(secret) && !err.contains(secret),
                "{arguments:?}: {out}{err}"
            );
        }
    }
    let given = ["right", "print.sh", "fail.sh", "pass-client", "other"];
    for path in files(dir.path()) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        let is_given = given.iter().any(|name| path.ends_with(name));
        for secret in ["t0ken", "whole-f1le", "kept-s3cret", "correct horse"] {
            assert!(
                is_given || !text.contains(secret),
                "{}: {text}",
                path.display()
            );
        }
    }
    assert_eq!(files(&temporary), Vec::<std::path::PathBuf>::new());
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn an_encrypted_inventory_is_read_in_every_shape() {
    let mut keys = Keys::default();
    keys.add("default", Zeroizing::new(b"correct horse".to_vec()));
    let opened = keys.open(GROUP_VARS).ok().unwrap();
    let sealed = |text: &str| keys.seal(text, &opened, &[7; SALT]);
    let ini = sealed(
        "[postgres]\nnode1 ansible_host=10.0.0.1\n[all:vars]\npostgresql_databases=[{'name': 'app'}]\npostgresql_users=[{'name': 'app', 'password': 'in-1ni'}]\n",
    );
    let vars = sealed("postgresql_users: [{name: app, password: in-1ni}]\n");
    let listed = r#"{"postgres": ["node1"], "_meta": {"hostvars": {"node1": {"postgresql_databases": [{"name": "app"}]}}}}"#;
    let script = format!("#!/bin/sh\necho '{listed}'\n");
    let dir = folder(&[
        ("hosts", &ini),
        ("folder/hosts", &ini),
        ("listed/hosts.json", &sealed(listed)),
        ("listed/group_vars/all/users", &vars),
        ("script/hosts", &script),
        ("script/host_vars/node1.yml", &vars),
        ("right", "correct horse\n"),
    ]);
    for path in ["hosts", "folder", "listed", "listed/hosts.json", "script"] {
        let run = |arguments: &[&str]| {
            let options = ["--vault-password-file", "right"];
            let (code, out, err) = pgha(dir.path(), &[arguments, &options].concat(), "", &[]);
            assert_eq!(code, 0, "{path}: {err}");
            assert_eq!(err, "", "{path}");
            out
        };
        let shown = run(&["conninfo", path, "--show-password", "--user", "app"]);
        assert!(shown.contains("password=in-1ni"), "{path}: {shown}");
        for json in [&["inventory", path][..], &["inventory", path, "--json"]] {
            let shown = run(json);
            assert!(shown.contains("(hidden)"), "{path}: {shown}");
            assert!(!shown.contains("in-1ni"), "{path}: {shown}");
        }
        // As `ansible-inventory --list` with the password: it is the file that is encrypted, not the value.
        let listed = run(&["inventory", path, "--list"]);
        assert!(listed.contains("in-1ni"), "{path}: {listed}");
        let (code, out, err) = pgha(dir.path(), &["validate", path], "", &[]);
        assert_eq!((code, out.as_str()), (2, ""), "{path}: {err}");
    }
}
