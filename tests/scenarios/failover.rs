//! The primary dies, a standby takes its place, and clients are led there: nobody runs pgha for it. Nor does pgha ever make
//! a second writable primary of the one that died.

use std::time::{Duration, Instant};

use crate::clean;
use crate::lab::{Hosts, Lab};
use crate::load::Load;
use crate::moment::Moment::{Began, Finished};
use crate::moment::{self, Run};
use crate::switchover::{NODES, TWO_POOLERS, streams};
use crate::switchover_broken::small_disk;

/// PostgreSQL is killed on the primary under load, while one pooler's host is down. repmgrd promotes a standby, and each
/// pooler follows, the other one once it is back; with synchronous replication nothing that was acknowledged is lost. The
/// former primary stays down, also if it is started by hand or its host boots, until it is brought back.
pub fn is_followed() {
    let lab = Lab::converged(TWO_POOLERS);
    fail_over_quickly(&lab);
    // The server's own, not that of the session which asked: a failover says by it what may be lost.
    let record = lab.on("node1", "cat /var/lib/pgha/synchronous");
    assert!(record.contains(r#""commit" : "on""#), "{record}");

    let load = Load::start(&lab);
    lab.kill_host("pooler2");
    let died = load.now();
    lab.kill_postgresql("node1");
    let primary = promoted(&lab, &["node2", "node3"]);
    is_led_to(&lab, "pooler1", primary);
    lab.start_host("pooler2");
    load.wait_for_writes(load.now());
    clean::leads(&lab, primary);
    let writes = load.now();
    let seen = load.stop();
    eprintln!(
        "stall at pooler1: {:?}",
        seen.writers[0].stall(died, writes)
    );
    seen.assert_one_primary();
    seen.assert_nothing_lost(&lab, primary);
    followed(&lab, primary);

    let plan = lab.json("plan", &[]);
    let held = plan["held"][0]["what"].as_str().unwrap_or_default();
    assert!(held.contains("former primary"), "{plan}");
    lab.pgha("apply", &[]).exits(0);
    let state = lab.on("node1", "systemctl is-active postgresql@15-main || true");
    assert_ne!(state.trim(), "active", "the former primary was started");
    clean::leads(&lab, primary);
    stays_down(&lab, "node1");
    for pooler in ["pooler1", "pooler2"] {
        is_led_to(&lab, pooler, primary);
    }
    let process = || {
        lab.on(
            "pooler1",
            "systemctl show pgbouncer --property MainPID --value",
        )
    };
    let before = process();
    lab.on("pooler1", "systemctl kill --signal=KILL pgbouncer");
    until(|| (![before.trim(), "0"].contains(&process().trim())).then_some(()));

    comes_back(&lab, "node1", primary);
    clean::is_mended(&lab);
}

/// What it had beyond the others is given up; where replication is synchronous it was never acknowledged. No client notices.
pub fn comes_back(lab: &Lab, node: &str, primary: &str) {
    let load = Load::start(lab);
    lab.pgha("rejoin", &[node, "--accept-data-loss"]).exits(0);
    load.wait_for_writes(load.now());
    let seen = load.stop();
    seen.assert_no_failures();
    seen.assert_nothing_lost(lab, primary);
    lab.assert_converged();
    clean::is(lab, primary);
}

/// A standby is promoted soon, and clients wait for one.
pub fn fail_over_quickly(lab: &Lab) {
    // Not less than 4 s in all: within twice its monitoring interval repmgrd takes the primary for still seen by the other
    // standby, cancels the election, and does not hold another (5.3.3).
    lab.set_variable("repmgr_settings: { reconnect_attempts: 4, reconnect_interval: 2 }");
    lab.set_variable(
        "postgresql_settings: { synchronous_standby_names: 'ANY 1 (node1, node2, node3)' }",
    );
    lab.pgha("apply", &[]).exits(0);
    lab.assert_converged();
}

/// repmgrd waits for minutes: whoever is promoted, is by the scenario.
pub fn never_by_itself(lab: &Lab) {
    lab.set_variable("repmgr_settings: { reconnect_attempts: 100, reconnect_interval: 10 }");
    lab.pgha("apply", &[]).exits(0);
}

/// A primary that is frozen, and one that is cut off, packets dropped: another is promoted, poolers follow, and nothing
/// acknowledged is lost. When it is back it stops by itself, and no write that came through the pooler was made there.
pub fn gives_up() {
    let lab = Lab::converged(Hosts::default());
    fail_over_quickly(&lab);
    let freeze: (Strike, Strike) = (Lab::freeze_host, Lab::thaw_host);
    let cut: (Strike, Strike) = (
        |lab, node| route(lab, node, "add"),
        |lab, node| route(lab, node, "del"),
    );
    let mut old = "node1";
    for (strike, mend) in moment::some_of(&[freeze, cut], 2) {
        let others: Vec<&str> = NODES.into_iter().filter(|node| *node != old).collect();
        let load = Load::start(&lab);
        let struck = load.now();
        strike(&lab, old);
        let primary = promoted(&lab, &others);
        load.wait_for_writes(load.now());
        eprintln!("{old} is away: stall {:?}", load.stall_since(struck));
        is_led_to(&lab, "pooler1", primary);
        mend(&lab, old);
        let is_active = "systemctl is-active postgresql@15-main || :";
        until(|| (lab.on(old, is_active).trim() == "inactive").then_some(()));
        let said = lab.on(old, "journalctl -u pgha-guard -o cat");
        assert!(said.contains("it has been replaced"), "{said}");
        load.wait_for_writes(load.now());
        let seen = load.stop();
        seen.assert_nothing_lost(&lab, primary);
        followed(&lab, primary);

        comes_back(&lab, old, primary);
        old = primary;
    }
    clean::is_mended(&lab);
}

/// A primary that is cut off from everybody stops, where that is wanted, and goes on once it is not. One whose standbys are
/// down, but not their hosts, goes on.
pub fn is_isolated() {
    let lab = Lab::converged(Hosts::default());
    never_by_itself(&lab);
    lab.set_variable("cluster_isolation_timeout: 6");
    lab.pgha("apply", &[]).exits(0);
    lab.assert_converged();
    for standby in ["node2", "node3"] {
        lab.on(standby, "systemctl stop postgresql@15-main");
    }
    std::thread::sleep(Duration::from_secs(20));
    assert_eq!(clean::primaries(&lab), ["node1"]);
    for standby in ["node2", "node3"] {
        lab.on(standby, "systemctl start postgresql@15-main");
    }

    let load = Load::start(&lab);
    route(&lab, "node1", "add");
    let is_active = "systemctl is-active postgresql@15-main || :";
    until(|| (lab.on("node1", is_active) == "inactive").then_some(()));
    let said = lab.on("node1", "journalctl -u pgha-guard -o cat");
    assert!(said.contains("out of sight"), "{said}");
    assert!(clean::primaries(&lab).is_empty());
    route(&lab, "node1", "del");
    // What was acknowledged before arrives only now, so that it says nothing of a server that runs.
    until(|| (clean::primaries(&lab) == ["node1"]).then_some(()));
    load.wait_for_writes(load.now());
    let seen = load.stop();
    seen.assert_nothing_lost(&lab, "node1");
    for standby in ["node2", "node3"] {
        streams(&lab, standby);
    }
    clean::is(&lab, "node1");
    clean::is_mended(&lab);
}

/// Before repmgrd does it: refused while the primary answers, and while it cannot be known that it takes no writes.
pub fn on_request() {
    let lab = Lab::converged(TWO_POOLERS);
    // Its statistics are commits as well.
    lab.set_variable("postgresql_settings: { autovacuum: 'off' }");
    never_by_itself(&lab);
    let healthy = lab.pgha("failover", &["--to", "node2"]).exits(3);
    assert!(
        healthy.stderr.contains("`node1` answers, and takes writes"),
        "{healthy}"
    );
    lab.pgha("failover", &[]).exits(3);
    let primary = lab.pgha("rebuild", &["node1"]).exits(3);
    assert!(
        primary.stderr.contains("`node1` is the primary"),
        "{primary}"
    );

    // Nobody has what is written last.
    let load = Load::start_writers(&lab);
    for (standby, left) in [("node3", "1"), ("node2", "0")] {
        receives_nothing(&lab, standby, "node1", left);
    }
    load.wait_for_writes(load.now());
    lab.kill_postgresql("node1");
    let dry = lab
        .pgha("failover", &["--to", "node2", "--dry-run"])
        .exits(0);
    assert!(
        dry.stdout.contains("is not in the cluster any more"),
        "{dry}"
    );
    let said = lab.pgha("failover", &["--to", "node2"]).exits(0);
    assert!(
        said.stderr.contains("`pgha rejoin INVENTORY node1`"),
        "{said}"
    );
    load.wait_for_writes(load.now());
    clean::leads(&lab, "node2");
    let again = lab.pgha("failover", &["--to", "node2"]).exits(0);
    assert!(again.stdout.contains("no changes"), "{again}");
    let seen = load.stop();
    seen.assert_one_primary();

    // It is nobody's standby until it is made one.
    let apply = lab.pgha("apply", &[]).exits(0);
    assert!(apply.stdout.contains("former primary"), "{apply}");
    let state = lab.try_on("node1", "systemctl is-active postgresql@15-main");
    assert_ne!(state.line(), "active");

    // What was acknowledged and is lost is what is told, and what each writer waited for when it ended.
    let lost = seen.count_lost(&lab, "node2");
    let told = lab.pgha("rejoin", &["node1"]).exits(3);
    let count = told.stderr.split("does not have ").nth(1).unwrap();
    let count: usize = count.split(' ').next().unwrap().parse().unwrap();
    eprintln!("{lost} acknowledged writes are lost, of {count} commits");
    let most = lost + seen.writers.len();
    assert!(0 < lost && (lost..=most).contains(&count), "{told}");
    comes_back(&lab, "node1", "node2");

    lab.kill_host("node2");
    let refused = lab.pgha("failover", &[]).exits(3);
    assert!(
        refused.stderr.contains("it may be taking writes"),
        "{refused}"
    );
    lab.pgha("failover", &["--fenced-by", "the host was killed"])
        .exits(0);
    let plan = std::fs::read_to_string(lab.latest_run().join("plan.json")).unwrap();
    assert!(plan.contains("by hand: the host was killed"), "{plan}");
    let primary = promoted(&lab, &["node1", "node3"]);
    clean::leads(&lab, primary);
    let since = before(&lab, || lab.start_host("node2"));
    is_refused(&lab, "node2", &since);
    comes_back(&lab, "node2", primary);
    if moment::is_whole() {
        beside_a_promotion(&lab, primary);
    }
    clean::is_mended(&lab);
}

/// A standby is not connected to the primary any more, so that this many are left.
pub fn receives_nothing(lab: &Lab, standby: &str, primary: &str, left: &str) {
    let nowhere = "alter system set primary_conninfo = 'host=127.0.0.1 port=1'";
    lab.sql(standby, nowhere);
    lab.sql(standby, "select pg_reload_conf()");
    let standbys = "select count(*) from pg_stat_replication";
    until(|| (lab.sql(primary, standbys) == left).then_some(()));
}

/// Another standby was asked to be promoted before, and only now can be: nobody else is.
fn beside_a_promotion(lab: &Lab, primary: &str) {
    let late = ["node1", "node3"].into_iter().find(|node| *node != primary);
    let late = late.unwrap();
    let replay = |signal: &str| format!("pkill -{signal} -f '^postgres: .* startup'");
    lab.on(late, &replay("STOP"));
    lab.sql(late, "select pg_promote(false)");
    lab.kill_postgresql(primary);
    let refused = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(10));
            lab.on(late, &replay("CONT"));
        });
        lab.pgha("failover", &["--to", "node2"]).exits(1)
    });
    let meanwhile = format!("{late} takes writes: it was promoted meanwhile");
    assert!(refused.stderr.contains(&meanwhile), "{refused}");
    assert_eq!(clean::primaries(lab), [late]);
    lab.pgha("failover", &[]).exits(0);
    clean::leads(lab, late);
    comes_back(lab, primary, late);
}

/// pgha is killed in the middle of a failover: the same again finishes it.
pub fn killed() {
    let lab = Lab::converged(Hosts::default());
    never_by_itself(&lab);
    let moments = [
        Finished("service", 1),
        Began("primary_fence", 1),
        Finished("primary_fence", 1),
        Began("standby_promotion", 1),
        Finished("standby_promotion", 1),
        Finished("pgbouncer_primary", 1),
        Finished("repmgr_nodes", 1),
        Finished("standby_upstream", 1),
        Finished("pgbouncer_login", 1),
        Finished("service", 4),
    ];
    let mut old = "node1";
    for moment in moment::some_of(&moments, 3) {
        let new = if old == "node1" { "node2" } else { "node1" };
        eprintln!("killed at {moment:?}");
        let load = Load::start(&lab);
        lab.on(old, "systemctl stop postgresql@15-main");
        let mut run = Run::start(&lab, "failover", &["--to", new]);
        run.wait_for(*moment);
        run.process.kill();
        lab.pgha("failover", &["--to", new]).exits(0);
        load.wait_for_writes(load.now());
        assert_eq!(clean::primaries(&lab), [new]);
        clean::leads(&lab, new);
        let seen = load.stop();
        seen.assert_one_primary();
        // It was stopped cleanly, so that its standbys have all of its log.
        seen.assert_nothing_lost(&lab, new);
        lab.pgha("rejoin", &[old]).exits(0);
        clean::is_quickly(&lab, new);
        old = new;
    }
    clean::is(&lab, old);
    clean::is_mended(&lab);
}

/// The primary's host is gone, and then its disk is full: another is promoted, poolers follow, nothing acknowledged is lost, and
/// what comes back does not take writes.
pub fn dies() {
    let lab = Lab::converged(Hosts::default());
    fail_over_quickly(&lab);
    dies_of(
        &lab,
        |lab| lab.kill_host("node1"),
        |lab| lab.start_host("node1"),
    );

    small_disk(&lab, "node1");
    lab.pgha("switchover", &["--to", "node1"]).exits(0);
    dies_of(
        &lab,
        |lab| {
            // It goes on in the segments that it has made in advance.
            let full = "dd if=/dev/zero of=/var/lib/postgresql/15/main/pg_wal/full bs=1M
                for turn in $(seq 20); do su postgres -c 'psql -qc \"select pg_switch_wal()\"' || break; done";
            lab.try_on("node1", full);
        },
        |lab| {
            lab.on("node1", "rm /var/lib/postgresql/15/main/pg_wal/full");
            lab.try_on("node1", "systemctl restart postgresql@15-main");
        },
    );
}

/// node1 is the primary until this strikes.
fn dies_of(lab: &Lab, strike: fn(&Lab), mend: fn(&Lab)) {
    let load = Load::start(lab);
    let struck = load.now();
    strike(lab);
    let primary = promoted(lab, &["node2", "node3"]);
    load.wait_for_writes(load.now());
    eprintln!("stall {:?}", load.stall_since(struck));
    is_led_to(lab, "pooler1", primary);
    let since = before(lab, || mend(lab));
    is_refused(lab, "node1", &since);
    load.wait_for_writes(load.now());
    let seen = load.stop();
    seen.assert_one_primary();
    seen.assert_nothing_lost(lab, primary);
    followed(lab, primary);
    comes_back(lab, "node1", primary);
}

/// The moment before something is done, in seconds, as journals have it.
fn before(lab: &Lab, done: impl FnOnce()) -> String {
    let now = lab.on("pooler1", "date +%s.%N");
    done();
    now
}

/// Its PostgreSQL was not started, and said why.
fn is_refused(lab: &Lab, node: &str, since: &str) {
    let said = format!("journalctl --since=@{since} -u postgresql@15-main -o cat");
    until(|| {
        lab.on(node, &said)
            .contains("it would be a second primary")
            .then_some(())
    });
    let state = lab.try_on(node, "systemctl is-active postgresql@15-main");
    assert_ne!(state.line(), "active");
}

type Strike = fn(&Lab, &str);

/// Nothing that a host sends to another one arrives, or does again.
pub fn route(lab: &Lab, host: &str, verb: &str) {
    for (address, name) in lab.names() {
        if name != host {
            lab.on(host, &format!("ip route {verb} blackhole {address}"));
        }
    }
}

/// Its PostgreSQL does not start, and says why: by hand, when its host boots, and when it is the first that comes back after
/// all have lost power.
fn stays_down(lab: &Lab, node: &str) {
    let said = |start: &dyn Fn()| {
        let before = lab.on(node, "date +%s.%N");
        start();
        let look = format!(
            "systemctl is-active postgresql@15-main
            journalctl --since=@{} -u postgresql@15-main -o cat",
            before.trim()
        );
        until(|| {
            let said = lab.on(node, &look);
            assert!(!said.starts_with("active"), "{said}");
            said.contains("it would be a second primary").then_some(())
        });
    };
    said(&|| {
        lab.try_on(node, "systemctl start postgresql@15-main")
            .exits(1);
    });
    said(&|| {
        lab.kill_host(node);
        lab.start_host(node);
    });
    said(&|| {
        let others = ["node2", "node3", "pooler1", "pooler2"];
        for host in others {
            lab.kill_host(host);
        }
        lab.kill_host(node);
        lab.start_host(node);
        for host in others {
            lab.start_host(host);
        }
    });
}

/// All hosts lose power and come back, members in every order: the primary is the primary, and clients are led to it.
pub fn starts_cold() {
    let lab = Lab::converged(Hosts::default());
    lab.pgha("switchover", &["--to", "node2"]).exits(0);
    for order in [
        ["node1", "node2", "node3"],
        ["node1", "node3", "node2"],
        ["node2", "node1", "node3"],
        ["node2", "node3", "node1"],
        ["node3", "node1", "node2"],
        ["node3", "node2", "node1"],
    ] {
        for host in ["pooler1", "node1", "node2", "node3"] {
            lab.kill_host(host);
        }
        lab.start_host("pooler1");
        for node in order {
            lab.start_host(node);
        }
        for node in order {
            let is_up = "systemctl is-active -q postgresql@15-main";
            lab.on(
                node,
                &format!("timeout 60 sh -c 'until {is_up}; do sleep 0.2; done'"),
            );
        }
        for standby in ["node1", "node3"] {
            streams(&lab, standby);
        }
        is_led_to(&lab, "pooler1", "node2");
        clean::is_quickly(&lab, "node2");
    }
    lab.assert_converged();
    clean::is_mended(&lab);
}

/// Waits until a pooler reads that its databases are there.
pub fn is_led_to(lab: &Lab, pooler: &str, primary: &str) {
    let address = lab.address(primary);
    let look = || lab.on(pooler, "cat /etc/pgbouncer/databases.ini");
    until(|| look().contains(&address).then_some(()));
}

/// Waits until one of these is a primary.
pub fn promoted<'a>(lab: &Lab, nodes: &[&'a str]) -> &'a str {
    until(|| {
        let mut nodes = nodes.iter();
        nodes
            .find(|node| lab.sql(node, "select not pg_is_in_recovery()") == "t")
            .copied()
    })
}

/// Waits until a standby streams from it, and repmgr's tables say so.
fn followed(lab: &Lab, primary: &str) {
    let streams = "select count(*) = 1 from pg_stat_replication where state = 'streaming'";
    let recorded = "select count(*) = 1 from repmgr.nodes n join repmgr.nodes p on p.node_id = n.upstream_node_id \
                    where n.active and n.type = 'standby' and p.type = 'primary' and p.active";
    until(|| {
        let there =
            lab.sql(primary, streams) == "t" && lab.sql_in(primary, "repmgr", recorded) == "t";
        there.then_some(())
    });
}

pub fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "it did not come true"
        );
        std::thread::sleep(Duration::from_millis(500));
    }
}
