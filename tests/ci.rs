//! `examples/ci/with-cluster.sh` on a stub of pgha that writes down how it was called: a cluster that a job was given is always taken
//! down, and the job's own exit code is what the CI system sees.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Says what it was asked. `UP` and `HEALTH` are the exit codes of `lab up` and `status`.
const STUB: &str = r#"#!/bin/sh
echo "$*" >>"$CALLS"
case $1 in
    conninfo) echo 'host=192.0.2.1 password=secret' ;;
    status) echo '{}'; exit "${HEALTH:-0}" ;;
    lab) [ "$2" != up ] || exit "${UP:-0}" ;;
esac
"#;

struct Job {
    folder: TempDir,
}

impl Job {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stub = folder.path().join("pgha");
        fs::write(&stub, STUB).unwrap();
        fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn command(&self, shell: &str, job: &str) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci/with-cluster.sh");
        let folder = self.folder.path();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(shell);
        command.arg(script).args(["sh", "-c", job]);
        command.env("PATH", path).env("CALLS", folder.join("calls"));
        command
            .env("PGHA_LAB", "LAB")
            .env("PGHA_RESULTS", folder.join("results"));
        command.stdout(Stdio::piped()).current_dir(folder);
        command
    }

    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.folder.path().join("calls")).unwrap();
        calls.lines().map(str::to_owned).collect()
    }

    fn is_taken_down(&self) {
        let calls = self.calls();
        let down = calls.iter().filter(|call| *call == "lab down --dir LAB");
        assert_eq!(down.count(), 1, "{calls:?}");
        assert_eq!(calls.last().unwrap(), "lab down --dir LAB");
    }
}

const SHELLS: [&str; 2] = ["dash", "bash"];

#[test]
fn a_job_finds_the_cluster_and_leaves_its_state() {
    for shell in SHELLS {
        let job = Job::new();
        let output = job
            .command(shell, "echo $PGHA_INVENTORY $PGHA_CONNINFO")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said, "LAB/inventory.yml host=192.0.2.1 password=secret\n");
        assert_eq!(output.status.code(), Some(0));
        let calls = job.calls();
        assert_eq!(calls[0], "lab up --apply --dir LAB");
        assert_eq!(calls[1], "conninfo LAB/inventory.yml --show-password");
        assert_eq!(calls[2], "status LAB/inventory.yml --json");
        let state = fs::read_to_string(job.folder.path().join("results/status.json")).unwrap();
        assert_eq!(state, "{}\n");
        job.is_taken_down();
    }
}

#[test]
fn a_job_that_fails_fails_with_its_own_code() {
    for shell in SHELLS {
        let job = Job::new();
        let status = job
            .command(shell, "exit 7")
            .env("HEALTH", "1")
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(7));
        job.is_taken_down();
    }
}

#[test]
fn a_cluster_that_is_not_healthy_afterwards_fails_the_job() {
    for shell in SHELLS {
        let job = Job::new();
        let status = job
            .command(shell, "true")
            .env("HEALTH", "1")
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(1));
        job.is_taken_down();
    }
}

#[test]
fn without_a_cluster_the_job_is_not_run() {
    for shell in SHELLS {
        let job = Job::new();
        let status = job
            .command(shell, "touch ran")
            .env("UP", "4")
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(4));
        assert!(!job.folder.path().join("ran").exists());
        job.is_taken_down();
    }
}

#[test]
fn a_job_that_is_cancelled_ends_at_once() {
    for shell in SHELLS {
        for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
            let job = Job::new();
            let mut running = job
                .command(shell, "touch began; exec sleep 60")
                .spawn()
                .unwrap();
            wait_for(&job.folder.path().join("began"));
            let began = Instant::now();
            send(signal, &running);
            assert_eq!(
                running.wait().unwrap().code(),
                Some(code),
                "{shell}, {signal}"
            );
            assert!(began.elapsed() < Duration::from_secs(30));
            job.is_taken_down();
        }
    }
}

fn send(signal: &str, to: &Child) {
    let sent = Command::new("kill")
        .args(["-s", signal, &to.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

fn wait_for(path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !path.exists() {
        assert!(Instant::now() < deadline, "{} is not there", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}
