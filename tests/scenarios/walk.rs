//! A random walk: faults and verbs, one to three at a time, under writers that number what they write. Whatever was done, no two
//! members take writes through poolers at the same time, an acknowledged write is there or was told to be given up, and once all
//! faults have ended the verbs that pgha's hints name lead to a healthy cluster.
//!
//! The first line of a walk has its seed; `PGHA_SEED` repeats it. Each round begins with a healthy cluster, so that a round that
//! fails is repeated by its own steps: `PGHA_STEPS='+kill node1; pgha failover; -kill node1' cargo test --test scenarios -- walk_over_three`.
//! `PGHA_WALK=SECONDS` makes it longer, `PGHA_WALK_OS=debian-13` takes another release.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};

use crate::lab::{Hosts, Lab, PGHA, Ran, bounded};
use crate::load::Load;
use crate::moment;
use crate::switchover::TWO_POOLERS;
use crate::{clean, failover};

/// How long hints may take to lead to a healthy cluster.
const BOUND: Duration = Duration::from_secs(300);

/// Sets variables for the fault's words.
const WORDS: &str = r#"for data in /var/lib/postgresql/*/main; do :; done
version=${data%/main}; version=${version##*/}
bin=/usr/lib/postgresql/$version/bin unit=postgresql@$version-main
config="-c config_file=/etc/postgresql/$version/main/postgresql.conf"
servers='^(/usr/lib/postgresql/.*/bin/postgres|postgres:) '
"#;

/// What goes wrong on a host, and how it is made good again; as root, after [`WORDS`].
#[derive(Clone, Copy, Debug)]
struct Fault {
    name: &'static str,
    /// Whether it is one of a member, and not of any host.
    of_member: bool,
    begin: By,
    end: By,
}

#[derive(Clone, Copy, Debug)]
enum By {
    Script(&'static str),
    Engine(fn(&Lab, &str)),
    /// Nothing that it sends to another host arrives, or does again.
    Routes(&'static str),
}

const fn of_member(name: &'static str, begin: &'static str, end: &'static str) -> Fault {
    Fault {
        name,
        of_member: true,
        begin: By::Script(begin),
        end: By::Script(end),
    }
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "power-off",
        of_member: false,
        begin: By::Engine(Lab::kill_host),
        end: By::Engine(Lab::start_host),
    },
    Fault {
        name: "freeze-host",
        of_member: false,
        begin: By::Engine(Lab::freeze_host),
        end: By::Engine(Lab::thaw_host),
    },
    Fault {
        name: "isolate",
        of_member: false,
        begin: By::Routes("add"),
        end: By::Routes("del"),
    },
    of_member(
        "kill",
        "systemctl kill --signal=KILL $unit",
        "systemctl start $unit",
    ),
    of_member("stop", "timeout 30 systemctl stop $unit", "systemctl start $unit"),
    of_member(
        "stop-by-pg_ctlcluster",
        "timeout 30 runuser -u postgres -- pg_ctlcluster -m fast $version main stop",
        "timeout 30 runuser -u postgres -- pg_ctlcluster $version main start",
    ),
    of_member(
        "stop-by-pg_ctl",
        "timeout 30 runuser -u postgres -- $bin/pg_ctl -D $data -m immediate stop",
        "timeout 30 runuser -u postgres -- $bin/pg_ctl -D $data -o \"$config\" -l /dev/null start",
    ),
    of_member(
        "freeze-server",
        "pkill -STOP -u postgres -f \"$servers\"",
        "pkill -CONT -u postgres -f \"$servers\"",
    ),
    of_member(
        "fill",
        "echo 'select pg_sleep(300)' >/tmp/sleep.sql
        left=$(runuser -u postgres -- psql -XAtqc \"select current_setting('max_connections')::int - count(*) from pg_stat_activity where backend_type in ('client backend', 'walsender')\")
        runuser -u postgres -- $bin/pgbench -n -M simple -c $((left - 1)) -T 300 -f /tmp/sleep.sql postgres >/dev/null 2>&1 &",
        "pkill pgbench; pkill -f '^postgres: .* SELECT$'",
    ),
    of_member("stop-repmgrd", "systemctl stop repmgrd", "systemctl start repmgrd"),
    of_member("stop-guard", "systemctl stop pgha-guard", "systemctl start pgha-guard"),
];

/// One thing that is done.
#[derive(Clone, Debug)]
enum Step {
    Begin(&'static Fault, String),
    End(&'static Fault, String),
    /// Somebody asks a standby to be promoted, without pgha.
    Promote(String),
    /// pgha, in the background, with the milliseconds after which it is killed.
    Pgha(Vec<String>, Option<u64>),
    /// Milliseconds.
    Wait(u64),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(fault, host) => write!(f, "+{} {host}", fault.name),
            Self::End(fault, host) => write!(f, "-{} {host}", fault.name),
            Self::Promote(node) => write!(f, "promote {node}"),
            Self::Pgha(words, None) => write!(f, "pgha {}", words.join(" ")),
            Self::Pgha(words, Some(after)) => write!(f, "pgha killed {after} {}", words.join(" ")),
            Self::Wait(milliseconds) => write!(f, "wait {milliseconds}"),
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let fault = |name: &str| {
            let fault = FAULTS.iter().find(|fault| fault.name == name);
            fault.ok_or_else(|| format!("no fault `{name}`"))
        };
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        match words[..] {
            [name, host] if name.starts_with('+') => {
                Ok(Self::Begin(fault(&name[1..])?, host.into()))
            }
            [name, host] if name.starts_with('-') => Ok(Self::End(fault(&name[1..])?, host.into())),
            ["promote", node] => Ok(Self::Promote(node.into())),
            ["wait", time] => Ok(Self::Wait(time.parse().map_err(|_| text.to_owned())?)),
            ["pgha", "killed", after, ref rest @ ..] => Ok(Self::Pgha(
                owned(rest),
                Some(after.parse().map_err(|_| text.to_owned())?),
            )),
            ["pgha", ref rest @ ..] => Ok(Self::Pgha(owned(rest), None)),
            _ => Err(format!("no step `{text}`")),
        }
    }
}

pub fn over_three() {
    let os = std::env::var("PGHA_WALK_OS").map_or("debian-12", |os| &*os.leak());
    let lab = Lab::converged(Hosts { os, ..TWO_POOLERS });
    // Clients wait for one standby, so that nothing acknowledged may be lost at all.
    failover::fail_over_quickly(&lab);
    lab.set_variable("cluster_isolation_timeout: 6");
    walk(&lab, &["node1", "node2", "node3"], &["pooler1", "pooler2"]);
}

pub fn over_two_and_a_witness() {
    let os = std::env::var("PGHA_WALK_OS").map_or("debian-12", |os| &*os.leak());
    let lab = Lab::converged(Hosts {
        nodes: 2,
        witness: true,
        os,
        ..TWO_POOLERS
    });
    lab.set_variable("repmgr_settings: { reconnect_attempts: 4, reconnect_interval: 2 }");
    lab.set_variable("cluster_isolation_timeout: 6");
    walk(
        &lab,
        &["node1", "node2"],
        &["pooler1", "pooler2", "witness1"],
    );
}

fn walk(lab: &Lab, members: &[&str], others: &[&str]) {
    lab.pgha("apply", &[]).exits(0);
    let seed = moment::seed();
    eprintln!("walk: PGHA_SEED={seed}");
    let given = std::env::var("PGHA_STEPS").ok();
    let seconds = std::env::var("PGHA_WALK").ok();
    let seconds = seconds.map_or(600, |text| text.parse().unwrap());
    let mut random = StdRng::seed_from_u64(seed);
    let began = Instant::now();
    let mut rounds = 0;
    while rounds == 0 || (given.is_none() && began.elapsed() < Duration::from_secs(seconds)) {
        rounds += 1;
        let steps = match &given {
            Some(text) => text.split(';').map(|step| step.parse().unwrap()).collect(),
            None => steps(&mut random, members, others),
        };
        let text: Vec<String> = steps.iter().map(ToString::to_string).collect();
        eprintln!("round {rounds}: PGHA_STEPS='{}'", text.join("; "));
        if let Err(problem) = round(lab, members, &steps) {
            panic!("round {rounds} of seed {seed}: {problem}");
        }
    }
    eprintln!("walk: {rounds} rounds in {:?}", began.elapsed());
}

/// One to three faults on hosts of their own, verbs and waits among them; all faults end.
fn steps(random: &mut StdRng, members: &[&str], others: &[&str]) -> Vec<Step> {
    let mut hosts: Vec<&str> = members.iter().chain(others).copied().collect();
    hosts.shuffle(random);
    // Members more often.
    hosts.sort_by_key(|host| !members.contains(host) && random.random_ratio(2, 3));
    let many = *[1, 1, 2, 2, 3].choose(random).unwrap();
    let faults: Vec<(&'static Fault, &str)> = hosts[..many]
        .iter()
        .map(|host| {
            let of_host = FAULTS
                .iter()
                .filter(|fault| !fault.of_member || members.contains(host));
            let of_host: Vec<&Fault> = of_host.collect();
            (*of_host.choose(random).unwrap(), *host)
        })
        .collect();
    let mut steps = Vec::new();
    let between = |random: &mut StdRng, steps: &mut Vec<Step>| {
        if random.random_ratio(1, 2) {
            steps.push(something(random, members));
        }
        let longest = *[300, 3000, 15000].choose(random).unwrap();
        steps.push(Step::Wait(random.random_range(0..longest)));
    };
    for (fault, host) in &faults {
        steps.push(Step::Begin(fault, (*host).to_owned()));
        between(random, &mut steps);
    }
    let mut ends = faults;
    ends.shuffle(random);
    for (fault, host) in ends {
        between(random, &mut steps);
        steps.push(Step::End(fault, host.to_owned()));
    }
    steps
}

fn something(random: &mut StdRng, members: &[&str]) -> Step {
    let member = (*members.choose(random).unwrap()).to_owned();
    if random.random_ratio(1, 10) {
        return Step::Promote(member);
    }
    let verbs = [
        vec!["apply".to_owned()],
        vec!["failover".to_owned()],
        vec!["failback".to_owned()],
        vec!["switchover".to_owned(), "--to".to_owned(), member.clone()],
        vec!["switchover".to_owned(), "--to".to_owned(), member.clone()],
        vec!["rejoin".to_owned(), member],
    ];
    let killed = random.random_ratio(1, 3);
    let after = killed.then(|| random.random_range(100..8000));
    Step::Pgha(verbs.choose(random).unwrap().clone(), after)
}

/// Makes the steps and looks at what came of it.
fn round(lab: &Lab, members: &[&str], steps: &[Step]) -> Result<(), String> {
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        let load = Load::start_writers(lab);
        let mut told = run(lab, steps);
        told += recover(lab)?;
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

/// Runs the steps; gives how many commits were told to be given up by what ran.
fn run(lab: &Lab, steps: &[Step]) -> usize {
    let began = Instant::now();
    let mut running = Vec::new();
    for step in steps {
        let result = match step {
            Step::Begin(fault, host) => act(lab, host, fault.begin),
            Step::End(fault, host) => act(lab, host, fault.end),
            Step::Promote(node) => {
                let promote = "runuser -u postgres -- psql -XAtqc 'select pg_promote(false)'";
                ok(&lab.try_on(node, &format!("timeout 5 {promote}")))
            }
            Step::Pgha(words, after) => {
                running.push(Verb::start(lab, words, *after, running.len()));
                "begun"
            }
            Step::Wait(time) => {
                std::thread::sleep(Duration::from_millis(*time));
                continue;
            }
        };
        eprintln!("  {:6.1} {step}: {result}", began.elapsed().as_secs_f64());
    }
    let mut told = 0;
    for verb in running {
        let (words, code, said) = verb.wait();
        eprintln!(
            "  {:6.1} {words}: ended with {code}",
            began.elapsed().as_secs_f64()
        );
        told += given_up(&said);
    }
    told
}

fn act(lab: &Lab, host: &str, by: By) -> &'static str {
    match by {
        By::Script(script) => ok(&lab.try_on(host, &format!("{WORDS}{script}"))),
        By::Engine(act) => {
            act(lab, host);
            "ok"
        }
        By::Routes(verb) => {
            failover::route(lab, host, verb);
            "ok"
        }
    }
}

fn ok(ran: &Ran) -> &'static str {
    match ran.code {
        0 => "ok",
        124 => "unsure",
        _ => "failed",
    }
}

/// A pgha that runs beside what is done.
struct Verb {
    words: String,
    process: std::process::Child,
    output: std::path::PathBuf,
    /// When it is killed.
    until: Option<Instant>,
}

impl Verb {
    fn start(lab: &Lab, words: &[String], after: Option<u64>, number: usize) -> Self {
        let output = lab.dir.join(format!("walk-{number}.txt"));
        let file = File::create(&output).unwrap();
        let (verb, arguments) = words.split_first().unwrap();
        let pgha = match after {
            // It itself is killed, and not what bounds it.
            Some(_) => Command::new(PGHA),
            None => bounded(PGHA),
        };
        let mut pgha = pgha;
        pgha.arg(verb)
            .arg(lab.inventory())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        Self {
            words: words.join(" "),
            process: pgha.spawn().unwrap(),
            output,
            until: after.map(|after| Instant::now() + Duration::from_millis(after)),
        }
    }

    /// Its words, its exit code and what it printed.
    fn wait(mut self) -> (String, i32, String) {
        if let Some(until) = self.until {
            while self.process.try_wait().unwrap().is_none() {
                if Instant::now() > until {
                    self.process.kill().unwrap();
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        let code = self.process.wait().unwrap().code().unwrap_or(-9);
        (self.words, code, fs::read_to_string(self.output).unwrap())
    }
}

/// How many commits it said were given up, or would be.
fn given_up(said: &str) -> usize {
    let counts = said.split("does not have ").skip(1);
    let counts = counts.filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok());
    counts.sum()
}

/// Does what hints say until the cluster is healthy and nothing is left to do; gives how many commits were told to be given up.
fn recover(lab: &Lab) -> Result<usize, String> {
    let began = Instant::now();
    let mut told = BTreeMap::new();
    let mut history = String::new();
    loop {
        let status = lab.pgha("status", &["--json"]);
        let is_healthy = status.code == 0 && status.json()["healthy"] == true;
        if is_healthy && lab.pgha("plan", &["--detailed-exitcode"]).code == 0 {
            return Ok(told.values().sum());
        }
        if began.elapsed() > BOUND {
            let status = lab.pgha("status", &[]);
            return Err(format!(
                "hints did not lead to a healthy cluster:\n{history}\n{status}"
            ));
        }
        let apply = lab.pgha("apply", &[]);
        let mut said = format!(
            "{}\n{}\n{}",
            apply.stdout,
            apply.stderr,
            lab.pgha("status", &[])
        );
        history += &format!("apply: {}\n{}\n", apply.code, apply.stderr);
        // What one hint names may give another hint.
        for _ in 0..3 {
            let Some(words) = hinted(&said) else { break };
            eprintln!("  hint: {}", words.join(" "));
            let (verb, arguments) = words.split_first().unwrap();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut ran = lab.pgha(verb, &arguments);
            history += &format!("{}: {}\n{}\n", words.join(" "), ran.code, ran.stderr);
            let count = given_up(&ran.stderr);
            if ran.code == 3 && ran.stderr.contains("--accept-data-loss") {
                let most = told.entry(words.clone()).or_insert(0);
                *most = count.max(*most);
                let agreed = [&arguments[..], &["--accept-data-loss"]].concat();
                ran = lab.pgha(verb, &agreed);
                history += &format!("… --accept-data-loss: {}\n{}\n", ran.code, ran.stderr);
            }
            if ran.code == 0 {
                break;
            }
            said = ran.stderr;
        }
        std::thread::sleep(Duration::from_secs(2));
    }
}

/// The verb that a hint names, the one that gives a primary before others.
fn hinted(said: &str) -> Option<Vec<String>> {
    let mut hints: Vec<Vec<String>> = said
        .split('`')
        .filter_map(|quoted| quoted.strip_prefix("pgha "))
        .filter_map(|words| {
            let words = words.split_whitespace().map(str::to_owned);
            let words: Vec<String> = words.filter(|word| word != "INVENTORY").collect();
            let order = ["failover", "switchover", "rejoin", "rebuild"];
            let is_whole = words
                .iter()
                .all(|word| !word.contains(['…', '.', '<']) && *word != "NODE");
            (is_whole && order.contains(&words.first()?.as_str())).then_some(words)
        })
        .collect();
    hints.sort_by_key(|words| {
        let order = ["failover", "switchover", "rejoin", "rebuild"];
        order.iter().position(|verb| words[0] == *verb)
    });
    hints.into_iter().next()
}

/// What a person would look at.
fn looked_at(lab: &Lab, members: &[&str]) -> String {
    let look = format!(
        "{WORDS}journalctl -b -o cat --no-pager -n 25 -u pgha-guard -u $unit -u repmgrd
        ls -la /run/pgha /var/lib/pgha $data/standby.signal 2>&1; cat /var/lib/pgha/replaced 2>/dev/null"
    );
    let looks = members
        .iter()
        .map(|member| format!("--- {member}\n{}\n", lab.try_on(member, &look)));
    looks.collect()
}
