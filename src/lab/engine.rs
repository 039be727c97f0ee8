//! The container engine: the `docker` command, and what its failures mean.

use std::io;
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;
use tokio::sync::RwLock;

use crate::problem::Problem;

/// The engine that answered. Clones share what is under way.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Read-held by every change that is under way.
    under_way: Arc<RwLock<()>>,
}

impl Engine {
    /// Finds out whether the engine answers.
    ///
    /// Fails if `docker` is not installed, its daemon is down, or this user may not talk to it.
    pub async fn connect() -> Result<Self, Problem> {
        let engine = Self {
            under_way: Arc::default(),
        };
        engine
            .ask(["version", "--format", "{{.Server.Version}}"])
            .await?;
        Ok(engine)
    }

    /// Runs `docker` with `arguments`, which only read; gives its stdout. Dropping the future kills the command.
    pub async fn ask<A: AsRef<str>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<String, Problem> {
        run(command(arguments).kill_on_drop(true)).await
    }

    /// Runs `docker` with `arguments`, which change something; gives its stdout.
    ///
    /// The command runs to its end even if the future is dropped, so that [`Engine::settle`] can wait for it: a container
    /// that is created after the clean-up has looked would stay.
    pub async fn act<A: AsRef<str>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<String, Problem> {
        let mut command = command(arguments);
        let guard = Arc::clone(&self.under_way).read_owned().await;
        tokio::spawn(async move {
            let outcome = run(&mut command).await;
            drop(guard);
            outcome
        })
        .await
        .unwrap_or_else(|error| Err(Problem::failed("`docker` was not run").because(error)))
    }

    /// Waits until no change is under way.
    pub async fn settle(&self) {
        drop(self.under_way.write().await);
    }
}

/// `docker` in a process group of its own: a ctrl-c on the terminal is ours to act on, not its.
pub fn command<A: AsRef<str>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new("docker");
    for argument in arguments {
        command.arg(argument.as_ref());
    }
    command.process_group(0);
    command
}

/// Runs a command with nothing on its stdin to its end; gives its stdout without the last line end.
///
/// Fails with the command's stderr, or else its stdout, where its exit code is not 0.
pub async fn run(command: &mut Command) -> Result<String, Problem> {
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .await
        .map_err(|error| not_started(command, &error))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    // `docker exec` says on stdout why it could not.
    let causes = [
        text(&output.stderr),
        text(&output.stdout),
        output.status.to_string(),
    ];
    let cause = causes.iter().find(|cause| !cause.is_empty());
    Err(refused(&shown(command), cause.map_or("", String::as_str)))
}

/// Why `command` could not be started.
pub fn not_started(command: &Command, error: &io::Error) -> Problem {
    let program = command.as_std().get_program().to_string_lossy();
    let problem = Problem::failed(format!("cannot run `{program}`")).because(error);
    if error.kind() == io::ErrorKind::NotFound && program == "docker" {
        return problem.hint(
            "the lab needs Docker: install it (`apt-get install docker.io` on Debian) and start it",
        );
    }
    problem
}

/// Turns what `docker` printed into a problem, with a hint for what stands in everyone's way once.
fn refused(shown: &str, cause: &str) -> Problem {
    let lower = cause.to_lowercase();
    if lower.contains("permission denied") && lower.contains("docker daemon socket") {
        return Problem::failed("this user may not talk to the Docker daemon")
            .because(cause)
            .hint("add the user to the group `docker` and log in again, or use sudo");
    }
    if lower.contains("cannot connect to the docker daemon")
        || lower.contains("failed to connect to the docker api")
        || lower.contains("error during connect")
    {
        return Problem::failed("the Docker daemon does not answer")
            .because(cause)
            .hint("start it (`systemctl start docker`), or point `DOCKER_HOST` at it");
    }
    Problem::failed(format!("`{shown}` failed")).because(cause)
}

/// The program and its first two arguments: enough to know which command it was.
fn shown(command: &Command) -> String {
    let command = command.as_std();
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(
        command
            .get_args()
            .take(2)
            .map(|word| word.to_string_lossy()),
    );
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_daemon_is_told_from_one_that_refuses_this_user() {
        let down = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
        assert_eq!(
            refused("docker version", down).what,
            "the Docker daemon does not answer"
        );
        let denied = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock";
        assert!(refused("docker version", denied).what.contains("may not"));
        let other = refused("docker run", "exit status: 125");
        assert_eq!(other.to_string(), "`docker run` failed: exit status: 125");
    }
}
