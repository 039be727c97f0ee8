//! Recipe 003: three nodes in a network of their own, with automatic failover.

use super::{Recipe, by_hand};

const DATA: &str = "/var/lib/postgresql/data";

const NODES: [&str; 3] = ["pg1", "pg2", "pg3"];

fn up() -> Recipe {
    let known = [
        ("pg1", "172.7.7.11"),
        ("pg2", "172.7.7.12"),
        ("pg3", "172.7.7.13"),
    ];
    Recipe::up("recipe-003-three-nodes", 3, 0, &known)
}

pub fn from_bare_hosts() {
    let recipe = up();
    recipe.applied();
    has_what_the_recipe_makes(&recipe);
    fails_over(&recipe);
}

/// repmgrd was started by hand, past systemd.
pub fn taken_over() {
    let recipe = up();
    by_hand::repmgr(
        &recipe,
        &by_hand::Repmgr {
            nodes: &NODES,
            host: |recipe, node| recipe.address(node),
            port: 5432,
            conf: "/etc/postgresql/15/main/repmgr.conf",
            data: DATA,
            settings: "max_wal_senders = 10\nmax_replication_slots = 10\nwal_level = 'hot_standby'\nhot_standby = on\narchive_mode = on\narchive_command = '/bin/true'",
            more: "promote_command='repmgr -f /etc/postgresql/15/main/repmgr.conf standby promote'\nfollow_command='repmgr -f /etc/postgresql/15/main/repmgr.conf standby follow'\nlog_file='/var/log/repmgrd.log'",
            repmgrd: "runuser -u postgres -- repmgrd -f /etc/postgresql/15/main/repmgr.conf -d",
        },
    );
    recipe.sql(
        "pg1",
        "postgres",
        "create table kept(x int); insert into kept values (7)",
    );
    recipe.until("pg3", "postgres", "select x from kept", "7");
    let system = "select system_identifier from pg_control_system()";
    let before = recipe.sql("pg1", "postgres", system);
    recipe.applied();
    for node in NODES {
        assert_eq!(
            recipe.sql(node, "postgres", system),
            before,
            "{node} is another cluster"
        );
        assert_eq!(recipe.sql(node, "postgres", "select x from kept"), "7");
        let daemons = "pgrep -x repmgrd | wc -l; systemctl is-active repmgrd";
        assert_eq!(recipe.on(node, daemons), "1\nactive", "repmgrd on {node}");
    }
    has_what_the_recipe_makes(&recipe);
    fails_over(&recipe);
}

fn has_what_the_recipe_makes(recipe: &Recipe) {
    for node in NODES {
        assert_eq!(recipe.sql(node, "postgres", "show data_directory"), DATA);
        let set = "select string_agg(setting, ' ' order by name) from pg_settings
            where name in ('archive_mode', 'archive_command', 'hot_standby', 'listen_addresses', 'wal_level')";
        assert_eq!(
            recipe.sql(node, "postgres", set),
            "/bin/true on on * replica"
        );
        let conf = recipe.on(node, "grep ^failover= /etc/repmgr.conf");
        assert_eq!(conf, "failover='automatic'");
    }
    is_shown_clean(recipe);
}

/// Nobody is trusted without a password, and the primary is the only one who is one.
fn is_shown_clean(recipe: &Recipe) {
    for node in NODES {
        recipe.as_postgres(node, "repmgr -f /etc/repmgr.conf cluster show --terse");
        let trust = "select count(*) from pg_hba_file_rules where auth_method in ('trust', 'md5')";
        assert_eq!(recipe.sql(node, "postgres", trust), "0");
    }
    recipe.lab.assert_healthy();
}

/// “we can simulate a crash on the primary server by stopping the PostgreSQL service”.
fn fails_over(recipe: &Recipe) {
    recipe.on("pg1", "systemctl stop postgresql");
    let primary = crate::failover::until(|| {
        ["pg2", "pg3"]
            .into_iter()
            .find(|node| recipe.sql(node, "postgres", "select pg_is_in_recovery()") == "f")
    });
    let sibling = if primary == "pg2" { "pg3" } else { "pg2" };
    let from = "select status, sender_host from pg_stat_wal_receiver";
    let expected = format!("streaming|{}", recipe.address(primary));
    recipe.until(sibling, "postgres", from, &expected);
    recipe.pgha("rejoin", &["pg1"]);
    recipe.until("pg1", "postgres", from, &expected);
    crate::failover::until(|| {
        let shown = recipe.lab.json("status", &[]);
        (shown["healthy"] == true).then_some(())
    });
    is_shown_clean(recipe);
    recipe.lab.assert_converged();
}
