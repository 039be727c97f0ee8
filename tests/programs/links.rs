//! Names that somebody else planted: where root works in folders that are another user's, it writes nothing and reveals nothing
//! of its own. As root, with `nobody` in postgres's place; without root there is nothing to show, and a line says so.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::process::Command;

use crate::host::{Host, SHELLS, Table, prints};

const NOBODY: &str = "65534";
const SECRET: &str = "root:$y$secret:20000";

/// Whether this can be shown here.
fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("`id` starts");
    let root = id.stdout == b"0\n";
    if !root {
        eprintln!("not run: planted links need root, who drops to nobody");
    }
    root
}

fn sh(script: &str, host: &Host) {
    let status = Command::new("sh")
        .args(["-euc", script, "sh"])
        .arg(host.path(""))
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{script}");
}

/// A member whose data directory is nobody's, and a secret that is root's.
fn host() -> Host {
    let host = Host::new();
    host.configure(&format!(
        r#"
setpriv() {{
  while [ "$1" != -- ]; do shift; done
  shift
  AS_UID={NOBODY} /usr/bin/setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "$@"
}}
install() {{ # -d -o postgres -g postgres -m MODE PATH
  [ "$1 $2 $3" = '-d -o postgres' ] || return 9
  command install -d -o {NOBODY} -g {NOBODY} -m "$7" "$8"
}}
"#
    ));
    sh("chmod 0755 \"$1\"", &host);
    anew(&host);
    host
}

fn anew(host: &Host) {
    host.reset();
    host.write("secret", &format!("{SECRET}\n"));
    host.write("data/pg_wal/archive_status/x", "");
    host.write(
        "data/postgresql.auto.conf",
        "work_mem = '4MB'\nprimary_conninfo = 'host=old'\n",
    );
    host.remove("planted");
    host.write("log", "");
    sh(
        "chmod 0600 \"$1/secret\"; chmod 0666 \"$1/log\"; chown -R 65534:65534 \"$1/data\"; chmod 0700 \"$1/data\"",
        host,
    );
}

/// Links that postgres could have made, to a file of root's that is there, or is yet to be.
fn plant(host: &Host, name: &str, target: &str) {
    let path = host.path(name);
    let _ = fs::remove_file(&path);
    symlink(host.path(target), &path).unwrap();
    sh(&format!("chown -h 65534:65534 \"$1/{name}\""), host);
}

/// Nothing of root's was written, given away or revealed.
fn untouched(host: &Host, table: &mut Table, case: &str) {
    let secret = fs::symlink_metadata(host.path("secret")).unwrap();
    table.same(case, (secret.uid(), secret.mode() & 0o777), (0, 0o600));
    table.same(case, host.read("secret").as_str(), SECRET);
    table.check(case, !host.has("planted"), &"a file of root's making");
    let found = Command::new("grep")
        .args(["-rlF", "$y$secret"])
        .arg(host.path("data"))
        .arg(host.path("kept"))
        .output();
    let found = String::from_utf8(found.expect("`grep` starts").stdout).unwrap();
    // The secret's own link leads to it.
    let copies = found
        .lines()
        .filter(|path| !fs::symlink_metadata(path).unwrap().is_symlink());
    table.same(case, copies.count(), 0);
}

#[test]
fn a_member_is_attached_past_planted_links() {
    if !is_root() {
        return;
    }
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for (name, target, attached) in [
            ("", "", true),
            ("data/postgresql.auto.conf.new", "secret", true),
            ("data/postgresql.auto.conf.new", "planted", true),
            // Whoever may not read it has none.
            ("data/postgresql.auto.conf", "secret", true),
            ("data/standby.signal", "secret", false),
            ("data/standby.signal", "planted", false),
            ("data/pgha-fenced", "secret", true),
        ] {
            anew(&host);
            if !name.is_empty() {
                plant(&host, name, target);
            }
            let said = host.run(shell, "rejoin", &["attach", "node2"]);
            let case = format!("{name} → {target}, {shell:?}");
            untouched(&host, &mut table, &case);
            table.check(&case, (said.code == Some(0)) == attached, &said);
            if attached {
                let auto = fs::symlink_metadata(host.path("data/postgresql.auto.conf")).unwrap();
                table.check(&case, auto.is_file() && auto.uid() == 65534, &auto);
                let auto = host.read("data/postgresql.auto.conf");
                let wanted = "primary_conninfo = 'host=172.30.7.12 user=repmgr application_name=node1'\nprimary_slot_name = 'repmgr_slot_1'";
                let before = if name == "data/postgresql.auto.conf" {
                    ""
                } else {
                    "work_mem = '4MB'\n"
                };
                table.same(&case, auto, format!("{before}{wanted}"));
                let signal = fs::symlink_metadata(host.path("data/standby.signal")).unwrap();
                table.same(&case, (signal.uid(), signal.mode() & 0o777), (65534, 0o600));
            }
        }
    }
    table.end();
}

/// What is saved of a log is read as postgres.
#[test]
fn a_log_is_saved_without_what_links_in_it_lead_to() {
    if !is_root() {
        return;
    }
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for name in ["", "000000010000000000000003", "00000002.history"] {
            anew(&host);
            host.control("77", 1, "shut down");
            host.write("data/pg_wal/000000010000000000000003", "wal");
            sh("chown 65534:65534 \"$1\"/data/pg_wal/0*", &host);
            if !name.is_empty() {
                plant(&host, &format!("data/pg_wal/{name}"), "secret");
            }
            let said = host.run(shell, "rejoin", &["save", "1 0/3000000", "1:0/3000000:"]);
            let case = format!("{name}, {shell:?}");
            untouched(&host, &mut table, &case);
            table.same(&case, said.code == Some(0), name.is_empty());
            if name.is_empty() {
                let saved = host.read("kept/diverged/1-0-3000028/pg_wal/000000010000000000000003");
                table.same(&case, saved.as_str(), "wal");
                table.check(
                    &case,
                    said.out.starts_with("from 1 0/3000000\n") && !said.out.contains("incomplete"),
                    &said,
                );
            }
        }
    }
    table.end();
}

/// A segment that is fetched from another member, or by `restore_command`, comes through a file that postgres makes.
#[test]
fn a_segment_is_fetched_past_planted_links() {
    if !is_root() {
        return;
    }
    let host = host();
    let mut table = Table::default();
    let missing = "000000010000000000000002";
    for shell in SHELLS {
        for restore in [false, true] {
            for target in ["", "secret", "planted"] {
                anew(&host);
                let control =
                    crate::host::control_data("77", 1, "shut down").replace("16777216", "8");
                host.answer("pg_controldata", &prints(&control));
                // It lacks a segment until it is there.
                host.answer(
                    "pg_rewind",
                    &format!("[ -e \"$root/data/pg_wal/{missing}\" ] || {{ echo \"could not open file \\\"$root/data/pg_wal/{missing}\\\": no\" >&2; exit 1; }}"),
                );
                host.answer(
                    "postgres",
                    if restore {
                        "echo 'printf 12345678 >%p'"
                    } else {
                        ""
                    },
                );
                host.answer(
                    "psql",
                    "case $* in *pg_read_binary_file*) printf 87654321 | base64 ;; esac",
                );
                if !target.is_empty() {
                    plant(&host, "data/pg_wal/pgha-fetched", target);
                }
                let said = host.run(shell, "rejoin", &["rewind", "node2"]);
                let case = format!("{target}, restore_command {restore}, {shell:?}");
                untouched(&host, &mut table, &case);
                table.check(&case, said.code == Some(0), &said);
                let fetched = fs::symlink_metadata(host.path(&format!("data/pg_wal/{missing}")));
                table.check(
                    &case,
                    fetched.is_ok_and(|file| file.is_file() && file.uid() == 65534),
                    &said,
                );
                let bytes = host.read(&format!("data/pg_wal/{missing}"));
                table.same(
                    &case,
                    bytes.as_str(),
                    if restore { "12345678" } else { "87654321" },
                );
            }
        }
    }
    table.end();
}

/// A data directory's place is taken by a copy as whoever owns the folder that both are in.
#[test]
fn a_copy_takes_the_place_of_data() {
    if !is_root() {
        return;
    }
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for (case, prepare, discard, code) in [
            ("root's folder", "", false, 0),
            ("discarded", "", true, 0),
            ("nobody's folder", "chown 65534 \"$1\"", false, 1),
            ("everybody's folder", "chmod 0777 \"$1\"", false, 1),
            (
                "it runs",
                "echo 4194305 >\"$1/data/postmaster.pid\"; mkdir -p \"$1/proc/4194305\"; echo postgres >\"$1/proc/4194305/comm\"",
                false,
                1,
            ),
        ] {
            anew(&host);
            sh(
                "rm -rf \"$1\"/data.kept-* \"$1/copy\"; mkdir \"$1/copy\"; : >\"$1/copy/new\"; mkdir -p \"$1/kept\"; : >\"$1/kept/rewinding\"",
                &host,
            );
            sh(&format!("{prepare}\n:"), &host);
            let copy = host.path("copy").display().to_string();
            let mut words = vec!["replace", copy.as_str()];
            if discard {
                words.push("discard");
            }
            let said = host.run(shell, "copy", &words);
            sh("chown 0 \"$1\"; chmod 0755 \"$1\"", &host);
            let case = format!("{case}, {shell:?}");
            table.check(&case, said.code == Some(code), &said);
            table.same(&case, host.has("data/new"), code == 0);
            table.same(&case, host.has("kept/rewinding"), code != 0);
            let kept = fs::read_dir(host.path(""))
                .unwrap()
                .filter(|entry| {
                    entry
                        .as_ref()
                        .unwrap()
                        .file_name()
                        .to_string_lossy()
                        .starts_with("data.kept-")
                })
                .count();
            // What is to be removed goes once the copy runs.
            table.same(&case, kept, usize::from(code == 0));
            table.same(&case, host.has("kept/discard"), discard);
        }
    }
    table.end();
}

/// Links of a data directory that lead to folders of root's: nothing there is renamed, made or removed.
#[test]
fn a_copy_turns_over_nothing_of_roots() {
    if !is_root() {
        return;
    }
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for (link, target, words) in [
            ("data/pg_wal", "roots", "replace copy"),
            ("data/pg_wal", "roots", "replace copy discard"),
            ("data/pg_wal", "roots.pgha-new", "replace copy"),
            ("data/pg_wal", "roots.pgha-new", "replace copy discard"),
            (
                "data/pg_wal",
                "roots.kept-20261125T093109Z",
                "replace copy discard",
            ),
            ("data/pg_wal", "roots.pgha-new", "settle"),
            ("data/pg_tblspc/1", "roots", "replace copy discard"),
            (
                "data/pg_tblspc/1",
                "roots/kept-20261125T093109Z",
                "replace copy discard",
            ),
            ("data/pg_tblspc/1", "roots/pgha-new", "settle"),
            ("data/pg_tblspc/1", "roots", "ready roots roots"),
            ("data/pg_wal", "roots", "ready roots"),
        ] {
            anew(&host);
            sh(
                "cd \"$1\"; rm -rf copy roots roots.*; mkdir -p copy roots/PG_15_1 roots/kept-20261125T093109Z/x roots/pgha-new/PG_15_1 roots.pgha-new/x roots.kept-20261125T093109Z/x; rm -rf data/pg_wal; mkdir -p data/pg_tblspc; chown 65534:65534 copy data/pg_tblspc",
                &host,
            );
            let seen = || {
                let folders = ["roots", "roots.pgha-new", "roots.kept-20261125T093109Z"];
                let found = Command::new("find")
                    .args(folders.map(|folder| host.path(folder)))
                    .output();
                found.expect("`find` starts").stdout
            };
            let before = seen();
            plant(&host, link, target);
            let words: Vec<String> = words
                .split(' ')
                .map(|word| match word {
                    "copy" | "roots" => host.path(word).display().to_string(),
                    word => word.to_owned(),
                })
                .collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let said = host.run(shell, "copy", &words);
            let case = format!("{link} → {target}, {words:?}, {shell:?}");
            table.check(&case, said.code == Some(1), &said);
            table.check(&case, seen() == before, &said);
            untouched(&host, &mut table, &case);
        }
    }
    table.end();
}

// --- as whom a path is written ---

#[test]
fn a_path_is_written_as_the_first_owner_that_is_not_root() {
    if !is_root() {
        return;
    }
    let host = host();
    host.write(
        "lib/driver",
        "\n. \"${0%/*}/common.sh\"\nwhile read -r path; do owner_of \"$path\"; done\n",
    );
    sh(
        "cd \"$1\"; mkdir -p t/mine/deep t/theirs/deep t/sticky t/open t/open-sticky/deep t/setgid
chown -R nobody t/theirs; : >t/mine/file
chmod 1777 t/open-sticky; chmod 0777 t/open; chmod 2777 t/setgid; chmod 0771 t/mine
ln -s ../mine t/mine/by-root; ln -s \"$1/t/theirs\" t/mine/to-theirs; ln -s \"$1/t/mine\" t/absolute
ln -s mine t/by-nobody; chown -h nobody t/by-nobody
ln -s loop t/loop; ln -s mine/by-root/deep t/chain
ln -s ../t/mine t/open-sticky/by-root; ln -s ../t/mine t/open-sticky/by-nobody; chown -h nobody t/open-sticky/by-nobody
ln -s theirs t/last; chown -h nobody t/last",
        &host,
    );
    let cases = [
        ("t/mine/x", "root"),
        ("t/mine/deep/x", "root"),
        ("t/theirs/x", "nobody"),
        ("t/theirs/deep/x", "nobody"),
        ("t/theirs", "root"),
        ("t/missing/further/x", "root"),
        ("t/mine/file/x", "root"),
        ("t/open/x", "nobody"),
        ("t/open-sticky/x", "root"),
        ("t/open-sticky/deep/x", "root"),
        ("t/setgid/x", "nobody"),
        ("t/mine/by-root/x", "root"),
        ("t/mine/to-theirs/x", "nobody"),
        ("t/absolute/x", "root"),
        ("t/by-nobody/x", "nobody"),
        ("t/chain/x", "root"),
        ("t/loop/x", "nobody"),
        ("t/open-sticky/by-root/x", "root"),
        ("t/open-sticky/by-nobody/x", "nobody"),
        // What it names itself does not count: it is replaced, not followed.
        ("t/last", "root"),
        ("t/mine//x", "root"),
        ("t/mine/../theirs/x", "nobody"),
    ];
    let questions = cases
        .map(|(path, _)| format!("{}\n", host.path(path).display()))
        .concat();
    let mut table = Table::default();
    for shell in SHELLS {
        let said = host.run_with(shell, "driver", &[], &[], &questions);
        assert_eq!(said.out.lines().count(), cases.len(), "{said:?}");
        for ((path, owner), seen) in cases.iter().zip(said.out.lines()) {
            table.same(&format!("{path}, {shell:?}"), seen, *owner);
        }
    }
    table.end();
}

// --- how files are made on a host ---

/// `src/run/files.sh`, as a run's script has it.
const FILES: &str = concat!(
    include_str!("../../src/shell/prelude.sh"),
    "set -eu\n",
    include_str!("../../programs/owner.sh"),
    include_str!("../../src/run/files.sh"),
    "\n\"$@\"\n"
);

#[test]
fn files_are_made_past_planted_links() {
    if !is_root() {
        return;
    }
    let host = host();
    host.write("lib/files", FILES);
    let mut table = Table::default();
    for shell in SHELLS {
        // A link at that name, to where; the call; whether it succeeds, and what is at the name afterwards.
        for (name, target, words, code, holds) in [
            (
                "data/a",
                "",
                "write_file data/a 0640 nobody nogroup",
                0,
                "new",
            ),
            (
                "data/a",
                "secret",
                "write_file data/a 0640 nobody nogroup",
                0,
                "new",
            ),
            (
                "data/a",
                "planted",
                "write_file data/a 0640 nobody nogroup",
                0,
                "new",
            ),
            // Root's own file in a folder that is not root's.
            ("data/a", "", "write_file data/a 0640 root root", 1, ""),
            (
                "data/a",
                "secret",
                "write_file data/a 0640 root root",
                1,
                "-",
            ),
            ("top", "", "write_file top 0640 root root", 0, "new"),
            ("top", "secret", "write_file top 0640 root root", 0, "new"),
            ("top", "", "write_file top 0640 nobody nogroup", 0, "new"),
            (
                "data/d",
                "",
                "make_directory data/d 0700 nobody nogroup",
                0,
                "",
            ),
            (
                "data/d",
                "planted",
                "make_directory data/d 0700 nobody nogroup",
                1,
                "-",
            ),
            (
                "data/d",
                "kept",
                "make_directory data/d 0700 nobody nogroup",
                1,
                "-",
            ),
            ("data/d", "", "make_directory data/d 0700 root root", 1, ""),
            (
                "top",
                "kept",
                "make_directory top 0700 nobody nogroup",
                1,
                "-",
            ),
            (
                "data/a",
                "secret",
                "set_attributes data/a 0644 nobody nogroup",
                1,
                "-",
            ),
            (
                "top",
                "secret",
                "set_attributes top 0644 nobody nogroup",
                1,
                "-",
            ),
            ("data/a", "secret", "remove_file data/a", 0, ""),
            ("top", "secret", "remove_file top", 0, ""),
            (
                "data/a",
                "",
                "rename data/postgresql.auto.conf data/a",
                0,
                "work_mem",
            ),
            (
                "data/a",
                "secret",
                "rename data/postgresql.auto.conf data/a",
                1,
                "-",
            ),
            (
                "data/a",
                "kept",
                "rename data/postgresql.auto.conf data/a",
                1,
                "-",
            ),
        ] {
            anew(&host);
            sh("rm -rf \"$1/top\"; mkdir -p \"$1/kept\"", &host);
            if !target.is_empty() {
                plant(&host, name, target);
            }
            let words = words.split(' ').map(|word| {
                if word.starts_with("data/") || word == "top" {
                    host.path(word).display().to_string()
                } else {
                    word.to_owned()
                }
            });
            let words = words.collect::<Vec<_>>();
            let words = words.iter().map(String::as_str).collect::<Vec<_>>();
            let said = host.run_with(shell, "files", &words, &[], "new\n");
            let case = format!("{name} → {target}, {words:?}, {shell:?}");
            table.check(&case, (said.code == Some(0)) == (code == 0), &said);
            untouched(&host, &mut table, &case);
            let kept = fs::metadata(host.path("kept")).unwrap();
            table.same(&case, (kept.uid(), kept.mode() & 0o777), (0, 0o755));
            let metadata = fs::symlink_metadata(host.path(name));
            match holds {
                "-" => table.check(
                    &case,
                    metadata.is_ok_and(|there| there.is_symlink()),
                    &"the link stays",
                ),
                "" if words[0] == "make_directory" && code == 0 => {
                    table.check(
                        &case,
                        metadata.is_ok_and(|there| there.is_dir() && there.uid() == 65534),
                        &said,
                    );
                }
                "" => table.check(&case, metadata.is_err(), &"nothing is there"),
                text => {
                    let there = metadata.unwrap();
                    table.check(
                        &case,
                        there.is_file() && host.read(name).starts_with(text),
                        &said,
                    );
                    if words[0] == "write_file" {
                        let owner = if words[3] == "root" { 0 } else { 65534 };
                        table.same(&case, (there.uid(), there.mode() & 0o777), (owner, 0o640));
                    }
                }
            }
            let rest = fs::read_dir(host.path("data")).unwrap().filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .contains(".pgha.")
            });
            table.same(&case, rest.count(), 0);
        }
        // A file that a program does not accept changes nothing.
        anew(&host);
        let path = host.path("data/postgresql.auto.conf").display().to_string();
        let words = [
            "write_file",
            &path,
            "0640",
            "nobody",
            "nogroup",
            "grep",
            "-q",
            "old",
            "%s",
        ];
        let said = host.run_with(shell, "files", &words, &[], "new\n");
        table.check(
            "not accepted",
            said.code != Some(0) && host.read("data/postgresql.auto.conf").contains("work_mem"),
            &said,
        );
        let said = host.run_with(shell, "files", &words, &[], "old\n");
        table.check(
            "accepted",
            said.code == Some(0) && host.read("data/postgresql.auto.conf") == "old",
            &said,
        );
    }
    table.end();
}
