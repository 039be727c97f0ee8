//! `role-port`: who may ask, the word, and each path and code of the health checks.

use crate::host::{Host, SHELLS, Table};

const PRIMARY: &str = "echo 'primary|3|150006|83886080|unknown|none'";
const STREAMS: &str = "echo 'replica|3|150006|83886080|1048576|streaming'";
const ALONE: &str = "echo 'replica|3|150006|83886080|unknown|none'";
const DOWN: &str = "exit 2";

fn asks(host: &Host, shell: &[&str], how: &str, from: &str, request: &str) -> crate::host::Said {
    host.reset();
    host.run_with(
        shell,
        "role-port",
        &[how],
        &[("REMOTE_ADDR", from)],
        request,
    )
}

#[test]
fn only_whom_the_inventory_names_is_answered() {
    let mut table = Table::default();
    let host = Host::new();
    host.answer("psql", PRIMARY);
    // 127.0.0.0/8, 172.30.7.11 and 10.1.0.0/16 may.
    let may = [
        "127.0.0.1",
        "172.30.7.11",
        "::ffff:172.30.7.11",
        "10.1.0.0",
        "10.1.255.255",
    ];
    let may_not = [
        "172.30.7.12",
        "10.2.0.0",
        "10.0.255.255",
        "::1",
        "",
        "8.8.8.8",
        "fe80::1",
    ];
    for shell in SHELLS {
        for from in may {
            let said = asks(&host, shell, "word", from, "");
            table.same(
                &format!("{from}, {shell:?}"),
                said.out,
                "MASTER\n".to_owned(),
            );
        }
        for from in may_not {
            let said = asks(&host, shell, "word", from, "");
            let is_silent = said.code == Some(1) && said.out.is_empty() && host.log().is_empty();
            table.check(&format!("{from}, {shell:?}"), is_silent, &said);
        }
    }
    table.end();
}

#[test]
fn a_word_says_what_a_member_is() {
    let mut table = Table::default();
    let host = Host::new();
    for shell in SHELLS {
        for (server, word) in [
            (PRIMARY, "MASTER"),
            (STREAMS, "STANDBY"),
            (ALONE, "STANDBY"),
            (DOWN, "DOWN"),
            ("", "DOWN"),
        ] {
            host.answer("psql", server);
            let said = asks(&host, shell, "word", "127.0.0.1", "");
            table.same(
                &format!("{server}, {shell:?}"),
                said.out,
                format!("{word}\n"),
            );
        }
    }
    table.end();
}

/// A path, and the codes on a primary, on a standby that streams 1 MiB behind, on one that does not stream, and where no server
/// answers.
const CODES: &[(&str, [u16; 4])] = &[
    ("/", [200, 503, 503, 503]),
    ("/primary", [200, 503, 503, 503]),
    ("/master", [200, 503, 503, 503]),
    ("/read-write", [200, 503, 503, 503]),
    ("/leader", [200, 503, 503, 503]),
    ("/replica", [503, 200, 200, 503]),
    ("/replica?lag=1048576", [503, 200, 503, 503]),
    ("/replica?lag=1MB", [503, 200, 503, 503]),
    ("/replica?lag=1048575", [503, 503, 503, 503]),
    ("/replica?lag=1023kB", [503, 503, 503, 503]),
    ("/replica?lag=0", [503, 503, 503, 503]),
    ("/replica?lag=010", [503, 503, 503, 503]),
    ("/replica?x=1&lag=2GB", [503, 200, 503, 503]),
    ("/replica?replication_state=streaming", [503, 200, 503, 503]),
    ("/replica?tag_zone=a", [503, 503, 503, 503]),
    ("/replica?lag=", [400, 400, 400, 400]),
    ("/replica?lag=1mb", [400, 400, 400, 400]),
    ("/replica?lag=-1", [400, 400, 400, 400]),
    ("/replica?lag=99999999999999999999", [400, 400, 400, 400]),
    ("/replica?lag=$(id)", [400, 400, 400, 400]),
    ("/read-only", [200, 200, 200, 503]),
    ("/read-only?lag=1kB", [200, 503, 503, 503]),
    ("/health", [200, 200, 200, 503]),
    ("/readiness", [200, 200, 503, 503]),
    ("/liveness", [200, 200, 200, 200]),
    ("/patroni", [200, 200, 200, 200]),
    ("/standby-leader", [503, 503, 503, 503]),
    ("/primary/", [404, 404, 404, 404]),
    ("/switchover", [404, 404, 404, 404]),
    ("", [404, 404, 404, 404]),
];

#[test]
fn load_balancers_are_answered_as_patroni_does() {
    let mut table = Table::default();
    let host = Host::new();
    for (index, server) in [PRIMARY, STREAMS, ALONE, DOWN].into_iter().enumerate() {
        host.answer("psql", server);
        for shell in SHELLS {
            for (path, codes) in CODES {
                let case = format!("{path} of {server}, {shell:?}");
                let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
                let said = asks(&host, shell, "http", "127.0.0.1", &request);
                let (head, body) = said.out.split_once("\r\n\r\n").unwrap_or(("", ""));
                let begins = format!("HTTP/1.0 {} ", codes[index]);
                table.check(&case, head.starts_with(&begins), &said);
                let length = format!("\r\nContent-Length: {}\r\n", body.len());
                table.check(&case, head.contains(&length), &said);
                let json = serde_json::from_str::<serde_json::Value>(body);
                table.check(&case, json.is_ok(), &said);
            }
        }
    }
    table.end();
}

#[test]
fn a_request_is_read_whole_and_only_looks_are_answered() {
    let mut table = Table::default();
    let host = Host::new();
    host.answer("psql", PRIMARY);
    for shell in SHELLS {
        for (request, begins, has_body) in [
            ("HEAD /primary HTTP/1.1\r\n\r\n", "HTTP/1.0 200 ", false),
            ("OPTIONS /primary HTTP/1.0\r\n\r\n", "HTTP/1.0 200 ", false),
            ("GET /primary\r\n\r\n", "HTTP/1.0 200 ", true),
            ("GET /primary HTTP/1.0\n\n", "HTTP/1.0 200 ", true),
            ("POST /primary HTTP/1.0\r\n\r\n", "HTTP/1.0 501 ", false),
            ("'; id; ' `id` $(id)\r\n\r\n", "HTTP/1.0 501 ", false),
        ] {
            let said = asks(&host, shell, "http", "127.0.0.1", request);
            let body = said.out.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            let case = format!("{request:?}, {shell:?}");
            table.check(&case, said.out.starts_with(begins), &said);
            table.same(&case, !body.is_empty(), has_body);
        }
        // Whoever connects and says nothing is told nothing.
        let said = asks(&host, shell, "http", "127.0.0.1", "");
        table.check(
            &format!("nothing, {shell:?}"),
            said.out.is_empty() && said.code == Some(0),
            &said,
        );
    }
    table.end();
}
