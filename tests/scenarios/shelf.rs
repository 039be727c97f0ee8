//! Clusters that go from one scenario to the next: to build one takes longer than most of what is shown on it.

use std::fs;
use std::sync::Mutex;

use crate::clean;
use crate::lab::{Hosts, Lab};

/// Each is as declared, healthy, led by node1, and nothing is left on it of those that it has served.
static SHELF: Mutex<Vec<Lab>> = Mutex::new(Vec::new());

/// A cluster that may have served others: its timeline is not the first, and repmgr knows of more than its beginning.
pub fn cluster(hosts: Hosts) -> Lab {
    let mut shelf = SHELF.lock().unwrap();
    let found = shelf.iter().position(|lab| lab.hosts == hosts);
    let lab = found.map(|index| shelf.swap_remove(index));
    drop(shelf);
    lab.unwrap_or_else(|| Lab::converged(hosts))
}

/// Hands a cluster on that a scenario has done with. Whatever of it pgha cannot take back is the scenario's own failure.
pub fn hand_on(lab: Lab) {
    // One is enough: those that wait are not idle.
    if SHELF
        .lock()
        .unwrap()
        .iter()
        .any(|other| other.hosts == lab.hosts)
    {
        return;
    }
    fs::write(lab.inventory(), &lab.born_with).unwrap();
    lab.pgha("apply", &[]).exits(0);
    lab.pgha("switchover", &["--to", "node1"]).exits(0);
    lab.assert_converged();
    clean::is(&lab, "node1");
    // Copies of what members gave up stay until somebody removes them.
    for member in clean::members(&lab) {
        lab.on(
            &member,
            "rm -rf /var/lib/pgha/diverged /var/lib/postgresql/*/*.kept-*",
        );
    }
    fs::remove_dir_all(lab.dir.join(".pgha")).unwrap();
    SHELF.lock().unwrap().push(lab);
}

/// Removes those that nobody wanted.
pub fn clear() {
    SHELF.lock().unwrap().clear();
}
