//! The base image of lab hosts: a bare Debian with systemd and sshd, made once and kept.

use std::process::Stdio;

use tokio::process::Command;

use super::engine::{self, Engine};
use super::kind::digest;
use super::os::Os;
use super::{Labels, debootstrap, lock};
use crate::problem::Problem;

/// What makes a Debian root into a lab host.
pub const RECIPE: &str = include_str!("recipe.sh");

/// The packages of a bare host: an init system, a way in, and what every Debian server has.
pub const PACKAGES: &[&str] = &[
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "sudo",
    "iproute2",
    "ca-certificates",
];

/// The label that holds [`version`].
const LABEL: &str = "pgha.recipe";

/// Tells recipes apart: changes with the packages, the recipe and the release.
fn version(os: Os) -> String {
    digest([RECIPE, &PACKAGES.join(" "), os.suite()])
}

/// The name of the base image of `os`, which is built first if there is none, or one of another recipe.
///
/// Of several processes that need it at once, one builds and the others wait. What is needed for building carries
/// `labels`.
pub async fn ensure(engine: &Engine, os: Os, labels: &Labels) -> Result<String, Problem> {
    let name = os.base_image();
    if recipe_of(engine, &name).await == Some(version(os)) {
        return Ok(name);
    }
    let _lock = lock::hold(os).await?;
    let old = recipe_of(engine, &name).await;
    if old == Some(version(os)) {
        return Ok(name);
    }
    let before = id_of(engine, &name).await;
    eprintln!("building the base image {os} (once, 1-2 minutes)");
    let image = if engine
        .ask(["pull", "-q", os.registry_image()])
        .await
        .is_ok()
    {
        from_registry(engine, os, labels).await?
    } else {
        eprintln!(
            "no image registry is in reach, so `debootstrap` builds it from Debian's packages"
        );
        debootstrap::build(os).await?
    };
    engine.act(["tag", &image, &name]).await?;
    if let Some(before) = before {
        drop_unnamed(engine, &before).await;
    }
    Ok(name)
}

/// Removes an image that has no name any more. One that a lab or a snapshot still needs stays, which the engine sees to.
async fn drop_unnamed(engine: &Engine, id: &str) {
    let names = ["image", "inspect", "-f", "{{len .RepoTags}}", id];
    if engine.ask(names).await.as_deref() == Ok("0") {
        let _ = engine.act(["rmi", id]).await;
    }
}

/// Whether the engine has an image of this name.
pub async fn exists(engine: &Engine, name: &str) -> bool {
    id_of(engine, name).await.is_some()
}

/// Removes the base images of all releases; gives the names of those that were there.
pub async fn remove_all(engine: &Engine) -> Result<Vec<String>, Problem> {
    let listed = engine
        .ask([
            "image",
            "ls",
            "--format",
            "{{.Repository}}:{{.Tag}}",
            "pgha-lab",
        ])
        .await?;
    let names: Vec<String> = listed.lines().map(str::to_owned).collect();
    for name in &names {
        engine.act(["rmi", name]).await?;
    }
    Ok(names)
}

pub(super) async fn id_of(engine: &Engine, name: &str) -> Option<String> {
    engine
        .ask(["image", "inspect", "-f", "{{.Id}}", name])
        .await
        .ok()
}

async fn recipe_of(engine: &Engine, name: &str) -> Option<String> {
    let format = format!("{{{{index .Config.Labels \"{LABEL}\"}}}}");
    engine
        .ask(["image", "inspect", "-f", &format, name])
        .await
        .ok()
}

/// Installs the packages in a container of the registry's image, and imports its files as one layer.
async fn from_registry(engine: &Engine, os: Os, labels: &Labels) -> Result<String, Problem> {
    let install = format!(
        "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends {} \
         && exec sh -c \"$1\" recipe \"$2\"",
        PACKAGES.join(" ")
    );
    let container = labels.container("base");
    let mut arguments = vec!["create", "--name", &container];
    let flags = labels.flags();
    arguments.extend(flags.iter().map(String::as_str));
    arguments.extend([
        os.registry_image(),
        "sh",
        "-c",
        &install,
        "install",
        RECIPE,
        os.suite(),
    ]);
    engine.act(arguments).await?;
    engine.ask(["start", "-a", &container]).await?;
    let image = import(engine::command(["export", &container]), os).await;
    engine.act(["rm", "-f", "-v", &container]).await?;
    image
}

/// Makes an image of the tar archive that `producer` writes; gives its id. The image has no name yet, so that half an
/// archive is never taken for a base image.
pub async fn import(mut producer: Command, os: Os) -> Result<String, Problem> {
    let mut archive = producer
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| engine::not_started(&producer, &error))?;
    let broken = |error: std::io::Error| Problem::failed("cannot write an archive").because(error);
    let pipe = archive.stdout.take().expect("stdout is piped");
    let pipe: Stdio = pipe.try_into().map_err(broken)?;
    let label = format!("LABEL {LABEL}={}", version(os));
    let consumer = engine::command(["import", "-c", &label, "-c", "CMD [\"/sbin/init\"]", "-"])
        .stdin(pipe)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(broken)?;
    let (archive, imported) = tokio::join!(archive.wait_with_output(), consumer.wait_with_output());
    for output in [imported.as_ref(), archive.as_ref()] {
        if let Ok(output) = output
            && !output.status.success()
        {
            return Err(Problem::failed("`docker import` of the base image failed")
                .because(String::from_utf8_lossy(&output.stderr).trim()));
        }
    }
    archive.map_err(broken)?;
    let imported = imported.map_err(broken)?;
    Ok(String::from_utf8_lossy(&imported.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_has_a_recipe_version_of_its_own() {
        assert_eq!(version(Os::Debian12).len(), 12);
        assert_ne!(version(Os::Debian12), version(Os::Debian13));
    }
}
