//! Settings are in force, or are refused before a byte is in place.

use crate::lab::{Hosts, Lab};

const NODES: [&str; 3] = ["node1", "node2", "node3"];

/// What is refused, by whom.
struct Wrong {
    variable: &'static str,
    /// Whether `validate` tells, without a host.
    offline: bool,
    said: &'static [&'static str],
}

const WRONG: &[Wrong] = &[
    offline(
        "pgbouncer_settings: { max_clients: 5 }",
        &["`max_client_conn`"],
    ),
    offline(
        "pgbouncer_settings: { server_login_retry: 5s }",
        &["seconds"],
    ),
    offline("pgbouncer_settings: { default_pool_size: -4 }", &["from 0"]),
    offline(
        "pgbouncer_settings: { listen_port: 6543 }",
        &["`pgbouncer_port`"],
    ),
    offline("repmgr_settings: { failover: auto }", &["`automatic`"]),
    offline(
        "repmgr_settings: { reconnect_interval: 5s }",
        &["whole number"],
    ),
    offline("repmgr_settings: { priorty: 5 }", &["`priority`"]),
    offline(
        "postgresql_settings: { port: 5433 }",
        &["`postgresql_port`"],
    ),
    on_hosts("postgresql_settings: { work_memm: 4MB }", &["`work_memm`"]),
    on_hosts(
        "postgresql_settings: { work_mem: lots, log_statement: some }",
        &[
            "invalid value for parameter \"work_mem\"",
            "conf.d/pgha.conf",
        ],
    ),
    on_hosts(
        "postgresql_settings: { max_wal_senders: 5, wal_level: minimal, max_connections: 40 }",
        &["wal_level"],
    ),
    // It is there on two of three.
    on_hosts(
        "postgresql_settings: { shared_preload_libraries: pgha_lib }",
        &["node2: ", "could not access file \"pgha_lib\""],
    ),
    on_hosts(
        "postgresql_settings: { ssl_cert_file: /etc/ssl/none.pem }",
        &["node1: ", "node2: ", "node3: ", "\"/etc/ssl/none.pem\""],
    ),
    on_hosts(
        "postgresql_hba: ['host all all 10.0.0.0/88 scram-sha-256']",
        &["invalid CIDR mask"],
    ),
    on_hosts(
        "pgbouncer_settings: { client_tls_sslmode: require, client_tls_cert_file: /none, client_tls_key_file: /none }",
        &["pooler1: ", "certificate file \"/none\""],
    ),
    on_hosts(
        "pgbouncer_settings: { auth_type: hba, auth_hba_file: /none }",
        &["/none"],
    ),
    on_hosts(
        "repmgr_settings: { tablespace_mapping: x }",
        &["tablespace mapping"],
    ),
];

const fn offline(variable: &'static str, said: &'static [&'static str]) -> Wrong {
    Wrong {
        variable,
        offline: true,
        said,
    }
}

const fn on_hosts(variable: &'static str, said: &'static [&'static str]) -> Wrong {
    Wrong {
        variable,
        offline: false,
        said,
    }
}

/// Each kind of wrong setting: nothing is in place, and everything runs as it did.
pub fn wrong_ones_are_refused() {
    are_refused(Hosts::default());
}

/// The same on other versions of everything.
pub fn wrong_ones_are_refused_on(os: &'static str) {
    are_refused(Hosts {
        os,
        ..Hosts::default()
    });
}

fn are_refused(hosts: Hosts) {
    let lab = Lab::converged(hosts);
    for node in ["node1", "node3"] {
        lab.on(node, "folder=$(ls -d /usr/lib/postgresql/*/lib); cp $folder/auto_explain.so $folder/pgha_lib.so");
    }
    let before = as_it_is(&lab);
    for wrong in WRONG {
        let inventory = std::fs::read_to_string(lab.inventory()).unwrap();
        // Where the lab has it already, it is given once.
        let name = wrong.variable.split_inclusive(':').next().unwrap();
        let has_it = |line: &&str| line.trim_start().starts_with(name);
        if inventory.lines().any(|line| has_it(&line)) {
            let others = inventory.lines().filter(|line| !has_it(line));
            let others: String = others.map(|line| format!("{line}\n")).collect();
            lab.edit_inventory(|_| others);
        }
        lab.set_variable(wrong.variable);
        let verb = if wrong.offline { "validate" } else { "apply" };
        let refused = lab.pgha(verb, &[]);
        assert_ne!(refused.code, 0, "{}: {refused}", wrong.variable);
        for said in wrong.said {
            assert!(
                refused.stderr.contains(said),
                "{}: {refused}",
                wrong.variable
            );
        }
        if !wrong.offline {
            assert_eq!(as_it_is(&lab), before, "{}", wrong.variable);
        }
        lab.edit_inventory(|_| inventory);
    }
    // What is right is taken, spelt as people spell it, and nothing is restarted for it.
    lab.set_variable("pgbouncer_settings: { log_connections: no, query_wait_timeout: 60 }");
    lab.set_variable("postgresql_settings: { jit: no, wal_level: hot_standby, max_connections: 0x64, wal_buffers: -1 }");
    lab.pgha("apply", &[]).exits(0);
    lab.assert_converged();
    assert_eq!(pooler(&lab, "log_connections"), "0");
    for node in NODES {
        assert_eq!(lab.sql(node, "show jit"), "off");
    }
    lab.assert_healthy();
}

/// The configuration files by hash, and the processes that read them.
fn as_it_is(lab: &Lab) -> Vec<String> {
    let script = "sha256sum /etc/repmgr.conf /etc/pgbouncer/* /etc/postgresql/*/main/*.conf /etc/postgresql/*/main/conf.d/* 2>/dev/null
        systemctl show -p MainPID,ActiveState pgbouncer repmgrd 'postgresql@*-main'
        ls -A /run | grep pgha-trial; ps -eo args | grep -c '[p]gha-trial'";
    let hosts = NODES.iter().chain(&["pooler1"]);
    hosts.map(|host| lab.try_on(host, script).stdout).collect()
}

/// A running setting of the pooler.
fn pooler(lab: &Lab, name: &str) -> String {
    let console = "psql -XAtq -h /var/run/postgresql -p 6432 -U pgbouncer pgbouncer";
    let shown = lab.as_postgres("pooler1", &format!("{console} -c 'show config'"));
    let lines = shown
        .lines()
        .map(|line| line.split('|').collect::<Vec<_>>());
    let found = lines.into_iter().find(|fields| fields[0] == name);
    found.map_or_else(String::new, |fields| fields[1].to_owned())
}

/// Each way in which a running value can be another than the declared one: it is in the plan, mended where it is pgha's, told with
/// its place where it is not.
pub fn what_goes_over_them_is_told() {
    let lab = Lab::converged(Hosts::default());
    lab.set_variable("postgresql_settings: { work_mem: 5MB, log_statement: ddl, jit: 'off', log_duration: 'off', random_page_cost: 2 }");
    lab.pgha("apply", &[]).exits(0);
    lab.assert_converged();

    let conf = "/etc/postgresql/15/main";
    lab.on("node3", &format!("echo \"work_mem = '1MB'\" >{conf}/conf.d/zz.conf; echo 'max_connections = 50' >>{conf}/conf.d/zz.conf; pg_ctlcluster 15 main reload"));
    lab.sql("node1", "alter database app set jit = on");
    lab.sql("node1", "alter role app set work_mem = '64MB'");
    lab.sql("node1", "alter system set random_page_cost = 3");
    lab.on(
        "node1",
        &format!("pg_ctlcluster 15 main reload; echo 'not a setting' >>{conf}/postgresql.conf"),
    );
    let console = "psql -XAtq -h /var/run/postgresql -p 6432 -U pgbouncer pgbouncer";
    lab.as_postgres(
        "pooler1",
        &format!("{console} -c 'set max_client_conn = 77'"),
    );

    let plan = lab.pgha("plan", &["--detailed-exitcode"]).exits(10);
    for said in [
        "conf.d/zz.conf:1 says 1MB",
        "conf.d/zz.conf:2",
        "in the database `app`",
        "postgresql.conf:",
        "syntax error",
        "for the role `app`",
        "random_page_cost",
        "max_client_conn",
    ] {
        assert!(plan.stdout.contains(said), "{said}: {plan}");
    }

    // What is pgha's to mend.
    lab.on(
        "node1",
        &format!("sed -i '/^not a setting/d' {conf}/postgresql.conf"),
    );
    lab.pgha("apply", &[]).exits(0);
    assert_eq!(pooler(&lab, "max_client_conn"), "1000");
    assert_eq!(lab.sql("node1", "show random_page_cost"), "2");
    // Nothing is restarted into what somebody else wrote.
    assert_eq!(lab.sql("node3", "show max_connections"), "100");
    let plan = lab.pgha("plan", &["--detailed-exitcode"]).exits(10);
    assert!(plan.stdout.contains("conf.d/zz.conf:1 says 1MB"), "{plan}");

    // What is not, somebody takes away.
    lab.on(
        "node3",
        &format!("rm {conf}/conf.d/zz.conf; pg_ctlcluster 15 main reload"),
    );
    lab.sql("node1", "alter database app reset jit");
    lab.sql("node1", "alter role app reset work_mem");
    lab.pgha("apply", &[]).exits(0);
    lab.assert_converged();
    lab.assert_healthy();
}
