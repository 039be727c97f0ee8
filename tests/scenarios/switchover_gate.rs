//! A switchover that must not begin: whatever is in the way is told, by host, and nothing on any host is changed.

use crate::lab::{Lab, Ran, Running};
use crate::promise::query;
use crate::switchover::TWO_POOLERS;
use crate::{clean, moment, state};

const NODES: [&str; 3] = ["node1", "node2", "node3"];
const HOSTS: [&str; 5] = ["node1", "node2", "node3", "pooler1", "pooler2"];

/// A state that forbids a handover from node1 to node2.
struct Bad {
    by: &'static [Do],
    arguments: &'static [&'static str],
    /// All that must be told, as `host: sentence`; `{node1}` is an address.
    told: &'static [&'static str],
    undo: &'static [Do],
}

#[derive(Clone, Copy)]
enum Do {
    /// A script as root, after [`WORDS`].
    On(&'static str, &'static str),
    /// One that goes on until something ends it.
    Begin(&'static str, &'static str),
    Kill(&'static str),
    Start(&'static str),
    Freeze(&'static str),
    Thaw(&'static str),
}

use Do::{Begin, Freeze, Kill, On, Start, Thaw};

/// What scripts share.
const WORDS: &str = r#"set -e
data=/var/lib/postgresql/15/main etc=/etc/postgresql/15/main unit=postgresql@15-main
sql() { runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d repmgr -c "$1"; }
reload() { sql 'select pg_reload_conf()' >/dev/null; }
keep() { cp -p "$1" "$1.kept"; }
back() { mv "$1.kept" "$1"; }
set_to() { keep $data/postgresql.auto.conf; sql "alter system set $1"; reload; }
unset_all() { back $data/postgresql.auto.conf; reload; }
console() { runuser -u postgres -- psql -XAtq -h /var/run/postgresql -p 6432 -U pgbouncer -c "$1" pgbouncer; }
until_sql() { for i in $(seq 200); do [ "$(sql "$1" 2>&1)" != t ] || return 0; sleep 0.1; done; echo "never: $1" >&2; return 1; }
"#;

/// Both standbys stream, use their slots, and lack nothing.
const SETTLED: &str = "until_sql \"select count(*) filter (where state = 'streaming' and active
    and replay_lsn >= pg_current_wal_lsn()) = 2
    from pg_stat_replication join pg_replication_slots on active_pid = pid\"";

const BAD: &[Bad] = &[
    Bad {
        by: &[On("node2", "sql 'select pg_wal_replay_pause()'")],
        arguments: &[],
        told: &["node2: its replay of WAL is paused: it would not become a primary"],
        undo: &[On("node2", "sql 'select pg_wal_replay_resume()'")],
    },
    Bad {
        by: &[On("node2", "set_to \"recovery_min_apply_delay = '1h'\"")],
        arguments: &[],
        told: &["node2: it replays WAL later on purpose: `recovery_min_apply_delay` is 1h"],
        undo: &[On("node2", "unset_all")],
    },
    Bad {
        by: &[On(
            "node1",
            "sql \"update repmgr.nodes set priority = 0 where node_name = 'node2'\"",
        )],
        arguments: &[],
        told: &["node2: its repmgr priority is 0: it is never to be the primary"],
        undo: &[On(
            "node1",
            "sql \"update repmgr.nodes set priority = 100 where node_name = 'node2'\"",
        )],
    },
    Bad {
        by: &[On(
            "node1",
            "sql \"update repmgr.nodes set active = false where node_name = 'node3'\"",
        )],
        arguments: &[],
        told: &["node3: repmgr has it as failed"],
        undo: &[On(
            "node1",
            "sql \"update repmgr.nodes set active = true where node_name = 'node3'\"",
        )],
    },
    Bad {
        by: &[On("node2", "systemctl stop $unit")],
        arguments: &[],
        told: &[
            "node1: it cannot replicate from `node2`",
            "node2: PostgreSQL does not run",
            "node3: it cannot replicate from `node2`",
        ],
        undo: &[On("node2", "systemctl start $unit")],
    },
    Bad {
        by: &[On("node3", "systemctl stop $unit")],
        arguments: &[],
        told: &["node3: PostgreSQL does not run"],
        undo: &[On("node3", "systemctl start $unit")],
    },
    Bad {
        by: &[
            On("node2", "set_to \"primary_slot_name = ''\""),
            On(
                "node1",
                "until_sql \"select not active from pg_replication_slots where slot_name = 'repmgr_slot_2'\"
                until_sql \"select count(*) = 2 from pg_stat_replication where state = 'streaming'\"",
            ),
        ],
        arguments: &[],
        told: &["node2: its slot `repmgr_slot_2` on the primary `node1` is not in use"],
        undo: &[On("node2", "unset_all")],
    },
    Bad {
        by: &[On(
            "node2",
            "keep $etc/pg_hba.conf; sed -i '1i host replication repmgr all reject' $etc/pg_hba.conf; reload",
        )],
        arguments: &[],
        told: &[
            "node1: it cannot replicate from `node2`",
            "node3: it cannot replicate from `node2`",
        ],
        undo: &[On("node2", "back $etc/pg_hba.conf; reload")],
    },
    Bad {
        by: &[On(
            "node1",
            "cd ~postgres/.ssh; keep authorized_keys; : >authorized_keys",
        )],
        arguments: &[],
        told: &["node2: `postgres` cannot log in to `node1` over SSH"],
        undo: &[On("node1", "cd ~postgres/.ssh; back authorized_keys")],
    },
    Bad {
        by: &[On(
            "node1",
            "cd /usr/lib/postgresql/15/bin; mv pg_waldump pg_waldump.kept",
        )],
        arguments: &[],
        told: &["node1: `/usr/lib/postgresql/15/bin/pg_waldump` is not installed"],
        undo: &[On(
            "node1",
            "cd /usr/lib/postgresql/15/bin; back pg_waldump",
        )],
    },
    Bad {
        by: &[On("node1", "set_to 'full_page_writes = off'")],
        arguments: &[],
        told: &[
            "node1: `full_page_writes` is off: a member that crashes may not come back as a standby",
        ],
        undo: &[On("node1", "unset_all")],
    },
    Bad {
        by: &[On(
            "node2",
            "systemctl stop $unit; pg_ctlcluster --skip-systemctl-redirect 15 main start; until_sql 'select true'",
        )],
        arguments: &[],
        told: &[
            "node2: PostgreSQL was not started by its unit `postgresql@15-main`: systemd would not see it end",
        ],
        undo: &[On(
            "node2",
            "pg_ctlcluster --skip-systemctl-redirect 15 main stop; systemctl start $unit",
        )],
    },
    Bad {
        by: &[On(
            "node2",
            "set_to 'max_replication_slots = 1'; systemctl restart $unit",
        )],
        arguments: &[],
        told: &[
            "node2: `max_replication_slots` is 1, 0 are taken, and its followers need 2 more",
        ],
        undo: &[On("node2", "unset_all; systemctl restart $unit")],
    },
    Bad {
        by: &[On(
            "node2",
            "set_to \"synchronous_standby_names = 'FIRST 1 (nobody)'\"",
        )],
        arguments: &[],
        told: &[
            "node2: as the primary it would wait for standbys that there are not: `synchronous_standby_names` is `FIRST 1 (nobody)`",
        ],
        undo: &[On("node2", "unset_all")],
    },
    Bad {
        // WAL on a file system of its own, in memory.
        by: &[On(
            "node2",
            "systemctl stop $unit
            mount -t tmpfs -o size=120m,mode=700 tmpfs /mnt
            chown postgres:postgres /mnt
            cp -a $data/pg_wal/. /mnt
            mount --bind /mnt $data/pg_wal
            systemctl start $unit",
        )],
        arguments: &[],
        told: &["node2: only … are free at `/var/lib/postgresql/15/main/pg_wal`, and 112 MiB are needed"],
        undo: &[On(
            "node2",
            "systemctl stop $unit
            umount $data/pg_wal
            rm -rf $data/pg_wal/*
            cp -a /mnt/. $data/pg_wal
            umount /mnt
            systemctl start $unit",
        )],
    },
    Bad {
        by: &[
            On(
                "node2",
                "set_to \"primary_slot_name = ''\"
                sql \"alter system set primary_conninfo = '$(sql 'show primary_conninfo' | sed \"s/'/''/g; s/{node1}/{node3}/\")'\"
                reload
                until_sql \"select status = 'streaming' and sender_host = '{node3}' from pg_stat_wal_receiver\"",
            ),
            On(
                "node1",
                "until_sql 'select count(*) = 1 from pg_stat_replication'",
            ),
        ],
        arguments: &[],
        told: &[
            "node2: it does not stream from the primary `node1`",
            "node2: the primary `node1` does not see it stream",
            "node2: its slot `repmgr_slot_2` on the primary `node1` is not in use",
        ],
        undo: &[On("node2", "unset_all")],
    },
    Bad {
        by: &[
            // A machine may be so busy that the primary would give it up meanwhile.
            On("node1", "set_to 'wal_sender_timeout = 0'"),
            On("node2", "pkill -STOP -f '[w]alreceiver'"),
            On(
                "node1",
                "sql \"select pg_logical_emit_message(false, '', repeat('x', 4000000))\"",
            ),
        ],
        arguments: &["--max-lag", "1MB"],
        told: &["node2: it is … of WAL behind the primary `node1`, more than 1 MiB"],
        undo: &[
            On("node2", "pkill -CONT -f '[w]alreceiver'"),
            On("node1", "unset_all"),
        ],
    },
    Bad {
        by: &[
            Begin(
                "node1",
                "runuser -u postgres -- psql -Xqc 'begin' -c 'select pg_sleep(60)'",
            ),
            On(
                "node1",
                "until_sql \"select exists (select from pg_stat_activity where query like '%sleep(60)' and xact_start < now() - interval '1.2 s')\"",
            ),
        ],
        arguments: &["--pause-timeout", "1"],
        told: &["node1: 1 session holds a transaction open"],
        undo: &[On(
            "node1",
            "sql \"select pg_terminate_backend(pid) from pg_stat_activity where query like '%sleep(60)'\"",
        )],
    },
    Bad {
        by: &[
            Begin(
                "node2",
                "runuser -u postgres -- pg_basebackup -h {node1} -U repmgr -wD /tmp/backup -c fast -X none --max-rate 32k",
            ),
            On(
                "node1",
                "until_sql \"select exists (select from pg_stat_progress_basebackup where phase like 'streaming%')\"",
            ),
        ],
        arguments: &[],
        told: &["node1: a base backup is being taken from the primary, and would be cut off"],
        undo: &[
            On(
                "node2",
                "pkill pg_basebackup; while pgrep pg_basebackup >/dev/null; do sleep 0.1; done; rm -rf /tmp/backup",
            ),
            On(
                "node1",
                "until_sql 'select not exists (select from pg_stat_progress_basebackup)'",
            ),
        ],
    },
    Bad {
        by: &[On("pooler1", "systemctl stop pgbouncer")],
        arguments: &[],
        told: &["pooler1: pgbouncer does not run"],
        undo: &[On("pooler1", "systemctl start pgbouncer")],
    },
    Bad {
        by: &[On(
            "pooler2",
            "keep /etc/pgbouncer/pgbouncer.ini
            sed -i 's/^pool_mode = .*/pool_mode = session/' /etc/pgbouncer/pgbouncer.ini
            console RELOAD",
        )],
        arguments: &[],
        told: &["pooler2: `pool_mode` is `session` for `app`"],
        undo: &[On(
            "pooler2",
            "back /etc/pgbouncer/pgbouncer.ini; console RELOAD",
        )],
    },
    Bad {
        by: &[On(
            "pooler2",
            "keep /etc/pgbouncer/databases.ini
            sed -i 's/{node1}/{node3}/' /etc/pgbouncer/databases.ini
            console RELOAD",
        )],
        arguments: &[],
        told: &[
            "pooler2: clients of `app` are led to {node3}:5432, and the primary `node1` is {node1}:5432",
            "pooler2: `/etc/pgbouncer/databases.ini` is not as pgha writes it",
        ],
        undo: &[On(
            "pooler2",
            "back /etc/pgbouncer/databases.ini; console RELOAD",
        )],
    },
    Bad {
        by: &[On("pooler1", "console 'PAUSE app'")],
        arguments: &[],
        told: &["pooler1: clients of `app` are held up already"],
        undo: &[On("pooler1", "console 'RESUME app'")],
    },
    Bad {
        by: &[On("pooler1", "console 'DISABLE app'")],
        arguments: &[],
        told: &["pooler1: clients of `app` are turned away: it is disabled"],
        undo: &[On("pooler1", "console 'ENABLE app'")],
    },
    Bad {
        by: &[On(
            "pooler1",
            "cd /usr/local/lib/pgha; mv find-primary find-primary.kept",
        )],
        arguments: &[],
        told: &["pooler1: `find-primary` does not find the primary"],
        undo: &[On("pooler1", "cd /usr/local/lib/pgha; back find-primary")],
    },
    Bad {
        by: &[Kill("pooler2")],
        arguments: &[],
        told: &["pooler2: `{pooler2}` does not answer on port 22"],
        undo: &[Start("pooler2")],
    },
    Bad {
        by: &[
            Freeze("node3"),
            // It is given up by the primary's own timeout.
            On(
                "node1",
                "until_sql 'select count(*) = 1 from pg_stat_replication'",
            ),
        ],
        arguments: &[],
        told: &["node3: `{node3}` does not answer on port 22"],
        undo: &[Thaw("node3")],
    },
    // All at once.
    Bad {
        by: &[
            On("node2", "sql 'select pg_wal_replay_pause()'"),
            On("node3", "systemctl stop $unit"),
            On("pooler1", "systemctl stop pgbouncer"),
        ],
        arguments: &[],
        told: &[
            "node2: its replay of WAL is paused: it would not become a primary",
            "node3: PostgreSQL does not run",
            "pooler1: pgbouncer does not run",
        ],
        undo: &[
            On("node2", "sql 'select pg_wal_replay_resume()'"),
            On("node3", "systemctl start $unit"),
            On("pooler1", "systemctl start pgbouncer"),
        ],
    },
];

pub fn refuses_and_changes_nothing() {
    // The sizes below are for a log that is short yet.
    let lab = Lab::converged(TWO_POOLERS);
    let addresses = HOSTS.map(|host| (format!("{{{host}}}"), lab.address(host)));
    let filled = |text: &str| {
        addresses
            .iter()
            .fold(text.to_owned(), |text, (name, address)| {
                text.replace(name, address)
            })
    };
    // It writes to `repmgr.nodes` when it notices that a member is down, which may be while pgha looks.
    for node in NODES {
        lab.on(node, "systemctl stop repmgrd");
    }
    settled(&lab);
    let mut wrong = 0;
    // Each takes ten seconds.
    for bad in moment::some_of(BAD, 5) {
        let expected: Vec<String> = bad.told.iter().map(|told| filled(told)).collect();
        let running: Vec<_> = bad.by.iter().map(|act| done(&lab, *act, filled)).collect();
        // All are tried, also after one that is not as expected.
        if let Err(problem) = refused(&lab, bad.arguments, &expected) {
            eprintln!("{problem}");
            wrong += 1;
        }
        for act in bad.undo {
            done(&lab, *act, filled);
        }
        drop(running);
        settled(&lab);
    }
    if let Err(problem) = a_client_in_a_transaction(&lab) {
        eprintln!("{problem}");
        wrong += 1;
    }
    settled(&lab);
    assert_eq!(wrong, 0, "states that are not as expected, see above");

    for node in NODES {
        lab.on(node, "systemctl start repmgrd");
    }
    lab.pgha("switchover", &["--to", "node2"]).exits(0);

    lab.assert_healthy();
    assert_eq!(
        query(&lab, "select inet_server_addr()"),
        lab.address("node2")
    );
    clean::is_mended(&lab);
}

/// Begins what goes on; does the rest.
fn done(lab: &Lab, act: Do, filled: impl Fn(&str) -> String) -> Option<Running> {
    match act {
        On(host, script) => _ = lab.on(host, &filled(&format!("{WORDS}{script}"))),
        Begin(host, script) => return Some(lab.start_on(host, &filled(script))),
        Kill(host) => lab.kill_host(host),
        Start(host) => lab.start_host(host),
        Freeze(host) => lab.freeze_host(host),
        Thaw(host) => lab.thaw_host(host),
    }
    None
}

fn settled(lab: &Lab) {
    lab.on("node1", &format!("{WORDS}{SETTLED}"));
    for pooler in ["pooler1", "pooler2"] {
        lab.on(
            pooler,
            &format!("{WORDS}until console 'show version' >/dev/null 2>&1; do sleep 0.1; done"),
        );
    }
}

/// A handover is refused with these sentences and no others, and leaves everything as it is.
fn refused(lab: &Lab, arguments: &[&str], expected: &[String]) -> Result<Ran, String> {
    let arguments = [&["--to", "node2"], arguments].concat();
    let before = state::of_handover(lab, &HOSTS);
    let ran = lab.pgha("switchover", &arguments);
    let changed = state::changed(&before, &state::of_handover(lab, &HOSTS));
    let told = told(&ran.stderr);
    let all_told = expected
        .iter()
        .all(|expected| told.iter().any(|told| is(told, expected)));
    if ran.code != 3 || !all_told || told.len() != expected.len() || !changed.is_empty() {
        return Err(format!(
            "expected, and nothing else: {expected:#?}\nchanged: {changed:#?}\n{ran}"
        ));
    }
    Ok(ran)
}

/// `…` stands for what is not the same every time.
fn is(told: &str, expected: &str) -> bool {
    let (begins, ends) = expected.split_once('…').unwrap_or((expected, ""));
    match ends {
        "" => told == begins,
        _ => told.starts_with(begins) && told.ends_with(ends),
    }
}

/// `host: sentence` of every problem.
fn told(stderr: &str) -> Vec<String> {
    let lines = stderr.lines();
    lines
        .filter_map(|line| line.strip_prefix("error: ").map(str::to_owned))
        .collect()
}

/// One that a pooler would wait for: it is told who it is.
fn a_client_in_a_transaction(lab: &Lab) -> Result<(), String> {
    let conninfo = lab.pgha("conninfo", &["--show-password"]).exits(0).line();
    let client = format!(
        "(echo 'begin; select 1;'; sleep 60) | psql -Xq '{}'",
        conninfo.replace('\'', "'\\''")
    );
    let client = lab.start_on("pooler1", &client);
    let is_idle = "from pg_stat_activity where state = 'idle in transaction'";
    let wait = format!(
        "until_sql \"select exists (select {is_idle} and state_change < now() - interval '0.6 s')\""
    );
    lab.on("node1", &format!("{WORDS}{wait}"));
    let pid = lab.sql("node1", &format!("select pid {is_idle}"));
    let expected = ["node1: 1 session holds a transaction open".to_owned()];
    let ran = refused(lab, &["--drain", "refuse"], &expected)?;
    lab.on("pooler1", "pkill psql");
    drop(client);
    let who = format!("pid {pid}: `app` in `app` from {}", lab.address("pooler1"));
    let is_told = [&who[..], "idle in transaction, begun ", " ago"]
        .iter()
        .all(|words| ran.stderr.contains(words));
    if is_told {
        Ok(())
    } else {
        Err(ran.to_string())
    }
}
