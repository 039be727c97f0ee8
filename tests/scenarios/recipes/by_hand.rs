//! Clusters as people build them today: the commands of the recipes, with Debian 12's paths.

use super::Recipe;

/// What `apt install` leaves, which the image of the scenarios has taken away: a cluster that runs.
fn install(recipe: &Recipe, host: &str) {
    recipe.on(
        host,
        "pg_createcluster 15 main >/dev/null && systemctl enable --now postgresql >/dev/null 2>&1; pg_ctlcluster 15 main start 2>/dev/null || :; pg_lsclusters -h | grep -q online",
    );
}

fn append(recipe: &Recipe, host: &str, file: &str, lines: &str) {
    recipe.on(
        host,
        &format!("cat >>/etc/postgresql/15/main/{file} <<'END'\n{lines}\nEND"),
    );
}

pub fn r004(recipe: &Recipe) {
    let (db1, db2) = (recipe.address("db1"), recipe.address("db2"));
    for host in ["db1", "db2"] {
        install(recipe, host);
        append(
            recipe,
            host,
            "postgresql.conf",
            "listen_addresses = '*'
wal_log_hints = on
archive_mode = on
archive_command = 'test ! -f /archive/%f && cp %p /archive/%f'",
        );
        append(
            recipe,
            host,
            "pg_hba.conf",
            "host replication replica 0.0.0.0/0 md5
host all rewind 0.0.0.0/0 md5",
        );
        recipe.on(
            host,
            "mkdir /archive && chown -R postgres:postgres /archive",
        );
        recipe.on(host, "pg_ctlcluster 15 main stop");
        if host == "db1" {
            // “first of all we gonna need to recreate cluster with checksums enabled”.
            recipe.as_postgres(
                host,
                "/usr/lib/postgresql/15/bin/pg_checksums --enable -D /var/lib/postgresql/15/main",
            );
            recipe.on(host, "pg_ctlcluster 15 main start");
        }
    }
    for statement in [
        "create user replica with replication encrypted password '123'",
        "CREATE USER rewind SUPERUSER encrypted PASSWORD '123'",
        "create database sample",
    ] {
        recipe.sql("db1", "postgres", statement);
    }
    recipe.on("db2", "rm -rf /var/lib/postgresql/15/main");
    recipe.as_postgres(
        "db2",
        &format!(
            "PGPASSWORD=123 pg_basebackup --host={db1} --port=5432 --username=replica --pgdata=/var/lib/postgresql/15/main --progress --checkpoint=fast --write-recovery-conf --create-slot --slot=replica1"
        ),
    );
    recipe.on("db2", "pg_ctlcluster 15 main start");
    recipe.until(
        "db1",
        "postgres",
        "select client_addr, state from pg_stat_replication",
        &format!("{db2}|streaming"),
    );
}

/// A cluster of repmgr's as a recipe makes it: where things are, and what `repmgr.conf` says beside the least.
pub struct Repmgr<'a> {
    pub nodes: &'a [&'a str],
    /// How each node's `conninfo` names it.
    pub host: fn(&Recipe, &str) -> String,
    pub port: u16,
    pub conf: &'a str,
    pub data: &'a str,
    /// Lines of `postgresql.conf`.
    pub settings: &'a str,
    /// Lines of `repmgr.conf`.
    pub more: &'a str,
    /// How repmgrd is started on a node.
    pub repmgrd: &'a str,
}

/// Everybody of the network is trusted.
const TRUST: &str = "local   replication   repmgr                              trust
host    replication   repmgr      127.0.0.1/32            trust
host    replication   repmgr      172.16.0.0/12           trust
host    replication   repmgr      10.0.0.0/8              trust
local   repmgr        repmgr                              trust
host    repmgr        repmgr      127.0.0.1/32            trust
host    repmgr        repmgr      172.16.0.0/12           trust
host    repmgr        repmgr      10.0.0.0/8              trust";

pub fn repmgr(recipe: &Recipe, built: &Repmgr<'_>) {
    let Repmgr {
        nodes,
        port,
        conf,
        data,
        settings,
        more,
        ..
    } = built;
    let primary = (built.host)(recipe, nodes[0]);
    for (index, node) in nodes.iter().enumerate() {
        recipe.on(node, &format!("pg_createcluster -p {port} -d {data} 15 main >/dev/null && systemctl enable --now postgresql >/dev/null 2>&1; pg_ctlcluster 15 main stop 2>/dev/null || :"));
        append(
            recipe,
            node,
            "postgresql.conf",
            &format!("listen_addresses = '*'\nshared_preload_libraries = 'repmgr'\n{settings}"),
        );
        // Recipe 002 has them in a file of their own.
        recipe.on(node, "printf '%s\\n' 'max_wal_senders = 15' 'max_replication_slots = 15' \"wal_level = 'replica'\" 'hot_standby = on' 'archive_mode = on' \"archive_command = '/bin/true'\" 'wal_keep_size = 8000MB' >/etc/postgresql/15/main/postgresql.replication.conf");
        // Before Debian's own lines.
        recipe.on(node, &format!("cd /etc/postgresql/15/main && {{ cat <<'END'\n{TRUST}\nEND\ncat pg_hba.conf; }} >new && cat new >pg_hba.conf && rm new"));
        let number = index + 1;
        let host = (built.host)(recipe, node);
        recipe.on(node, &format!(
            "install -d -o postgres $(dirname {conf}) && cat >{conf} <<'END'\nnode_id={number}\nnode_name={node}\nconninfo='host={host} port={port} user=repmgr dbname=repmgr connect_timeout=2'\ndata_directory='{data}'\nfailover=automatic\n{more}\nEND\ntouch /var/log/repmgrd.log; chown postgres: {conf} /var/log/repmgrd.log"
        ));
        if index == 0 {
            recipe.on(node, "pg_ctlcluster 15 main start");
            recipe.as_postgres(node, &format!("createuser -p {port} -s repmgr && createdb -p {port} repmgr -O repmgr && repmgr -f {conf} primary register"));
        } else {
            recipe.on(node, &format!("rm -rf {data}"));
            let clone = format!(
                "repmgr -h {primary} -p {port} -U repmgr -d repmgr -f {conf} standby clone --fast-checkpoint"
            );
            recipe.as_postgres(node, &format!("{clone} --dry-run && {clone}"));
            recipe.on(node, "pg_ctlcluster 15 main start");
            recipe.as_postgres(node, &format!("repmgr -f {conf} standby register"));
        }
    }
    for node in *nodes {
        recipe.on(node, built.repmgrd);
    }
}
