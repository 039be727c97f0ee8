//! Recipe 000: two nodes on port 5433, and a port that says who is the master.

use super::{Recipe, by_hand};

const NODES: [&str; 2] = ["node1", "node2"];

fn up() -> Recipe {
    Recipe::up(
        "recipe-000-port-5433",
        2,
        0,
        &[("node1", "192.0.2.11"), ("node2", "192.0.2.12")],
    )
}

pub fn from_bare_hosts() {
    let recipe = up();
    recipe.applied();
    has_what_the_recipe_makes(&recipe);
    tells_roles(&recipe);
    hands_over(&recipe);
}

pub fn taken_over() {
    let recipe = up();
    by_hand::repmgr(
        &recipe,
        &by_hand::Repmgr {
            nodes: &NODES,
            host: |recipe, node| recipe.address(node),
            port: 5433,
            conf: "/etc/repmgr/repmgr.conf",
            data: "/var/lib/postgresql/15/main",
            settings: "wal_log_hints = on",
            more: "monitoring_history=yes\nmonitor_interval_secs=2\nlog_level=INFO\nlog_file='/var/log/repmgrd.log'\nreconnect_attempts=3\nreconnect_interval=10\npromote_command='/usr/bin/repmgr standby promote -f /etc/repmgr/repmgr.conf --log-to-file'\nfollow_command='/usr/bin/repmgr standby follow -f /etc/repmgr/repmgr.conf --log-to-file --upstream-node-id=%n'",
            repmgrd: "runuser -u postgres -- repmgrd -f /etc/repmgr/repmgr.conf --pid-file /tmp/repmgrd.pid --daemonize",
        },
    );
    recipe.sql(
        "node1",
        "postgres",
        "create table guestbook(x int); insert into guestbook values (7)",
    );
    recipe.until("node2", "postgres", "select x from guestbook", "7");
    recipe.applied();
    for node in NODES {
        assert_eq!(recipe.sql(node, "postgres", "select x from guestbook"), "7");
        assert_eq!(
            recipe.on(node, "pgrep -x repmgrd | wc -l"),
            "1",
            "repmgrd on {node}"
        );
    }
    has_what_the_recipe_makes(&recipe);
    tells_roles(&recipe);
    hands_over(&recipe);
}

fn has_what_the_recipe_makes(recipe: &Recipe) {
    for node in NODES {
        assert_eq!(recipe.sql(node, "postgres", "show port"), "5433");
        let conf = recipe.on(node, "cat /etc/repmgr.conf");
        for line in [
            "monitoring_history='yes'",
            "monitor_interval_secs='2'",
            "reconnect_attempts='3'",
            "reconnect_interval='10'",
            "log_file='/var/log/repmgrd.log'",
        ] {
            assert!(conf.contains(line), "{line} in {conf}");
        }
        assert!(conf.contains("port=5433"), "{conf}");
        crate::failover::until(|| {
            recipe
                .try_on(node, "grep -q 'monitoring' /var/log/repmgrd.log")
                .code
                .eq(&0)
                .then_some(())
        });
        recipe.on(
            node,
            "logrotate -f /etc/logrotate.d/pgha-repmgr && test -e /var/log/repmgrd.log.1",
        );
        recipe.as_postgres(node, "repmgr -f /etc/repmgr.conf cluster show --terse");
        recipe.as_postgres(node, "repmgr -f /etc/repmgr.conf node check --terse");
        recipe.as_postgres(node, "repmgr -f /etc/repmgr.conf node status");
    }
    // pg_hba.conf is the same on all, and loaded.
    let rules = "select md5(string_agg(r::text, '' order by line_number)) from pg_hba_file_rules r";
    assert_eq!(
        recipe.sql("node1", "postgres", rules),
        recipe.sql("node2", "postgres", rules)
    );
    recipe.until(
        "node1",
        "repmgr",
        "select count(*) > 0 from repmgr.monitoring_history",
        "t",
    );
    let refused = recipe.try_on(
        "node2",
        "runuser -u postgres -- psql -p 5433 -c 'create table account(id int)'",
    );
    assert!(
        refused
            .stderr
            .contains("cannot execute CREATE TABLE in a read-only transaction"),
        "{refused}"
    );
    let shown = recipe.pgha("status", &[]);
    assert!(shown.contains("automatic failover is off"), "{shown}");
}

/// A word from a port, with no program on the other side but a connection.
fn word(recipe: &Recipe, from: &str, of: &str) -> String {
    let ask = format!(
        "perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(PeerAddr => \"{of}:5400\") or die; print <$s>'"
    );
    recipe.on(from, &ask)
}

/// The code of a health check, and its body.
fn check(recipe: &Recipe, from: &str, of: &str, path: &str) -> String {
    let ask = format!(
        "perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(PeerAddr => \"{of}:8008\") or die; print $s \"GET {path} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n\"; print <$s>' | head -n 1 | cut -d ' ' -f 2"
    );
    recipe.on(from, &ask)
}

fn tells_roles(recipe: &Recipe) {
    for (node, said, codes) in [
        ("node1", "MASTER", ["200", "503", "200"]),
        ("node2", "STANDBY", ["503", "200", "200"]),
    ] {
        for from in NODES {
            let address = recipe.address(node);
            assert_eq!(word(recipe, from, &address), said);
            for (path, code) in ["/primary", "/replica?lag=16MB", "/health"]
                .into_iter()
                .zip(codes)
            {
                assert_eq!(
                    check(recipe, from, &address, path),
                    code,
                    "{path} of {node}"
                );
            }
        }
        // As the recipe's backup script asks.
        assert_eq!(word(recipe, node, "localhost"), said);
        let runs = "systemctl list-units --plain --no-legend 'pgha-role*@*' | wc -l";
        assert_eq!(
            recipe.on(node, runs),
            "0",
            "something runs while nobody asks"
        );
    }
    // Who is not named gets no answer: from this machine, which is the network's gateway.
    let ask = format!("exec 3<>/dev/tcp/{}/5400; cat <&3", recipe.address("node1"));
    let outside =
        crate::lab::run(std::process::Command::new("timeout").args(["10", "bash", "-c", &ask]));
    assert_eq!(outside.stdout, "", "{outside}");
}

/// Promote, follow, unregister and register of the recipe are verbs; each node says its new role.
fn hands_over(recipe: &Recipe) {
    recipe.pgha("switchover", &["--to", "node2"]);
    recipe.lab.assert_healthy();
    assert_eq!(word(recipe, "node1", "localhost"), "STANDBY");
    assert_eq!(word(recipe, "node2", "localhost"), "MASTER");
    recipe.on("node2", "systemctl stop postgresql");
    crate::failover::until(|| (word(recipe, "node2", "localhost") == "DOWN").then_some(()));
    recipe.pgha("failover", &[]);
    recipe.pgha("rejoin", &["node2"]);
    assert_eq!(word(recipe, "node1", "localhost"), "MASTER");
    assert_eq!(word(recipe, "node2", "localhost"), "STANDBY");
    recipe.lab.assert_healthy();
    recipe.lab.assert_converged();
}
