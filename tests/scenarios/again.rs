//! A cluster that is as declared is left alone.

use crate::lab::{Hosts, Lab};

pub fn changes_nothing() {
    let lab = Lab::converged(Hosts::default());
    lab.assert_converged();
}
