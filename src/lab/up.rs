//! `lab up`: from nothing to hosts that can be logged into, or back to nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

use super::engine::Engine;
use super::host::{Boot, Host, Role};
use super::kind::Kind;
use super::network::{self, Subnet};
use super::os::Os;
use super::{Labels, Login, absolute, down, files, image, keep, kept, list};
use crate::problem::{Problem, Problems};

/// What a lab is to be.
#[derive(Clone, Debug)]
pub struct Request {
    /// How many PostgreSQL hosts.
    pub nodes: u8,
    /// How many pooler hosts. All together at most 240, the addresses of a subnet.
    pub poolers: u8,
    /// Whether there is a host for a witness.
    pub witness: bool,
    pub os: Os,
    pub login: Login,
    /// The lab's folder, made if needed.
    pub dir: PathBuf,
    /// An image of the engine's to start all hosts from, instead of the bare `os`.
    pub image: Option<String>,
}

/// The cluster that is to be on the hosts of a lab.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Whether it is built, also where one of its kind was kept.
    pub fresh: bool,
}

/// A hash over all that a cluster is made by: this program.
const SOURCES: &str = env!("PGHA_SOURCES");

/// A lab that is up.
#[derive(Clone, Debug)]
pub struct Lab {
    /// The id in the names and labels of its containers.
    pub id: String,
    /// The folder, absolute.
    pub dir: PathBuf,
    /// The inventory in it, absolute.
    pub inventory: PathBuf,
    pub hosts: Vec<Host>,
    /// From the first container's start until the last host could be logged into.
    pub boot: Duration,
    /// What tells its kind from others, where its cluster is to be kept.
    pub kind: Option<Kind>,
    /// Whether it was started from a cluster that was kept.
    pub restored: bool,
    /// What all its addresses begin with: `172.30.7.`.
    pub network: String,
}

/// Brings a lab up: complete when every host's systemd has settled and its sshd answers.
///
/// Refuses a folder that holds a lab, or files that no lab wrote. On any failure, and on ctrl-c, all that was created is
/// removed.
///
/// `cluster` says how it comes by its cluster, where there is to be one: a cluster of the same kind that was kept is restored,
/// unless it is to be `fresh`.
pub async fn up(request: &Request, cluster: Option<&Cluster>) -> Result<Lab, Problems> {
    let engine = Engine::connect().await?;
    let dir = absolute(&request.dir)?;
    refuse_a_second_lab(&engine, &dir, request).await?;
    if let Some(image) = &request.image
        && !image::exists(&engine, image).await
    {
        return Err(Problem::input(format!("there is no image `{image}`"))
            .hint("`docker image ls` lists the images of this machine")
            .into());
    }
    files::claim(&dir)?;
    let labels = Labels::new(dir);
    let outcome = tokio::select! {
        outcome = build(&engine, &labels, request, cluster) => outcome,
        problem = interrupted() => Err(problem),
    };
    match outcome {
        Ok(lab) => Ok(lab),
        Err(problem) => Err(undo(&engine, &labels, problem).await),
    }
}

async fn refuse_a_second_lab(
    engine: &Engine,
    dir: &std::path::Path,
    request: &Request,
) -> Result<(), Problem> {
    let labs = list::labs(engine).await?;
    if labs.iter().any(|lab| lab.dir == dir) {
        let shown = request.dir.display();
        return Err(
            Problem::refused(format!("`{shown}` already holds a lab")).hint(format!(
                "remove it with `pgha lab down --dir {shown}`, or name another folder with `--dir`"
            )),
        );
    }
    Ok(())
}

async fn build(
    engine: &Engine,
    labels: &Labels,
    request: &Request,
    cluster: Option<&Cluster>,
) -> Result<Lab, Problem> {
    let key = files::key_pair(&labels.dir).await?;
    let image = match &request.image {
        Some(image) => image.clone(),
        None => image::ensure(engine, request.os, labels).await?,
    };
    let kind = match cluster {
        Some(_) => {
            let id = image::id_of(engine, &image).await.unwrap_or_default();
            Some(Kind::of(request, SOURCES, &id))
        }
        None => None,
    };
    let from = match (&kind, cluster) {
        (Some(kind), Some(cluster)) if !cluster.fresh => {
            let all = kept::list(engine).await?;
            kept::usable(&all, &kind.hash, Timestamp::now()).cloned()
        }
        _ => None,
    };
    let network = network::create(engine, labels).await?;
    let hosts = hosts(network, request);
    let plural = if hosts.len() == 1 { "" } else { "s" };
    eprintln!(
        "starting {} host{plural} in {}{}",
        hosts.len(),
        network.cidr(),
        match &from {
            Some(_) => ", copies of a cluster that was kept (`--fresh` builds one)",
            None => "",
        }
    );
    let started = Instant::now();
    let boot = Boot {
        labels: labels.clone(),
        image,
        from,
        network: network.beginning(),
        login: request.login,
        key,
        hosts,
    };
    let keys = try_join_all(boot.hosts.iter().map(|host| boot.start(engine, host))).await?;
    let keys: Vec<(Host, String)> = boot.hosts.iter().cloned().zip(keys).collect();
    files::write_known_hosts(&labels.dir, &keys)?;
    files::write_inventory(&labels.dir, &boot.hosts, request.login, &network.cidr())?;
    if let Some(kept) = &boot.from {
        let secrets = keep::finish(engine, labels, &keys, kept, &boot.network).await?;
        files::write_secrets(&labels.dir, &secrets)?;
    }
    Ok(Lab {
        restored: boot.from.is_some(),
        network: boot.network,
        kind,
        id: labels.id.clone(),
        dir: labels.dir.clone(),
        inventory: labels.dir.join(files::INVENTORY),
        hosts: boot.hosts,
        boot: started.elapsed(),
    })
}

/// The hosts in the order of their addresses: nodes, then poolers, then the witness.
fn hosts(network: Subnet, request: &Request) -> Vec<Host> {
    let (nodes, poolers) = (request.nodes, request.poolers);
    let host = |prefix: &str, number: u8, role, index: u8| Host {
        name: format!("{prefix}{number}"),
        address: network.host(index),
        role,
    };
    let nodes_first = (1..=nodes).map(|number| host("node", number, Role::Node, number - 1));
    let then_poolers =
        (1..=poolers).map(|number| host("pooler", number, Role::Pooler, nodes + number - 1));
    let at_last = request
        .witness
        .then(|| host("witness", 1, Role::Witness, nodes + poolers));
    nodes_first.chain(then_poolers).chain(at_last).collect()
}

/// Waits for ctrl-c or a request to end.
async fn interrupted() -> Problem {
    asked_to_end().await;
    eprintln!("interrupted: removing what was created");
    Problem::interrupted("`lab up` was interrupted").because("what it had created was removed")
}

/// Returns at ctrl-c or a request to end, which then ends nothing by itself.
pub(super) async fn asked_to_end() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        // Without handlers the signals end the process, as they do by default.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Removes what `up` created; gives the problem that led here, and with it any of the removal.
async fn undo(engine: &Engine, labels: &Labels, problem: Problem) -> Problems {
    engine.settle().await;
    let mut problems = vec![problem];
    if let Err(left) = down::remove(engine, &format!("pgha.lab={}", labels.id)).await {
        problems.push(left.hint(format!(
            "`pgha lab down --dir {}` removes what is left",
            labels.dir.display()
        )));
    }
    if let Err(error) = files::remove(&labels.dir, false) {
        problems.push(
            Problem::failed(format!("cannot clear `{}`", labels.dir.display())).because(error),
        );
    }
    Problems(problems)
}
