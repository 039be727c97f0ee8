//! The inventory of a lab, ready for every other verb.

use std::fmt::Write as _;

use super::Login;
use super::host::{Host, Role};

/// The inventory's text; its paths are relative to it.
pub fn inventory(hosts: &[Host], login: Login, network: &str) -> String {
    let become_root = match login {
        Login::Root => "",
        Login::Admin => "    ansible_become: true\n",
    };
    let mut text = format!(
        "all:
  vars:
    ansible_user: {user}
{become_root}    ansible_ssh_private_key_file: id_ed25519
    ansible_ssh_common_args: -o UserKnownHostsFile=known_hosts
    cluster_name: lab
    postgresql_users: [{{ name: app }}]
    postgresql_databases: [{{ name: app, owner: app }}]
    postgresql_hba: [\"host app app {network} scram-sha-256\"]
  children:
",
        user = login.name()
    );
    for (role, group) in [
        (Role::Node, "postgres"),
        (Role::Witness, "witness"),
        (Role::Pooler, "pgbouncer"),
    ] {
        let mut members = hosts.iter().filter(|host| host.role == role).peekable();
        if members.peek().is_some() {
            let _ = writeln!(text, "    {group}:\n      hosts:");
        }
        for host in members {
            let _ = writeln!(
                text,
                "        {}: {{ ansible_host: {} }}",
                host.name, host.address
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Vec<Host> {
        let host = |name: &str, last, role| Host {
            name: name.into(),
            address: [172, 30, 7, last].into(),
            role,
        };
        vec![
            host("node1", 11, Role::Node),
            host("pooler1", 12, Role::Pooler),
            host("witness1", 13, Role::Witness),
        ]
    }

    #[test]
    fn the_inventory_is_what_pgha_reads() {
        assert_eq!(
            inventory(&hosts(), Login::Admin, "172.30.7.0/24"),
            r#"all:
  vars:
    ansible_user: admin
    ansible_become: true
    ansible_ssh_private_key_file: id_ed25519
    ansible_ssh_common_args: -o UserKnownHostsFile=known_hosts
    cluster_name: lab
    postgresql_users: [{ name: app }]
    postgresql_databases: [{ name: app, owner: app }]
    postgresql_hba: ["host app app 172.30.7.0/24 scram-sha-256"]
  children:
    postgres:
      hosts:
        node1: { ansible_host: 172.30.7.11 }
    witness:
      hosts:
        witness1: { ansible_host: 172.30.7.13 }
    pgbouncer:
      hosts:
        pooler1: { ansible_host: 172.30.7.12 }
"#
        );
    }

    #[test]
    fn there_is_no_empty_group() {
        let text = inventory(&hosts()[..1], Login::Root, "172.30.7.0/24");
        assert!(
            !["pgbouncer", "witness", "become"]
                .iter()
                .any(|word| text.contains(word))
        );
    }
}
