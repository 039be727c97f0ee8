//! What somebody changed by hand: the plan shows that and nothing else, and apply mends it with a reload at most.

use crate::lab::{Hosts, Lab};
use crate::{clean, moment, plans, promise, state};

const HOSTS: [&str; 4] = ["node1", "node2", "node3", "pooler1"];

struct Drift {
    host: &'static str,
    by: By,
    /// What the plan must show, as `host: subject`.
    shown: &'static [&'static str],
    /// The processes that must be others afterwards; all others must stay.
    anew: &'static [&'static str],
}

enum By {
    /// A script as root.
    Script(&'static str),
    /// Statements in a database.
    Sql(&'static str, &'static str),
}

use By::{Script, Sql};

const HBA: &str = "/etc/postgresql/15/main/pg_hba.conf";
const SETTINGS: &str = "/etc/postgresql/15/main/conf.d/pgha.conf";

/// What is changed at the same time, so that there are as few applies as can be; `PGHA_ALL=1` makes each alone.
const ROUNDS: &[&[Drift]] = &[
    &[
        Drift {
            host: "node2",
            by: Script("echo '# by hand' >>/etc/postgresql/15/main/pg_hba.conf"),
            shown: &["node2: /etc/postgresql/15/main/pg_hba.conf"],
            anew: &[],
        },
        Drift {
            host: "node3",
            by: Script(
                "echo 'host all all 192.0.2.0/24 scram-sha-256' >>/etc/postgresql/15/main/pg_hba.conf
                pg_ctlcluster 15 main reload",
            ),
            shown: &["node3: /etc/postgresql/15/main/pg_hba.conf"],
            anew: &[],
        },
        Drift {
            host: "node1",
            by: Script(
                "runuser -u postgres -- psql -qc \"alter system set wal_keep_size = '128MB'\"
                pg_ctlcluster 15 main reload",
            ),
            shown: &["node1: /etc/postgresql/15/main/conf.d/pgha.conf"],
            anew: &[],
        },
        Drift {
            host: "node3",
            by: Script("systemctl stop repmgrd"),
            shown: &["node3: repmgrd"],
            anew: &["node3 pid of repmgrd"],
        },
        Drift {
            host: "node1",
            by: Sql("app", "reassign owned by app to postgres; drop role app"),
            shown: &["node1: app", "node1: app"],
            anew: &[],
        },
        Drift {
            host: "node1",
            by: Script("rm /etc/sudoers.d/pgha"),
            shown: &["node1: /etc/sudoers.d/pgha"],
            anew: &[],
        },
        Drift {
            host: "pooler1",
            by: Script("sed -i 's/port=5432/port=5433/' /etc/pgbouncer/databases.ini"),
            shown: &[
                "pooler1: /etc/pgbouncer/databases.ini",
                "pooler1: pgbouncer",
            ],
            anew: &[],
        },
    ],
    &[
        Drift {
            host: "node2",
            by: Sql("postgres", "alter system set wal_keep_size = '128MB'"),
            shown: &["node2: /etc/postgresql/15/main/conf.d/pgha.conf"],
            anew: &[],
        },
        Drift {
            host: "node1",
            by: Script("chmod 600 /etc/postgresql/15/main/conf.d/pgha.conf"),
            shown: &["node1: /etc/postgresql/15/main/conf.d/pgha.conf"],
            anew: &[],
        },
        Drift {
            host: "node1",
            by: Sql("postgres", "alter role app password 'another' superuser"),
            shown: &["node1: app"],
            anew: &[],
        },
        Drift {
            host: "node2",
            by: Script("chmod 644 /etc/pgha/pgpass"),
            shown: &["node2: /etc/pgha/pgpass"],
            anew: &[],
        },
        Drift {
            host: "node3",
            by: Script("chmod 600 /etc/repmgr.conf; chown root /etc/repmgr.conf"),
            shown: &["node3: /etc/repmgr.conf"],
            anew: &[],
        },
        Drift {
            host: "node1",
            by: Sql(
                "repmgr",
                "delete from repmgr.nodes where node_name = 'node3'",
            ),
            shown: &["node3: repmgr.nodes"],
            anew: &[],
        },
        Drift {
            host: "pooler1",
            by: Script(
                "sed -i 's/port=5432/port=5433/' /etc/pgbouncer/databases.ini; systemctl reload pgbouncer",
            ),
            shown: &[
                "pooler1: /etc/pgbouncer/databases.ini",
                "pooler1: pgbouncer",
            ],
            anew: &[],
        },
    ],
    &[
        Drift {
            host: "node1",
            by: Script(
                "echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ somebody' >>/var/lib/postgresql/.ssh/authorized_keys",
            ),
            shown: &[],
            anew: &[],
        },
        Drift {
            host: "node1",
            // A slot can be dropped only in the moment in which its standby is not connected.
            by: Sql(
                "postgres",
                "do $$ begin
                    loop
                        perform pg_terminate_backend(active_pid, 1000)
                            from pg_replication_slots where slot_name = 'repmgr_slot_2' and active;
                        begin
                            perform pg_drop_replication_slot('repmgr_slot_2');
                            return;
                        exception when object_in_use then
                        end;
                    end loop;
                end $$",
            ),
            shown: &["node1: replication slots"],
            anew: &[],
        },
        // What a run leaves that is cut off before systemd has read a new file.
        Drift {
            host: "node3",
            by: Script(
                "cd /etc/systemd/system; mv postgresql@15-main.service.d /root/; systemctl daemon-reload
                mv /root/postgresql@15-main.service.d .",
            ),
            shown: &["node3: postgresql@15-main"],
            anew: &[],
        },
        Drift {
            host: "pooler1",
            by: Script("systemctl stop pgbouncer"),
            shown: &["pooler1: pgbouncer"],
            anew: &["pooler1 pid of pgbouncer"],
        },
    ],
];

pub fn is_shown_alone_and_mended() {
    let lab = Lab::converged(Hosts::default());
    let size = if moment::is_whole() { 1 } else { usize::MAX };
    for round in ROUNDS.iter().flat_map(|round| round.chunks(size)) {
        let before = processes(&lab);
        for drift in round {
            match drift.by {
                Script(script) => lab.on(drift.host, script),
                Sql(database, statement) => lab.sql_in(drift.host, database, statement),
            };
        }

        let report = lab.json("apply", &[]);

        let of = |what: fn(&Drift) -> &'static [&'static str]| {
            let mut all: Vec<&str> = round.iter().flat_map(&what).copied().collect();
            all.sort_unstable();
            all
        };
        assert_eq!(plans::subjects(&report["plan"]), of(|drift| drift.shown));
        assert_eq!(
            state::changed(&before, &processes(&lab)),
            of(|drift| drift.anew)
        );
    }
    let keys = lab.on("node1", "cat /var/lib/postgresql/.ssh/authorized_keys");
    assert!(
        keys.contains("somebody"),
        "a key that pgha did not write stays"
    );
    for (node, file) in [("node2", HBA), ("node3", HBA), ("node1", SETTINGS)] {
        let other = lab.on(
            node,
            &format!("grep -c 'by hand\\|192.0.2\\|128MB' {file} || :"),
        );
        assert_eq!(other, "0", "{file} on {node}");
    }
    lab.assert_converged();
    lab.on("node1", "until runuser -u postgres -- psql -XAtqc \"select bool_and(active) from pg_replication_slots\" | grep -qx t; do sleep 0.2; done");
    promise::is_kept(&lab, &["node1", "node2", "node3"], "node1");
    clean::is_mended(&lab);
}

/// The processes of the cluster.
fn processes(lab: &Lab) -> state::State {
    let mut state = state::of(lab, &HOSTS);
    state.retain(|thing, _| thing.contains(" pid of "));
    state
}
