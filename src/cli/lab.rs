//! `pgha lab up|down|list`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};

use super::load::Inputs;
use super::out;
use crate::lab::{self, Listed, Login, Os};
use crate::problem::Problems;
use crate::run::log_in;
use crate::size::bytes;
use crate::words::count;

#[derive(Subcommand)]
pub enum Verb {
    /// Start hosts with systemd and sshd, and write an inventory for them
    Up(Up),
    /// Remove a lab's hosts, network and files
    Down(Down),
    /// Show the labs of this machine
    List(List),
}

#[derive(Args)]
pub struct Up {
    /// How many PostgreSQL hosts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub nodes: u8,
    /// How many pooler hosts
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub poolers: u8,
    /// Add a host for a witness
    #[arg(long)]
    pub witness: bool,
    /// The release that the hosts run
    #[arg(long, value_enum, default_value_t = Os::Debian12)]
    pub os: Os,
    /// Who logs in: root, or a user with sudo
    #[arg(long, value_enum, default_value_t = Login::Root)]
    pub user: Login,
    /// The folder for the inventory and the keys
    #[arg(long, default_value = ".lab")]
    pub dir: PathBuf,
    /// Start from this image instead of a bare host, e.g. a `docker commit` of a lab's host
    #[arg(long, conflicts_with = "os")]
    pub image: Option<String>,
    /// Build the cluster as well, and keep a copy; restore it from the copy where there is one of the same kind
    #[arg(long)]
    pub apply: bool,
    /// Build the cluster even where a copy was kept
    #[arg(long, requires = "apply")]
    pub fresh: bool,
}

#[derive(Args)]
pub struct Down {
    /// The lab's folder
    #[arg(long, default_value = ".lab")]
    pub dir: PathBuf,
    /// Also remove the base images and the kept clusters, from which the next `lab up` would start
    #[arg(long)]
    pub image_too: bool,
}

#[derive(Args)]
pub struct List {
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Show the clusters that are kept instead
    #[arg(long)]
    pub kept: bool,
}

/// Runs the verb; gives the exit code.
pub async fn run(verb: Verb) -> Result<u8, Problems> {
    match verb {
        Verb::Up(up) => bring_up(up).await,
        Verb::Down(down) => take_down(&down).await,
        Verb::List(list) => show(&list).await,
    }
}

async fn bring_up(up: Up) -> Result<u8, Problems> {
    let request = lab::Request {
        nodes: up.nodes,
        poolers: up.poolers,
        witness: up.witness,
        os: up.os,
        login: up.user,
        dir: up.dir.clone(),
        image: up.image,
    };
    let cluster = up.apply.then_some(lab::Cluster { fresh: up.fresh });
    let lab = lab::up(&request, cluster.as_ref()).await?;
    eprintln!("up after {:.1} s", lab.boot.as_secs_f64());
    let inventory = up.dir.join("inventory.yml");
    if up.apply {
        return have_cluster(&lab, &inventory).await;
    }
    println!("{}", inventory.display());
    Ok(0)
}

/// Takes the lab's hosts to a cluster, and shows it: what `--apply` asks for. Of one that was restored nothing is to be done.
async fn have_cluster(lab: &lab::Lab, inventory: &Path) -> Result<u8, Problems> {
    let code = super::apply::quietly(inventory).await?;
    if code != 0 {
        return Ok(code);
    }
    let inputs = Inputs::of(inventory);
    if !lab.restored {
        eprintln!("keeping the cluster for the next lab of this kind");
        if let Err(problems) = lab::keep(lab).await {
            for problem in &problems.0 {
                eprintln!("the cluster is not kept: {problem}");
            }
        }
    }
    super::status::until_healthy(&inputs, PATIENCE).await?;
    let code = super::status::show(&inputs, false, false).await?;
    let conninfo = super::conninfo::of(&inputs)?;
    let took = log_in(&conninfo).await?;
    eprintln!(
        "an application logs in with `{}` in {} ms (`pgha conninfo {} --show-password`)",
        conninfo.without("password"),
        took.as_millis(),
        inventory.display()
    );
    Ok(code)
}

/// How long members have to find each other again after they were started.
const PATIENCE: Duration = Duration::from_secs(60);

async fn take_down(down: &Down) -> Result<u8, Problems> {
    let removed = lab::down(&down.dir, down.image_too).await?;
    let dir = removed.dir.display();
    if removed.objects > 0 || removed.files {
        eprintln!("removed the lab in `{dir}`");
    } else {
        eprintln!("nothing to remove: no lab in `{dir}`");
    }
    for image in &removed.images {
        eprintln!("removed the image `{image}`");
    }
    Ok(0)
}

async fn show(list: &List) -> Result<u8, Problems> {
    if list.kept {
        return show_kept(list.json).await;
    }
    let labs = lab::list().await?;
    if list.json {
        let text = serde_json::to_string_pretty(&labs).expect("labs are plain data");
        println!("{text}");
    } else if labs.is_empty() {
        eprintln!("no lab is up");
    } else {
        print!("{}", table(&labs));
    }
    if !list.json {
        let kept = lab::kept().await?;
        if !kept.is_empty() {
            eprintln!(
                "{} kept (`pgha lab list --kept`)",
                count(kept.len(), "cluster")
            );
        }
    }
    Ok(0)
}

async fn show_kept(json: bool) -> Result<u8, Problems> {
    let all = lab::kept().await?;
    if json {
        out::json(&all);
    } else if all.is_empty() {
        eprintln!("no cluster is kept");
    }
    for kept in all.iter().filter(|_| !json) {
        println!(
            "{}  {}  {}  {}  {}{}",
            kept.hash,
            kept.created.strftime("%Y-%m-%d %H:%M"),
            bytes(kept.bytes),
            kept.options,
            kept.packages,
            if kept.whole { "" } else { "  (broken off)" }
        );
    }
    Ok(0)
}

/// One line per lab: folder, state, hosts with their addresses.
fn table(labs: &[Listed]) -> String {
    let rows: Vec<[String; 3]> = labs
        .iter()
        .map(|lab| {
            let hosts: Vec<String> = lab
                .hosts
                .iter()
                .map(|host| format!("{} {}", host.name, host.address))
                .collect();
            [
                lab.dir.display().to_string(),
                lab.state.clone(),
                hosts.join(", "),
            ]
        })
        .collect();
    let width = |column: usize, title: &str| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(title.len())
    };
    let (dir, state) = (width(0, "lab"), width(1, "state"));
    let mut text = format!("{:dir$}  {:state$}  hosts\n", "lab", "state");
    for [folder, how, hosts] in &rows {
        text.push_str(format!("{folder:dir$}  {how:state$}  {hosts}").trim_end());
        text.push('\n');
    }
    text
}
