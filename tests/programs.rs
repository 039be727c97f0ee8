//! The programs that pgha leaves on hosts, on stubs: each test has a folder that stands for a host, with the programs as they are
//! shipped, a `host.conf` of its own, and stubs for whatever they start. No host takes part. Under `dash` and `bash --posix`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const SHELLS: [&[&str]; 2] = [&["dash"], &["bash", "--posix"]];

const ADDRESSES: [&str; 3] = ["172.30.7.11", "172.30.7.12", "172.30.7.13"];

/// The system identifier of the cluster.
const SYSTEM: &str = "7000000000000000001";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder that stands for a host: node1 of three members.
struct Host {
    dir: TempDir,
    shell: &'static [&'static str],
}

impl Host {
    fn new(shell: &'static [&'static str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Self { dir, shell };
        for folder in [
            "lib",
            "stubs",
            "answers",
            "state",
            "kept",
            "proc",
            "clients/15/bin",
            "data/global",
            "data/pg_wal",
        ] {
            fs::create_dir_all(host.path(folder)).unwrap();
        }
        for entry in fs::read_dir(root().join("programs")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let text = fs::read_to_string(&path).unwrap();
            // A program is installed without its ending; a library is sourced with it.
            let name = match text.starts_with("#!") {
                true => name.trim_end_matches(".sh"),
                false => name,
            };
            host.install(&format!("lib/{name}"), &text);
        }
        let example = fs::read_to_string(root().join("tests/programs/host.conf")).unwrap();
        let here = host.dir.path().display();
        let own = format!(
            "PATH={here}/stubs:$PATH
state={here}/state kept={here}/kept proc={here}/proc home={here} clients={here}/clients
guard_off={here}/guard-off isolated={here}/isolated
data={here}/data bin={here}/clients/15/bin watch_passfile={here}/passfile pooler_directory={here}
"
        );
        host.install("lib/host.conf", &(example + &own));
        host.install("passfile", "");
        let stub = fs::read_to_string(root().join("tests/programs/stub.sh")).unwrap();
        for name in [
            "ssh",
            "systemctl",
            "systemd-run",
            "sync",
            "sleep",
            "runuser",
        ] {
            host.install(&format!("stubs/{name}"), &stub);
        }
        for name in ["psql", "pg_isready", "pg_controldata", "pg_waldump"] {
            host.install(&format!("clients/15/bin/{name}"), &stub);
        }
        // `clients/15/bin/../answers` is where those look.
        symlink(host.path("answers"), host.path("clients/15/answers")).unwrap();
        host.install(
            "stubs/setpriv",
            "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nTEST_UID=100 exec \"$@\"\n",
        );
        // Root begins, whoever runs the test.
        host.install("stubs/id", "#!/bin/sh\necho \"${TEST_UID:-0}\"\n");
        host.control(2, "shut down");
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn install(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// What a stub says: to a member's address, `local` or `any`.
    fn answer(&self, program: &str, key: &str, out: &str, err: &str, code: i32) {
        for (kind, text) in [("out", out), ("err", err), ("code", &code.to_string())] {
            fs::write(self.path(&format!("answers/{program}.{key}.{kind}")), text).unwrap();
        }
    }

    fn control(&self, timeline: u32, state: &str) {
        fs::write(self.path("data/global/pg_control"), "").unwrap();
        let text = format!(
            "Database system identifier:           {SYSTEM}
Database cluster state:               {state}
Latest checkpoint location:           0/3000028
Latest checkpoint's TimeLineID:       {timeline}
Min recovery ending loc's timeline:   0
Bytes per WAL segment:                16777216
"
        );
        self.answer("pg_controldata", "local", &text, "", 0);
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.path(&format!("lib/{program}"));
        Command::new(self.shell[0])
            .args(&self.shell[1..])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{:?} does not start: {error}", self.shell))
    }

    /// Runs a text that sources libraries, with its own `$lib`.
    fn script(&self, text: &str, stdin: &str) -> Output {
        self.install("lib/driver", &format!(". \"${{0%/*}}/common.sh\"\n{text}"));
        fs::write(self.path("stdin"), stdin).unwrap();
        Command::new(self.shell[0])
            .args(&self.shell[1..])
            .arg(self.path("lib/driver"))
            .stdin(fs::File::open(self.path("stdin")).unwrap())
            .output()
            .unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

#[test]
fn an_answer_is_one_of_few() {
    let primary = format!("primary 2 {SYSTEM}\n");
    // What psql says and how it ends, how pg_isready ends, and what that is.
    let table: &[(&str, &str, i32, i32, &str)] = &[
        (&primary, "", 0, 0, "primary 2 7000000000000000001"),
        (
            &primary,
            "WARNUNG:  Datenbank »postgres« hat keine Sortierfolgenversion\n",
            0,
            0,
            "primary 2 7000000000000000001",
        ),
        (&primary, "", 137, 0, "primary 2 7000000000000000001"),
        ("standby\n", "", 0, 0, "standby"),
        (
            "",
            "FATAL:  sorry, too many clients already",
            2,
            0,
            "there FATAL: sorry, too many clients already",
        ),
        (
            "",
            "schwerwiegend: das Datenbanksystem startet",
            2,
            1,
            "there schwerwiegend: das Datenbanksystem startet",
        ),
        ("", "Connection refused", 2, 2, "silent Connection refused"),
        ("", "", 124, 0, "silent "),
        ("", "", 137, 0, "silent "),
        ("WARNING: primary 9\n", "", 0, 0, "there "),
        ("primary 2 x; rm\n", "", 0, 0, "there "),
        ("", "", 0, 0, "there "),
    ];
    for shell in SHELLS {
        let host = Host::new(shell);
        for address in &ADDRESSES[1..] {
            host.answer("psql", address, "standby\n", "", 0);
        }
        for (out, err, ended, ready, told) in table {
            host.answer("psql", ADDRESSES[0], out, err, *ended);
            host.answer("pg_isready", ADDRESSES[0], "", "", *ready);
            let output = host.run("ask-members", &[]);
            let said = text(&output.stdout);
            let expected = format!("node1 {} 5432 {told}", ADDRESSES[0]);
            assert!(
                said.lines().any(|line| line == expected),
                "{shell:?} {expected}\n{said}{}",
                text(&output.stderr)
            );
            assert_eq!(said.lines().count(), 3, "{said}");
        }
        fs::remove_file(host.path("passfile")).unwrap();
        assert_eq!(code(&host.run("ask-members", &[])), 2);
    }
}

#[test]
fn the_primary_is_found_in_every_combination_of_answers() {
    const OTHER: &str = "7999999999999999999";
    let kinds = [
        format!("primary 1 {SYSTEM}"),
        format!("primary 2 {SYSTEM}"),
        format!("primary 2 {OTHER}"),
        "standby".to_owned(),
        "there FATAL: x".to_owned(),
        "silent x".to_owned(),
    ];
    for shell in SHELLS {
        let host = Host::new(shell);
        for combination in 0..kinds.len().pow(3) {
            let of = |member: u32| combination / kinds.len().pow(member) % kinds.len();
            let chosen = [of(0), of(1), of(2)];
            let lines: String = (0..3)
                .map(|index| {
                    format!(
                        "node{} {} 5432 {}\n",
                        index + 1,
                        ADDRESSES[index],
                        kinds[chosen[index]]
                    )
                })
                .collect();
            host.install(
                "lib/ask-members",
                &format!("#!/bin/sh\ncat <<'END'\n{lines}END\n"),
            );
            let output = host.run("find-primary", &[]);
            let primaries: Vec<(usize, u32, &str)> = chosen
                .iter()
                .enumerate()
                .filter_map(|(index, kind)| match kind {
                    0 => Some((index, 1, SYSTEM)),
                    1 => Some((index, 2, SYSTEM)),
                    2 => Some((index, 2, OTHER)),
                    _ => None,
                })
                .collect();
            let highest = primaries.iter().map(|(_, timeline, _)| *timeline).max();
            let leading: Vec<_> = primaries
                .iter()
                .filter(|(_, timeline, _)| Some(*timeline) == highest)
                .collect();
            let one_system = primaries.windows(2).all(|pair| pair[0].2 == pair[1].2);
            let expected = match leading.as_slice() {
                [] if chosen.contains(&4) => 4,
                [] => 1,
                [_] if one_system => 0,
                _ => 3,
            };
            assert_eq!(
                code(&output),
                expected,
                "{shell:?}\n{lines}{}",
                text(&output.stderr)
            );
            if let ([(index, timeline, system)], 0) = (leading.as_slice(), expected) {
                let found = format!(
                    "node{} {} 5432 {timeline} {system}\n",
                    index + 1,
                    ADDRESSES[*index]
                );
                assert_eq!(text(&output.stdout), found);
            } else {
                assert_eq!(text(&output.stdout), "");
            }
        }
    }
}

/// What another member's host says over SSH: its words, the code, and whether it is past this server's timeline, which is 2.
const PLACES: &[(&str, i32, bool)] = &[
    ("7000000000000000001 3", 0, true),
    ("motd\nWelcome 9 9\n7000000000000000001 3", 0, true),
    ("7000000000000000001 2", 0, false),
    ("7000000000000000001 1", 0, false),
    ("7999999999999999999 9", 0, false),
    ("", 255, false),
    ("", 124, false),
    ("", 0, false),
    ("Welcome 9", 0, false),
    ("7000000000000000001 3 4", 0, false),
    ("7000000000000000001", 0, false),
];

#[test]
fn a_server_starts_unless_it_was_replaced() {
    let marks = [
        ("", false),
        ("node9 7000000000000000001 3\n", true),
        ("node9 7000000000000000001 2\n", false),
        ("node9 7999999999999999999 9\n", false),
    ];
    for shell in SHELLS {
        for (said, ended, past) in PLACES {
            for (mark, remembered) in marks {
                let host = Host::new(shell);
                host.install("lib/find-primary", "#!/bin/sh\nexit 1\n");
                host.answer("ssh", ADDRESSES[1], &format!("{said}\n"), "", *ended);
                host.answer("ssh", ADDRESSES[2], "", "", 255);
                host.answer("systemctl", "local", "running\n", "", 0);
                if !mark.is_empty() {
                    fs::write(host.path("kept/replaced"), mark).unwrap();
                }
                let output = host.run("start-guard", &[]);
                let refused = code(&output) != 0;
                assert_eq!(
                    refused,
                    *past || remembered,
                    "{shell:?} {said:?} {mark:?} {}",
                    text(&output.stderr)
                );
                let kept = fs::read_to_string(host.path("kept/replaced")).unwrap_or_default();
                match *past && !remembered {
                    true => assert_eq!(kept, "node2 7000000000000000001 3\n"),
                    false => assert_eq!(kept, mark),
                }
            }
        }
    }
}

#[test]
fn what_was_once_told_holds_when_nobody_is_left_to_tell_it() {
    for shell in SHELLS {
        let host = Host::new(shell);
        host.install("lib/find-primary", "#!/bin/sh\nexit 1\n");
        host.answer("systemctl", "local", "running\n", "", 0);
        host.answer("ssh", "any", "", "", 255);
        assert_eq!(
            code(&host.run("start-guard", &[])),
            0,
            "silence forbids nothing"
        );
        host.answer("ssh", ADDRESSES[2], "7000000000000000001 3\n", "", 0);
        assert_ne!(code(&host.run("start-guard", &[])), 0);
        host.answer("ssh", ADDRESSES[2], "", "", 255);
        assert_ne!(code(&host.run("start-guard", &[])), 0, "it was told before");
        // Somebody's word, what a rejoin leaves, and a standby go past it.
        fs::write(host.path("guard-off"), "").unwrap();
        assert_eq!(code(&host.run("start-guard", &[])), 0);
        fs::remove_file(host.path("guard-off")).unwrap();
        host.control(3, "shut down");
        assert_eq!(
            code(&host.run("start-guard", &[])),
            0,
            "its data are past that"
        );
        host.control(2, "shut down");
        fs::write(host.path("data/standby.signal"), "").unwrap();
        assert_eq!(code(&host.run("start-guard", &[])), 0);
    }
}

#[test]
fn a_second_primary_on_the_same_timeline_does_not_start() {
    for shell in SHELLS {
        for (found, refused) in [
            ("node2 172.30.7.12 5432 2 7000000000000000001", true),
            ("node2 172.30.7.12 5432 3 7000000000000000001", true),
            ("node2 172.30.7.12 5432 1 7000000000000000001", false),
            ("node2 172.30.7.12 5432 9 7999999999999999999", false),
            ("node1 172.30.7.11 5432 2 7000000000000000001", false),
        ] {
            let host = Host::new(shell);
            host.install("lib/find-primary", &format!("#!/bin/sh\necho {found}\n"));
            host.answer("ssh", "any", "", "", 255);
            host.answer("systemctl", "local", "running\n", "", 0);
            assert_eq!(
                code(&host.run("start-guard", &[])) != 0,
                refused,
                "{shell:?} {found}"
            );
        }
    }
}

#[test]
fn who_may_be_promoted_is_what_is_on_disk() {
    for shell in SHELLS {
        for case in 0..16 {
            let has = |bit: u32| case >> bit & 1 == 1;
            let host = Host::new(shell);
            if has(0) {
                fs::write(host.path("state/armed"), "").unwrap();
            }
            if has(1) {
                fs::write(host.path("data/standby.signal"), "").unwrap();
            }
            if has(2) {
                let whom = if has(3) { "node2\n" } else { "node3\n" };
                fs::write(host.path("kept/handed-to"), whom).unwrap();
            }
            let expected = match () {
                () if has(0) => 2,
                () if has(1) && has(2) && has(3) => 0,
                () => 1,
            };
            let output = host.run("switchover", &["decided", "node2"]);
            assert_eq!(
                code(&output),
                expected,
                "{shell:?} {case:04b} {}",
                text(&output.stderr)
            );
        }
    }
}

#[test]
fn only_an_lsn_reaches_the_console() {
    for shell in SHELLS {
        let host = Host::new(shell);
        for word in [
            "",
            "0",
            "0/",
            "/0",
            "0/0/0",
            "0/g",
            "0/a",
            "0/0'; drop",
            "0/0 1",
        ] {
            let output = host.run("switchover", &["received", word, "2"]);
            assert_ne!(code(&output), 0);
            assert!(
                text(&output.stderr).contains("is no LSN"),
                "{word:?} {}",
                text(&output.stderr)
            );
        }
        let output = host.run("switchover", &["received", "0/3000060", "2"]);
        assert!(
            text(&output.stderr).contains("connection is closed"),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn a_statement_that_fails_is_known_in_every_language() {
    let psql = fs::read_to_string(root().join("tests/programs/psql.sh")).unwrap();
    for shell in SHELLS {
        let host = Host::new(shell);
        host.install("clients/15/bin/psql", &psql);
        let driver = "console=$state/console
. \"$lib/console.sh\"
open_console \"$bin/psql\"
for statement in 'select gut' 'HINWEIS' 'FEHLER'; do
  if said=$(ask 5 \"$statement\" 2>&1); then echo \"well: $said\"; else echo \"failed: $said\"; fi
done
if said=$(ask 5 'select gut' 'FEHLER' 'select gut' 2>&1); then echo \"well: $said\"; else echo \"failed: $said\"; fi
if said=$(ask 1 'STILL' 2>&1); then echo \"well: $said\"; else echo \"failed: $said\"; fi
close_console
";
        let output = host.script(driver, "");
        let expected = "well: t\nwell: gut\nfailed: FEHLER:  Division durch Null\nfailed: FEHLER:  Division durch Null\nfailed: no answer within 1 s\n";
        assert_eq!(
            text(&output.stdout),
            expected,
            "{shell:?} {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn the_arithmetic_of_the_log_is_right_at_every_bound() {
    let mut cases = String::new();
    let mut expected = String::new();
    let lsn = |bytes: u64| format!("{:X}/{:X}", bytes >> 32, bytes & 0xFFFF_FFFF);
    for segment in [1 << 20, 16 << 20, 1 << 30u64] {
        let bounds = [
            segment,
            segment * 3,
            1 << 32,
            (1 << 32) * 5,
            (1 << 32) * 5 + segment,
        ];
        for bound in bounds {
            for back in [0, 8, 24, 40, 104, 112, 114, 120, 128, 8192, 8192 + 114] {
                let at = bound - back;
                for length in [26u64, 114, 120] {
                    cases += &format!("{segment} {} {length}\n", lsn(at));
                    let number = at / segment;
                    let per_high = (1 << 32) / segment;
                    let name = |number: u64| {
                        format!(
                            "{:08X}{:08X}{:08X}",
                            3,
                            number / per_high,
                            number % per_high
                        )
                    };
                    let page = at / 8192 * 8192 + 8192;
                    let header = match () {
                        () if at + length <= page => 0,
                        () if page % segment == 0 => 40,
                        () => 24,
                    };
                    let end = (at + length + header).div_ceil(8) * 8;
                    expected += &format!(
                        "{} {} {} {}\n",
                        name(number),
                        name(number + 1),
                        lsn(number * segment),
                        lsn(end)
                    );
                }
            }
        }
    }
    let driver = ". \"$lib/control.sh\"
while read -r segment lsn length; do
  name=$(segment_of 3 \"$lsn\")
  echo \"$name $(segment_after \"$name\") $(segment_start \"$name\") $(record_end \"$lsn\" \"$length\")\"
done
";
    for shell in SHELLS {
        let output = Host::new(shell).script(driver, &cases);
        let said = text(&output.stdout);
        for ((case, said), expected) in cases.lines().zip(said.lines()).zip(expected.lines()) {
            assert_eq!(said, expected, "{shell:?} {case}");
        }
        assert_eq!(
            said.lines().count(),
            expected.lines().count(),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn a_pooler_never_goes_back() {
    for shell in SHELLS {
        for (known, found, expected) in [
            ("", "node1 172.30.7.11 5432 1 7000000000000000001", true),
            (
                "7000000000000000001 2 node2",
                "node1 172.30.7.11 5432 1 7000000000000000001",
                false,
            ),
            (
                "7000000000000000001 2 node2",
                "node3 172.30.7.13 5432 2 7000000000000000001",
                true,
            ),
            (
                "7000000000000000001 2 node2",
                "node3 172.30.7.13 5432 3 7000000000000000001",
                true,
            ),
            (
                "7000000000000000001 10 node2",
                "node1 172.30.7.11 5432 9 7000000000000000001",
                false,
            ),
            (
                "7999999999999999999 9 node2",
                "node1 172.30.7.11 5432 1 7000000000000000001",
                true,
            ),
        ] {
            let host = Host::new(shell);
            host.install("lib/find-primary", &format!("#!/bin/sh\necho {found}\n"));
            fs::create_dir(host.path("primary")).unwrap();
            for member in ["node1", "node2", "node3"] {
                fs::write(host.path(&format!("primary/{member}.ini")), member).unwrap();
            }
            fs::write(host.path("databases.ini"), "before").unwrap();
            if !known.is_empty() {
                fs::write(host.path("kept/known-primary"), known.to_owned() + "\n").unwrap();
            }
            let output = host.run("pooler-follow", &["start"]);
            assert_eq!(
                code(&output) == 0,
                expected,
                "{shell:?} {known:?} {found} {}",
                text(&output.stderr)
            );
            let leads = fs::read_to_string(host.path("databases.ini")).unwrap();
            let to = found.split(' ').next().unwrap();
            assert_eq!(leads, if expected { to } else { "before" });
        }
    }
}

#[test]
fn a_fence_is_taken_back_where_somebody_starts_the_server_again() {
    for shell in SHELLS {
        let host = Host::new(shell);
        let is_fenced =
            || ["standby.signal", "pgha-fenced"].map(|name| host.path("data").join(name).exists());
        let output = host.run("failover", &["fence"]);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        assert_eq!(is_fenced(), [true, true]);

        // A server is there once the first file was made durable.
        let here = host.dir.path().display();
        let start = format!(
            "#!/bin/sh\necho 4194304 >{here}/data/postmaster.pid\nmkdir -p {here}/proc/4194304\necho postgres >{here}/proc/4194304/comm\n"
        );
        host.install("stubs/sync", &start);
        let output = host.run("failover", &["fence"]);
        assert_ne!(code(&output), 0);
        assert!(
            text(&output.stderr).contains("somebody has started PostgreSQL again"),
            "{}",
            text(&output.stderr)
        );
        assert_eq!(is_fenced(), [false, false]);
    }
}
