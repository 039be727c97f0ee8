//! What every cluster of pgha's has, looked at on the hosts and not asked of pgha.

use std::time::Duration;

use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::clean;
use crate::lab::Lab;

/// Asserts all of it, for a cluster of these nodes behind `pooler1`.
pub fn is_kept(lab: &Lab, nodes: &[&str], primary: &str) {
    for node in nodes {
        server(lab, node);
        access(lab, node, nodes);
        peers(lab, node, nodes);
        sudo(lab, node);
        repmgr(lab, node, nodes, primary);
    }
    replication(lab, nodes, primary);
    pooler(lab, primary);
    for host in nodes.iter().chain(&["pooler1"]) {
        let found = lab.on(host, "/usr/local/lib/pgha/find-primary");
        let expected = format!("{primary} {} 5432 ", lab.address(primary));
        assert!(found.starts_with(&expected), "{found} on {host}");
    }
    let status = lab.json("status", &[]);
    assert_eq!(status["healthy"], true, "{status:#}");
}

fn server(lab: &Lab, node: &str) {
    for setting in ["data_checksums", "wal_log_hints"] {
        assert_eq!(
            lab.sql(node, &format!("show {setting}")),
            "on",
            "{setting} on {node}"
        );
    }
    assert_eq!(lab.sql(node, "show shared_preload_libraries"), "repmgr");
    assert_eq!(
        lab.sql(
            node,
            "select count(*) from pg_settings where pending_restart"
        ),
        "0"
    );
    let clusters = lab.on(node, "pg_lsclusters -h | awk '{ print $2, $4 }'");
    assert!(
        ["main online", "main online,recovery"].contains(&clusters.as_str()),
        "{clusters}"
    );
    let own = "select distinct sourcefile from pg_settings where sourcefile is not null
        and sourcefile not like '%/postgresql.conf' and sourcefile not like '%/postgresql.auto.conf'";
    let version = lab.sql(
        node,
        "select current_setting('server_version_num')::int / 10000",
    );
    assert_eq!(
        lab.sql(node, own),
        format!("/etc/postgresql/{version}/main/conf.d/pgha.conf")
    );
}

/// Passwords everywhere, and nobody but the members replicates.
fn access(lab: &Lab, node: &str, nodes: &[&str]) {
    let open = "select * from pg_hba_file_rules where error is not null
        or auth_method not in ('scram-sha-256', 'peer', 'reject')
        or (auth_method <> 'reject' and address in ('all', '0.0.0.0', '::'))
        or (auth_method = 'peer' and (type <> 'local' or user_name <> '{postgres}'))";
    assert_eq!(lab.sql(node, open), "");
    let addresses = |hosts: &[&str]| {
        let mut addresses: Vec<String> = hosts.iter().map(|host| lab.address(host)).collect();
        addresses.sort();
        addresses
    };
    let witnesses = clean::witnesses(lab);
    let witnesses = witnesses.iter().map(String::as_str);
    let repmgrs: Vec<&str> = nodes.iter().copied().chain(witnesses).collect();
    for (database, hosts) in [("replication", nodes), ("repmgr", &repmgrs)] {
        let admitted = format!(
            "select address from pg_hba_file_rules where '{database}' = any(database) order by address"
        );
        assert_eq!(
            lab.sql(node, &admitted),
            addresses(hosts).join("\n"),
            "{database} on {node}"
        );
    }
    let plain = "select rolname from pg_authid where rolpassword not like 'SCRAM-SHA-256$%'";
    assert_eq!(lab.sql(node, plain), "");
}

/// `postgres` reaches every other member: by SSH with strict host keys, and by both kinds of connection.
fn peers(lab: &Lab, node: &str, nodes: &[&str]) {
    let others: Vec<String> = nodes
        .iter()
        .filter(|other| *other != &node)
        .map(|other| lab.address(other))
        .collect();
    lab.as_postgres(
        node,
        &format!(
            "set -e
            export PGCONNECT_TIMEOUT=10 PGPASSFILE=/etc/pgha/pgpass
            for other in {}; do
                ssh -n -F /etc/pgha/ssh_config $other true
                psql -wXAtqd \"host=$other user=repmgr dbname=repmgr\" -c 'select 1'
                psql -wXAtqd \"host=$other user=repmgr dbname=repmgr replication=yes\" -c 'IDENTIFY_SYSTEM'
            done",
            others.join(" ")
        ),
    );
    let lax =
        "grep -rlE 'StrictHostKeyChecking[ =](no|accept-new)' /etc /var/lib/postgresql/.ssh || :";
    assert_eq!(lab.on(node, lax), "");
}

fn sudo(lab: &Lab, node: &str) {
    let unit = lab.on(
        node,
        "pg_lsclusters -h | awk '{ print \"postgresql@\" $1 \"-\" $2 }'",
    );
    let mut allowed: Vec<String> = ["start", "stop", "restart", "reload"]
        .iter()
        .map(|verb| format!("(root) NOPASSWD: /usr/bin/systemctl {verb} {unit}"))
        .chain(
            ["start", "stop"]
                .map(|verb| format!("(root) NOPASSWD: /usr/bin/systemctl {verb} repmgrd")),
        )
        .collect();
    allowed.sort();
    // One line for each; a list of commands stands on one line, divided by commas.
    let listed = lab.on(
        node,
        "sudo -l -U postgres | sed '1,/may run the following/d'",
    );
    let mut seen: Vec<String> = listed
        .lines()
        .flat_map(|line| {
            let (how, commands) = line.trim().split_once(": ").unwrap();
            commands
                .split(", ")
                .map(move |command| format!("{how}: {command}"))
        })
        .collect();
    seen.sort();
    assert_eq!(seen, allowed);
}

fn repmgr(lab: &Lab, node: &str, nodes: &[&str], primary: &str) {
    let registered = "select node_name, type, active from repmgr.nodes order by node_name";
    let witnesses = clean::witnesses(lab).into_iter();
    let expected: Vec<String> = nodes
        .iter()
        .map(|node| {
            format!(
                "{node}|{}|t",
                if *node == primary {
                    "primary"
                } else {
                    "standby"
                }
            )
        })
        .chain(witnesses.map(|name| format!("{name}|witness|t")))
        .collect();
    assert_eq!(
        lab.sql_in(node, "repmgr", registered),
        expected.join("\n"),
        "on {node}"
    );
    assert_eq!(
        lab.on(
            node,
            "systemctl is-active repmgrd; systemctl is-enabled repmgrd"
        ),
        "active\nenabled"
    );
    let daemon = "select repmgr.repmgrd_is_running(), repmgr.repmgrd_is_paused()";
    assert_eq!(lab.sql_in(node, "repmgr", daemon), "t|f", "on {node}");
    let show = "repmgr -f /etc/repmgr.conf cluster show --terse";
    lab.as_postgres(node, show);
}

fn replication(lab: &Lab, nodes: &[&str], primary: &str) {
    let mut standbys = nodes.to_vec();
    standbys.retain(|node| *node != primary);
    let streaming =
        "select application_name from pg_stat_replication where state = 'streaming' order by 1";
    assert_eq!(lab.sql(primary, streaming), standbys.join("\n"));
    let slots = "select count(*), bool_and(active) from pg_replication_slots";
    assert_eq!(lab.sql(primary, slots), format!("{}|t", standbys.len()));
}

fn pooler(lab: &Lab, primary: &str) {
    let console = |command: &str| {
        let psql = format!(
            "psql -h /var/run/postgresql -p 6432 -U pgbouncer -XAtq -c '{command}' pgbouncer"
        );
        lab.as_postgres("pooler1", &psql)
    };
    let unit = lab.on(
        "pooler1",
        "systemctl show -p LimitNOFILE,NeedDaemonReload,UnitFileState --value pgbouncer",
    );
    assert_eq!(
        unit.split_whitespace().collect::<Vec<_>>(),
        ["65536", "enabled", "no"]
    );
    let config = console("show config");
    assert!(config.contains("\npool_mode|transaction|"), "{config}");
    assert!(config.contains("\nauth_type|scram-sha-256|"), "{config}");
    let leads_to = format!("app|{}|5432|app|", lab.address(primary));
    let databases = console("show databases");
    assert!(databases.contains(&leads_to), "{databases}");
    assert_eq!(
        query(lab, "select inet_server_addr()"),
        lab.address(primary)
    );
    query(
        lab,
        "create table if not exists proof (at timestamptz default now()); insert into proof default values",
    );
    let conninfo = conninfo(lab);
    let wrong = conninfo.replace("password=", "password=not");
    assert_ne!(wrong, conninfo);
    let refused = connect_and_ask(&wrong, "select 1").unwrap_err();
    assert!(refused.contains("authentication failed"), "{refused}");
}

/// What an application gets through the poolers: the first field of the last row.
pub fn query(lab: &Lab, sql: &str) -> String {
    connect_and_ask(&conninfo(lab), sql).unwrap()
}

/// How an application connects, password included.
pub fn conninfo(lab: &Lab) -> String {
    lab.pgha("conninfo", &["--show-password"]).exits(0).line()
}

/// As [`query`], with a connection string.
pub fn connect_and_ask(conninfo: &str, sql: &str) -> Result<String, String> {
    let asked = async {
        let (client, connection) = tokio_postgres::connect(conninfo, NoTls).await?;
        tokio::spawn(connection);
        let messages = client.simple_query(sql).await?;
        let mut rows = messages.iter().rev().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        Ok::<_, tokio_postgres::Error>(rows.next().unwrap_or_default().to_owned())
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bounded = async { tokio::time::timeout(Duration::from_secs(60), asked).await };
    match runtime.block_on(bounded) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(format!("{error}: {:?}", std::error::Error::source(&error))),
        Err(_) => Err("no answer within a minute".to_owned()),
    }
}
