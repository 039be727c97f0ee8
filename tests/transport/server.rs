//! An `sshd` of one's own, on a loopback port, with keys that were made for it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use pgha::inventory::{Connection, Way};
use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";

/// A fresh machine has no `sshd`; root may install it, and no daemon of it is started: the policy says no to every service
/// (Debian's specification of `policy-rc.d`).
fn install() {
    if Path::new(SSHD).exists() {
        return;
    }
    let script = "set -e
        test \"$(id -u)\" = 0
        policy=/usr/sbin/policy-rc.d
        if [ ! -e $policy ]; then printf '#!/bin/sh\\nexit 101\\n' >$policy; chmod +x $policy; trap 'rm -f $policy' EXIT; fi
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -q
        apt-get install -y -q --no-install-recommends openssh-server";
    let output = Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::null())
        .output()
        .expect("sh runs");
    assert!(
        Path::new(SSHD).exists(),
        "these tests need `{SSHD}`: apt-get install openssh-server\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

pub struct Server {
    pub folder: TempDir,
    pub port: u16,
    process: Child,
}

impl Server {
    pub fn start() -> Self {
        Self::with("")
    }

    /// With more lines of configuration.
    pub fn with(more: &str) -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(install);
        let folder = tempfile::Builder::new()
            .prefix("pgha-sshd-")
            .tempdir_in("/tmp");
        let folder = folder.expect("a folder");
        for key in ["host", "user", "other"] {
            generate(&folder.path().join(key));
        }
        let at = folder.path().display();
        let port = free_port();
        fs::copy(
            folder.path().join("user.pub"),
            folder.path().join("authorized"),
        )
        .expect("a copy");
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nPidFile none\nStrictModes no\n\
             AuthorizedKeysFile {at}/authorized\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nUsePAM no\nPermitRootLogin yes\nMaxSessions 10\n\
             SetEnv PATH={at}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin\n{more}\n"
        );
        fs::write(folder.path().join("sshd_config"), config).expect("a configuration");
        fs::create_dir(folder.path().join("bin")).expect("a folder");
        if user() == "root" {
            // sshd's own empty folder, which Debian makes at boot.
            let _ = fs::create_dir("/run/sshd");
        }
        let process = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(folder.path().join("sshd_config"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).expect("a log"))
            .spawn()
            .expect("sshd starts");
        let server = Self {
            folder,
            port,
            process,
        };
        server.record(&server.key("host.pub"));
        server.wait();
        server
    }

    fn wait(&self) {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "sshd does not listen: {log}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn key(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a key")
    }

    /// Makes `known_hosts` hold this key alone.
    pub fn record(&self, key: &str) {
        let line = format!("[127.0.0.1]:{} {key}", self.port);
        fs::write(self.path("known_hosts"), line).expect("known hosts");
    }

    pub fn record_another(&self) {
        self.record(&self.key("other.pub"));
    }

    /// Puts a command before all others on the host's `PATH`.
    pub fn command(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a command");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    }

    pub fn connection(&self) -> Connection {
        let known_hosts = self.path("known_hosts").display().to_string();
        Connection {
            way: Way::Ssh {
                address: "127.0.0.1".into(),
                port: Some(self.port),
                user: Some(user()),
                private_key: Some(self.path("user")),
                options: vec![
                    ("UserKnownHostsFile".into(), known_hosts),
                    ("GlobalKnownHostsFile".into(), "/dev/null".into()),
                    ("IdentityAgent".into(), "none".into()),
                ],
            },
            become_user: None,
            become_password: None,
        }
    }

    /// Ends the daemon and every connection that it serves; what runs at their other end is left alone.
    pub fn stop(&mut self) {
        for child in children(self.process.id()) {
            for process in children(child).into_iter().chain([child]) {
                let name = fs::read_to_string(format!("/proc/{process}/comm"));
                if name.is_ok_and(|name| name.starts_with("sshd")) {
                    kill(process);
                }
            }
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn generate(path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .status();
    assert!(made.is_ok_and(|status| status.success()), "ssh-keygen");
}

fn children(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

fn kill(process: u32) {
    let _ = Command::new("kill")
        .args(["-9", &process.to_string()])
        .status();
}
