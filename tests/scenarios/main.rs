//! What a user is promised, shown on real hosts: each scenario boots a lab of its own, and removes it.
//!
//! `cargo test --test scenarios -- NAME` runs those whose name holds NAME.

mod again;
mod lab;
mod snapshot;

use libtest_mimic::{Arguments, Trial};

/// How many scenarios run at the same time unless `--test-threads` says otherwise: hosts share the machine's processors,
/// and much of a scenario is waiting.
const AT_ONCE: usize = 3;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let scenarios: &[(&str, fn())] = &[("a_second_apply_changes_nothing", again::changes_nothing)];
    if !arguments.list {
        lab::sweep();
    }
    let trials = scenarios
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
