//! The base image without an image registry: Debian's own bootstrap, from its package archive.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use super::engine;
use super::image::{self, PACKAGES, RECIPE};
use super::os::Os;
use crate::problem::Problem;

/// Bootstraps `os` into a folder that is gone afterwards, and imports it; gives the image's id.
///
/// Fails if this user is not root, `debootstrap` cannot be had, or the archive is out of reach.
pub async fn build(os: Os) -> Result<String, Problem> {
    have().await?;
    let scratch = Scratch::new()?;
    // The folder itself is private; the root of a host must not be.
    let root = scratch.0.join("root");
    let include = format!("--include={}", PACKAGES.join(","));
    // In namespaces of its own, what it mounts is gone and what it started is dead when it ends, however it ends.
    let mut bootstrap = Command::new("unshare");
    bootstrap
        .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["debootstrap", "--variant=minbase", &include, os.suite()])
        .arg(&root)
        // No flush per file: half a folder is never made an image of.
        .env("DPKG_FORCE", "unsafe-io");
    engine::run(isolated(&mut bootstrap))
        .await
        .map_err(|problem| {
            Problem::failed(format!("`debootstrap {}` failed", os.suite()))
                .because(log(&root).unwrap_or(problem.cause.unwrap_or_default()))
                .hint(format!(
                    "it needs Debian's package archive, or an image registry with `{}`",
                    os.registry_image()
                ))
        })?;
    let mut recipe = Command::new("chroot");
    recipe
        .arg(&root)
        .args(["/bin/sh", "-c", RECIPE, "recipe", os.suite()])
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    engine::run(isolated(&mut recipe)).await?;
    let mut tar = Command::new("tar");
    tar.arg("-C")
        .arg(&root)
        .args(["--numeric-owner", "-c", "."]);
    tar.process_group(0);
    image::import(tar, os).await
}

/// Out of reach of the terminal's ctrl-c, and killed when its future is dropped.
fn isolated(command: &mut Command) -> &mut Command {
    command.process_group(0).kill_on_drop(true)
}

/// Sees to it that `debootstrap` can run.
async fn have() -> Result<(), Problem> {
    let here = |program: &str| {
        std::env::var_os("PATH")
            .into_iter()
            .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
            .any(|folder| folder.join(program).is_file())
    };
    let user = engine::run(Command::new("id").arg("-u")).await?;
    if user != "0" {
        return Err(
            Problem::failed("only root can build the base image with `debootstrap`").hint(
                "run `pgha lab up` once with sudo, or let the engine reach an image registry",
            ),
        );
    }
    if here("debootstrap") {
        return Ok(());
    }
    let missing =
        Problem::failed("no image registry is in reach, and `debootstrap` is not installed")
            .hint("install `debootstrap`, or let the engine reach an image registry");
    if !here("apt-get") {
        return Err(missing);
    }
    eprintln!("installing `debootstrap`");
    let mut install = Command::new("apt-get");
    install
        .args(["-qy", "install", "--no-install-recommends"])
        .args(["debootstrap", "debian-archive-keyring"])
        .env("DEBIAN_FRONTEND", "noninteractive");
    match engine::run(&mut install).await {
        Ok(_) => Ok(()),
        Err(problem) => Err(missing.because(problem)),
    }
}

/// The last lines of debootstrap's own log, which say more than its stderr.
fn log(root: &Path) -> Option<String> {
    let log = std::fs::read_to_string(root.join("debootstrap/debootstrap.log")).ok()?;
    let lines: Vec<&str> = log.lines().collect();
    let last = lines[lines.len().saturating_sub(5)..].join("\n");
    (!last.is_empty()).then_some(last)
}

/// A folder for a root file system, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    /// In `/var/tmp`, since `/tmp` is often in memory, or mounted without devices.
    fn new() -> Result<Self, Problem> {
        tempfile::Builder::new()
            .prefix("pgha-lab-")
            .tempdir_in("/var/tmp")
            .map(|folder| Self(folder.keep()))
            .map_err(|error| Problem::failed("cannot make a folder in `/var/tmp`").because(error))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What was just killed may still write for a moment.
        for _ in 0..20 {
            match std::fs::remove_dir_all(&self.0) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                _ => return,
            }
        }
        eprintln!("could not remove `{}`", self.0.display());
    }
}
