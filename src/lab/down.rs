//! `lab down`: nothing is left behind.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use super::engine::Engine;
use super::{absolute, files, image, kept};
use crate::problem::{Problem, Problems};

/// What `lab down` found and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// The lab's folder, absolute.
    pub dir: PathBuf,
    /// How many containers and networks.
    pub objects: usize,
    /// Whether there were files of a lab.
    pub files: bool,
    /// The base images and clusters that were kept, if they were to go too.
    pub images: Vec<String>,
}

/// Removes the lab of the folder `dir`: its containers with their volumes, its network, its files; with `image_too` the
/// base images as well, which are otherwise kept for the next lab.
pub async fn down(dir: &Path, image_too: bool) -> Result<Removed, Problems> {
    let engine = Engine::connect().await?;
    let dir = absolute(dir)?;
    let objects = remove(&engine, &format!("pgha.dir={}", dir.display())).await?;
    let files = files::remove(&dir, objects > 0).map_err(|error| {
        Problem::failed(format!("cannot clear `{}`", dir.display())).because(error)
    })?;
    let images = if image_too {
        let all = kept::list(&engine).await?;
        let mut images = kept::remove(&engine, &all.iter().collect::<Vec<_>>()).await?;
        images.extend(image::remove_all(&engine).await?);
        images
    } else {
        Vec::new()
    };
    Ok(Removed {
        dir,
        objects,
        files,
        images,
    })
}

/// Removes all containers and networks with the label `label`; gives how many.
pub async fn remove(engine: &Engine, label: &str) -> Result<usize, Problem> {
    let filter = format!("--filter=label={label}");
    let containers = engine.ask(["ps", "-aq", "--no-trunc", &filter]).await?;
    let containers: Vec<&str> = containers.lines().collect();
    if !containers.is_empty() {
        engine
            .act(["rm", "-f", "-v"].iter().chain(&containers))
            .await?;
    }
    let networks = engine.ask(["network", "ls", "-q", &filter]).await?;
    let networks: Vec<&str> = networks.lines().collect();
    for network in &networks {
        remove_network(engine, network).await?;
    }
    Ok(containers.len() + networks.len())
}

/// Removes a network; a container that has just been removed may still hold it for a moment.
async fn remove_network(engine: &Engine, network: &str) -> Result<(), Problem> {
    let mut attempts = 0;
    loop {
        match engine.act(["network", "rm", network]).await {
            Ok(_) => return Ok(()),
            Err(problem) if attempts == 20 => return Err(problem),
            Err(_) => attempts += 1,
        }
        sleep(Duration::from_millis(100)).await;
    }
}
