//! A lab for one scenario: hosts that are gone when the scenario ends, however it ends.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;

use crate::snapshot;

/// The program under test.
pub const PGHA: &str = env!("CARGO_BIN_EXE_pgha");

/// Before the process's id in the name of every folder of a lab.
const PREFIX: &str = "pgha-test-";

/// Seconds after which a command has failed.
const PATIENCE: u32 = 600;

/// Which hosts a scenario needs.
#[derive(Clone, Copy, PartialEq)]
pub struct Hosts {
    pub nodes: u8,
    pub poolers: u8,
    pub witness: bool,
    pub os: &'static str,
    /// Who logs in: `root` or `admin`.
    pub user: &'static str,
    /// Whether the hosts have no package of the cluster's yet.
    pub bare: bool,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            nodes: 3,
            poolers: 1,
            witness: false,
            os: "debian-12",
            user: "root",
            bare: false,
        }
    }
}

/// Hosts that are up, and an inventory for them.
pub struct Lab {
    pub dir: PathBuf,
    /// The inventory as the lab made it.
    pub born_with: String,
    /// By their names; asked for once, since every look at a host needs its container.
    hosts: OnceLock<BTreeMap<String, Host>>,
}

/// What the engine knows of a host, as long as the lab is there.
struct Host {
    container: String,
    address: String,
}

impl Lab {
    /// Boots hosts.
    pub fn up(hosts: Hosts) -> Self {
        let image = (!hosts.bare).then(|| snapshot::of(hosts.os));
        Self::boot(hosts, image.as_deref())
    }

    /// A cluster of its own: built and kept the first time, a copy of that from then on.
    pub fn converged(hosts: Hosts) -> Self {
        let image = snapshot::of(hosts.os);
        // Two that need the same kind at once do not both build it.
        let kind = kind(hosts);
        let mut is_built = kind.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_built {
            drop(is_built);
            return Self::bring_up(hosts, Some(&image), true);
        }
        let lab = Self::bring_up(hosts, Some(&image), true);
        *is_built = true;
        lab
    }

    /// Hosts of this image, or bare ones.
    pub fn boot(hosts: Hosts, image: Option<&str>) -> Self {
        Self::bring_up(hosts, image, false)
    }

    fn bring_up(hosts: Hosts, image: Option<&str>, apply: bool) -> Self {
        static LABS: AtomicUsize = AtomicUsize::new(0);
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        let mut lab = Self {
            born_with: String::new(),
            hosts: OnceLock::new(),
            dir: std::env::temp_dir().join(format!("{PREFIX}{}-{number}", std::process::id())),
        };
        let (nodes, poolers) = (hosts.nodes.to_string(), hosts.poolers.to_string());
        let mut command = bounded(PGHA);
        command
            .args(["lab", "up", "--nodes", &nodes, "--poolers", &poolers])
            .args(["--user", hosts.user, "--dir"])
            .arg(&lab.dir);
        if hosts.witness {
            command.arg("--witness");
        }
        match image {
            Some(image) => command.args(["--image", image]),
            None => command.args(["--os", hosts.os]),
        };
        if apply {
            command.arg("--apply");
        }
        run(&mut command).exits(0);
        lab.born_with = fs::read_to_string(lab.inventory()).unwrap();
        lab
    }

    pub fn inventory(&self) -> PathBuf {
        self.dir.join("inventory.yml")
    }

    /// Rewrites the inventory.
    pub fn edit_inventory(&self, edit: impl FnOnce(String) -> String) {
        let path = self.inventory();
        let before = fs::read_to_string(&path).unwrap();
        let after = edit(before.clone());
        assert_ne!(before, after, "the edit changes nothing");
        fs::write(&path, after).unwrap();
    }

    /// Adds a line to the variables of all hosts.
    pub fn set_variable(&self, line: &str) {
        self.edit_inventory(|text| {
            text.replacen("  children:\n", &format!("    {line}\n  children:\n"), 1)
        });
    }

    /// Where a scenario puts the password of what it encrypts. Where nothing is, it is not read.
    pub fn vault_password(&self) -> PathBuf {
        self.dir.join("vault-password")
    }

    /// `pgha VERB INVENTORY ARGUMENTS…`, to its end.
    pub fn pgha(&self, verb: &str, arguments: &[&str]) -> Ran {
        let mut command = bounded(PGHA);
        let command = command.env("ANSIBLE_VAULT_PASSWORD_FILE", self.vault_password());
        run(command.arg(verb).arg(self.inventory()).args(arguments))
    }

    /// `pgha VERB INVENTORY --json ARGUMENTS…`, which must end with 0: what it prints.
    pub fn json(&self, verb: &str, arguments: &[&str]) -> Value {
        let arguments = [&["--json"], arguments].concat();
        self.pgha(verb, &arguments).exits(0).json()
    }

    /// Asserts that nothing is left to do.
    pub fn assert_converged(&self) {
        let plan = self.pgha("plan", &["--detailed-exitcode"]);
        assert_eq!(plan.code, 0, "the plan is not empty:\n{plan}");
    }

    /// Asserts that every member streams, and that nothing else is amiss.
    pub fn assert_healthy(&self) {
        let status = self.json("status", &[]);
        assert_eq!(status["healthy"], true, "{status:#}");
    }

    /// `pgha VERB INVENTORY ARGUMENTS…`, which the scenario may kill while it runs.
    pub fn start(&self, verb: &str, arguments: &[&str]) -> Running {
        let mut command = Command::new(PGHA);
        command
            .arg(verb)
            .arg(self.inventory())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.stderr()).unwrap())
            .process_group(0);
        Running(command.spawn().unwrap())
    }

    /// What the latest pgha that was started wrote there.
    pub fn stderr(&self) -> PathBuf {
        self.dir.join("stderr.txt")
    }

    /// A script as root on a host, which goes on beside the scenario.
    pub fn start_on(&self, host: &str, script: &str) -> Running {
        let mut command = Command::new("docker");
        command
            .args(["exec", &self.container(host), "sh", "-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Running(command.spawn().unwrap())
    }

    /// The container of a host.
    pub fn container(&self, host: &str) -> String {
        self.host(host).container.clone()
    }

    fn host(&self, host: &str) -> &Host {
        let hosts = self.hosts();
        hosts.get(host).unwrap_or_else(|| panic!("no host {host}"))
    }

    fn hosts(&self) -> &BTreeMap<String, Host> {
        self.hosts.get_or_init(|| {
            let dir = format!("--filter=label=pgha.dir={}", self.dir.display());
            let format = r#"{{.Label "pgha.host"}} {{.ID}} {{.Label "pgha.address"}}"#;
            let listed = docker(&["ps", "-a", &dir, "--format", format]).exits(0);
            let words = listed.stdout.lines().map(str::split_whitespace);
            words
                .map(|mut words| {
                    let mut word = || words.next().unwrap().to_owned();
                    let name = word();
                    let (container, address) = (word(), word());
                    (name, Host { container, address })
                })
                .collect()
        })
    }

    /// Runs a script as root on a host, around SSH and pgha.
    pub fn try_on(&self, host: &str, script: &str) -> Ran {
        docker(&["exec", &self.container(host), "sh", "-c", script])
    }

    /// As [`Self::try_on`]; the script must succeed. Its output, without the last line end.
    pub fn on(&self, host: &str, script: &str) -> String {
        self.try_on(host, script).exits(0).line()
    }

    /// Runs a script as `postgres` on a host.
    pub fn as_postgres(&self, host: &str, script: &str) -> String {
        let container = self.container(host);
        let argv = ["exec", "-u", "postgres", &container, "sh", "-c", script];
        docker(&argv).exits(0).line()
    }

    /// Runs SQL on a node's local socket: rows by line, columns by `|`.
    pub fn sql(&self, node: &str, statement: &str) -> String {
        self.sql_in(node, "postgres", statement)
    }

    pub fn sql_in(&self, node: &str, database: &str, statement: &str) -> String {
        let container = self.container(node);
        let psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database];
        let argv = [
            &["exec", "-u", "postgres", &container],
            &psql[..],
            &["-c", statement],
        ];
        docker(&argv.concat()).exits(0).line()
    }

    /// Cuts a host's power.
    pub fn kill_host(&self, host: &str) {
        docker(&["kill", &self.container(host)]).exits(0);
    }

    /// Ends every process of a node's PostgreSQL at once, and keeps it down.
    pub fn kill_postgresql(&self, node: &str) {
        self.on(
            node,
            "systemctl kill --signal=KILL 'postgresql@*-main.service'; systemctl stop 'postgresql@*-main.service'",
        );
    }

    /// Freezes a host: it neither answers nor says that it does not.
    pub fn freeze_host(&self, host: &str) {
        docker(&["pause", &self.container(host)]).exits(0);
    }

    pub fn thaw_host(&self, host: &str) {
        docker(&["unpause", &self.container(host)]).exits(0);
    }

    /// Boots a host that was killed, and waits until it can be logged into.
    pub fn start_host(&self, host: &str) {
        docker(&["start", &self.container(host)]).exits(0);
        self.on(
            host,
            "until systemctl is-active -q ssh && [ -e /run/sshd.pid ]; do sleep 0.2; done",
        );
    }

    /// The address of a host.
    pub fn address(&self, host: &str) -> String {
        self.host(host).address.clone()
    }

    /// The name of every host, by its address.
    pub fn names(&self) -> BTreeMap<String, String> {
        let hosts = self.hosts().iter();
        hosts
            .map(|(name, host)| (host.address.clone(), name.clone()))
            .collect()
    }

    /// Every line of the latest run's event log.
    pub fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.latest_run().join("events.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The folder that the latest apply left beside the inventory.
    pub fn latest_run(&self) -> PathBuf {
        let runs = self.dir.join(".pgha/runs");
        let entries = fs::read_dir(&runs).unwrap_or_else(|error| panic!("{runs:?}: {error}"));
        entries.map(|entry| entry.unwrap().path()).max().unwrap()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // For looking at what is left of a scenario that failed; the next run sweeps it away.
        if std::thread::panicking() && std::env::var_os("PGHA_KEEP_FAILED_LABS").is_some() {
            eprintln!("kept {}", self.dir.display());
            return;
        }
        let down = down(&self.dir);
        if down.code != 0 {
            eprintln!("{down}");
        }
    }
}

/// Whether a cluster of these hosts is kept, for whoever holds it.
fn kind(hosts: Hosts) -> Arc<Mutex<bool>> {
    static KINDS: Mutex<Vec<(Hosts, Arc<Mutex<bool>>)>> = Mutex::new(Vec::new());
    let mut kinds = KINDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, kind)) = kinds.iter().find(|(of, _)| *of == hosts) {
        return Arc::clone(kind);
    }
    let kind = Arc::default();
    kinds.push((hosts, Arc::clone(&kind)));
    kind
}

fn down(dir: &Path) -> Ran {
    let ran = run(bounded(PGHA).args(["lab", "down", "--dir"]).arg(dir));
    // What a scenario put beside the lab's own files.
    let _ = fs::remove_dir_all(dir);
    ran
}

/// Removes the labs of test processes that were killed.
pub fn sweep() {
    // A container engine that does not answer is every scenario's own failure, told there.
    let listed = run(bounded(PGHA).args(["lab", "list", "--json"]));
    if listed.code != 0 {
        return;
    }
    for lab in listed.json().as_array().unwrap() {
        let dir = Path::new(lab["dir"].as_str().unwrap());
        let owner = dir
            .file_name()
            .and_then(|name| name.to_str()?.strip_prefix(PREFIX)?.split('-').next())
            .and_then(|id| id.parse::<u32>().ok());
        let alive = |id| {
            fs::read_to_string(format!("/proc/{id}/comm"))
                .is_ok_and(|name| name.starts_with("scenarios"))
        };
        if owner.is_some_and(|id| !alive(id)) {
            down(dir);
        }
    }
}

/// A command that ended.
pub struct Ran {
    pub command: String,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Asserts how it ended.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert!(self.code == code, "not {code}: {self}");
        self
    }

    /// What it printed, without the last line end.
    pub fn line(&self) -> String {
        self.stdout.trim_end().to_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            command,
            code,
            stdout,
            stderr,
        } = self;
        let (stdout, stderr) = (end(stdout), end(stderr));
        write!(f, "`{command}` ended with {code}\n{stdout}\n{stderr}")
    }
}

/// The last lines: a plan from nothing has hundreds.
fn end(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// A pgha that was started and not waited for.
pub struct Running(Child);

impl Running {
    /// `SIGKILL` to the process alone, as the kernel or an impatient user would; its children may live on.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits until it ends; gives its code.
    pub fn wait(&mut self) -> i32 {
        self.0.wait().unwrap().code().unwrap_or(-1)
    }

    /// Whether it has ended, and with which code.
    pub fn ended(&mut self) -> Option<i32> {
        self.0
            .try_wait()
            .unwrap()
            .map(|status| status.code().unwrap_or(-1))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `program` that is ended after [`PATIENCE`], with everything that it started in its process group.
pub fn bounded(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", &PATIENCE.to_string(), program]);
    command
}

pub fn docker(arguments: &[&str]) -> Ran {
    run(bounded("docker").args(arguments))
}

pub fn run(command: &mut Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let words: Vec<_> = command
        .get_args()
        .skip(2)
        .map(|word| word.to_string_lossy())
        .collect();
    Ran {
        command: words.join(" "),
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}
