//! A cluster that is as declared is left alone.

use crate::lab::{Hosts, Lab};
use crate::{clean, plans, state};

const HOSTS: [&str; 4] = ["node1", "node2", "node3", "pooler1"];

pub fn changes_nothing() {
    let lab = Lab::converged(Hosts::default());
    let before = state::of(&lab, &HOSTS);

    lab.assert_converged();
    lab.pgha("apply", &[]).exits(0);

    let once = HOSTS.map(|host| ((host.to_owned(), "probe".to_owned()), 1));
    assert_eq!(plans::exchanges(&lab), once.into());
    assert_eq!(state::changed(&before, &state::of(&lab, &HOSTS)), [""; 0]);
    clean::is_mended(&lab);
}
