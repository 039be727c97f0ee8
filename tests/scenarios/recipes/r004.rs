//! Recipe 004: two nodes without repmgr, failover and failback by hand.

use super::{Recipe, by_hand};
use crate::lab::Lab;

const DATA: &str = "/var/lib/postgresql/15/main";

fn up() -> Recipe {
    let known = [("db1", "172.17.0.2"), ("db2", "172.17.0.3")];
    Recipe::up("recipe-004-without-repmgr", 2, 0, &known)
}

/// From bare hosts: what the recipe makes, failover, the divergent row, rewind, failback.
pub fn from_bare_hosts() {
    let recipe = up();
    let told = recipe.applied();
    assert!(told.contains("automatic failover is off"), "{told}");
    assert!(
        told.contains("--progress"),
        "the base backup tells no progress: {told}"
    );
    has_what_the_recipe_makes(&recipe);
    fails_over_and_back(&recipe);
}

/// Built by hand as the recipe says, with its superuser, its slot and its passwords; then one apply.
pub fn taken_over() {
    let recipe = up();
    by_hand::r004(&recipe);
    recipe.sql(
        "db1",
        "sample",
        "create table messages(message text); insert into messages values('hello')",
    );
    recipe.until("db2", "sample", "select message from messages", "hello");
    let system = recipe.sql(
        "db1",
        "postgres",
        "select system_identifier from pg_control_system()",
    );
    recipe.applied();
    for node in ["db1", "db2"] {
        let own = "select system_identifier from pg_control_system()";
        assert_eq!(
            recipe.sql(node, "postgres", own),
            system,
            "{node} is another cluster"
        );
        assert_eq!(
            recipe.sql(node, "sample", "select message from messages"),
            "hello"
        );
    }
    recipe.sql("db1", "sample", "drop table messages");
    has_what_the_recipe_makes(&recipe);
    fails_over_and_back(&recipe);
}

fn has_what_the_recipe_makes(recipe: &Recipe) {
    for node in ["db1", "db2"] {
        let set = "select string_agg(name || '=' || setting, ' ' order by name) from pg_settings
            where name in ('listen_addresses', 'wal_log_hints', 'archive_mode', 'data_checksums', 'shared_preload_libraries')";
        assert_eq!(
            recipe.sql(node, "postgres", set),
            "archive_mode=on data_checksums=on listen_addresses=* shared_preload_libraries= wal_log_hints=on"
        );
        let repmgr = recipe.try_on(
            node,
            "dpkg -s postgresql-15-repmgr >/dev/null && test -e /etc/repmgr.conf",
        );
        assert_ne!(repmgr.code, 0, "repmgr is configured on {node}");
    }
    // No more rights than they need, and passwords.
    let roles = "select rolname, rolsuper, rolreplication, rolcreaterole, rolcreatedb, rolbypassrls, rolpassword like 'SCRAM%'
        from pg_authid where rolname in ('replica', 'rewind') order by 1";
    assert_eq!(
        recipe.sql("db1", "postgres", roles),
        "replica|f|t|f|f|f|t\nrewind|f|f|f|f|f|t"
    );
    let calls = "select count(*), bool_and(has_function_privilege('replica', p.oid, 'execute')) from pg_proc p, aclexplode(proacl) x
        where grantee = 'rewind'::regrole";
    assert_eq!(recipe.sql("db1", "postgres", calls), "4|f");
    let groups = "select count(*) from pg_auth_members where member in ('replica'::regrole, 'rewind'::regrole)";
    assert_eq!(recipe.sql("db1", "postgres", groups), "0");
    // Nobody else gets in, not even with the password.
    let by = recipe.try_on(
        "db2",
        &format!(
            "runuser -u postgres -- psql -wXAtd 'host={} user=rewind dbname=sample' -c 'select 1'",
            recipe.address("db1")
        ),
    );
    assert!(by.stderr.contains("pg_hba.conf rejects"), "{by}");
    let slots = "select slot_name, active, wal_status from pg_replication_slots";
    assert_eq!(
        recipe.sql("db1", "postgres", slots),
        "pgha_member_db2|t|reserved"
    );
    assert_eq!(recipe.sql("db2", "postgres", slots), "");
    // An archive in a directory.
    recipe.sql(
        "db1",
        "sample",
        "create table archived(x int); select pg_switch_wal()",
    );
    recipe.until(
        "db1",
        "postgres",
        "select archived_count > 0 and failed_count = 0 from pg_stat_archiver",
        "t",
    );
    assert_ne!(recipe.on("db1", "ls /archive"), "");
    // “you should see online,recovery”.
    assert!(
        recipe
            .on("db2", "pg_lsclusters -h")
            .contains("online,recovery")
    );
    let status = recipe.lab.json("status", &[]);
    assert_eq!(status["failover"], "manual", "{status:#}");
    let shown = recipe.pgha("status", &[]);
    assert!(shown.contains("automatic failover is off"), "{shown}");
}

fn fails_over_and_back(recipe: &Recipe) {
    recipe.sql(
        "db1",
        "sample",
        "create table messages(message text); insert into messages values('hello')",
    );
    recipe.until("db2", "sample", "select message from messages", "hello");

    // The primary's host is lost to everybody, and nobody is promoted by himself.
    recipe.on("db1", "touch /run/pgha-guard-off");
    recipe.lab.freeze_host(recipe.host("db1"));
    let refused = recipe.lab.pgha("failover", &[]).exits(3);
    assert!(
        refused
            .stderr
            .contains("the host of the primary `db1` does not answer"),
        "{refused}"
    );
    recipe.pgha("failover", &["--fenced-by", "frozen"]);
    recipe.sql("db2", "sample", "insert into messages values('world')");

    // “but master is still alive and received one more update”.
    recipe.lab.thaw_host(recipe.host("db1"));
    recipe.sql(
        "db1",
        "sample",
        "insert into messages values('contoso'); select pg_switch_wal()",
    );
    recipe.until("db1", "postgres", "select last_failed_wal is null and not exists (select from pg_ls_archive_statusdir() where name like '%.ready') from pg_stat_archiver", "t");
    let told = recipe.lab.pgha("status", &[]).exits(1);
    assert!(told.stdout.contains("split brain"), "{told}");

    // The log that the rewind needs is only in the archive any more.
    recipe.on("db1", "systemctl stop postgresql@15-main");
    recipe.on("db1", &format!("cd {DATA}/pg_wal && for file in 0000000100*; do [ ! -e /archive/$file ] || rm $file; done"));
    let refused = recipe.lab.pgha("rejoin", &["db1"]).exits(3);
    assert!(refused.stderr.contains("`db2` does not have"), "{refused}");
    assert!(refused.stderr.contains("commit"), "{refused}");
    let back = recipe.pgha("rejoin", &["db1", "--accept-data-loss"]);
    assert!(back.contains("comes back by: rewind"), "{back}");
    assert!(back.contains("is fetched from archive"), "{back}");
    recipe.on("db1", "rm -f /run/pgha-guard-off");
    let both = "hello\nworld";
    let messages = "select message from messages order by message";
    assert_eq!(recipe.sql("db2", "sample", messages), both);
    recipe.until("db1", "sample", messages, both);
    is_well(&recipe.lab, recipe, "db2", "db1");

    // Failback, and both ways without a failed transaction.
    recipe.pgha("switchover", &["--to", "db1"]);
    is_well(&recipe.lab, recipe, "db1", "db2");
    recipe.pgha("switchover", &["--to", "db2"]);
    is_well(&recipe.lab, recipe, "db2", "db1");
    recipe.pgha("failback", &[]);
    is_well(&recipe.lab, recipe, "db1", "db2");

    // A member leaves, and comes again; what it may have left is gone.
    recipe.pgha("remove", &["db2"]);
    let slots = "select count(*) from pg_replication_slots";
    assert_eq!(recipe.sql("db1", "postgres", slots), "0");
    recipe.pgha("rejoin", &["db2"]);
    is_well(&recipe.lab, recipe, "db1", "db2");
    recipe.pgha("rebuild", &["db2", "--discard"]);
    is_well(&recipe.lab, recipe, "db1", "db2");
}

/// The old slots are gone, the standby streams from its own, and a second plan is empty.
fn is_well(lab: &Lab, recipe: &Recipe, primary: &str, standby: &str) {
    let slots = "select slot_name, active from pg_replication_slots";
    recipe.until(
        primary,
        "postgres",
        slots,
        &format!("pgha_member_{standby}|t"),
    );
    assert_eq!(recipe.sql(standby, "postgres", slots), "");
    let from = "select status, sender_host from pg_stat_wal_receiver";
    let expected = format!("streaming|{}", recipe.address(primary));
    recipe.until(standby, "postgres", from, &expected);
    lab.assert_healthy();
    lab.assert_converged();
}
