//! pgha itself is killed, or started twice: the next run finds what is there and finishes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::lab::{Hosts, Lab};
use crate::{moment, plans, promise};

/// Labs in which it is killed.
const ROUNDS: u32 = 6;

/// And how often in each.
const KILLS: usize = 4;

/// Labs at the same time.
const AT_ONCE: u32 = 2;

/// `SIGKILL` in every part of a bootstrap, and again in the runs that follow at once, while the hosts may still be at work
/// for the one before. `PGHA_SEED` repeats the moments of a failure.
pub fn at_random_moments() {
    let seed = moment::seed();
    let whole = bootstrap();
    let next = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    if round >= ROUNDS {
                        return;
                    }
                    kill(seed, round, whole);
                }
            });
        }
    });
}

/// How long a bootstrap takes.
fn bootstrap() -> Duration {
    let lab = Lab::up(Hosts::default());
    let began = Instant::now();
    lab.pgha("apply", &[]).exits(0);
    began.elapsed()
}

fn kill(seed: u64, round: u32, whole: Duration) {
    let mut random = StdRng::seed_from_u64(seed.wrapping_add(round.into()));
    let first = (f64::from(round) + random.random::<f64>()) / f64::from(ROUNDS);
    let mut parts = [(); KILLS].map(|()| random.random::<f64>() / 2.0);
    parts[0] = first;
    let moments = parts.map(|part| whole.mul_f64(part));
    let _told = OnFailure(format!(
        "round {round}, PGHA_SEED={seed}, killed after {moments:?}"
    ));

    let lab = Lab::up(Hosts::default());
    for (index, moment) in moments.into_iter().enumerate() {
        let mut apply = lab.start("apply", &[]);
        if round == 0 && index == 0 {
            // Right when the secrets are made.
            let secrets = lab.dir.join("secrets.yml");
            let beside = lab.dir.join("secrets.yml.new");
            while !secrets.exists() && !beside.exists() && apply.ended().is_none() {}
        } else {
            std::thread::sleep(moment);
        }
        apply.kill();
    }
    lab.pgha("apply", &[]).exits(0);

    lab.assert_converged();
    lab.assert_healthy();
}

/// Two at once: the second waits for the first, and finds nothing to do.
pub fn two_at_once() {
    let lab = Lab::up(Hosts {
        nodes: 2,
        ..Hosts::default()
    });
    let mut first = lab.start("apply", &[]);
    while !lab.dir.join("secrets.yml").exists() {
        assert_eq!(first.ended(), None);
        std::thread::sleep(Duration::from_millis(10));
    }
    let second = lab.pgha("apply", &[]).exits(0);
    assert_eq!(first.wait(), 0);
    assert!(
        second.stderr.contains("waiting for another apply"),
        "{second}"
    );
    assert!(second.stdout.contains("no changes"), "{second}");
    assert_eq!(plans::ran(&lab).len(), 0);
    promise::is_kept(&lab, &["node1", "node2"], "node1");
    what_changes_meanwhile_is_seen(&lab);
}

/// While a plan waits for a run on one host, another is changed, which it has looked at already.
fn what_changes_meanwhile_is_seen(lab: &Lab) {
    let _run = lab.start_on("node2", "flock /run/pgha/lock sleep 5");
    std::thread::sleep(Duration::from_secs(1));
    let mut plan = lab.start("plan", &["--detailed-exitcode"]);
    std::thread::sleep(Duration::from_secs(3));
    lab.on("node1", "chmod 0700 /usr/local/lib/pgha/find-primary");
    assert_eq!(plan.wait(), 10, "it looked once");
}

/// Says what a scenario was about when it fails.
struct OnFailure(String);

impl Drop for OnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}
