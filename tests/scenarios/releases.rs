//! The other releases of Debian that pgha knows, from bare hosts: other versions of everything.

use crate::bootstrap;
use crate::failover::receives_nothing;
use crate::lab::{Hosts, Lab};
use crate::{clean, moment, promise};

const HOSTS: Hosts = Hosts {
    nodes: 2,
    poolers: 1,
    witness: true,
    os: "debian-11",
    user: "root",
    bare: true,
};

/// Root logs in.
pub fn debian_11() {
    let lab = Lab::up(HOSTS);
    lab.pgha("apply", &[]).exits(0);
    becomes_a_cluster(&lab);
}

/// A user with `sudo` logs in. A plan that was kept is applied to hosts that have the packages, so that no file changes which it
/// does not name; in the whole they are bare.
pub fn debian_13() {
    let lab = Lab::up(Hosts {
        os: "debian-13",
        user: "admin",
        bare: moment::is_whole(),
        ..HOSTS
    });
    if moment::is_whole() {
        lab.pgha("apply", &[]).exits(0);
    } else {
        let hosts = ["node1", "node2", "witness1", "pooler1"];
        bootstrap::applies_what_was_planned(&lab, 17, &hosts);
    }
    becomes_a_cluster(&lab);
}

fn becomes_a_cluster(lab: &Lab) {
    promise::is_kept(lab, &["node1", "node2"], "node1");
    lab.assert_converged();
    fails_over_and_back(lab);
}

/// A primary with a commit that nobody else has dies, comes back by a rewind, and is the primary again.
fn fails_over_and_back(lab: &Lab) {
    receives_nothing(lab, "node2", "node1", "0");
    lab.sql("node1", "create table own ()");
    // Who is asked to replace it is pgha: on a busy machine repmgrd may be as quick.
    lab.on("node2", "systemctl stop repmgrd");
    lab.kill_postgresql("node1");
    lab.pgha("failover", &[]).exits(0);
    clean::leads(lab, "node2");

    let refused = lab.pgha("rejoin", &["node1"]).exits(3);
    assert!(
        refused.stderr.contains("`node2` does not have"),
        "{refused}"
    );
    let dry = ["node1", "--accept-data-loss", "--dry-run"];
    let dry = lab.pgha("rejoin", &dry).exits(0);
    assert!(dry.stdout.contains("comes back by: rewind"), "{dry}");
    lab.pgha("rejoin", &["node1", "--accept-data-loss"])
        .exits(0);
    clean::is(lab, "node2");
    lab.pgha("rebuild", &["node1"]).exits(0);
    // As a pooler does it whose clients wait for a dead primary.
    let anew = "systemctl kill --signal=KILL pgbouncer; systemctl restart pgbouncer";
    lab.on("pooler1", anew);
    assert_eq!(promise::query(lab, "select 1"), "1");
    lab.pgha("switchover", &["--to", "node1"]).exits(0);
    clean::is(lab, "node1");
}
