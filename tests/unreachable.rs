//! Hosts that cannot be worked on, from end to end: one message each, with host, cause and hint, and the exit code that
//! tells a script what it was.

#[allow(dead_code)]
#[path = "transport/server.rs"]
mod server;

use std::fs;

use assert_cmd::Command;
use server::{Server, free_port, user};

/// What `pgha plan` says of an inventory whose one host has these variables.
fn plan(server: &Server, variables: &str) -> String {
    plan_with(server, variables, &[])
}

/// The same with more arguments.
fn plan_with(server: &Server, variables: &str, arguments: &[&str]) -> String {
    let known_hosts = server.path("known_hosts").display().to_string();
    let inventory = server.path("inventory.yml");
    let text = format!(
        "all:
  vars:
    ansible_user: {}
    ansible_ssh_private_key_file: user
    ansible_ssh_common_args: -o UserKnownHostsFile={known_hosts} -o GlobalKnownHostsFile=/dev/null -o IdentityAgent=none
  children:
    postgres:
      hosts:
        node1: {{ ansible_host: 127.0.0.1, {variables} }}
",
        user()
    );
    fs::write(&inventory, text).unwrap();
    let output = Command::cargo_bin("pgha")
        .unwrap()
        .args(["plan", "--json"])
        .arg(&inventory)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let err = text(output.stderr);
    assert_eq!(output.status.code(), Some(4), "{err}");
    assert_eq!(text(output.stdout), "", "{err}");
    assert_eq!(err.matches("error:").count(), 1, "{err}");
    err
}

#[track_caller]
fn says(err: &str, words: &[&str]) {
    for word in words {
        assert!(err.contains(word), "no `{word}` in:\n{err}");
    }
}

#[test]
fn a_closed_port() {
    let server = Server::start();
    let port = free_port();
    let err = plan(&server, &format!("ansible_port: {port}"));
    says(
        &err,
        &[
            &format!("error: node1: `127.0.0.1` refuses connections to port {port}"),
            "Connection refused",
            "hint: is `sshd` running there?",
        ],
    );
}

#[test]
fn a_host_key_that_changed() {
    let server = Server::start();
    server.record_another();
    let err = plan(&server, &format!("ansible_port: {}", server.port));
    says(
        &err,
        &[
            "error: node1: the host key of",
            "REMOTE HOST IDENTIFICATION HAS CHANGED",
            "hint:",
            "ssh-keygen -f",
        ],
    );
}

#[test]
fn a_login_that_is_refused() {
    let server = Server::start();
    let variables = format!(
        "ansible_port: {}, ansible_ssh_private_key_file: other",
        server.port
    );
    let err = plan(&server, &variables);
    says(
        &err,
        &[
            &format!("error: node1: the login as user `{}` was refused", user()),
            "Permission denied",
            "hint: tried key",
        ],
    );
}

#[test]
fn a_sudo_that_asks_for_a_password() {
    let server = Server::start();
    server.command("sudo", "echo 'sudo: a password is required' >&2; exit 1");
    let variables = format!(
        "ansible_port: {}, ansible_become: true, ansible_become_user: nobody",
        server.port
    );
    let err = plan(&server, &variables);
    says(
        &err,
        &[
            "error: node1: sudo asks for a password to become `nobody`",
            "hint:",
            "NOPASSWD",
        ],
    );
}

#[test]
fn a_user_who_is_not_root() {
    let server = Server::start();
    // As `sudo` would, for those who may: another user's shell.
    server.command(
        "sudo",
        "exec setpriv --reuid=65534 --regid=65534 --clear-groups -- /bin/sh",
    );
    if user() != "root" {
        server.command("sudo", "exec /bin/sh");
    }
    let variables = format!(
        "ansible_port: {}, ansible_become: true, ansible_become_user: nobody",
        server.port
    );
    let err = plan(&server, &variables);
    says(
        &err,
        &[
            "error: node1: the login user is not root",
            "hint: set `ansible_become: true`",
        ],
    );
}

#[test]
fn what_came_of_asking_is_kept_for_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;

    let server = Server::start();
    let port = free_port();
    let kept = server.path("kept");
    let (variables, record) = (format!("ansible_port: {port}"), kept.display().to_string());
    plan_with(&server, &variables, &["--record", &record]);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = kept.join("node1.json");
    assert_eq!((mode(&kept), mode(&file)), (0o700, 0o600));
    let text = fs::read_to_string(&file).unwrap();
    says(
        &text,
        &["\"silent\"", "\"unreachable\": true", "refuses connections"],
    );

    let nowhere = server.path("user").join("kept").display().to_string();
    let output = Command::cargo_bin("pgha")
        .unwrap()
        .args(["status", "--record", &nowhere])
        .arg(server.path("inventory.yml"))
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{err}");
    says(&err, &["cannot be written", "`--record` names a folder"]);
}
