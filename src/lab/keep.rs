//! Keeps the cluster of a lab: the next lab of the same kind starts from a copy.

use std::process::Stdio;

use futures_util::future::{join_all, try_join_all};
use jiff::Timestamp;
use tokio::io::AsyncWriteExt;

use super::engine::{self, Engine};
use super::kept::{self, Kept, LABELS};
use super::up::{Lab, asked_to_end};
use super::{Labels, lock};
use crate::problem::{Problem, Problems};

const STOP: &str = include_str!("keep-stop.sh");
const START: &str = include_str!("keep-start.sh");
const RESTORED: &str = include_str!("restored.sh");

/// Copies the hosts of a lab that is up and healthy while its servers are shut down, and starts them again. Clusters that are
/// of no use any more are removed.
///
/// # Errors
/// A server does not stop cleanly, or there is no room. The lab runs again all the same.
pub async fn keep(lab: &Lab) -> Result<(), Problems> {
    let engine = Engine::connect().await?;
    let Some(kind) = &lab.kind else {
        return Ok(());
    };
    // Of two labs of the same kind one is enough.
    let Some(_lock) = lock::try_hold(&format!("lab-kept-{}", kind.hash))? else {
        return Ok(());
    };
    let labels = Labels {
        id: lab.id.clone(),
        dir: lab.dir.clone(),
    };
    let host = Hosts {
        engine: &engine,
        labels: &labels,
        lab,
    };
    let copied = tokio::select! {
        copied = host.copy() => copied,
        () = asked_to_end() => {
            engine.settle().await;
            Err(Problem::interrupted("keeping the cluster was interrupted"))
        }
    };
    // Whatever became of it.
    let started = host.on_all(START, &[]).await;
    let images = copied?;
    started?;
    // Named once all are there.
    let copy = format!("{:08x}", rand::random::<u32>());
    for (name, image) in &images {
        let name = kept::image(&kind.hash, &copy, name);
        engine.act(["tag", image, &name]).await?;
    }
    let all = kept::list(&engine).await?;
    if let Some(newest) = all.iter().find(|kept| kept.copy == copy) {
        kept::remove(&engine, &kept::useless(&all, newest, Timestamp::now())).await?;
    }
    Ok(())
}

/// The hosts of a lab.
struct Hosts<'a> {
    engine: &'a Engine,
    labels: &'a Labels,
    lab: &'a Lab,
}

impl Hosts<'_> {
    /// Runs a script on all hosts at the same time; gives what each printed.
    async fn on_all(&self, script: &str, words: &[&str]) -> Result<Vec<String>, Problem> {
        let runs = self.lab.hosts.iter().map(|host| async move {
            let container = self.labels.container(&host.name);
            let arguments = ["exec", &container, "sh", "-c", script, "lab"];
            let printed = self.engine.act(arguments.iter().chain(words)).await;
            printed.map_err(|problem| problem.on(&host.name))
        });
        // All of them end, whatever becomes of one.
        join_all(runs).await.into_iter().collect()
    }

    /// An image of each host, without a name: host and image.
    async fn copy(&self) -> Result<Vec<(String, String)>, Problem> {
        self.on_all(STOP, &["watchers"]).await?;
        let packages = self.on_all(STOP, &["servers"]).await?;
        if let Some(first) = self.lab.hosts.first() {
            let secrets = self.lab.dir.join("secrets.yml");
            let target = format!(
                "{}:/var/lib/pgha-lab/secrets.yml",
                self.labels.container(&first.name)
            );
            self.engine
                .act(["cp", &secrets.display().to_string(), &target])
                .await?;
        }
        let names: Vec<&str> = self
            .lab
            .hosts
            .iter()
            .map(|host| host.name.as_str())
            .collect();
        let names = names.join(" ");
        let commits = self
            .lab
            .hosts
            .iter()
            .zip(&packages)
            .map(|(host, packages)| {
                let names = &names;
                async move {
                    let container = self.labels.container(&host.name);
                    let options = self
                        .lab
                        .kind
                        .as_ref()
                        .map_or("", |kind| kind.options.as_str());
                    let mut arguments = vec!["commit".to_owned(), "--pause=false".to_owned()];
                    let values = [options, packages, &self.lab.network, names.as_str()];
                    let changes = LABELS
                        .iter()
                        .zip(values)
                        .map(|(name, value)| format!("LABEL {name}=\"{value}\""));
                    // The lab's own labels are no part of the copy, and databases lie on the machine's own file system, as they would
                    // on a host: the engine's own may be an overlay in user space, which is many times slower.
                    let changes = changes.chain([
                        "LABEL pgha.lab= pgha.dir= pgha.host= pgha.address=".to_owned(),
                        "VOLUME /var/lib/postgresql".to_owned(),
                        // The first process's words tell which lab it was, and who could log in.
                        "CMD []".to_owned(),
                    ]);
                    for change in changes {
                        arguments.extend(["--change".to_owned(), change]);
                    }
                    arguments.push(container);
                    let id = self.engine.act(arguments).await?;
                    Ok::<_, Problem>((host.name.clone(), id))
                }
            });
        try_join_all(commits).await
    }
}

/// Ends the restore of hosts that are up: they know each other's keys, and repmgr's table has their addresses.
pub(super) async fn finish(
    engine: &Engine,
    labels: &Labels,
    keys: &[(super::Host, String)],
    from: &Kept,
    network: &str,
) -> Result<String, Problem> {
    let first = labels.container(keys.first().map_or("", |(host, _)| host.name.as_str()));
    let secrets = engine
        .ask(["exec", &first, "cat", "/var/lib/pgha-lab/secrets.yml"])
        .await?;
    let lines: String = keys
        .iter()
        .map(|(host, key)| format!("{} {key}\n", host.address))
        .collect();
    let ends = keys.iter().map(|(host, _)| {
        let lines = &lines;
        async move {
            let container = labels.container(&host.name);
            let arguments = [
                "exec",
                "-i",
                &container,
                "sh",
                "-c",
                RESTORED,
                "restored",
                &from.network,
                network,
            ];
            fed(arguments, lines)
                .await
                .map_err(|problem| problem.on(&host.name))
        }
    });
    try_join_all(ends).await?;
    Ok(secrets + "\n")
}

/// Runs `docker` with a text on its stdin.
async fn fed<'a>(arguments: impl IntoIterator<Item = &'a str>, text: &str) -> Result<(), Problem> {
    let mut command = engine::command(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .map_err(|error| engine::not_started(&command, &error))?;
    let broken = |error: std::io::Error| Problem::failed("cannot run `docker exec`").because(error);
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(text.as_bytes()).await.map_err(broken)?;
    drop(stdin);
    let output = child.wait_with_output().await.map_err(broken)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Problem::failed("the restore was not finished")
        .because(String::from_utf8_lossy(&output.stderr).trim()))
}
