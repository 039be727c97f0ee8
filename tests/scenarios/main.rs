//! What a user is promised, shown on real hosts: each scenario boots a lab of its own, and removes it.
//!
//! `cargo test --test scenarios -- NAME` runs those whose name holds NAME.

mod again;
mod bootstrap;
mod clean;
mod death;
mod drift;
mod failover;
mod kill;
mod lab;
mod literal;
mod load;
mod members;
mod moment;
mod plans;
mod promise;
mod refused;
mod rejoin;
mod releases;
mod restart;
mod seen;
mod shelf;
mod snapshot;
mod state;
mod switchover;
mod switchover_broken;
mod switchover_gate;
mod switchover_kill;
mod watch;
mod witness;

use libtest_mimic::{Arguments, Trial};

/// How many scenarios run at the same time unless `--test-threads` says otherwise. Each is hosts of a whole cluster at work
/// side by side, under load; of two at once on two processors, what one measures is what the other leaves it.
const AT_ONCE: usize = 1;

/// Those that hand their cluster on come before those that spoil it (see [`shelf`]).
const SCENARIOS: &[(&str, fn())] = &[
    ("a_second_apply_changes_nothing", again::changes_nothing),
    (
        "a_bootstrap_that_is_killed_is_finished_by_the_next",
        kill::at_random_moments,
    ),
    (
        "drift_is_shown_alone_and_mended",
        drift::is_shown_alone_and_mended,
    ),
    (
        "a_host_that_dies_stops_what_follows",
        death::stops_what_follows,
    ),
    (
        "a_switchover_that_is_killed_ends_by_itself_before_the_decision",
        switchover_kill::before_the_decision,
    ),
    (
        "a_switchover_that_is_killed_ends_by_itself_after_the_decision",
        switchover_kill::after_the_decision,
    ),
    (
        "switchover_gate_refuses_and_changes_nothing",
        switchover_gate::refuses_and_changes_nothing,
    ),
    (
        "a_switchover_is_undone_where_the_candidate_fails",
        switchover_broken::candidate,
    ),
    (
        "a_switchover_is_undone_where_the_old_primary_fails",
        switchover_broken::old_primary,
    ),
    (
        "a_switchover_goes_on_without_a_host_that_is_lost",
        switchover_broken::goes_on,
    ),
    (
        "a_switchover_drains_as_it_is_told",
        switchover_broken::drains,
    ),
    ("ten_switchovers_in_a_row", switchover::ten_in_a_row),
    (
        "a_dead_primary_is_replaced_and_poolers_follow",
        failover::is_followed,
    ),
    (
        "a_dead_primary_is_replaced_on_request",
        failover::on_request,
    ),
    ("a_primary_that_is_isolated_stops", failover::is_isolated),
    ("a_failover_that_is_killed_is_finished", failover::killed),
    ("a_load_tells_what_clients_see", switchover::load_tells),
    (
        "a_cluster_starts_cold_in_every_order",
        failover::starts_cold,
    ),
    (
        "a_primary_that_has_been_replaced_gives_up",
        failover::gives_up,
    ),
    ("a_way_back_that_is_killed_is_finished", rejoin::killed),
    ("an_old_primary_comes_back", rejoin::old_primary),
    ("a_member_comes_back_whatever_it_has", rejoin::other_data),
    (
        "a_switchover_is_undone_where_the_disk_is_full",
        switchover_broken::no_room,
    ),
    ("a_primary_dies_with_its_host_or_its_disk", failover::dies),
    ("a_switchover_and_back", switchover::and_back),
    (
        "a_restart_keeps_the_order_of_hot_standby",
        restart::in_the_order_that_hot_standby_demands,
    ),
    (
        "a_witness_lets_two_members_fail_over",
        witness::lets_two_fail_over,
    ),
    ("a_host_finds_the_primary", watch::finds_the_primary),
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
    let conclusion = libtest_mimic::run(&arguments, trials);
    shelf::clear();
    conclusion.exit();
}
