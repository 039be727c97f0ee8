//! Recipe 002: three nodes and pgbouncer, all by their names.

use super::{Recipe, by_hand};

const NODES: [&str; 3] = [
    "node0.raveland.priv",
    "node1.raveland.priv",
    "node2.raveland.priv",
];

const POOLER: &str = "pgbouncer.raveland.priv";

fn up() -> Recipe {
    let known = [NODES[0], NODES[1], NODES[2], POOLER].map(|name| (name, ""));
    Recipe::up("recipe-002-pgbouncer", 3, 1, &known)
}

pub fn from_bare_hosts() {
    let recipe = up();
    // “Clone the primary server (first dry-run)”: nothing is changed, and the copy is shown.
    let plan = recipe.pgha("plan", &[]);
    assert!(
        plan.contains("pg_basebackup") && plan.contains("--slot=repmgr_slot_2"),
        "{plan}"
    );
    recipe.applied();
    has_what_the_recipe_makes(&recipe);
    fails_over_and_comes_back(&recipe);
}

pub fn taken_over() {
    let recipe = up();
    by_hand::repmgr(
        &recipe,
        &by_hand::Repmgr {
            nodes: &NODES,
            host: |_, node| node.to_owned(),
            port: 5432,
            conf: "/etc/repmgr.conf",
            data: "/var/lib/postgresql/15/main",
            settings: "include 'postgresql.replication.conf'",
            more: "use_replication_slots=yes\nmonitoring_history=yes\npromote_check_timeout = 15\npromote_command='/usr/bin/repmgr standby promote -f /etc/repmgr.conf --log-to-file'\nfollow_command='/usr/bin/repmgr standby follow -f /etc/repmgr.conf --log-to-file --upstream-node-id=%n'\nlog_file='/var/log/postgresql/repmgrd.log'\nservice_start_command='sudo /usr/bin/pg_ctlcluster 15 main start'\nservice_stop_command='sudo /usr/bin/pg_ctlcluster 15 main stop'\nservice_restart_command='sudo /usr/bin/pg_ctlcluster 15 main restart'",
            repmgrd: "printf '%s\\n' REPMGRD_ENABLED=yes 'REPMGRD_CONF=\"/etc/repmgr.conf\"' 'REPMGRD_OPTS=\"--daemonize=false\"' REPMGRD_USER=postgres REPMGRD_BIN=/usr/bin/repmgrd REPMGRD_PIDFILE=/var/run/repmgrd.pid >/etc/default/repmgrd; systemctl restart repmgrd",
        },
    );
    recipe.sql(
        NODES[0],
        "postgres",
        "create role pea login password 'MySuperPassword'",
    );
    recipe.sql(NODES[0], "postgres", "create database pea owner pea");
    recipe.sql(
        NODES[0],
        "pea",
        "create table kept(x int); insert into kept values (7)",
    );
    recipe.until(NODES[2], "pea", "select x from kept", "7");
    recipe.applied();
    for node in NODES {
        assert_eq!(recipe.sql(node, "pea", "select x from kept"), "7");
    }
    has_what_the_recipe_makes(&recipe);
    recipe.pgha("switchover", &["--to", NODES[1]]);
    recipe.pgha("switchover", &["--to", NODES[0]]);
    fails_over_and_comes_back(&recipe);
}

fn has_what_the_recipe_makes(recipe: &Recipe) {
    for node in NODES {
        // An include file, and nothing of it in postgresql.conf.
        let file = "select distinct sourcefile from pg_settings where name in ('max_wal_senders', 'archive_command', 'wal_keep_size')";
        assert_eq!(
            recipe.sql(node, "postgres", file),
            "/etc/postgresql/15/main/conf.d/pgha.conf"
        );
        let set = "select string_agg(setting, ' ' order by name) from pg_settings where name in ('max_wal_senders', 'max_replication_slots', 'archive_command')";
        assert_eq!(recipe.sql(node, "postgres", set), "/bin/true 15 15");
        assert!(
            recipe
                .on(node, "cat /etc/repmgr.conf")
                .contains(&format!("host={node} "))
        );
        // The folder of keys, and sudo for the service commands alone.
        assert_eq!(
            recipe.on(node, "stat -c %a:%U /var/lib/postgresql/.ssh"),
            "700:postgres"
        );
        assert!(
            recipe
                .on(node, "sudo -l -U postgres")
                .contains("/usr/bin/systemctl restart postgresql@15-main")
        );
    }
    meshes(recipe);
    let slots = "select string_agg(slot_name, ' ' order by slot_name) from pg_replication_slots where active";
    assert_eq!(
        recipe.sql(NODES[0], "postgres", slots),
        "repmgr_slot_2 repmgr_slot_3"
    );
    leads_to(recipe, NODES[0]);
}

/// “required for these cases”: each node reaches each, and says so.
fn meshes(recipe: &Recipe) {
    for node in NODES {
        for look in ["show", "matrix", "crosscheck"] {
            let shown = recipe.as_postgres(
                node,
                &format!("repmgr -f /etc/repmgr.conf cluster {look} --terse"),
            );
            assert!(
                !shown.contains('?') && !shown.contains(" x "),
                "{look} on {node}:\n{shown}"
            );
        }
    }
}

fn leads_to(recipe: &Recipe, primary: &str) {
    let show = "runuser -u postgres -- psql -h /var/run/postgresql -p 5432 -U pgbouncer -XAtc 'show databases' pgbouncer | grep '^pea|' | cut -d '|' -f 2";
    crate::failover::until(|| (recipe.on(POOLER, show) == primary).then_some(()));
}

fn fails_over_and_comes_back(recipe: &Recipe) {
    // The pooler is down while the primary fails, and right once it is back: no promotion tells it.
    recipe.on(POOLER, "systemctl stop pgha-follow pgbouncer");
    recipe.on(NODES[0], "systemctl stop postgresql@15-main");
    let primary = crate::failover::until(|| {
        NODES[1..]
            .iter()
            .find(|node| recipe.sql(node, "postgres", "select pg_is_in_recovery()") == "f")
    });
    recipe.on(POOLER, "systemctl start pgbouncer pgha-follow");
    leads_to(recipe, primary);

    // “when an old primary comes back, it will stay primary”: it does not start.
    let start = recipe.try_on(NODES[0], "systemctl start postgresql@15-main");
    assert_ne!(start.code, 0, "{start}");
    let said = recipe.on(
        NODES[0],
        "journalctl -u postgresql@15-main -o cat | tail -n 20",
    );
    assert!(said.contains("it would be a second primary"), "{said}");
    recipe.pgha("rejoin", &[NODES[0]]);
    crate::failover::until(|| (recipe.lab.json("status", &[])["healthy"] == true).then_some(()));
    meshes(recipe);
    recipe.lab.assert_converged();
}
