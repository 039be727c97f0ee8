//! One connection per host through OpenSSH's own client, and a channel on it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use openssh::{
    Child, ControlPersist, ForwardType, KnownHosts, Session, SessionBuilder, Socket, Stdio,
};
use tokio::time::{sleep, timeout};

use super::pipes::Pipes;
use super::protocol::quote;
use super::refusal::{self, Target};
use super::sessions::{Entry, Lease, Sessions};
use super::shell::Endpoint;
use crate::problem::Problem;

/// How often a host is asked again that dropped a handshake, or refused a channel, because it had too many.
const TRIES: u32 = 7;
/// A handshake that takes longer hangs: `ConnectTimeout` ends before the login.
const HANDSHAKE: Duration = Duration::from_secs(90);
/// How long a connection outlives a pgha that was killed.
const PERSIST: NonZeroUsize = NonZeroUsize::new(60).unwrap();

/// A shell's channel, and what keeps it open.
pub(super) struct Channel {
    session: Arc<Session>,
    child: Option<Child<Arc<Session>>>,
    lease: Lease,
}

impl Channel {
    /// Connects, unless another shell on this host already has, and starts the shell.
    pub async fn open(
        target: &Target<'_>,
        become_user: Option<&str>,
        program: &str,
        sessions: &Sessions,
    ) -> Result<(Self, Pipes), Problem> {
        let session = session(target, sessions).await?;
        let command = become_user.map_or_else(
            || "exec /bin/sh".to_owned(),
            |user| format!("exec /bin/sh -c {} sh {}", quote(program), quote(user)),
        );
        let mut tries = 0;
        let mut child = loop {
            tries += 1;
            let mut command = Arc::clone(&session).arc_raw_command(&command);
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            match command.stderr(Stdio::piped()).spawn().await {
                Ok(child) => break child,
                // `MaxSessions`: nothing has run.
                Err(openssh::Error::SshMux(_)) if tries < TRIES => pause(tries).await,
                Err(error) => {
                    let problem = Problem::unreachable("cannot start a shell over the connection");
                    return Err(problem.on(target.host).because(reason(&error)));
                }
            }
        };
        let taken = (
            child.stdin().take(),
            child.stdout().take(),
            child.stderr().take(),
        );
        let (Some(input), Some(out), Some(err)) = taken else {
            return Err(Problem::unreachable("a channel without streams").on(target.host));
        };
        let channel = Self {
            session,
            child: Some(child),
            lease: sessions.lease(),
        };
        Ok((channel, Pipes::new(input, out, err)))
    }

    /// Whether the connection still stands, though its shell may have ended.
    pub async fn stands(&self) -> bool {
        let check = timeout(Duration::from_secs(1), self.session.check()).await;
        matches!(check, Ok(Ok(())))
    }

    /// A local socket that leads to `remote`, as the host sees it.
    pub async fn forward(&self, host: &str, remote: &Endpoint) -> Result<Endpoint, Problem> {
        let local = self.lease.socket();
        let _ = std::fs::remove_file(&local);
        let to = match remote {
            Endpoint::Unix(path) => Socket::from(path.as_path()),
            Endpoint::Tcp(name, port) => Socket::new(name.as_str(), *port),
        };
        self.session
            .request_port_forward(ForwardType::Local, local.as_path(), to)
            .await
            .map_err(|error| {
                Problem::unreachable(format!("cannot forward a socket to {remote}"))
                    .on(host)
                    .because(reason(&error))
            })?;
        Ok(Endpoint::Unix(local))
    }

    /// Closes the connection too, if no other shell uses it.
    pub async fn close(mut self) {
        if let Some(child) = self.child.take() {
            let _ = child.disconnect().await;
        }
        if let Some(session) = Arc::into_inner(self.session) {
            let _ = session.close().await;
        }
    }
}

async fn session(target: &Target<'_>, sessions: &Sessions) -> Result<Arc<Session>, Problem> {
    let entry = sessions.entry(target.host)?;
    let mut shared = entry.session.lock().await;
    if let Some(session) = shared.upgrade()
        && session.check().await.is_ok()
    {
        return Ok(session);
    }
    if let Some(key) = target.private_key {
        // ssh would only say that the login was refused.
        std::fs::File::open(key).map_err(|error| refusal::key(target, key, &error))?;
    }
    let _permit = sessions.handshakes(entry).acquire().await;
    let session = Arc::new(connect(target, entry, sessions).await?);
    *shared = Arc::downgrade(&session);
    Ok(session)
}

async fn connect(
    target: &Target<'_>,
    entry: &Entry,
    sessions: &Sessions,
) -> Result<Session, Problem> {
    let mut builder = SessionBuilder::default();
    builder
        .config_file(&entry.config)
        .control_directory(sessions.folder())
        .control_persist(ControlPersist::IdleFor(PERSIST))
        .known_hosts_check(known_hosts(target.options));
    let mut tries = 0;
    loop {
        tries += 1;
        let connecting = builder.connect_mux(target.address);
        let text = match timeout(HANDSHAKE, connecting).await {
            Ok(Ok(session)) => return Ok(session),
            Ok(Err(error)) => reason(&error),
            Err(_) => format!("no answer within {} s", HANDSHAKE.as_secs()),
        };
        let asks = tries == TRIES || (tries == 1 && entry.jumped);
        let text = match asks && refusal::is_passing(&text) {
            true => in_own_words(target, entry).await.unwrap_or(text),
            false => text,
        };
        if tries == TRIES || !refusal::is_passing(&text) {
            return Err(refusal::connection(target, &text));
        }
        pause(tries).await;
    }
}

/// What stopped a connection: the words of a jump host's ssh come on a stream that `openssh` throws away, so it is tried
/// once more by hand.
async fn in_own_words(target: &Target<'_>, entry: &Entry) -> Option<String> {
    let mut command = tokio::process::Command::new("ssh");
    command.arg("-F").arg(&entry.config);
    command.args(["-S", "none", target.address, ":"]);
    command
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    let output = timeout(HANDSHAKE, command.output()).await.ok()?.ok()?;
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    (!output.status.success() && !words.is_empty()).then_some(words)
}

/// `openssh` puts this option on the command line, where it would win over the user's own.
fn known_hosts(options: &[(String, String)]) -> KnownHosts {
    let mut options = options.iter();
    let own = options.find(|(key, _)| key.eq_ignore_ascii_case("StrictHostKeyChecking"));
    match own.map(|(_, value)| value.to_ascii_lowercase()).as_deref() {
        Some("accept-new") => KnownHosts::Add,
        Some("no" | "off" | "false") => KnownHosts::Accept,
        _ => KnownHosts::Strict,
    }
}

async fn pause(tries: u32) {
    let most = 100 << tries.min(4);
    sleep(Duration::from_millis(rand::random_range(most / 2..=most))).await;
}

/// The innermost reason: that is what ssh itself printed.
fn reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
