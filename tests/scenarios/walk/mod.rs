//! A random walk: faults and verbs, one to three at a time, under writers that number what they write. Whatever was done, no two
//! members take writes through poolers at the same time, an acknowledged write is there or was told to be given up, and once all
//! faults have ended the verbs that pgha's hints name lead to a healthy cluster.
//!
//! The first line of a walk has its seed; `PGHA_SEED` repeats it. Each round begins with a healthy cluster, so that a round that
//! fails is repeated by its own steps: `PGHA_STEPS='+kill node1; pgha failover; -kill node1' cargo test --test scenarios -- walk_over_three`.
//! `PGHA_WALK=SECONDS` makes it longer, `PGHA_WALK_OS=debian-13` takes another release, and `PGHA_CUT=N` cuts a round that fails
//! down, by at most N further ones, each on a cluster of its own.

mod cut;
mod fault;
mod recover;
mod step;
mod verb;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use self::fault::ok;
use self::step::Step;
use self::verb::Verb;
use crate::lab::{Hosts, Lab};
use crate::load::Load;
use crate::switchover::TWO_POOLERS;
use crate::{clean, failover, moment};

/// What is walked over.
struct Ground {
    hosts: Hosts,
    members: &'static [&'static str],
    others: &'static [&'static str],
    prepare: fn(&Lab),
}

/// The release that was asked for.
fn os() -> &'static str {
    std::env::var("PGHA_WALK_OS").map_or("debian-12", |os| os.leak())
}

pub fn over_three() {
    walk(&Ground {
        hosts: Hosts {
            os: os(),
            ..TWO_POOLERS
        },
        members: &["node1", "node2", "node3"],
        others: &["pooler1", "pooler2"],
        // Clients wait for one standby, so that nothing acknowledged may be lost at all.
        prepare: |lab| {
            failover::fail_over_quickly(lab);
            lab.set_variable("cluster_isolation_timeout: 6");
        },
    });
}

pub fn over_two_and_a_witness() {
    walk(&Ground {
        hosts: Hosts {
            nodes: 2,
            witness: true,
            os: os(),
            ..TWO_POOLERS
        },
        members: &["node1", "node2"],
        others: &["pooler1", "pooler2", "witness1"],
        prepare: |lab| {
            lab.set_variable("repmgr_settings: { reconnect_attempts: 4, reconnect_interval: 2 }");
            lab.set_variable("cluster_isolation_timeout: 6");
        },
    });
}

impl Ground {
    fn lab(&self) -> Lab {
        let lab = Lab::converged(self.hosts);
        (self.prepare)(&lab);
        lab.pgha("apply", &[]).exits(0);
        verb::inventories(&lab, self.members[self.members.len() - 1]);
        lab
    }
}

fn walk(ground: &Ground) {
    let seed = moment::seed();
    eprintln!("walk: PGHA_SEED={seed}");
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let given = std::env::var("PGHA_STEPS").ok();
    let seconds = Duration::from_secs(number("PGHA_WALK").unwrap_or(600));
    let lab = ground.lab();
    let mut random = StdRng::seed_from_u64(seed);
    let began = Instant::now();
    let mut rounds = 0;
    while rounds == 0 || (given.is_none() && began.elapsed() < seconds) {
        rounds += 1;
        let steps = match &given {
            Some(text) => parse(text),
            None => step::steps(&mut random, ground.members, ground.others),
        };
        eprintln!("round {rounds}: PGHA_STEPS='{}'", text(&steps));
        if let Err(problem) = round(&lab, ground.members, &steps) {
            eprintln!("round {rounds} of seed {seed}: {problem}");
            drop(lab);
            let steps = shortest(ground, &steps, number("PGHA_CUT").unwrap_or(0));
            panic!("round {rounds} of seed {seed}: PGHA_STEPS='{steps}'");
        }
    }
    eprintln!("walk: {rounds} rounds in {:?}", began.elapsed());
}

fn text(steps: &[Step]) -> String {
    let text: Vec<String> = steps.iter().map(ToString::to_string).collect();
    text.join("; ")
}

fn parse(text: &str) -> Vec<Step> {
    text.split(';').map(|step| step.parse().unwrap()).collect()
}

/// The fewest of these steps that were seen to fail.
fn shortest(ground: &Ground, steps: &[Step], tries: u64) -> String {
    let mut left = tries;
    let steps = cut::shortest(steps.iter().map(ToString::to_string).collect(), |fewer| {
        left = left.checked_sub(1)?;
        let fewer = fewer.join("; ");
        eprintln!("cut: PGHA_STEPS='{fewer}'");
        let fails = round(&ground.lab(), ground.members, &parse(&fewer)).is_err();
        eprintln!("cut: it {}", if fails { "fails" } else { "passes" });
        Some(fails)
    });
    steps.join("; ")
}

/// Makes the steps and looks at what came of it.
fn round(lab: &Lab, members: &[&str], steps: &[Step]) -> Result<(), String> {
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        let load = Load::start_writers(lab);
        run(lab, steps);
        let told = recover::recover(lab)?;
        load.wait_for_writes(load.now());
        let seen = load.stop();
        let primaries = clean::primaries(lab);
        let [primary] = &primaries[..] else {
            return Err(format!("primaries: {primaries:?}"));
        };
        clean::leads(lab, primary);
        let two = seen.two_through_poolers();
        if !two.is_empty() {
            return Err(format!("two primaries took writes: {two:#?}"));
        }
        let lost = seen.count_lost(lab, primary);
        if lost > told {
            return Err(format!(
                "{lost} acknowledged writes are lost, {told} were told"
            ));
        }
        eprintln!(
            "  {primary} is the primary; {} failures, longest stall {:?}, {lost} lost, {told} told",
            seen.failures.len(),
            seen.stall(Duration::ZERO, seen.ended)
        );
        Ok(())
    }));
    let problem = match attempt {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(problem)) => problem,
        Err(panic) => match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(_) => "it panicked".to_owned(),
        },
    };
    Err(format!("{problem}\n{}", looked_at(lab, members)))
}

/// Runs the steps.
fn run(lab: &Lab, steps: &[Step]) {
    let began = Instant::now();
    let mut running = Vec::new();
    for step in steps {
        let result = match step {
            Step::Begin(fault, host) => fault.begin(lab, host),
            Step::End(fault, host) => fault.end(lab, host),
            Step::Promote(how, node) => promote(lab, how, node),
            Step::Pgha(call) => {
                running.push(Verb::start(lab, call, running.len()));
                "begun"
            }
            Step::Wait(time) => {
                std::thread::sleep(Duration::from_millis(*time));
                continue;
            }
        };
        eprintln!("  {:6.1} {step}: {result}", began.elapsed().as_secs_f64());
    }
    for verb in running {
        let (words, code, said) = verb.wait();
        let why = said.lines().find(|line| line.starts_with("error"));
        eprintln!(
            "  {:6.1} {words}: ended with {code} {}",
            began.elapsed().as_secs_f64(),
            why.unwrap_or_default()
        );
    }
}

fn promote(lab: &Lab, how: &str, node: &str) -> &'static str {
    let by = match how {
        "promote-by-pg_ctlcluster" => "pg_ctlcluster $version main promote",
        "promote-by-repmgr" => "repmgr -f /etc/repmgr.conf standby promote",
        _ => "psql -XAtqc 'select pg_promote(false)'",
    };
    ok(&fault::on(lab, node, &format!("as_postgres {by}")))
}

/// What a person would look at.
fn looked_at(lab: &Lab, members: &[&str]) -> String {
    let look = "date; journalctl -b -o short-precise --no-pager -n 60 -u pgha-guard -u $unit -u repmgrd -u pgha-dead-man
        ls -la /run/pgha /var/lib/pgha $data/standby.signal $data/pgha-fenced 2>&1; head /var/lib/pgha/* 2>/dev/null
        $bin/pg_controldata $data | grep -i -e state -e timeline -e location
        tail -n 15 /var/log/postgresql/*.log";
    let looks = members
        .iter()
        .map(|member| format!("--- {member}\n{}\n", fault::on(lab, member, look).stdout));
    looks.collect()
}
