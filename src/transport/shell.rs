//! One long-lived `/bin/sh`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::timeout;

use super::decoder::Decoder;
use super::pipes::Pipes;
use super::protocol;
use super::refusal::Target;
use super::scripted::{self, Played, Player};
use super::ssh::Channel;
use super::{Frame, Reply, Script, Sessions, escalation, local};
use crate::inventory::Connection;
use crate::problem::Problem;

/// How long a new shell may take to answer: a slow directory service makes `sudo` and logins slow.
const GREETING: Duration = Duration::from_secs(60);
/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Unix(PathBuf),
    Tcp(String, u16),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "`{}`", path.display()),
            Self::Tcp(host, port) => write!(f, "`{host}:{port}`"),
        }
    }
}

/// Who is at the other end.
enum Peer {
    Local(Pipes, tokio::process::Child),
    Ssh(Pipes, Channel),
    Scripted(Player),
}

/// One long-lived `/bin/sh` on one host.
pub struct Shell {
    host: String,
    peer: Peer,
    tag: String,
    decoder: Decoder,
    exchanges: u64,
    /// An exchange began and did not end: what its script did is not known, and nothing more can be said to this shell.
    broken: bool,
}

impl Shell {
    /// Opens the connection (or shares the one that another shell on this host has) and starts the shell, as the user
    /// that the connection says.
    pub async fn open(
        host: &str,
        connection: &Connection,
        sessions: &Sessions,
    ) -> Result<Self, Problem> {
        let become_user = connection.become_user.as_deref();
        let password = connection.become_password.as_ref();
        let password = password.filter(|_| become_user.is_some());
        let (program, first) = local::becoming(password);
        let peer = match Target::new(host, &connection.way) {
            None => {
                let (child, pipes) = local::start(host, become_user, program)?;
                Peer::Local(pipes, child)
            }
            Some(target) => {
                let opened = Channel::open(&target, become_user, program, sessions).await?;
                Peer::Ssh(opened.1, opened.0)
            }
        };
        Self::new(host, peer).greet(become_user, &first).await
    }

    /// A shell on this very machine ([`Way::Local`](crate::inventory::Way::Local)).
    pub async fn local(host: &str, become_user: Option<&str>) -> Result<Self, Problem> {
        let (program, first) = local::becoming(None);
        let (child, pipes) = local::start(host, become_user, program)?;
        Self::new(host, Peer::Local(pipes, child))
            .greet(become_user, &first)
            .await
    }

    /// A shell that is played: `answer` gives one reply per step of the script that it is shown.
    pub fn scripted(
        host: &str,
        answer: impl FnMut(&Script) -> Vec<Reply> + Send + 'static,
    ) -> Self {
        Self::new(host, Peer::Scripted(Mutex::new(Box::new(answer))))
    }

    fn new(host: &str, peer: Peer) -> Self {
        let tag = format!("{:032x}", rand::random::<u128>());
        Self {
            host: host.to_owned(),
            peer,
            decoder: Decoder::new(&tag),
            tag,
            exchanges: 0,
            broken: false,
        }
    }

    /// Waits for the shell's first words, so that what `sudo` refuses is known before anything is sent.
    /// `first`: what whoever starts the shell reads before it.
    async fn greet(mut self, become_user: Option<&str>, first: &str) -> Result<Self, Problem> {
        let (Peer::Local(pipes, _) | Peer::Ssh(pipes, _)) = &mut self.peer else {
            return Ok(self);
        };
        let hello = format!("{first}{}", protocol::hello(&self.tag));
        let mut ignore = |_| {};
        let waiting = pipes.pump(&mut self.decoder, &hello, &mut ignore, Decoder::greeted);
        match timeout(GREETING, waiting).await {
            Ok(true) => Ok(self),
            Ok(false) if self.decoder.fault().is_some() => Err(self.nonsense()),
            Ok(false) => Err(escalation::refused(
                &self.host,
                become_user,
                &self.decoder.stray(),
            )),
            Err(_) => {
                let seconds = GREETING.as_secs();
                let what = format!("the shell did not answer within {seconds} s");
                let problem = Problem::unreachable(what).on(&self.host);
                Err(problem.because(self.decoder.stray()))
            }
        }
    }

    /// The host's name in the inventory.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Writes the whole script at once, and reads until its final marker; `on_frame` is called as lines come. A step
    /// that fails is a frame; an error says that the script was cut short: what it did is then not known. Whatever the host
    /// says, the frames are of the script's own steps, in order, each at most once.
    pub async fn exchange(
        &mut self,
        script: &Script,
        on_frame: &mut (dyn FnMut(Frame) + Send),
    ) -> Result<(), Problem> {
        if self.broken {
            let problem = Problem::unreachable("the connection was lost before");
            return Err(problem.on(&self.host));
        }
        let bodies = script.steps.iter().map(|step| &step.body);
        if bodies
            .chain([&script.prelude])
            .any(|text| text.contains('\0'))
        {
            return Err(Problem::failed("a script holds a NUL byte").on(&self.host));
        }
        self.exchanges += 1;
        self.decoder.expect(self.exchanges, script);
        self.broken = true;
        let decoder = &mut self.decoder;
        let whole = match &mut self.peer {
            Peer::Local(pipes, _) | Peer::Ssh(pipes, _) => {
                let text = protocol::encode(script, self.exchanges);
                let finished = |decoder: &Decoder| decoder.finished().is_some();
                pipes.pump(decoder, &text, on_frame, finished).await
            }
            Peer::Scripted(player) => {
                // A real one is never there at once: whatever else is due comes first.
                tokio::task::yield_now().await;
                let (sequence, tag) = (self.exchanges, &self.tag);
                match scripted::play(player, script, sequence, tag, decoder, on_frame) {
                    Played::Whole => true,
                    Played::Dropped => false,
                    Played::Hangs => std::future::pending().await,
                }
            }
        };
        if self.decoder.fault().is_some() {
            return Err(self.nonsense());
        }
        if !whole {
            return Err(self.lost().await);
        }
        match (self.decoder.finished(), self.decoder.place()) {
            (Some(0) | None, _) => self.broken = false,
            // The enclosing subshell ends with 0 of itself.
            (Some(_), Some(_)) => return Err(self.lost().await),
            (Some(code), None) => {
                self.broken = false;
                let what = format!("the script's prelude ended it, with exit code {code}");
                let problem = Problem::failed(what).on(&self.host);
                return Err(problem.because(self.decoder.stray()));
            }
        }
        Ok(())
    }

    /// The host's answer is none.
    fn nonsense(&self) -> Problem {
        let fault = self
            .decoder
            .fault()
            .map_or_else(String::new, ToString::to_string);
        Problem::failed("the host's answer is none that its script could give")
            .on(&self.host)
            .because(fault)
            .hint("what it did is not known; see on the host what `/bin/sh` is, and what its programs print")
    }

    async fn lost(&self) -> Problem {
        let stands = match &self.peer {
            Peer::Ssh(_, channel) => channel.stands().await,
            Peer::Local(..) => true,
            Peer::Scripted(_) => false,
        };
        let what = if stands {
            "the shell ended"
        } else {
            "lost the connection"
        };
        let place = self.decoder.place();
        let when = place.as_deref().unwrap_or("before the first step");
        let problem = Problem::unreachable(format!("{what} {when}"))
            .on(&self.host)
            .hint("what that step did is not known: run the same command again, it looks first");
        let stray = self.decoder.stray();
        if stray.is_empty() {
            problem
        } else {
            problem.because(stray)
        }
    }

    /// How many exchanges there were.
    pub fn exchanges(&self) -> u64 {
        self.exchanges
    }

    /// Where on this machine one can reach what listens at `remote` on the host: for [`Way::Local`](crate::inventory::Way::Local) that very place,
    /// otherwise a socket that lives as long as the connection.
    pub async fn forward(&self, remote: &Endpoint) -> Result<Endpoint, Problem> {
        match &self.peer {
            Peer::Ssh(_, channel) => channel.forward(&self.host, remote).await,
            Peer::Local(..) | Peer::Scripted(_) => Ok(remote.clone()),
        }
    }

    /// The process of a local shell.
    pub fn process(&self) -> Option<u32> {
        match &self.peer {
            Peer::Local(_, child) => child.id(),
            Peer::Ssh(..) | Peer::Scripted(_) => None,
        }
    }

    /// Ends the shell, and the connection if no other shell uses it.
    pub async fn close(self) {
        match self.peer {
            Peer::Local(pipes, mut child) => {
                drop(pipes);
                let _ = timeout(Duration::from_millis(500), child.wait()).await;
            }
            Peer::Ssh(pipes, channel) => {
                drop(pipes);
                channel.close().await;
            }
            Peer::Scripted(_) => {}
        }
    }
}
