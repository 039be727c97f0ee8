//! The other releases of Debian that pgha knows, from bare hosts: other versions of everything.

use crate::lab::{Hosts, Lab};
use crate::promise;

pub fn debian_11() {
    bootstraps("debian-11");
}

pub fn debian_13() {
    bootstraps("debian-13");
}

fn bootstraps(os: &'static str) {
    let lab = Lab::up(Hosts {
        nodes: 2,
        os,
        bare: true,
        ..Hosts::default()
    });
    lab.pgha("apply", &[]).exits(0);
    promise::is_kept(&lab, &["node1", "node2"], "node1");
    lab.assert_converged();
}
