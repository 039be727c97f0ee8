//! What a user is promised, shown on real hosts: each scenario boots a lab of its own, and removes it.
//!
//! `cargo test --test scenarios -- NAME` runs those whose name holds NAME.

mod again;
mod bootstrap;
mod death;
mod drift;
mod former;
mod kill;
mod lab;
mod literal;
mod members;
mod plans;
mod promise;
mod refused;
mod releases;
mod restart;
mod snapshot;
mod state;

use libtest_mimic::{Arguments, Trial};

/// How many scenarios run at the same time unless `--test-threads` says otherwise: hosts share the machine's processors,
/// and much of a scenario is waiting.
const AT_ONCE: usize = 3;

/// The long ones first, so that the others run beside them.
const SCENARIOS: &[(&str, fn())] = &[
    (
        "a_bootstrap_that_is_killed_is_finished_by_the_next",
        kill::at_random_moments,
    ),
    (
        "a_restart_keeps_the_order_of_hot_standby",
        restart::in_the_order_that_hot_standby_demands,
    ),
    (
        "a_host_that_dies_stops_what_follows",
        death::stops_what_follows,
    ),
    (
        "drift_is_shown_alone_and_mended",
        drift::is_shown_alone_and_mended,
    ),
    ("a_former_primary_stays_stopped", former::stays_stopped),
    ("two_applies_do_not_interleave", kill::two_at_once),
    ("bare_hosts_become_a_cluster_as_root", bootstrap::as_root),
    (
        "bare_hosts_become_a_cluster_on_debian_11",
        releases::debian_11,
    ),
    (
        "bare_hosts_become_a_cluster_on_debian_13",
        releases::debian_13,
    ),
    (
        "bare_hosts_become_a_cluster_as_a_user_with_sudo",
        bootstrap::as_a_user_with_sudo,
    ),
    (
        "an_inventory_is_taken_literally_and_nothing_leaks",
        literal::is_literal_and_leaks_nothing,
    ),
    (
        "hosts_that_are_refused_stay_as_they_are",
        refused::leaves_hosts_as_they_are,
    ),
    ("a_kept_plan_is_refused_when_stale", bootstrap::stale_plan),
    ("a_second_apply_changes_nothing", again::changes_nothing),
    ("a_fourth_member_joins", members::a_fourth),
    (
        "a_new_order_or_primary_changes_nothing",
        members::reordered_and_switched_over,
    ),
];

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    if !arguments.list {
        lab::sweep();
    }
    let trials = SCENARIOS
        .iter()
        .map(|&(name, scenario)| {
            Trial::test(name, move || {
                scenario();
                Ok(())
            })
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}
