//! `pgha status` on hosts that cannot be reached: a closed port on loopback.

use std::fs;

use assert_cmd::Command;

#[test]
fn hosts_that_cannot_be_reached_are_part_of_the_status() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap()
        .port();
    let dir = tempfile::tempdir().unwrap();
    let inventory = format!(
        "all:
  vars: {{ ansible_host: 127.0.0.1, ansible_port: {port} }}
  children:
    postgres: {{ hosts: {{ node1: }} }}
  hosts:
    app1: {{ ansible_host: 127.0.0.2 }}
"
    );
    fs::write(dir.path().join("inventory.yml"), inventory).unwrap();
    let pgha = |arguments: &[&str]| {
        let mut command = Command::cargo_bin("pgha").unwrap();
        command.current_dir(dir.path()).args(arguments);
        command.output().unwrap()
    };
    let output = pgha(&["status", "inventory.yml", "--json"]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["healthy"], false);
    assert_eq!(status["nodes"][0]["role"], "unknown");
    assert_eq!(status["nodes"][0]["state"], "unreachable");
    assert_eq!(status["problems"].as_array().unwrap().len(), 2, "{status}");

    let output = pgha(&["status", "inventory.yml"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(text.contains("not healthy: 2 problems"), "{text}");

    let output = pgha(&["status", "inventory.yml", "--limit", "app1"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
