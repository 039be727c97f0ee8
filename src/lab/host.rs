//! One host of a lab: started, waited for, its SSH host key read.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::engine::Engine;
use super::kept::Kept;
use super::{Labels, Login};
use crate::problem::Problem;

/// What a host is for; decides its group in the inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Node,
    Pooler,
    Witness,
}

/// A host as it is to be, before it has a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub name: String,
    pub address: Ipv4Addr,
    pub role: Role,
}

/// How all hosts of a lab are started.
#[derive(Clone, Debug)]
pub struct Boot {
    pub labels: Labels,
    pub image: String,
    /// The cluster that was kept, whose hosts these are to be copies of.
    pub from: Option<Kept>,
    /// The beginning of all addresses of the lab: `172.30.7.`.
    pub network: String,
    pub login: Login,
    /// The public key that may log in, one line.
    pub key: String,
    /// All hosts of the lab: each can name the others.
    pub hosts: Vec<Host>,
}

/// How long a host may take to boot. It takes 2 to 5 s; a machine that is busy with other things takes longer.
const PATIENCE: Duration = Duration::from_secs(180);

const FIRST_PROCESS: &str = concat!(
    include_str!("addresses.sh"),
    include_str!("first-process.sh")
);

/// Waits inside the host until systemd has settled; prints its state, the host's public key, and the failed units.
const SETTLED: &str = include_str!("settled.sh");

impl Boot {
    /// Starts `host` and waits until it can be logged into; gives its public SSH key (type and base64), which was read
    /// through the engine and not over the network that it is to protect.
    pub async fn start(&self, engine: &Engine, host: &Host) -> Result<String, Problem> {
        self.start_unnamed(engine, host)
            .await
            .map_err(|problem| problem.on(&host.name))
    }

    async fn start_unnamed(&self, engine: &Engine, host: &Host) -> Result<String, Problem> {
        engine.act(self.arguments(host)).await?;
        let container = self.labels.container(&host.name);
        let deadline = Instant::now() + PATIENCE;
        let key = match timeout(PATIENCE, settled(engine, &container)).await {
            Ok(Ok(key)) => key,
            Ok(Err(problem)) => return Err(self.with_log(engine, &container, problem).await),
            Err(_) => {
                let problem = Problem::failed("the host did not boot in time");
                return Err(self.with_log(engine, &container, problem).await);
            }
        };
        answers(host.address, deadline).await?;
        Ok(key)
    }

    /// `docker run …`. Where each flag comes from: systemd needs to mount (`SYS_ADMIN`), which the engine's filters
    /// forbid otherwise; `/tmp` and `/run` of a booted host are empty, and a host may run programs from `/tmp`;
    /// `SIGRTMIN+3` is systemd's own signal for “halt”.
    fn arguments(&self, host: &Host) -> Vec<String> {
        let mut arguments: Vec<String> = [
            "run",
            "-d",
            "--pull=never",
            "--cap-add=SYS_ADMIN",
            "--cap-add=NET_ADMIN",
            "--security-opt=seccomp=unconfined",
            "--security-opt=apparmor=unconfined",
            "--cgroupns=private",
            "--tmpfs=/run:mode=755,exec",
            "--tmpfs=/run/lock:mode=1777",
            "--tmpfs=/tmp:mode=1777,exec",
            "--shm-size=256m",
            "--stop-signal=SIGRTMIN+3",
            "--entrypoint=",
            "--user=0",
            "--workdir=/",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.extend(self.labels.flags());
        arguments.extend([
            format!("--label=pgha.host={}", host.name),
            format!("--label=pgha.address={}", host.address),
            format!("--name={}", self.labels.container(&host.name)),
            format!("--hostname={}", host.name),
            format!("--network={}", self.labels.network()),
            format!("--ip={}", host.address),
        ]);
        for peer in self.hosts.iter().filter(|peer| *peer != host) {
            arguments.push(format!("--add-host={}:{}", peer.name, peer.address));
        }
        arguments.push(match &self.from {
            Some(kept) => kept.image(&host.name),
            None => self.image.clone(),
        });
        arguments.extend(["/bin/sh", "-c", FIRST_PROCESS, "first-process"].map(str::to_owned));
        arguments.push(format!("{}/{}", self.labels.id, host.name));
        arguments.push(self.login.name().to_owned());
        arguments.push(self.key.clone());
        if let Some(kept) = &self.from {
            arguments.extend([kept.network.clone(), self.network.clone()]);
        }
        arguments
    }

    /// Adds what the host printed to why it did not boot.
    async fn with_log(&self, engine: &Engine, container: &str, problem: Problem) -> Problem {
        let problem = match inotify_instances() {
            Some(limit) if limit < 512 => problem.hint(format!(
                "many hosts at once may have used up this machine's {limit} inotify instances (a host needs five): \
                 `pgha lab list` shows the labs that are up, `sysctl -w fs.inotify.max_user_instances=1024` raises the limit"
            )),
            _ => problem,
        };
        let Ok(log) = engine.ask(["logs", "--tail", "20", container]).await else {
            return problem;
        };
        let cause = problem.cause.clone().unwrap_or_default();
        problem.because(format!("{cause}\n{log}").trim())
    }
}

/// How many inotify instances this machine's kernel gives to one user, i.e. to all containers together.
fn inotify_instances() -> Option<u32> {
    let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_instances").ok()?;
    limit.trim().parse().ok()
}

/// Waits for systemd; gives the host's public key. Units that failed are told, and are no reason to stop: a snapshot may
/// hold services that cannot start yet.
async fn settled(engine: &Engine, container: &str) -> Result<String, Problem> {
    let printed = engine
        .ask(["exec", container, "sh", "-c", SETTLED])
        .await
        .map_err(|problem| Problem::failed("the host did not boot").because(problem))?;
    let mut lines = printed.lines();
    let state = lines.next().unwrap_or_default();
    let key = public_key(lines.next().unwrap_or_default())
        .ok_or_else(|| Problem::failed("the host has no SSH host key").because(&printed))?;
    if state != "running" {
        let failed: Vec<&str> = lines.collect();
        eprintln!(
            "{container} is {state}; failed units: {}",
            failed.join(", ")
        );
    }
    Ok(key)
}

/// Type and base64 of a public key, without its comment.
fn public_key(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (kind, key) = (words.next()?, words.next()?);
    kind.starts_with("ssh-").then(|| format!("{kind} {key}"))
}

/// Waits until sshd greets at `address`.
async fn answers(address: Ipv4Addr, deadline: Instant) -> Result<(), Problem> {
    loop {
        let greeting = async {
            let mut stream = TcpStream::connect((address, 22)).await?;
            let mut greeting = [0; 4];
            stream.read_exact(&mut greeting).await.map(|_| greeting)
        };
        let cause = match timeout(Duration::from_secs(5), greeting).await {
            Ok(Ok(greeting)) if &greeting == b"SSH-" => return Ok(()),
            Ok(Ok(_)) => "something else than sshd answers".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        if Instant::now() >= deadline {
            return Err(Problem::unreachable(format!("`sshd` at {address} does not answer"))
                .because(cause)
                .hint("the engine must run on this machine: the lab's addresses are on a bridge of its own"));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_loses_its_comment() {
        assert_eq!(
            public_key("ssh-ed25519 AAAA node1"),
            Some("ssh-ed25519 AAAA".to_owned())
        );
        assert_eq!(public_key("cat: no such file"), None);
    }
}
