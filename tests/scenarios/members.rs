//! Members come, the inventory is rewritten, the primary moves: what must not change does not.

use crate::lab::{Hosts, Lab};
use crate::{failover, promise, state};

const OTHERS: [&str; 4] = ["node1", "node2", "node3", "pooler1"];

/// A fourth member is cloned and registered; the others learn of it, and nothing is restarted.
pub fn a_fourth() {
    let lab = Lab::up(Hosts {
        nodes: 4,
        ..Hosts::default()
    });
    let mut newcomer = String::new();
    lab.edit_inventory(|text| {
        let (out, rest): (Vec<_>, Vec<_>) = text
            .lines()
            .map(|line| line.to_owned() + "\n")
            .partition(|line| line.contains("node4:"));
        newcomer = out.concat();
        rest.concat()
    });
    lab.pgha("apply", &[]).exits(0);
    let before = state::of(&lab, &OTHERS);

    lab.edit_inventory(|text| text.replace("    pgbouncer:\n", &(newcomer + "    pgbouncer:\n")));
    lab.pgha("apply", &[]).exits(0);

    let mut expected = vec!["node1 slot repmgr_slot_4".to_owned()];
    for node in ["node1", "node2", "node3"] {
        for thing in [
            "/etc/postgresql/15/main/pg_hba.conf",
            "/etc/pgha/pgpass",
            "/usr/local/lib/pgha/host.conf",
            "/var/lib/postgresql/.ssh/authorized_keys",
            "/etc/pgha/known_hosts",
            "configuration of postgres",
        ] {
            expected.push(format!("{node} {thing}"));
        }
    }
    for file in [
        "/etc/pgbouncer/pgha.pgpass",
        "/etc/pgbouncer/primary/node4.ini",
        "/usr/local/lib/pgha/host.conf",
    ] {
        expected.push(format!("pooler1 {file}"));
    }
    expected.sort();
    assert_eq!(state::changed(&before, &state::of(&lab, &OTHERS)), expected);
    promise::is_kept(&lab, &["node1", "node2", "node3", "node4"], "node1");
    lab.assert_converged();
}

/// Whom the inventory names first, or as the first primary, does not matter once there is a cluster; who is primary is
/// what PostgreSQL says.
pub fn reordered_and_switched_over() {
    let lab = Lab::converged(Hosts::default());

    swap(&lab, "node1", "node2");
    lab.assert_converged();
    swap(&lab, "node2", "node3");
    lab.assert_converged();
    lab.set_variable("cluster_initial_primary: node3");
    lab.assert_converged();

    by_hand(&lab, "node1", "node2", "node3");
    assert_eq!(lab.sql("node2", "select pg_is_in_recovery()"), "f");
    // repmgr leaves the slot of a sibling behind, one time in four; that is not what this is about.
    lab.as_postgres(
        "node1",
        "for i in $(seq 100); do [ \"$(psql -XAtqc 'select count(pg_drop_replication_slot(slot_name)) from pg_replication_slots where not active' \
            -c 'select count(*) from pg_replication_slots' | tail -n 1)\" = 0 ] && exit; sleep 0.2; done; exit 1",
    );
    // The pooler has followed by itself.
    failover::is_led_to(&lab, "pooler1", "node2");
    promise::is_kept(&lab, &["node1", "node2", "node3"], "node2");
    lab.assert_converged();
}

/// The primary's role goes from one member to another by repmgr's own steps, without pgha.
fn by_hand(lab: &Lab, from: &str, to: &str, sibling: &str) {
    let repmgr = |node: &str, words: &str| {
        lab.as_postgres(node, &format!("repmgr -f /etc/repmgr.conf {words}"))
    };
    repmgr(to, "service pause");
    lab.on(from, "systemctl stop postgresql@15-main");
    repmgr(to, "standby promote");
    repmgr(sibling, "standby follow");
    let there = lab.address(to);
    repmgr(
        from,
        &format!(
            "node rejoin -d 'host={there} user=repmgr dbname=repmgr passfile=/etc/pgha/pgpass'"
        ),
    );
    repmgr(to, "service unpause");
}

/// A living member leaves, and one whose host is dead and whom the inventory names no more; the first comes back.
pub fn leave() {
    let lab = Lab::converged(Hosts::default());
    let gone = |node: &str| {
        let is_registered = format!("select count(*) from repmgr.nodes where node_name = '{node}'");
        assert_eq!(lab.sql_in("node1", "repmgr", &is_registered), "0");
        let id = &node[4..];
        let has_slot = format!(
            "select count(*) from pg_replication_slots where slot_name = 'repmgr_slot_{id}'"
        );
        assert_eq!(lab.sql("node1", &has_slot), "0");
        let address = lab.address(node).replace('.', "[.]");
        for host in ["node1", "pooler1"] {
            let left = format!(
                "grep -rlwE '{address}|{node}' /etc/postgresql /etc/repmgr.conf /etc/pgbouncer /usr/local/lib/pgha \
                 /etc/pgha /var/lib/postgresql/.ssh 2>/dev/null; ls -d /etc/pgbouncer/primary/{node}.ini 2>/dev/null; :"
            );
            assert_eq!(lab.on(host, &left), "", "what {host} has of {node}");
        }
    };
    lab.pgha("remove", &["node1"]).exits(3);
    lab.pgha("remove", &["node3", "--dry-run"]).exits(0);
    lab.assert_converged();

    let ran = lab.pgha("remove", &["node3"]).exits(0);
    assert!(
        ran.stderr.contains("take it out of the inventory now"),
        "{ran}"
    );
    gone("node3");
    lab.on("node3", "! pgrep -x postgres && ! pgrep -x repmgrd && ! systemctl is-enabled -q repmgrd pgha-guard && [ -e /var/lib/postgresql/15/main/standby.signal ]");
    // Nobody starts it by mistake.
    assert_ne!(
        lab.try_on("node3", "systemctl start postgresql@15-main")
            .code,
        0
    );
    lab.pgha("remove", &["node3"]).exits(0);

    let mut lines = String::new();
    let mut without = |node: &str| {
        lab.edit_inventory(|text| {
            let is_its = |line: &&str| line.trim_start().starts_with(&format!("{node}:"));
            lines = text
                .lines()
                .filter(is_its)
                .map(|line| format!("{line}\n"))
                .collect();
            let rest = text.lines().filter(|line| !is_its(line));
            rest.map(|line| format!("{line}\n")).collect()
        });
        lines.clone()
    };
    let node3 = without("node3");
    lab.assert_converged();

    // The key among members asks, and does nothing else.
    let ssh = format!("ssh -F /etc/pgha/ssh_config {}", lab.address("node2"));
    lab.as_postgres("node1", &format!("{ssh} true && {ssh} /usr/local/lib/pgha/timeline && ! {ssh} id && ! {ssh} cat /etc/passwd"));

    lab.kill_host("node2");
    without("node2");
    let ran = lab.pgha("plan", &[]).exits(3);
    assert!(
        ran.stderr
            .contains("`node2` is registered with repmgr, and is not in the inventory"),
        "{ran}"
    );
    lab.pgha("remove", &["node2"]).exits(0);
    gone("node2");
    lab.assert_converged();

    lab.edit_inventory(|text| text.replace("    pgbouncer:\n", &(node3 + "    pgbouncer:\n")));
    let ran = lab.pgha("apply", &[]).exits(0);
    assert!(
        ran.stdout.contains("`pgha rejoin INVENTORY node3`"),
        "{ran}"
    );
    lab.pgha("rejoin", &["node3"]).exits(0);
    lab.pgha("apply", &[]).exits(0);
    lab.assert_converged();
    lab.assert_healthy();
}

/// No volume is mounted: there is no new cluster for it, and no copy on the wrong disk.
pub fn without_data() {
    let lab = Lab::converged(Hosts::default());
    let unmount = |node: &str| {
        lab.on(node, "systemctl stop repmgrd postgresql@15-main; mv /var/lib/postgresql/15/main /var/lib/postgresql/aside");
    };
    let mount = |node: &str| {
        lab.on(
            node,
            "mv /var/lib/postgresql/aside /var/lib/postgresql/15/main
            systemctl reset-failed; systemctl start postgresql@15-main repmgrd",
        )
    };
    unmount("node3");
    let ran = lab.pgha("plan", &[]).exits(0);
    assert!(
        ran.stdout.contains("`pgha rebuild INVENTORY node3`"),
        "{ran}"
    );
    lab.pgha("apply", &[]).exits(0);
    lab.on("node3", "! [ -e /var/lib/postgresql/15/main ]");
    for node in ["node2", "node1"] {
        unmount(node);
    }
    let ran = lab.pgha("apply", &[]).exits(3);
    assert!(
        ran.stderr
            .contains("there was a cluster, and no data of it are on"),
        "{ran}"
    );
    for node in ["node1", "node2", "node3"] {
        lab.on(node, "! [ -e /var/lib/postgresql/15/main ]");
        mount(node);
    }
    lab.pgha("apply", &[]).exits(0);
    lab.assert_converged();
    lab.assert_healthy();
}

/// Swaps the lines of two hosts.
fn swap(lab: &Lab, one: &str, other: &str) {
    lab.edit_inventory(|text| {
        let line = |host: &str| {
            let found = text
                .lines()
                .find(|line| line.trim_start().starts_with(&format!("{host}:")));
            found.unwrap().to_owned()
        };
        let (first, second) = (line(one), line(other));
        text.replace(&first, "\0")
            .replace(&second, &first)
            .replace('\0', &second)
    });
}
