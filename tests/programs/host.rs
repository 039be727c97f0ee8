//! A folder that stands for a host: the programs under the names that they have there, values of its own (`host.conf`), and a
//! stub in the place of every program that would do something to a host, or ask one.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use tempfile::TempDir;

/// Both shells that a table runs under. What a program starts by its name runs under `/bin/sh`.
pub const SHELLS: [&[&str]; 2] = [&["dash"], &["bash", "--posix"]];

/// Whether a row of a large table runs under this shell: all do under the first one, and under the other those that are
/// [chosen](is_chosen).
pub fn has_turn(shell: &[&str], row: &str) -> bool {
    shell == SHELLS[0] || is_chosen(row)
}

/// A third of all rows, another one each time; all with `PGHA_ALL=1`.
pub fn is_chosen(row: &str) -> bool {
    static RANDOM: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    std::env::var_os("PGHA_ALL").is_some() || RANDOM.hash_one(row).is_multiple_of(3)
}

/// What the programs of all hosts read.
const LIBRARIES: [&str; 11] = [
    "common", "owner", "control", "server", "peers", "quorum", "contest", "asking", "console",
    "role", "pooler",
];

/// The programs that a test answers for.
const STUBS: [&str; 12] = [
    "psql",
    "pg_isready",
    "pg_controldata",
    "pg_waldump",
    "pg_rewind",
    "postgres",
    "systemctl",
    "systemd-run",
    "ssh",
    "setpriv",
    "pkill",
    "sync",
];

/// The number that `data/postmaster.pid` has where no process is meant: above every one that Linux gives.
pub const NOBODY: &str = "4194305";

pub struct Host {
    root: TempDir,
    programs: Arc<TempDir>,
    server: Option<Server>,
}

/// How a program ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// A process that is called `postgres`, and removes its file once it has ended, as a server does.
struct Server {
    pid: u32,
    waiter: JoinHandle<()>,
}

impl Host {
    /// A member with a cluster of system 77 on timeline 1, whose PostgreSQL does not run.
    pub fn new() -> Host {
        let root = tempfile::tempdir().expect("a folder for a host");
        let host = Host {
            root,
            programs: programs(),
            server: None,
        };
        for folder in ["lib", "pg/15/bin", "answers", "proc", "pooler/primary"] {
            fs::create_dir_all(host.path(folder)).unwrap();
        }
        for entry in fs::read_dir(host.programs.path()).unwrap() {
            let program = entry.unwrap();
            let name = host.path("lib").join(program.file_name());
            symlink(program.path(), name).unwrap();
        }
        for name in STUBS {
            host.stub(&format!("pg/15/bin/{name}"));
        }
        let root = format!("{}\n", host.path("").display());
        host.write("pg/15/bin/.root", &root);
        host.write("lib/.root", &root);
        host.write("passfile", "");
        host.configure("");
        host.reset();
        host
    }

    /// As new, but for what programs answer and the values.
    pub fn reset(&self) {
        for folder in ["state", "kept", "data", "proc"] {
            let folder = self.path(folder);
            if folder.exists() {
                fs::remove_dir_all(folder).unwrap();
            }
        }
        for file in ["log", "guard-off", "isolated"] {
            self.remove(file);
        }
        self.write("data/global/pg_control", "");
        self.write("proc/uptime", "100.25 0.00\n");
    }

    /// Values and functions that go before the usual ones.
    pub fn configure(&self, more: &str) {
        let root = self.path("");
        let root = root.display();
        self.write(
            "host.conf",
            &format!("{}root={root}\n{OWN}{more}\n", include_str!("host.conf")),
        );
        fs::rename(self.path("host.conf"), self.path("lib/host.conf")).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() {
            return self.root.path().to_owned();
        }
        self.root.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    pub fn remove(&self, name: &str) {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{name}: {error}"),
            _ => {}
        }
    }

    /// Writes a file, or removes it.
    pub fn set(&self, name: &str, there: bool) {
        if there {
            self.write(name, "");
        } else {
            self.remove(name);
        }
    }

    pub fn has(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path(name)).is_ok()
    }

    /// What a file holds, without the last line's end; nothing where there is none.
    pub fn read(&self, name: &str) -> String {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        text.trim_end_matches('\n').to_owned()
    }

    /// A program is a stub from now on, e.g. `lib/ask-members`.
    pub fn stub(&self, name: &str) {
        let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/stub.sh");
        self.remove(name);
        symlink(stub, self.path(name)).unwrap();
    }

    /// What a stub does: shell that sees its arguments, and `$root`.
    pub fn answer(&self, program: &str, script: &str) {
        self.write(&format!("answers/{program}"), script);
    }

    /// What `pg_controldata` says.
    pub fn control(&self, system: &str, timeline: u32, state: &str) {
        self.answer(
            "pg_controldata",
            &prints(&control_data(system, timeline, state)),
        );
    }

    /// The calls of stubs since the last `reset`.
    pub fn log(&self) -> String {
        self.read("log")
    }

    /// PostgreSQL seems to run: there is a file with a number, and a process of that number and name. Nothing can stop it but
    /// what removes either.
    pub fn seems_to_run(&self) {
        self.write("data/postmaster.pid", &format!("{NOBODY}\n"));
        self.write(&format!("proc/{NOBODY}/comm"), "postgres\n");
    }

    /// Starts a real process called `postgres`, which heeds no signal of those named.
    pub fn start_server(&mut self, ignored: &str) {
        let binary = self.path("server/postgres");
        fs::create_dir_all(self.path("server")).unwrap();
        if !binary.exists() {
            symlink("/bin/sleep", &binary).unwrap();
        }
        // Signals that are ignored stay so.
        let mut child = Command::new("sh")
            .args(["-c", "[ -z \"$2\" ] || trap '' $2; exec \"$1\" 60", "sh"])
            .arg(&binary)
            .arg(ignored)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`sh` starts");
        let pid = child.id();
        let comm = format!("/proc/{pid}/comm");
        while fs::read_to_string(&comm).unwrap_or_default() != "postgres\n" {
            assert!(child.try_wait().unwrap().is_none(), "the server runs");
            std::thread::yield_now();
        }
        let file = self.path("data/postmaster.pid");
        fs::write(&file, format!("{pid}\n")).unwrap();
        let waiter = std::thread::spawn(move || ended(child, &file));
        self.server = Some(Server { pid, waiter });
    }

    /// Somebody else holds the host's lock, and does something meanwhile: shell that sees `$root`.
    pub fn hold_lock(&self, script: &str) -> Holder {
        self.write("state/lock", "");
        let mut child = Command::new("flock")
            .arg(self.path("state/lock"))
            .args(["sh", "-c", &format!("root=$1; echo held; {script}"), "sh"])
            .arg(self.path(""))
            .stdout(Stdio::piped())
            .spawn()
            .expect("`flock` starts");
        let mut held = [0; 5];
        let said = child.stdout.as_mut().expect("its stdout");
        said.read_exact(&mut held).expect("it has the lock");
        Holder(child)
    }

    pub fn server_runs(&self) -> bool {
        let server = self.server.as_ref().expect("a server was started");
        !server.waiter.is_finished()
    }

    /// Ends it, if it is not gone.
    pub fn end_server(&mut self) {
        let Some(server) = self.server.take() else {
            return;
        };
        if !server.waiter.is_finished() {
            kill(&server.pid.to_string());
        }
        server.waiter.join().expect("who waits for the server");
    }

    pub fn run(&self, shell: &[&str], program: &str, arguments: &[&str]) -> Said {
        self.run_with(shell, program, arguments, &[], "")
    }

    /// Runs a program as its first line would, but under that shell; one that hangs ends after a minute, with code 124.
    pub fn run_with(
        &self,
        shell: &[&str],
        program: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
        stdin: &str,
    ) -> Said {
        let input = self.path("stdin");
        fs::write(&input, stdin).unwrap();
        let output = Command::new("timeout")
            .arg("60")
            .args(shell)
            .arg(self.path("lib").join(program))
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(environment.iter().copied())
            .stdin(fs::File::open(&input).unwrap())
            .output()
            .expect("`timeout` starts");
        assert!(
            !matches!(output.status.code(), Some(126 | 127)) || self.has_shell(shell),
            "`{}` does not start\nhint: `apt-get install {}`",
            shell[0],
            shell[0]
        );
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Said {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    fn has_shell(&self, shell: &[&str]) -> bool {
        Command::new(shell[0])
            .args(["-c", ":"])
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// Who holds a host's lock.
pub struct Holder(Child);

impl Holder {
    /// Ends it, and what it has begun.
    pub fn end(mut self) {
        // `flock` would leave its child, which has the lock, too.
        let _ = Command::new("pkill")
            .args(["-KILL", "-P", &self.0.id().to_string()])
            .status();
        self.0.wait().expect("`flock` ends");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.end_server();
        // A console that was left open: `timeout`, which leads its group.
        for console in ["state/console/pid", "state/pooler/pid"] {
            let pid = self.read(console);
            if !pid.is_empty() {
                kill(&format!("-{pid}"));
            }
        }
    }
}

/// What the table of a test found wrong: each case is looked at, and all that is wrong is told.
#[derive(Default)]
pub struct Table {
    cases: usize,
    wrong: Vec<String>,
}

impl Table {
    pub fn check(&mut self, case: &str, holds: bool, seen: &dyn std::fmt::Debug) {
        self.cases += 1;
        if !holds {
            self.wrong.push(format!("{case}: {seen:?}"));
        }
    }

    pub fn same<T: PartialEq + std::fmt::Debug>(&mut self, case: &str, seen: T, expected: T) {
        let holds = seen == expected;
        self.check(case, holds, &format!("{seen:?}, not {expected:?}"));
    }

    /// Panics if anything was wrong, or nothing looked at.
    #[track_caller]
    pub fn end(self) {
        assert!(self.cases > 0, "the table is empty");
        let few = self.wrong.iter().take(20).cloned().collect::<Vec<_>>();
        assert!(
            self.wrong.is_empty(),
            "{} of {} are wrong:\n{}",
            self.wrong.len(),
            self.cases,
            few.join("\n")
        );
    }
}

/// The programs under the names that they have on hosts, in one folder for all hosts that there are at a time.
fn programs() -> Arc<TempDir> {
    static SHARED: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(programs) = shared.upgrade() {
        return programs;
    }
    let programs = Arc::new(tempfile::tempdir().expect("a folder for programs"));
    // By a process of its own: a file that this one has open for writing cannot be run, and a thread that starts a
    // program just then would have it open, too.
    let copied = Command::new("sh")
        .args(["-eu", "-c", COPY, "sh"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("programs"))
        .arg(programs.path())
        .arg(LIBRARIES.join(" "))
        .status()
        .expect("`sh` starts");
    assert!(copied.success(), "the programs are copied");
    *shared = Arc::downgrade(&programs);
    programs
}

/// Shell that prints a text, without a process.
pub fn prints(text: &str) -> String {
    format!("printf '%s' '{}'\n", text.replace('\'', r"'\''"))
}

/// What pg_controldata says of a cluster, as far as programs read it.
pub fn control_data(system: &str, timeline: u32, state: &str) -> String {
    format!(
        "pg_control version number:            1300
Database system identifier:           {system}
Database cluster state:               {state}
Latest checkpoint location:           0/3000028
Latest checkpoint's TimeLineID:       {timeline}
Latest checkpoint's PrevTimeLineID:   {timeline}
Min recovery ending loc's timeline:   0
Bytes per WAL segment:                16777216
"
    )
}

fn kill(pid: &str) {
    let _ = Command::new("kill")
        .args(["-KILL", "--", pid])
        .stderr(Stdio::null())
        .status();
}

fn ended(mut child: Child, file: &Path) {
    let _ = child.wait();
    let _ = fs::remove_file(file);
}

/// FROM TO LIBRARIES
const COPY: &str = r#"
for program in "$1"/*.sh; do
  name=${program##*/}
  case " $3 " in *" ${name%.sh} "*) ;; *) name=${name%.sh} ;; esac
  install -m 0755 "$program" "$2/$name"
done
cp "$1"/*.sql "$1"/*.awk "$2"
chmod 0755 "$2"
"#;

/// Folders of the test's own, and functions in the place of programs: they cost no process. `$AS_UID` says who runs.
const OWN: &str = r#"
PATH=$root/pg/15/bin:$PATH
state=$root/state
kept=$root/kept
proc=$root/proc
home=$root
clients=$root/pg
bin=$root/pg/15/bin
data=$root/data
config=$root/postgresql.conf
guard_off=$root/guard-off
isolated=$root/isolated
pooler_directory=$root/pooler
watch_passfile=$root/passfile
id() { echo "${AS_UID:-0}"; }
sleep() { :; }
setpriv() {
  while [ "$1" != -- ]; do shift; done
  shift
  AS_UID=1000 "$@"
}
"#;
