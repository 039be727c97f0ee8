//! Clients at work while something happens to the cluster, through every pooler: `pgbench`, and a writer that numbers what
//! it writes. Beside them every member is asked again and again, around the poolers, whether it takes writes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::lab::{Lab, docker};
use crate::seen::{Failure, Sample, Seen};

/// Seconds after which a load ends by itself.
const LONGEST: u64 = 900;

/// Between an acknowledgement and the writer's next insert: two processors serve clients and cluster.
const PAUSE: Duration = Duration::from_millis(20);

/// Between two questions to a member.
const LOOK: Duration = Duration::from_millis(40);

/// How long an answer may take; no stall is so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clients of `pgbench`, over all poolers.
const CLIENTS: usize = 8;

/// Transactions of `pgbench` in a second, over all poolers.
const RATE: usize = 40;

/// Holds the process id of a host's `pgbench`.
const PID: &str = "/tmp/pgbench.pid";

/// A load that runs until it is stopped, dropped, or as old as [`LONGEST`].
pub struct Load<'a> {
    lab: &'a Lab,
    runtime: Option<Runtime>,
    tasks: Vec<JoinHandle<()>>,
    shared: Shared,
    benches: Vec<Bench>,
}

#[derive(Clone)]
struct Shared {
    began: Instant,
    seen: Arc<Mutex<Seen>>,
    stopped: Arc<std::sync::atomic::AtomicBool>,
}

struct Bench {
    pooler: String,
    process: Child,
}

impl<'a> Load<'a> {
    /// Starts it, and returns once everybody is at work.
    pub fn start(lab: &'a Lab) -> Self {
        Self::start_with(lab, true)
    }

    /// The writers alone: every commit is one of theirs.
    pub fn start_writers(lab: &'a Lab) -> Self {
        Self::start_with(lab, false)
    }

    fn start_with(lab: &'a Lab, pgbench: bool) -> Self {
        let names = lab.names();
        let poolers = configs(lab, "pooler", &names);
        let members = configs(lab, "members", &names);
        let runtime = Runtime::new().unwrap();
        runtime.block_on(prepare(&poolers[0].1));
        let benches = match pgbench {
            true => benches(lab, &poolers),
            false => Vec::new(),
        };
        let shared = Shared {
            began: Instant::now(),
            seen: Arc::default(),
            stopped: Arc::default(),
        };
        let mut tasks = Vec::new();
        for (index, (pooler, config)) in poolers.into_iter().enumerate() {
            shared.note(|seen| seen.add_writer(&pooler));
            tasks.push(runtime.spawn(write(index, pooler, config, shared.clone())));
        }
        for (member, config) in members {
            shared.note(|seen| seen.samples.insert(member.clone(), Vec::new()));
            tasks.push(runtime.spawn(look(member, config, shared.clone())));
        }
        let load = Self {
            lab,
            runtime: Some(runtime),
            tasks,
            shared,
            benches,
        };
        load.wait_until("everybody is at work", |load| {
            load.shared.note(|seen| seen.is_complete()) && load.all_bench()
        });
        load
    }

    /// The time on the load's own clock.
    pub fn now(&self) -> Duration {
        self.shared.began.elapsed()
    }

    /// The longest gap between two acknowledgements of any writer since a moment, the one that is still open included.
    pub fn stall_since(&self, moment: Duration) -> Duration {
        let now = self.now();
        self.shared.note(|seen| seen.stall(moment, now))
    }

    /// Waits until every writer had an acknowledgement after this moment.
    pub fn wait_for_writes(&self, moment: Duration) {
        self.wait_until("every writer writes", |load| {
            load.shared.note(|seen| seen.all_wrote_after(moment))
        });
    }

    /// Ends it: what clients saw.
    pub fn stop(mut self) -> Seen {
        assert!(!self.shared.is_over(), "the load ended by itself");
        let mut failures = Vec::new();
        for bench in &mut self.benches {
            failures.extend(bench.end(self.lab, self.shared.began));
        }
        self.end();
        let mut seen = self.shared.note(|seen| seen.clone());
        seen.failures.extend(failures);
        seen.ended = self.now();
        seen
    }

    fn end(&mut self) {
        let order = std::sync::atomic::Ordering::Relaxed;
        self.shared.stopped.store(true, order);
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        // What is under way comes to its end, unless something is badly wrong.
        runtime.block_on(async {
            for task in &mut self.tasks {
                let _ = timeout(Duration::from_secs(5), task).await;
            }
        });
        runtime.shutdown_background();
    }

    fn all_bench(&self) -> bool {
        let began = |bench: &Bench| output(self.lab, &bench.pooler).contains("progress: ");
        self.benches.iter().all(began)
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let since = Instant::now();
        while !is_so(self) {
            assert!(since.elapsed() < PATIENCE, "not within a minute: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        for bench in &mut self.benches {
            bench.interrupt(self.lab);
        }
        self.end();
    }
}

impl Shared {
    fn note<T>(&self, with: impl FnOnce(&mut Seen) -> T) -> T {
        with(&mut self.seen.lock().unwrap())
    }

    fn is_over(&self) -> bool {
        self.stopped.load(std::sync::atomic::Ordering::Relaxed)
            || self.began.elapsed() > Duration::from_secs(LONGEST)
    }

    fn fail(&self, who: &str, what: String) {
        let at = self.began.elapsed();
        let who = who.to_owned();
        self.note(|seen| seen.failures.push(Failure { at, who, what }));
    }
}

/// One configuration for each pooler or member, by the host's name.
fn configs(lab: &Lab, via: &str, names: &BTreeMap<String, String>) -> Vec<(String, Config)> {
    let conninfo = lab.pgha("conninfo", &["--show-password", "--via", via]);
    let all: Config = conninfo.exits(0).line().parse().unwrap();
    let each = all.get_hosts().iter().zip(all.get_ports());
    each.map(|(host, port)| {
        let Host::Tcp(address) = host else {
            panic!("{host:?} has no address")
        };
        let mut config = Config::new();
        config
            .host(address)
            .port(*port)
            .user(all.get_user().unwrap())
            .password(all.get_password().unwrap())
            .dbname(all.get_dbname().unwrap());
        (names[address].clone(), config)
    })
    .collect()
}

async fn connect(config: &Config) -> Result<Client, String> {
    match timeout(PATIENCE, config.connect(NoTls)).await {
        Ok(Ok((client, connection))) => {
            tokio::spawn(connection);
            Ok(client)
        }
        Ok(Err(error)) => Err(told(&error)),
        Err(_) => Err("no connection within a minute".to_owned()),
    }
}

/// An error with its cause.
fn told(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

async fn prepare(pooler: &Config) {
    let client = connect(pooler).await.unwrap();
    let table = "drop table if exists load;
        create table load (writer int, number bigint, primary key (writer, number))";
    client.batch_execute(table).await.unwrap();
}

/// Inserts consecutive numbers, each in a transaction of its own. A number whose fate is not known is not tried again.
async fn write(index: usize, pooler: String, config: Config, shared: Shared) {
    let who = format!("writer at {pooler}");
    let mut connected = None;
    let mut number = 0;
    while !shared.is_over() {
        let client = match connected.take() {
            Some(client) => client,
            None => match connect(&config).await {
                Ok(client) => client,
                Err(what) => {
                    shared.fail(&who, format!("cannot connect: {what}"));
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        number += 1;
        let insert = format!(
            "insert into load values ({index}, {number}) returning host(inet_server_addr())"
        );
        let answer = match timeout(PATIENCE, client.simple_query(&insert)).await {
            Ok(Ok(messages)) => Ok(first(&messages)),
            Ok(Err(error)) => Err(told(&error)),
            Err(_) => Err("no answer within a minute".to_owned()),
        };
        let at = shared.began.elapsed();
        match answer {
            Ok(server) => {
                shared.note(|seen| seen.writers[index].acknowledge(number, at, server));
            }
            Err(what) => {
                shared.note(|seen| seen.writers[index].unknown.insert(number));
                shared.fail(&who, format!("number {number}: {what}"));
            }
        }
        if !client.is_closed() {
            connected = Some(client);
        }
        sleep(PAUSE).await;
    }
}

/// The first field of the first row.
fn first(messages: &[SimpleQueryMessage]) -> String {
    let field = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    field.unwrap_or_default().to_owned()
}

/// Asks a member whether it takes writes. That it does not answer is no failure.
async fn look(member: String, config: Config, shared: Shared) {
    let mut connected = None;
    while !shared.is_over() {
        sleep(LOOK).await;
        let asked = shared.began.elapsed();
        let answer = ask(&config, &mut connected).await;
        let sample = Sample {
            asked,
            answered: shared.began.elapsed(),
            is_primary: answer,
        };
        shared.note(|seen| seen.samples.get_mut(&member).unwrap().push(sample));
    }
}

/// Whether a member is a primary, as it says itself; `None`: it does not answer. Keeps the connection while it does.
async fn ask(config: &Config, connected: &mut Option<Client>) -> Option<bool> {
    let patience = Duration::from_secs(1);
    let client = match connected.take() {
        Some(client) => client,
        None => timeout(patience, connect(config)).await.ok()?.ok()?,
    };
    let question = client.simple_query("select pg_is_in_recovery()");
    let messages = timeout(patience, question).await.ok()?.ok()?;
    let answer = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(|value| value == "f"),
        _ => None,
    });
    *connected = Some(client);
    answer
}

/// `pgbench` on every pooler's host, through that pooler.
fn benches(lab: &Lab, poolers: &[(String, Config)]) -> Vec<Bench> {
    let part = |whole: usize| (whole / poolers.len()).to_string();
    let start = |(index, (pooler, config)): (usize, &(String, Config))| {
        let password = std::str::from_utf8(config.get_password().unwrap()).unwrap();
        let Host::Tcp(address) = &config.get_hosts()[0] else {
            unreachable!("it was made of an address")
        };
        let port = config.get_ports()[0];
        let pgbench = format!(
            "export PGPASSWORD={password} PGHOST={address} PGPORT={port} PGUSER=app PGDATABASE=app
            for pgbench in /usr/lib/postgresql/*/bin/pgbench; do :; done"
        );
        if index == 0 {
            lab.on(
                pooler,
                &format!("{pgbench}; $pgbench -i -q -s 1 >/dev/null 2>&1"),
            );
        }
        let clients = part(CLIENTS);
        let rate = part(RATE);
        let script = format!(
            "{pgbench}; echo $$ >{PID}
            exec $pgbench -n -P 1 -c {clients} -j 1 --rate={rate} --max-tries=1 -T {LONGEST}"
        );
        let file = File::create(log(lab, pooler)).unwrap();
        let process = Command::new("docker")
            .args(["exec", &lab.container(pooler), "sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Bench {
            pooler: pooler.clone(),
            process,
        }
    };
    poolers.iter().enumerate().map(start).collect()
}

fn log(lab: &Lab, pooler: &str) -> std::path::PathBuf {
    lab.dir.join(format!("pgbench-{pooler}.log"))
}

fn output(lab: &Lab, pooler: &str) -> String {
    fs::read_to_string(log(lab, pooler)).unwrap_or_default()
}

impl Bench {
    /// Ends it; gives what it said was wrong.
    fn end(&mut self, lab: &Lab, began: Instant) -> Vec<Failure> {
        let has_ended = self.process.try_wait().unwrap().is_some();
        self.interrupt(lab);
        let said = output(lab, &self.pooler);
        let at = began.elapsed();
        let fail = |what: &str| Failure {
            at,
            who: format!("pgbench at {}", self.pooler),
            what: what.to_owned(),
        };
        let mut failures: Vec<Failure> = said.lines().filter(is_bad).map(fail).collect();
        if has_ended {
            failures.push(fail("it ended before its time"));
        }
        failures
    }

    fn interrupt(&mut self, lab: &Lab) {
        if self.process.try_wait().unwrap().is_none() {
            docker(&[
                "exec",
                &lab.container(&self.pooler),
                "sh",
                "-c",
                &format!("kill -INT $(cat {PID})"),
            ]);
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// Whether a line of `pgbench` tells of something that failed: each second's line has a count.
fn is_bad(line: &&str) -> bool {
    match line.strip_prefix("progress: ") {
        Some(progress) => !progress.contains(", 0 failed"),
        None => line.contains("error") || line.contains("aborted") || line.contains("FATAL"),
    }
}
