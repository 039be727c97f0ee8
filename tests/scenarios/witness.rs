//! Two members cannot know which of them is cut off; a witness can.

use std::time::{Duration, Instant};

use crate::failover::{comes_back, is_led_to, promoted, until};
use crate::lab::{Hosts, Lab};
use crate::load::Load;
use crate::moment::Moment::Finished;
use crate::moment::{self, Run};
use crate::switchover::streams;
use crate::{clean, state};

const HOSTS: [&str; 4] = ["node1", "node2", "witness1", "pooler1"];

/// In this time a standby would have been promoted.
const LONG_ENOUGH: Duration = Duration::from_secs(25);

/// Without a witness failover stays manual, which is told. One that comes is registered and counted on; it forbids a promotion
/// while it sees the primary, and agrees to one when it does not. It follows every new primary.
pub fn lets_two_fail_over() {
    let lab = Lab::up(Hosts {
        nodes: 2,
        witness: true,
        ..Hosts::default()
    });
    lab.set_variable("repmgr_settings: { reconnect_attempts: 4, reconnect_interval: 2 }");
    let mut witness = String::new();
    lab.edit_inventory(|text| {
        let begin = text.find("    witness:\n").unwrap();
        let end = text.find("    pgbouncer:\n").unwrap();
        text[begin..end].clone_into(&mut witness);
        text[..begin].to_owned() + &text[end..]
    });
    let two = lab.pgha("apply", &[]).exits(0);
    assert!(two.stdout.contains("failover stays manual"), "{two}");
    lab.assert_converged();
    fails_over(&lab, "manual");

    lab.edit_inventory(|text| text.replace("    pgbouncer:\n", &(witness + "    pgbouncer:\n")));
    let three = lab.pgha("apply", &[]).exits(0);
    assert!(!three.stdout.contains("failover stays manual"), "{three}");
    lab.assert_converged();
    fails_over(&lab, "automatic");
    clean::is(&lab, "node1");
    let before = state::of(&lab, &HOSTS);
    lab.pgha("apply", &[]).exits(0);
    let changed = state::changed(&before, &state::of(&lab, &HOSTS));
    assert_eq!(changed, Vec::<String>::new());
    is_its_own(&lab);

    let ways = moment::some_of(&[Way::CutOff, Way::Alone], 2);
    if ways.contains(&&Way::CutOff) {
        cut_off_is_not_promoted(&lab);
    }

    // It is killed once the other one has been promoted.
    let mut run = Run::start(&lab, "switchover", &["--to", "node2"]);
    run.wait_for(Finished("standby_promotion", 1));
    run.process.kill();
    lab.pgha("switchover", &["--to", "node2"]).exits(0);
    streams(&lab, "node1");
    clean::is(&lab, "node2");
    lab.assert_converged();

    is_watched(&lab, "node2");
    let load = Load::start(&lab);
    lab.kill_postgresql("node2");
    promoted(&lab, &["node1"]);
    is_led_to(&lab, "pooler1", "node1");
    load.wait_for_writes(load.now());
    load.stop().assert_one_primary();
    comes_back(&lab, "node2", "node1");

    if ways.contains(&&Way::Alone) {
        alone_is_not_promoted(&lab);
    }
}

/// How a standby can be unable to see the primary.
#[derive(PartialEq)]
enum Way {
    CutOff,
    Alone,
}

/// The witness's repmgrd finds the primary by itself. That it still watches the former one forbids no promotion.
fn is_watched(lab: &Lab, primary: &str) {
    let node = "select node_id from repmgr.nodes where type = 'primary'";
    let node = lab.sql_in(primary, "repmgr", node);
    let watched = "select repmgr.get_upstream_node_id()";
    let began = Instant::now();
    until(|| (lab.sql_in("witness1", "repmgr", watched) == node).then_some(()));
    eprintln!("the witness watches {primary} after {:?}", began.elapsed());
}

fn fails_over(lab: &Lab, how: &str) {
    for node in ["node1", "node2"] {
        let conf = lab.on(node, "grep ^failover= /etc/repmgr.conf");
        assert_eq!(conf, format!("failover='{how}'"), "{node}");
    }
}

/// It is no copy, holds nothing but repmgr's table, and lets nobody in but the members' repmgr.
fn is_its_own(lab: &Lab) {
    let system = "select system_identifier from pg_control_system()";
    assert_ne!(lab.sql("witness1", system), lab.sql("node1", system));
    let databases = "select string_agg(datname, ' ' order by datname) from pg_database";
    assert_eq!(
        lab.sql("witness1", databases),
        "postgres repmgr template0 template1"
    );
    let admitted = "select string_agg(address, ' ' order by address) from pg_hba_file_rules where type <> 'local'";
    let mut nodes = ["node1", "node2", "witness1"].map(|node| lab.address(node));
    nodes.sort();
    assert_eq!(lab.sql("witness1", admitted), nodes.join(" "));
}

/// The line between the members is cut, and the witness sees the primary.
fn cut_off_is_not_promoted(lab: &Lab) {
    let address = lab.address("node1");
    lab.on("node2", &format!("ip route add blackhole {address}"));
    std::thread::sleep(LONG_ENOUGH);
    assert_eq!(clean::primaries(lab), ["node1"]);
    let said = lab.on("node2", "journalctl -u repmgrd -o cat");
    assert!(said.contains("considering primary still visible"), "{said}");
    lab.on("node2", &format!("ip route del blackhole {address}"));
    streams(lab, "node2");
    clean::is(lab, "node1");
}

/// The witness is gone, and then the primary: who sees nobody may be the one that is cut off. It is promoted on request.
fn alone_is_not_promoted(lab: &Lab) {
    lab.kill_host("witness1");
    lab.kill_postgresql("node1");
    std::thread::sleep(LONG_ENOUGH);
    assert_eq!(clean::primaries(lab), Vec::<String>::new());
    lab.pgha("failover", &[]).exits(0);
    lab.start_host("witness1");
    comes_back(lab, "node1", "node2");
}
