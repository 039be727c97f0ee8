//! What a copy of a lab's host does to its files before anything of it starts. No container takes part.

use std::fs;
use std::path::Path;
use std::process::Command;

const FILES: &[&str] = &[
    "etc/pgbouncer/databases.ini",
    "etc/pgbouncer/primary/node1.ini",
    "etc/postgresql/15/main/pg_hba.conf",
    "etc/postgresql/15/main/conf.d/pgha.conf",
    "etc/repmgr.conf",
    "usr/local/lib/pgha/host.conf",
    "var/lib/pgha/known-primary",
    "etc/pgha/pgpass",
    "var/lib/postgresql/.ssh/authorized_keys",
    "etc/pgha/known_hosts",
    "var/lib/postgresql/15/main/postgresql.auto.conf",
];

/// Turns the addresses below `root`, under `shell`.
fn turn(shell: &[&str], root: &Path, old: &str, new: &str) {
    let script = concat!(
        "set -e\n",
        include_str!("../src/lab/addresses.sh"),
        "turn_addresses \"$@\"\n"
    );
    let (program, arguments) = shell.split_first().unwrap();
    let status = Command::new(program)
        .args(arguments)
        .args(["-c", script, "turn", old, new])
        .arg(root)
        .status()
        .unwrap();
    assert!(status.success(), "{program}: {status}");
}

fn write(root: &Path, file: &str, text: impl AsRef<[u8]>) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn every_address_is_turned_and_nothing_else() {
    for shell in [&["dash"][..], &["bash", "--posix"]] {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let before = "172.30.7.11,172.30.7.12 host=172.30.7.13'\n\
            172.30.7.14/32\t[172.30.7.15]:22 172.30.70.1 1172.30.7.1 10.172.30.7.1 172x30x7.1 172.30.7\n";
        let after = "172.30.91.11,172.30.91.12 host=172.30.91.13'\n\
            172.30.91.14/32\t[172.30.91.15]:22 172.30.70.1 1172.30.7.1 10.172.30.7.1 172x30x7.1 172.30.7\n";
        for file in FILES {
            write(root, file, before);
        }
        // Data, and what is no cluster's.
        write(root, "var/lib/postgresql/15/main/base/1/1259", before);
        write(root, "etc/hosts", before);
        write(root, "etc/pgbouncer/binary", b"172.30.7.1\0");

        turn(shell, root, "172.30.7.", "172.30.91.");

        for file in FILES {
            assert_eq!(
                fs::read_to_string(root.join(file)).unwrap(),
                after,
                "{file}"
            );
        }
        for file in ["var/lib/postgresql/15/main/base/1/1259", "etc/hosts"] {
            assert_eq!(
                fs::read_to_string(root.join(file)).unwrap(),
                before,
                "{file}"
            );
        }
        assert_eq!(
            fs::read(root.join("etc/pgbouncer/binary")).unwrap(),
            b"172.30.7.1\0"
        );
        // And back: nothing of the former lab is left behind.
        turn(shell, root, "172.30.91.", "172.30.7.");
        assert_eq!(fs::read_to_string(root.join(FILES[0])).unwrap(), before);
    }
}

#[test]
fn a_host_without_a_cluster_and_the_same_addresses_are_left_alone() {
    let root = tempfile::tempdir().unwrap();
    turn(&["dash"], root.path(), "172.30.7.", "172.30.9.");
    write(root.path(), FILES[0], "172.30.7.11\n");
    turn(&["dash"], root.path(), "172.30.7.", "172.30.7.");
    let text = fs::read_to_string(root.path().join(FILES[0])).unwrap();
    assert_eq!(text, "172.30.7.11\n");
}
