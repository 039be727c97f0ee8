//! `copy`: what a copy has outside of its directory comes to its place with it, whatever ends that; and what would not end
//! well is refused before anything is stopped.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::host::{Host, SHELLS, Table, has_turn};

/// A member whose data directory has its `pg_wal` in `wal` and a tablespace in `ts`. What changes names is counted, and ends the
/// program at the number in `ends-at`, as a power cut would.
fn host() -> Host {
    let host = Host::new();
    host.configure(
        r#"
setpriv() {
  while case $1 in -* | env | *=*) ;; *) false ;; esac; do shift; done
  "$@"
}
effect() {
  read -r n <"$root/effects"
  read -r at <"$root/ends-at"
  n=$((n + 1))
  echo "$n" >"$root/effects"
  if [ "$n" = "$at" ]; then kill -KILL $$; exit 1; fi
}
mv() { effect; command mv "$@"; }
ln() { effect; command ln "$@"; }
rm() { effect; command rm "$@"; }
rmdir() { effect; command rmdir "$@"; }
mkdir() { effect; command mkdir "$@"; }
install() { # -d -o postgres -g postgres -m MODE PATH
  command mkdir "$8"
}
date() { read -r tries <"$root/tries"; echo "20261125T09310${tries}Z"; }
"#,
    );
    host
}

fn sh(script: &str, host: &Host) -> String {
    let out = Command::new("sh")
        .args(["-euc", script, "sh"])
        .arg(host.path(""))
        .output()
        .expect("`sh` starts");
    assert!(out.status.success(), "{script}\n{out:?}");
    String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
}

/// Data of a name, with both parts outside of their directory.
fn data(host: &Host, name: &str, [directory, wal, tablespace]: [&str; 3]) {
    for file in [
        format!("{directory}/PG_VERSION"),
        format!("{wal}/who"),
        format!("{tablespace}/PG_15_1/who"),
    ] {
        host.write(&file, &format!("{name}\n"));
    }
    fs::create_dir_all(host.path(directory).join("pg_tblspc")).unwrap();
    symlink(host.path(wal), host.path(directory).join("pg_wal")).unwrap();
    let link = host.path(directory).join("pg_tblspc/16400");
    symlink(host.path(tablespace), link).unwrap();
}

/// What there is in a folder whose name begins so.
fn named(host: &Host, folder: &str, begin: &str) -> Vec<String> {
    let entries = fs::read_dir(host.path(folder)).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(begin)).collect()
}

/// What is left of a copy, anywhere.
fn left(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let found = entries.flat_map(|entry| {
        let path = entry.path();
        let is_left = entry.file_name().to_string_lossy().contains("pgha-new");
        let inside = entry.file_type().unwrap().is_dir().then(|| left(&path));
        let own = is_left.then_some(path).into_iter();
        own.chain(inside.unwrap_or_default()).collect::<Vec<_>>()
    });
    found.collect()
}

fn anew(host: &Host) {
    host.reset();
    host.write("effects", "0\n");
    host.write("ends-at", "0\n");
    host.write("tries", "0\n");
    host.answer("psql", "case $* in *count*) echo 0 ;; esac");
    for begin in ["data", "wal", "ts"] {
        for name in named(host, "", begin) {
            fs::remove_dir_all(host.path(&name)).unwrap();
        }
    }
    data(host, "old", ["data", "wal", "ts"]);
}

/// A whole copy is beside its place.
fn copied(host: &Host, shell: &[&str]) {
    let [wal, ts] = ["wal", "ts"].map(|name| host.path(name).display().to_string());
    let said = host.run(shell, "copy", &["ready", &wal, &ts]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let new = ["data.pgha-new", "wal.pgha-new", "ts/pgha-new"];
    if host.has(new[0]) {
        fs::remove_dir_all(host.path(new[0])).unwrap();
    }
    data(host, "new", new);
}

/// The whole of a data directory: the name of the data in it, in its log and in its tablespace, and where its links lead.
fn whole(host: &Host, directory: &str) -> String {
    let files = ["PG_VERSION", "pg_wal/who", "pg_tblspc/16400/PG_15_1/who"];
    let names = files.map(|file| host.read(&format!("{directory}/{file}")));
    let links = ["pg_wal", "pg_tblspc/16400"].map(|link| {
        let target = fs::read_link(host.path(directory).join(link)).unwrap_or_default();
        let target = target.strip_prefix(host.path("")).unwrap_or(&target);
        target.display().to_string()
    });
    [&names[..], &links[..]].concat().join(" ")
}

#[test]
fn a_copy_takes_its_place_with_its_parts_whatever_ends_that() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for discard in [false, true] {
            let mut at = 0;
            loop {
                at += 1;
                assert!(at < 100, "it ends by itself");
                if !has_turn(shell, &format!("{discard} {at}")) {
                    continue;
                }
                anew(&host);
                copied(&host, shell);
                host.write("effects", "0\n");
                host.write("ends-at", &format!("{at}\n"));
                let copy = host.path("data.pgha-new").display().to_string();
                let mut words = vec!["replace", copy.as_str()];
                words.extend(discard.then_some("discard"));
                words.extend(["node2", "repmgr_slot_1_copy"]);
                let said = host.run(shell, "copy", &words);
                let case = format!("ended at {at}, discard {discard}, {shell:?}");
                host.write("ends-at", "0\n");
                host.write("tries", "1\n");
                let ended = said.code != Some(0);
                // As the next run goes on.
                let goes_on = if !host.has("data") {
                    copied(&host, shell);
                    fs::rename(host.path("data.pgha-new"), host.path("data")).unwrap();
                    host.run(shell, "copy", &["settle"])
                } else if host.read("data/PG_VERSION") == "old" {
                    copied(&host, shell);
                    host.run(shell, "copy", &words)
                } else {
                    host.run(shell, "copy", &["settle"])
                };
                table.check(&case, goes_on.code == Some(0), &(&said, goes_on));
                table.same(&case, whole(&host, "data").as_str(), "new new new wal ts");
                table.check(
                    &case,
                    left(&host.path("")).is_empty(),
                    &"nothing of a copy is left",
                );
                let kept = named(&host, "", "data.kept-").join(" ");
                if discard {
                    // Whatever was moved aside, by whichever run, is removed once the copy runs, whatever ends that.
                    host.seems_to_run();
                    host.write("effects", "0\n");
                    host.write("ends-at", "2\n");
                    host.run(shell, "copy", &["discard"]);
                    host.write("ends-at", "0\n");
                    let said = host.run(shell, "copy", &["discard"]);
                    table.check(&case, said.code == Some(0), &said);
                    let kept = named(&host, "", "data.kept-");
                    table.check(&case, kept.is_empty() && !host.has("kept/discard"), &kept);
                    table.same(&case, whole(&host, "data").as_str(), "new new new wal ts");
                    let parts = [named(&host, "", "wal."), named(&host, "ts", "kept-")].concat();
                    // A run that was ended may leave a folder that is empty.
                    table.check(&case, ended || parts.is_empty(), &parts);
                } else {
                    let kept = whole(&host, &kept);
                    table.check(&case, kept.starts_with("old old old wal.kept-"), &kept);
                }
                if !ended {
                    break;
                }
            }
            table.check("moments", at > 10, &at);
        }
    }
    table.end();
}

#[test]
fn what_would_not_end_well_is_refused_before_anything_is_stopped() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        // What is done to the host before; the places; what is said, or nothing.
        for (prepare, wal, locations, said) in [
            (":", "", &["ts"][..], ""),
            (":", "wal", &["ts"], ""),
            // A new member: its folder is made.
            (":", "", &["ts", "srv/new"], ""),
            (
                "chown 65534 srv",
                "",
                &["srv/new"],
                "neither root's nor postgres's",
            ),
            (
                ":",
                "",
                &["/etc/pgha/ts"],
                "`install -d -o postgres -g postgres -m 0700 /etc/pgha/ts` makes it",
            ),
            (
                ":",
                "",
                &["/var/lib/x/ts"],
                "not made in a folder of the system's",
            ),
            (
                "mkdir -p other/PG_15_1",
                "",
                &["other"],
                "none of this member's data",
            ),
            // Another version's cluster may share it.
            ("mkdir -p other/PG_13_1", "", &["other"], ""),
            (
                "mkdir other; chown 65534 other",
                "",
                &["other"],
                "no folder of postgres's",
            ),
            (": >file", "", &["file"], "no folder of postgres's"),
            (
                "ln -s ts link; rm data/pg_tblspc/16400; ln -s \"$1/link\" data/pg_tblspc/16400",
                "",
                &["link"],
                "",
            ),
            (
                "rm data/pg_tblspc/16400; ln -s \"$1/ts/pgha-new\" data/pg_tblspc/16400",
                "",
                &["ts"],
                "is in use",
            ),
            ("rm -r wal", "wal", &[], "no folder of postgres's"),
            ("mv wal wal.pgha-new", "wal", &[], ""),
            (
                "mv wal x; ln -s x wal",
                "wal",
                &[],
                "no folder of postgres's",
            ),
            (
                "mkdir d; mv wal d; chown 65534 d",
                "d/wal",
                &[],
                "neither root's nor postgres's",
            ),
            // What an earlier copy left.
            (
                "mkdir -p ts/pgha-new/PG_15_1 wal.pgha-new/x",
                "wal",
                &["ts"],
                "",
            ),
        ] {
            anew(&host);
            sh(
                "cd \"$1\"; rm -rf srv other file link x d; mkdir srv",
                &host,
            );
            sh(&format!("cd \"$1\"; {prepare}"), &host);
            let path = |name: &&str| match name.strip_prefix('/') {
                None if name.is_empty() => String::new(),
                None => host.path(name).display().to_string(),
                Some(_) => (*name).to_owned(),
            };
            let mut words = vec!["ready".to_owned(), path(&wal)];
            words.extend(locations.iter().map(path));
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let seen = host.run(shell, "copy", &words);
            let case = format!("{prepare}, {wal} {locations:?}, {shell:?}");
            table.same(&case, seen.code, Some(i32::from(!said.is_empty())));
            table.check(&case, seen.err.contains(said), &seen);
            if said.is_empty() {
                let made = locations.iter().all(|name| host.has(name));
                table.check(&case, made, &"the folders are there");
                table.check(&case, !host.has("ts/pgha-new"), &"what was left is gone");
                let empty = wal.is_empty() || sh("ls \"$1/wal.pgha-new\"", &host).is_empty();
                table.check(&case, empty, &"the copy's log is empty");
            }
        }
    }
    assert!(!std::path::Path::new("/etc/pgha/ts").exists());
    table.end();
}

/// The slot of a copy does not outlive one that failed: it would keep WAL until the primary's disk is full.
#[test]
fn the_slot_of_a_copy_that_failed_is_dropped() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for (how, code, drops) in [
            ("", Some(0), 1),
            ("exit 3", Some(3), 2),
            ("kill -TERM $PPID; sleep 0.1", Some(1), 2),
        ] {
            anew(&host);
            host.answer("pg_rewind", how);
            let command = host.path("pg/15/bin/pg_rewind").display().to_string();
            let said = host.run(
                shell,
                "copy",
                &["held", "node2", "repmgr_slot_1_copy", &command, "a b"],
            );
            let case = format!("{how}, {shell:?}");
            table.same(&case, said.code, code);
            let log = host.log();
            table.check(&case, log.contains("pg_rewind a b"), &log);
            let dropped = log.matches("pg_drop_replication_slot").count();
            table.same(&case, dropped, drops);
            table.check(&case, log.contains("host=172.30.7.12"), &log);
        }
    }
    table.end();
}

/// Hours may have gone by: a member that was promoted meanwhile is not stopped.
#[test]
fn only_a_standby_of_that_primary_is_stopped() {
    let host = host();
    let mut table = Table::default();
    for shell in SHELLS {
        for (own, primary) in [("t", "f"), ("f", "f"), ("", "f"), ("t", "t"), ("t", "")] {
            for repmgrd in [false, true] {
                anew(&host);
                host.seems_to_run();
                let answer = |text: &str| match text {
                    "" => "exit 2".to_owned(),
                    text => format!("echo {text}"),
                };
                host.answer(
                    "psql",
                    &format!(
                        "case $* in *host=*) {} ;; *) {} ;; esac",
                        answer(primary),
                        answer(own)
                    ),
                );
                let mut words = vec!["still", "node2"];
                words.extend(repmgrd.then_some("repmgrd"));
                let said = host.run(shell, "copy", &words);
                let case = format!("{own} {primary}, {repmgrd}, {shell:?}");
                let may = own == "t" && primary == "f";
                table.same(&case, said.code, Some(i32::from(!may)));
                table.same(
                    &case,
                    host.log().contains("systemctl start repmgrd"),
                    !may && repmgrd,
                );
            }
        }
        for step in [&["replace", "x"][..], &["settle"]] {
            anew(&host);
            host.seems_to_run();
            let said = host.run(shell, "copy", step);
            table.check("it runs", said.err.contains("PostgreSQL is running"), &said);
            table.same(
                "it runs",
                whole(&host, "data").as_str(),
                "old old old wal ts",
            );
        }
    }
    table.end();
}

/// What the probe says of a directory, and what a run makes of one that was built below a mount point.
#[test]
fn what_is_built_below_a_mount_point_is_moved_up() {
    let host = host();
    let mut table = Table::default();
    let probe = concat!("as() { :; }\n", include_str!("../../src/facts/data.sh"));
    host.write("lib/probe", probe);
    host.write(
        "lib/files",
        concat!(
            "as() { shift; \"$@\"; }\n",
            include_str!("../../programs/owner.sh"),
            "owner_of() { echo root; }\n",
            include_str!("../../src/run/files.sh"),
            "\n\"$@\"\n"
        ),
    );
    let build = "mkdir -p m/pgha-new/base; echo 15 >m/pgha-new/PG_VERSION; : >m/pgha-new/.x; ln -s \"$1/wal\" m/pgha-new/pg_wal;";
    for shell in SHELLS {
        // What is there; what the probe calls it; whether a rename comes to the end.
        for (there, called, ends) in [
            ("mkdir m", "", false),
            ("mkdir -p m/pgha-new", "", false),
            (&format!("{build} :"), "", true),
            (&format!("{build} mv m/pgha-new/pg_wal m"), "half", true),
            (
                &format!("{build} mv m/pgha-new/pg_wal m/pgha-new/base m"),
                "half",
                true,
            ),
            (
                &format!("{build} mv m/pgha-new/* m/pgha-new/.x m"),
                "version",
                true,
            ),
            ("mkdir -p m/lost+found", "occupied lost+found", false),
            (
                "mkdir -p m/lost+found m/pgha-new",
                "occupied lost+found",
                false,
            ),
            ("mkdir m; : >m/x", "occupied", false),
            ("mkdir -p m/pgha-new; : >m/x", "occupied", false),
        ] {
            anew(&host);
            sh("cd \"$1\"; rm -rf m", &host);
            sh(&format!("cd \"$1\"; {there}"), &host);
            let mount = host.path("m").display().to_string();
            let said = host.run(shell, "probe", &[&mount, "pg_controldata"]);
            let case = format!("{there}, {shell:?}");
            let word = said.out.lines().find(|line| {
                let words = ["half", "occupied", "version"];
                words.iter().any(|word| line.starts_with(word))
            });
            let word = word.unwrap_or_default().trim_end_matches(" 15");
            table.same(&case, word, called);
            let built = format!("{mount}/pgha-new");
            if !ends {
                continue;
            }
            let said = host.run(shell, "files", &["rename", &built, &mount]);
            table.same(&case, said.code, Some(0));
            table.same(
                &case,
                sh("cd \"$1/m\"; ls -A | tr '\\n' ' '", &host).as_str(),
                ".x PG_VERSION base pg_wal",
            );
        }
        // Nothing that is in the way is overwritten.
        sh(&format!("cd \"$1\"; rm -rf m; {build} : >m/base"), &host);
        let mount = host.path("m").display().to_string();
        let built = format!("{mount}/pgha-new");
        let said = host.run(shell, "files", &["rename", &built, &mount]);
        table.check("in the way", said.code != Some(0), &said);
        table.check("in the way", host.has("m/pgha-new/base"), &said);
    }
    assert!(fs::metadata("/etc/pgha").is_err());
    table.end();
}
