//! What the connections of one process share: a private folder, ssh's configuration, a limit on handshakes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use tempfile::TempDir;
use tokio::sync::{Mutex, Semaphore};

use crate::inventory::{Connection, Way};
use crate::problem::Problem;

/// Handshakes at one time, all hosts together.
const DIRECT: usize = 64;
/// Handshakes at one time through a jump host, whose `sshd` drops new connections from the tenth on (`MaxStartups`).
const JUMPED: usize = 8;
/// A control socket's path must fit in 108 bytes, of which ssh and the folder's own name take 60.
const LONGEST_FOLDER: usize = 40;

/// What follows the host's own block: strict towards jump hosts too, never a question, then what the user configured.
const COMMON: &str = "\
Host *
  BatchMode yes
  StrictHostKeyChecking yes
  ConnectTimeout 10
  ServerAliveInterval 5
  ServerAliveCountMax 3
  Compression no
  LogLevel ERROR
  RequestTTY no
  RemoteCommand none
  ClearAllForwardings yes
  Include ~/.ssh/config
  Include /etc/ssh/ssh_config
";

/// What one process shares among its connections. Its folder goes when this and the last shell are dropped.
pub struct Sessions {
    folder: Arc<TempDir>,
    hosts: HashMap<String, Entry>,
    direct: Semaphore,
    jumped: Semaphore,
    forwards: AtomicU64,
}

/// One host's part.
pub(super) struct Entry {
    pub config: PathBuf,
    pub jumped: bool,
    /// The connection, while a shell holds it.
    pub session: Mutex<Weak<openssh::Session>>,
}

impl Sessions {
    /// Writes one ssh configuration per host that is reached over SSH. A destination is the host's real address, so
    /// the patterns in the user's own configuration match as they do for `ssh`.
    pub fn new<'a>(
        hosts: impl Iterator<Item = (&'a str, &'a Connection)>,
    ) -> Result<Self, Problem> {
        let folder = Arc::new(private_folder()?);
        let mut entries = HashMap::new();
        for (index, (host, connection)) in hosts.enumerate() {
            let Way::Ssh { options, .. } = &connection.way else {
                continue;
            };
            let text = config(&connection.way)
                .map_err(|what| Problem::input(what).on(host))?
                .unwrap_or_default();
            let path = folder.path().join(format!("{index}.conf"));
            std::fs::write(&path, text).map_err(|error| {
                Problem::failed(format!("cannot write `{}`", path.display())).because(error)
            })?;
            let jumped = options.iter().any(|(key, value)| {
                let key = key.to_ascii_lowercase();
                ["proxyjump", "proxycommand"].contains(&&*key) && value != "none"
            });
            let entry = Entry {
                config: path,
                jumped,
                session: Mutex::default(),
            };
            entries.insert(host.to_owned(), entry);
        }
        Ok(Self {
            folder,
            hosts: entries,
            direct: Semaphore::new(DIRECT),
            jumped: Semaphore::new(JUMPED),
            forwards: AtomicU64::new(0),
        })
    }

    /// The private folder: ssh's configuration, control sockets, the sockets of forwards.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn entry(&self, host: &str) -> Result<&Entry, Problem> {
        let missing = || Problem::failed("no connection was prepared for this host").on(host);
        self.hosts.get(host).ok_or_else(missing)
    }

    pub(super) fn handshakes(&self, entry: &Entry) -> &Semaphore {
        if entry.jumped {
            &self.jumped
        } else {
            &self.direct
        }
    }

    /// A number for each shell, so that the sockets of its forwards have names of their own.
    pub(super) fn lease(&self) -> Lease {
        Lease {
            folder: Arc::clone(&self.folder),
            number: self.forwards.fetch_add(1, Ordering::Relaxed),
            next: AtomicU64::new(0),
        }
    }
}

/// Keeps the folder while a shell lives, and names its sockets.
pub(super) struct Lease {
    folder: Arc<TempDir>,
    number: u64,
    next: AtomicU64,
}

impl Lease {
    pub fn socket(&self) -> PathBuf {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.folder.path().join(format!("f{}-{next}", self.number))
    }
}

/// `mkdtemp` makes it 0700.
fn private_folder() -> Result<TempDir, Problem> {
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let make = |parent: &Path| {
        sweep(parent);
        tempfile::Builder::new().prefix(&prefix).tempdir_in(parent)
    };
    std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute() && path.as_os_str().len() + 20 <= LONGEST_FOLDER)
        .and_then(|path| make(&path).ok())
        .map_or_else(|| make(Path::new("/tmp")), Ok)
        .map_err(|error| Problem::failed("cannot make a private folder in `/tmp`").because(error))
}

const PREFIX: &str = "pgha-";

/// Removes what killed processes left: folders named after a process that is gone. Those of other users do not go.
fn sweep(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'))
            .and_then(|(process, _)| process.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// One host's configuration. The user's own options come first: in ssh the first value wins.
fn config(way: &Way) -> Result<Option<String>, String> {
    let Way::Ssh {
        address,
        port,
        user,
        private_key,
        options,
    } = way
    else {
        return Ok(None);
    };
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "._-:%".contains(c));
    if address.is_empty() || address.starts_with('-') || address.contains(odd) {
        return Err(format!("`{address}` is not a host name or address"));
    }
    let mut text = format!("Host {address}\n");
    for (key, value) in options {
        let _ = writeln!(text, "  {}", option(key, value)?);
    }
    if let Some(port) = port {
        let _ = writeln!(text, "  Port {port}");
    }
    if let Some(user) = user {
        let _ = writeln!(text, "  User {}", quoted(user)?);
    }
    if let Some(key) = private_key {
        let key = key.to_str().ok_or("a private key's path is not UTF-8")?;
        let key = quoted(&key.replace('%', "%%"))?;
        let _ = writeln!(text, "  IdentityFile {key}\n  IdentitiesOnly yes");
    }
    text.push_str(COMMON);
    Ok(Some(text))
}

/// An option as ssh's `-o` takes it: the value is in the configuration's own syntax already. A path that exists as it
/// stands, with blanks, gets the quotes that it lacks.
fn option(key: &str, value: &str) -> Result<String, String> {
    let lower = key.to_ascii_lowercase();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(format!("`{key}` is not the name of an ssh option"));
    }
    if ["host", "match"].contains(&&*lower) {
        return Err(format!("the ssh option `{key}` cannot be set for one host"));
    }
    if value.trim().is_empty() || value.contains(['\n', '\r', '\0']) {
        return Err(format!("the ssh option `{key}` has no usable value"));
    }
    let is_path = lower.ends_with("file") && value.contains(' ') && !value.contains('"');
    if is_path && Path::new(value).exists() {
        return Ok(format!("{key} \"{value}\""));
    }
    Ok(format!("{key} {value}"))
}

fn quoted(value: &str) -> Result<String, String> {
    if value.is_empty() || value.contains(['"', '\n', '\r', '\0']) {
        return Err(format!("ssh cannot be given `{}`", value.escape_debug()));
    }
    Ok(format!("\"{value}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(address: &str, options: &[(&str, &str)]) -> Way {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Way::Ssh {
            address: address.into(),
            port: Some(2222),
            user: Some("deploy er".into()),
            private_key: Some("/keys/100% mine".into()),
            options: options.iter().map(own).collect(),
        }
    }

    #[test]
    fn the_users_options_come_first_and_the_common_part_last() {
        let text = config(&way("db1.example.com", &[("ProxyJump", "bastion")]));
        let text = text.unwrap().unwrap();
        let own = "Host db1.example.com\n  ProxyJump bastion\n  Port 2222\n  User \"deploy er\"\n  \
                   IdentityFile \"/keys/100%% mine\"\n  IdentitiesOnly yes\nHost *\n";
        assert!(text.starts_with(own), "{text}");
        assert!(text.ends_with("Include ~/.ssh/config\n  Include /etc/ssh/ssh_config\n"));
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_refused() {
        for address in ["", "-oProxyCommand=x", "a b", "ssh://a", "u@a", "*"] {
            assert!(config(&way(address, &[])).is_err(), "{address}");
        }
        for pair in [
            ("Match", "all"),
            ("Host", "x"),
            ("A B", "x"),
            ("User", "a\nb"),
            ("User", " "),
        ] {
            assert!(config(&way("a", &[pair])).is_err(), "{pair:?}");
        }
    }
}
