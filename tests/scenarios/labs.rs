//! Labs that are restored from one cluster have its data, its system identifier and its passwords, and never meet.

use crate::clean;
use crate::lab::{Hosts, Lab};

const HOSTS: [&str; 4] = ["node1", "node2", "node3", "pooler1"];

/// What a host has of its own.
const OWN: &str = "cat /etc/machine-id; cut -d ' ' -f 2 /etc/ssh/ssh_host_ed25519_key.pub; cat /root/.ssh/authorized_keys";

/// From no host of one is a port of the other's reached, each switches over by itself, and nothing of the other's is there.
pub fn never_meet() {
    let one = Lab::converged(Hosts::default());
    let other = Lab::converged(Hosts::default());
    let system = "select system_identifier from pg_control_system()";
    assert_eq!(one.sql("node1", system), other.sql("node1", system));
    for host in HOSTS {
        let (ours, theirs) = (one.on(host, OWN), other.on(host, OWN));
        for (ours, theirs) in ours.lines().zip(theirs.lines()) {
            assert_ne!(ours, theirs, "{host}");
        }
    }
    for lab in [&one, &other] {
        lab.assert_converged();
    }

    for (from, to) in [(&one, &other), (&other, &one)] {
        for host in HOSTS {
            let addresses = HOSTS.map(|host| to.address(host)).join(" ");
            let reach = format!(
                "for address in {addresses}; do for port in 22 5432 6432; do
                    timeout 2 bash -c \"exec 3<>/dev/tcp/$address/$port\" 2>/dev/null && echo $address:$port
                done; done; :"
            );
            assert_eq!(from.on(host, &reach), "", "from {host}");
            let former = to.address("node1");
            let former = former.rsplit_once('.').unwrap().0;
            let traces = format!(
                "grep -rlF '{former}.' /etc /usr/local /var/lib/pgha /var/lib/postgresql/.ssh 2>/dev/null; :"
            );
            assert_eq!(from.on(host, &traces), "", "at {host}");
        }
    }

    one.sql("node1", "create table of_one ()");
    one.pgha("switchover", &["--to", "node2"]).exits(0);
    clean::is_quickly(&one, "node2");
    clean::is_quickly(&other, "node1");
    let there = "select to_regclass('of_one') is null";
    assert_eq!(other.sql("node1", there), "t");
}
