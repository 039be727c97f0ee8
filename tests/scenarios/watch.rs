//! A host finds the primary without pgha, by a role that can do nothing else.

use std::fs;
use std::time::{Duration, Instant};

use crate::lab::{Hosts, Lab, Ran};

const NODES: [&str; 3] = ["node1", "node2", "node3"];
const HOSTS: [&str; 4] = ["node1", "node2", "node3", "pooler1"];
const FIND: &str = "/usr/local/lib/pgha/find-primary";
const CONF: &str = "/usr/local/lib/pgha/host.conf";
const NOBODY: &str = "find-primary: no member takes writes\n";

/// It is found from every kind of host, also one that is both, and while a member is silent; none is found while there is
/// none; of several it is the one on the highest timeline.
pub fn finds_the_primary() {
    let lab = Lab::up(Hosts::default());
    // A member that is a pooler too.
    lab.edit_inventory(|text| text.trim_end().to_owned() + "\n        node3:\n");
    lab.pgha("apply", &[]).exits(0);
    lab.assert_converged();
    // What follows must not become a failover.
    for node in NODES {
        lab.on(node, "systemctl stop repmgrd");
    }

    for host in HOSTS {
        assert_eq!(found(&lab, host), is(&lab, "node1", 1), "on {host}");
    }
    let as_postgres = lab.as_postgres("pooler1", FIND);
    let as_postgres = as_postgres.rsplit_once(" ").unwrap().0;
    assert_eq!(as_postgres, is(&lab, "node1", 1));
    lab.try_on("pooler1", &format!("runuser -u nobody {FIND}"))
        .exits(2);
    can_do_nothing_else(&lab);
    leaks_nothing(&lab);

    lab.freeze_host("node3");
    let began = Instant::now();
    assert_eq!(found(&lab, "pooler1"), is(&lab, "node1", 1));
    let took = began.elapsed();
    lab.thaw_host("node3");
    assert!(took < Duration::from_secs(5), "{took:?}");

    lab.on("node1", "systemctl stop postgresql@15-main");
    let nobody = find(&lab, "pooler1").exits(1);
    assert_eq!(nobody.stdout, "");
    assert!(nobody.stderr.starts_with(NOBODY), "{nobody}");
    lab.on("node1", "systemctl start postgresql@15-main");
    answers(&lab, "node1");

    // Started without its signal file, a standby would take writes on the timeline that it had; it is not, unless somebody
    // insists.
    lab.on(
        "node2",
        "systemctl stop postgresql@15-main; rm /var/lib/postgresql/15/main/standby.signal",
    );
    lab.try_on("node2", "systemctl start postgresql@15-main")
        .exits(1);
    lab.on(
        "node2",
        "touch /run/pgha-guard-off; systemctl start postgresql@15-main",
    );
    answers(&lab, "node2");
    let two = find(&lab, "pooler1").exits(3);
    let told = "find-primary: node1 and node2 take writes, all on timeline 1\n";
    assert!(
        two.stdout.is_empty() && sorted(&two.stderr) == sorted(told),
        "{two}"
    );

    lab.sql("node3", "select pg_promote()");
    for host in HOSTS {
        assert_eq!(found(&lab, host), is(&lab, "node3", 2), "on {host}");
    }
}

fn find(lab: &Lab, host: &str) -> Ran {
    lab.try_on(host, FIND)
}

fn found(lab: &Lab, host: &str) -> String {
    // Behind it stands the system identifier.
    let line = find(lab, host).exits(0).line();
    line.rsplit_once(" ").unwrap().0.to_owned()
}

fn is(lab: &Lab, node: &str, timeline: u32) -> String {
    format!("{node} {} 5432 {timeline}", lab.address(node))
}

/// Members answer in no order.
fn sorted(line: &str) -> Vec<&str> {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    words.sort_unstable();
    words
}

/// Waits until a member's PostgreSQL takes connections.
fn answers(lab: &Lab, node: &str) {
    lab.on(
        node,
        "timeout 60 sh -c 'until pg_isready -q; do sleep 0.1; done'",
    );
}

/// It has no attribute, owns nothing, is in no group, and is kept out of every database but `postgres`.
fn can_do_nothing_else(lab: &Lab) {
    let rights = "select rolcanlogin, rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls,
            exists (select from pg_auth_members m where m.member = r.oid),
            exists (select from pg_shdepend d where d.refobjid = r.oid)
        from pg_roles r where rolname = 'pgha_watch'";
    assert_eq!(lab.sql("node1", rights), "t|f|f|f");
    let log_in = |host: &str, target: &str| {
        // The password for every database and server, so that it is not for want of one.
        lab.try_on(
            host,
            &format!(
                "umask 077
                sed -n 's/.*:postgres:pgha_watch:/*:*:*:pgha_watch:/p' $(sed -n s/^watch_passfile=//p {CONF}) >/tmp/passfile
                PGPASSFILE=/tmp/passfile psql -wXAtq -c 'select 1' 'user=pgha_watch {target}'"
            ),
        )
    };
    let primary = format!("host={}", lab.address("node1"));
    for host in ["pooler1", "node2", "node3"] {
        let asked = log_in(host, &format!("{primary} dbname=postgres"));
        assert_eq!(asked.exits(0).line(), "1");
        for database in ["app", "repmgr", "template1"] {
            let refused = log_in(host, &format!("{primary} dbname={database}")).exits(2);
            assert!(refused.stderr.contains("pg_hba.conf rejects"), "{refused}");
        }
        log_in(host, &format!("{primary} replication=yes")).exits(2);
    }
    log_in("pooler1", "host=127.0.0.1 port=6432 dbname=app").exits(2);
    log_in("node2", "host=/var/run/postgresql dbname=app").exits(2);
}

/// Its password is in password files, and nowhere else where one could look.
fn leaks_nothing(lab: &Lab) {
    let secrets = fs::read_to_string(lab.dir.join("secrets.yml")).unwrap();
    let mut lines = secrets.lines();
    let password = lines.find_map(|line| line.strip_prefix("pgha_watch: "));
    let password = password.expect("it was made");
    assert!(password.len() >= 32);

    let plan = lab.pgha("plan", &["--json"]).exits(0);
    let mut seen = vec![plan.stdout, plan.stderr];
    for file in ["plan.json", "events.jsonl"] {
        seen.push(fs::read_to_string(lab.latest_run().join(file)).unwrap());
    }
    for host in HOSTS {
        let passfile = lab.on(host, &format!("sed -n s/^watch_passfile=//p {CONF}"));
        assert!(lab.on(host, &format!("cat {passfile}")).contains(password));
        assert_eq!(
            lab.on(host, &format!("stat -c '%a %U %G' {passfile}")),
            "600 postgres postgres"
        );
        assert_eq!(lab.on(host, &format!("stat -c '%a %U' {FIND}")), "755 root");
        seen.push(lab.on(host, "cat /usr/local/lib/pgha/*"));
        let processes = format!(
            "for run in 1 2 3; do
                rm -f /tmp/found
                ({FIND}; touch /tmp/found) &
                until [ -e /tmp/found ]; do
                    cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'
                done
            done"
        );
        let processes = lab.on(host, &processes);
        assert!(processes.contains("PGPASSFILE="), "psql was seen on {host}");
        seen.push(processes);
        seen.push(lab.on(host, "journalctl --quiet --no-pager --all --output=verbose"));
        seen.push(lab.on(host, "cat /var/log/postgresql/*"));
    }
    for text in seen {
        assert!(!text.contains(password));
    }
}
