//! `archive`: a file is put once, whole, and never over another.

use crate::host::{Host, SHELLS, Table};

#[test]
fn a_file_is_put_once_and_never_over_another() {
    let mut table = Table::default();
    for shell in SHELLS {
        let host = Host::new();
        let path = |name: &str| host.path(name).display().to_string();
        let put = || {
            host.run(
                shell,
                "archive",
                &["put", &path("pg_wal/A"), &path("archive/A")],
            )
        };
        let get = |name: &str| {
            host.run(
                shell,
                "archive",
                &["get", &path(&format!("archive/{name}")), &path("pg_wal/B")],
            )
        };
        host.write("archive/.keep", "");
        host.write("pg_wal/A", "first");
        table.same("put", put().code, Some(0));
        table.same("put", host.read("archive/A"), "first".to_owned());
        table.same("put again", put().code, Some(0));
        host.write("pg_wal/A", "second");
        let said = put();
        table.check(
            "over another",
            said.code == Some(1) && said.err.contains("another cluster"),
            &said,
        );
        table.same("over another", host.read("archive/A"), "first".to_owned());
        table.same("get", get("A").code, Some(0));
        table.same("get", host.read("pg_wal/B"), "first".to_owned());
        // More than 125 would end the recovery.
        table.same("get what is not there", get("C").code, Some(1));
        host.remove("pg_wal/A");
        table.check("put what is not there", put().code != Some(0), &"");
        let left = std::fs::read_dir(host.path("archive")).unwrap().count();
        table.same("nothing is left over", left, 2);
        let full = host.run(
            shell,
            "archive",
            &["put", &path("pg_wal/B"), &path("nowhere/A")],
        );
        table.check("no such folder", full.code != Some(0), &full);
    }
    table.end();
}
