//! What a user is promised, shown on real hosts: each scenario has a lab of its own, bare or
//! restored, and removes it.
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
mod labs;
mod literal;
mod load;
mod made;
mod members;
mod moment;
mod plans;
mod promise;
mod recipes;
mod record;
mod refused;
mod rejoin;
mod releases;
mod restart;
mod seen;
mod settings;
mod snapshot;
mod state;
#[path = "../states/mod.rs"]
mod states;
mod switchover;
mod switchover_broken;
mod switchover_gate;
mod switchover_kill;
mod turn;
mod walk;
mod watch;
mod witness;

use std::time::Instant;

use libtest_mimic::{Arguments, Trial};

/// How many scenarios run at the same time unless `--test-threads` says otherwise; each is the hosts of a whole cluster.
const AT_ONCE: usize = 2;

use turn::Beside::{self, Alike, Nothing, Others};

/// When a scenario runs unless it is named.
#[derive(Clone, Copy, PartialEq)]
enum When {
    /// Before any change goes in.
    Always,
    /// Before anything about switchover, failover or rejoin is called done: with `PGHA_ALL=1`.
    Whole,
}

use When::{Always, Whole};

/// Its name, what may run beside it, when it runs, and what it does.
type Scenario = (&'static str, Beside, When, fn());

/// Those that may run beside any come first, the longest of them at the head; then those with time limits; those that need the
/// machine for themselves together at the end.
const SCENARIOS: &[Scenario] = &[
    (
        "bare_hosts_become_a_cluster_on_debian_11",
        Others,
        Always,
        releases::debian_11,
    ),
    (
        "bare_hosts_become_a_cluster_on_debian_13",
        Others,
        Always,
        releases::debian_13,
    ),
    (
        "recipe_004_two_nodes_without_repmgr",
        Others,
        Whole,
        recipes::r004::from_bare_hosts,
    ),
    (
        "recipe_000_two_nodes_on_port_5433",
        Others,
        Whole,
        recipes::r000::from_bare_hosts,
    ),
    (
        "recipe_000_built_by_hand_is_taken_over",
        Others,
        Whole,
        recipes::r000::taken_over,
    ),
    (
        "recipe_002_three_nodes_and_pgbouncer",
        Others,
        Whole,
        recipes::r002::from_bare_hosts,
    ),
    (
        "recipe_002_built_by_hand_is_taken_over",
        Others,
        Whole,
        recipes::r002::taken_over,
    ),
    (
        "recipe_003_three_nodes_in_a_network",
        Others,
        Whole,
        recipes::r003::from_bare_hosts,
    ),
    (
        "recipe_003_built_by_hand_is_taken_over",
        Others,
        Whole,
        recipes::r003::taken_over,
    ),
    (
        "recipe_004_built_by_hand_is_taken_over",
        Others,
        Whole,
        recipes::r004::taken_over,
    ),
    (
        "bare_hosts_become_a_cluster_as_a_user_with_sudo",
        Others,
        Whole,
        bootstrap::as_a_user_with_sudo,
    ),
    (
        "switchover_gate_refuses_and_changes_nothing",
        Others,
        Always,
        switchover_gate::refuses_and_changes_nothing,
    ),
    (
        "a_dead_primary_is_replaced_on_request",
        Others,
        Always,
        failover::on_request,
    ),
    (
        "a_dead_primary_is_replaced_and_poolers_follow",
        Others,
        Always,
        failover::is_followed,
    ),
    (
        "drift_is_shown_alone_and_mended",
        Others,
        Always,
        drift::is_shown_alone_and_mended,
    ),
    (
        "wrong_settings_are_refused_before_they_are_in_place",
        Others,
        Whole,
        settings::wrong_ones_are_refused,
    ),
    (
        "what_goes_over_settings_is_told",
        Others,
        Whole,
        settings::what_goes_over_them_is_told,
    ),
    (
        "wrong_settings_are_refused_on_debian_11",
        Others,
        Whole,
        || settings::wrong_ones_are_refused_on("debian-11"),
    ),
    (
        "wrong_settings_are_refused_on_debian_13",
        Others,
        Whole,
        || settings::wrong_ones_are_refused_on("debian-13"),
    ),
    (
        "a_primary_that_has_been_replaced_gives_up",
        Others,
        Always,
        failover::gives_up,
    ),
    (
        "a_cluster_starts_cold_in_every_order",
        Others,
        Whole,
        failover::starts_cold,
    ),
    (
        "a_failover_that_is_killed_is_finished",
        Others,
        Whole,
        failover::killed,
    ),
    (
        "a_primary_that_is_isolated_stops",
        Others,
        Always,
        failover::is_isolated,
    ),
    (
        "a_way_back_that_is_killed_is_finished",
        Others,
        Whole,
        rejoin::killed,
    ),
    (
        "an_old_primary_comes_back",
        Others,
        Always,
        rejoin::old_primary,
    ),
    (
        "a_member_comes_back_whatever_it_has",
        Others,
        Whole,
        rejoin::other_data,
    ),
    (
        "a_primary_dies_with_its_host_or_its_disk",
        Others,
        Whole,
        failover::dies,
    ),
    (
        "a_witness_lets_two_members_fail_over",
        Others,
        Always,
        witness::lets_two_fail_over,
    ),
    (
        "a_host_that_dies_stops_what_follows",
        Others,
        Always,
        death::stops_what_follows,
    ),
    (
        "a_restart_keeps_the_order_of_hot_standby",
        Others,
        Always,
        restart::in_the_order_that_hot_standby_demands,
    ),
    (
        "a_host_finds_the_primary",
        Others,
        Always,
        watch::finds_the_primary,
    ),
    (
        "two_applies_do_not_interleave",
        Others,
        Always,
        kill::two_at_once,
    ),
    (
        "bare_hosts_become_a_cluster_as_root",
        Others,
        Whole,
        bootstrap::as_root,
    ),
    (
        "an_inventory_is_taken_literally_and_nothing_leaks",
        Others,
        Always,
        literal::is_literal_and_leaks_nothing,
    ),
    (
        "hosts_that_are_refused_stay_as_they_are",
        Others,
        Always,
        refused::leaves_hosts_as_they_are,
    ),
    (
        "a_kept_plan_is_refused_when_stale",
        Others,
        Always,
        bootstrap::stale_plan,
    ),
    (
        "a_second_apply_changes_nothing",
        Others,
        Always,
        again::changes_nothing,
    ),
    ("two_labs_never_meet", Others, Always, labs::never_meet),
    ("a_fourth_member_joins", Others, Always, members::a_fourth),
    ("a_member_leaves", Others, Always, members::leave),
    (
        "missing_data_are_no_new_cluster",
        Others,
        Always,
        members::without_data,
    ),
    (
        "a_new_order_or_primary_changes_nothing",
        Others,
        Always,
        members::reordered_and_switched_over,
    ),
    (
        "a_bootstrap_that_is_killed_is_finished_by_the_next",
        Nothing,
        Whole,
        kill::at_random_moments,
    ),
    (
        "a_switchover_that_is_killed_ends_by_itself_before_the_decision",
        Alike,
        Whole,
        switchover_kill::before_the_decision,
    ),
    (
        "a_switchover_that_is_killed_ends_by_itself_after_the_decision",
        Alike,
        Always,
        switchover_kill::after_the_decision,
    ),
    (
        "a_switchover_goes_on_without_a_host_that_is_lost",
        Alike,
        Whole,
        switchover_broken::goes_on,
    ),
    (
        "ten_switchovers_in_a_row",
        Nothing,
        Whole,
        switchover::ten_in_a_row,
    ),
    (
        "a_load_tells_what_clients_see",
        Nothing,
        Whole,
        switchover::load_tells,
    ),
    (
        "a_walk_over_three_members",
        Nothing,
        Whole,
        walk::over_three,
    ),
    (
        "a_walk_over_two_members_and_a_witness",
        Nothing,
        Whole,
        walk::over_two_and_a_witness,
    ),
    (
        "a_switchover_drains_as_it_is_told",
        Alike,
        Whole,
        switchover_broken::drains,
    ),
    (
        "a_switchover_is_undone_where_the_candidate_fails",
        Alike,
        Always,
        switchover_broken::candidate,
    ),
    (
        "a_switchover_is_undone_where_the_old_primary_fails",
        Alike,
        Whole,
        switchover_broken::old_primary,
    ),
    (
        "a_switchover_whose_candidate_dies_is_finished",
        Nothing,
        Whole,
        switchover_broken::candidate_dies,
    ),
    (
        "a_switchover_is_undone_where_the_disk_is_full",
        Alike,
        Whole,
        switchover_broken::no_room,
    ),
    ("a_switchover_and_back", Alike, Always, switchover::and_back),
];

/// What is no scenario: only with `--ignored`. Recordings change files of `tests/recorded`.
const ON_DEMAND: &[(&str, fn())] = &[
    ("images", snapshot::make),
    ("record_debian_11", record::debian_11),
    ("record_debian_12", record::debian_12),
    ("record_debian_13", record::debian_13),
];

/// Runs a scenario in its turn, and tells how long it took.
fn run(name: &str, beside: Beside, scenario: fn()) {
    let _turn = turn::take(beside);
    let _clock = Clock(name, Instant::now());
    scenario();
}

/// Tells the time that a scenario took, however it ends.
struct Clock<'a>(&'a str, Instant);

impl Drop for Clock<'_> {
    fn drop(&mut self) {
        eprintln!("{}: {:.1} s", self.0, self.1.elapsed().as_secs_f64());
    }
}

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let is_on_demand = arguments.ignored || arguments.include_ignored;
    // Who names a scenario gets it.
    let is_whole = moment::is_whole() || arguments.filter.is_some() || arguments.list;
    let chosen: Vec<_> = SCENARIOS
        .iter()
        .filter(|(_, _, when, _)| is_whole || *when == Always)
        .collect();
    if !arguments.list && !is_on_demand {
        lab::sweep();
        if chosen.len() < SCENARIOS.len() {
            eprintln!(
                "{} of {} scenarios; `PGHA_ALL=1` runs all",
                chosen.len(),
                SCENARIOS.len()
            );
        }
    }
    if !arguments.list && arguments.filter.is_none() {
        // First: a machine that is busy with that would be too slow for those that wait.
        snapshot::make();
    }
    let on_demand = ON_DEMAND.iter().map(|&(name, act)| {
        let trial = Trial::test(name, move || {
            run(name, Others, act);
            Ok(())
        });
        trial.with_ignored_flag(true)
    });
    let trials = chosen
        .into_iter()
        .map(|&(name, beside, _, scenario)| {
            Trial::test(name, move || {
                run(name, beside, scenario);
                Ok(())
            })
        })
        .chain(on_demand)
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}
