//! States in which a handover from node1 to node2 must not begin.

use super::Do::{Begin, Freeze, Kill, On, Start, Thaw};
use super::{HANDOVER, State};

pub const GATE: &[State] = &[
    State {
        name: "replay-paused",
        by: &[On("node2", "sql 'select pg_wal_replay_pause()'")],
        told: &["node2: its replay of WAL is paused: it would not become a primary"],
        undo: &[On("node2", "sql 'select pg_wal_replay_resume()'")],
        on_hosts: true,
        ..HANDOVER
    },
    State {
        name: "replay-delayed",
        by: &[On("node2", "set_to \"recovery_min_apply_delay = '1h'\"")],
        told: &["node2: it replays WAL later on purpose: `recovery_min_apply_delay` is 1h"],
        undo: &[On("node2", "unset_all")],
        ..HANDOVER
    },
    State {
        name: "priority-0",
        by: &[On(
            "node1",
            "sql \"update repmgr.nodes set priority = 0 where node_name = 'node2'\"",
        )],
        told: &["node2: its repmgr priority is 0: it is never to be the primary"],
        undo: &[On(
            "node1",
            "sql \"update repmgr.nodes set priority = 100 where node_name = 'node2'\"",
        )],
        ..HANDOVER
    },
    State {
        name: "repmgr-failed",
        by: &[On(
            "node1",
            "sql \"update repmgr.nodes set active = false where node_name = 'node3'\"",
        )],
        told: &["node3: repmgr has it as failed"],
        undo: &[On(
            "node1",
            "sql \"update repmgr.nodes set active = true where node_name = 'node3'\"",
        )],
        ..HANDOVER
    },
    State {
        name: "candidate-down",
        by: &[On("node2", "systemctl stop $unit")],
        told: &[
            "node1: it cannot replicate from `node2`",
            "node2: PostgreSQL does not run",
            "node3: it cannot replicate from `node2`",
        ],
        undo: &[On("node2", "systemctl start $unit")],
        on_hosts: true,
        ..HANDOVER
    },
    State {
        name: "standby-down",
        by: &[On("node3", "systemctl stop $unit")],
        told: &["node3: PostgreSQL does not run"],
        undo: &[On("node3", "systemctl start $unit")],
        ..HANDOVER
    },
    State {
        name: "slot-unused",
        by: &[
            On("node2", "set_to \"primary_slot_name = ''\""),
            On(
                "node1",
                "until_sql \"select not active from pg_replication_slots where slot_name = 'repmgr_slot_2'\"
                until_sql \"select count(*) = 2 from pg_stat_replication where state = 'streaming'\"",
            ),
        ],
        told: &["node2: its slot `repmgr_slot_2` on the primary `node1` is not in use"],
        undo: &[On("node2", "unset_all")],
        ..HANDOVER
    },
    State {
        name: "replication-refused",
        by: &[On(
            "node2",
            "keep $etc/pg_hba.conf; sed -i '1i host replication repmgr all reject' $etc/pg_hba.conf; reload",
        )],
        told: &[
            "node1: it cannot replicate from `node2`",
            "node3: it cannot replicate from `node2`",
        ],
        undo: &[On("node2", "back $etc/pg_hba.conf; reload")],
        ..HANDOVER
    },
    State {
        name: "ssh-refused",
        by: &[On(
            "node1",
            "cd ~postgres/.ssh; keep authorized_keys; : >authorized_keys",
        )],
        told: &["node2: `postgres` cannot log in to `node1` over SSH"],
        undo: &[On("node1", "cd ~postgres/.ssh; back authorized_keys")],
        on_hosts: true,
        ..HANDOVER
    },
    State {
        name: "waldump-missing",
        by: &[On(
            "node1",
            "cd /usr/lib/postgresql/{version}/bin; mv pg_waldump pg_waldump.kept",
        )],
        told: &["node1: `/usr/lib/postgresql/{version}/bin/pg_waldump` is not installed"],
        undo: &[On(
            "node1",
            "cd /usr/lib/postgresql/{version}/bin; back pg_waldump",
        )],
        ..HANDOVER
    },
    State {
        name: "full-page-writes-off",
        by: &[On("node1", "set_to 'full_page_writes = off'")],
        told: &[
            "node1: `full_page_writes` is off: a member that crashes may not come back as a standby",
        ],
        undo: &[On("node1", "unset_all")],
        ..HANDOVER
    },
    State {
        name: "started-around-systemd",
        by: &[On(
            "node2",
            "systemctl stop $unit; pg_ctlcluster --skip-systemctl-redirect {version} main start; until_sql 'select true'",
        )],
        told: &[
            "node2: PostgreSQL was not started by its unit `postgresql@{version}-main`: systemd would not see it end",
        ],
        undo: &[On(
            "node2",
            "pg_ctlcluster --skip-systemctl-redirect {version} main stop; systemctl start $unit",
        )],
        ..HANDOVER
    },
    State {
        name: "slots-few",
        by: &[On(
            "node2",
            "set_to 'max_replication_slots = 1'; systemctl restart $unit",
        )],
        told: &[
            "node2: `max_replication_slots` is 1, 0 are taken, and its followers need 2 more",
        ],
        undo: &[On("node2", "unset_all; systemctl restart $unit")],
        ..HANDOVER
    },
    State {
        name: "synchronous-nobody",
        by: &[On(
            "node2",
            "set_to \"synchronous_standby_names = 'FIRST 1 (nobody)'\"",
        )],
        told: &[
            "node2: as the primary it would wait for standbys that there are not: `synchronous_standby_names` is `FIRST 1 (nobody)`",
        ],
        undo: &[On("node2", "unset_all")],
        ..HANDOVER
    },
    State {
        name: "disk-full",
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
        told: &["node2: only … are free at `/var/lib/postgresql/{version}/main/pg_wal`, and 112 MiB are needed"],
        undo: &[On(
            "node2",
            "systemctl stop $unit
            umount $data/pg_wal
            rm -rf $data/pg_wal/*
            cp -a /mnt/. $data/pg_wal
            umount /mnt
            systemctl start $unit",
        )],
        on_hosts: true,
        ..HANDOVER
    },
    State {
        name: "streams-from-another",
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
        told: &[
            "node2: it does not stream from the primary `node1`",
            "node2: the primary `node1` does not see it stream",
            "node2: its slot `repmgr_slot_2` on the primary `node1` is not in use",
        ],
        undo: &[On("node2", "unset_all")],
        ..HANDOVER
    },
    State {
        name: "lag",
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
        ..HANDOVER
    },
    State {
        name: "transaction-open",
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
        ..HANDOVER
    },
    State {
        name: "base-backup",
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
        ..HANDOVER
    },
    State {
        name: "pooler-down",
        by: &[On("pooler1", "systemctl stop pgbouncer")],
        told: &["pooler1: pgbouncer does not run"],
        undo: &[On("pooler1", "systemctl start pgbouncer")],
        ..HANDOVER
    },
    State {
        name: "pooler-sessions",
        by: &[On(
            "pooler2",
            "keep /etc/pgbouncer/pgbouncer.ini
            sed -i 's/^pool_mode = .*/pool_mode = session/' /etc/pgbouncer/pgbouncer.ini
            console RELOAD",
        )],
        told: &["pooler2: `pool_mode` is `session` for `app`"],
        undo: &[On(
            "pooler2",
            "back /etc/pgbouncer/pgbouncer.ini; console RELOAD",
        )],
        on_hosts: true,
        ..HANDOVER
    },
    State {
        name: "pooler-elsewhere",
        by: &[On(
            "pooler2",
            "keep /etc/pgbouncer/databases.ini
            sed -i 's/{node1}/{node3}/' /etc/pgbouncer/databases.ini
            console RELOAD",
        )],
        told: &[
            "pooler2: clients of `app` are led to {node3}:5432, and the primary `node1` is {node1}:5432",
            "pooler2: `/etc/pgbouncer/databases.ini` is not as pgha writes it",
        ],
        undo: &[On(
            "pooler2",
            "back /etc/pgbouncer/databases.ini; console RELOAD",
        )],
        on_hosts: true,
        ..HANDOVER
    },
    State {
        name: "pooler-paused",
        by: &[On("pooler1", "console 'PAUSE app'")],
        told: &["pooler1: clients of `app` are held up already"],
        undo: &[On("pooler1", "console 'RESUME app'")],
        ..HANDOVER
    },
    State {
        name: "pooler-disabled",
        by: &[On("pooler1", "console 'DISABLE app'")],
        told: &["pooler1: clients of `app` are turned away: it is disabled"],
        undo: &[On("pooler1", "console 'ENABLE app'")],
        ..HANDOVER
    },
    State {
        name: "find-primary-missing",
        by: &[On(
            "pooler1",
            "cd /usr/local/lib/pgha; mv find-primary find-primary.kept",
        )],
        told: &["pooler1: `find-primary` does not find the primary"],
        undo: &[On("pooler1", "cd /usr/local/lib/pgha; back find-primary")],
        on_hosts: true,
        ..HANDOVER
    },
    State {
        name: "pooler-host-down",
        by: &[Kill("pooler2")],
        told: &["pooler2: `{pooler2}` does not answer on port 22"],
        undo: &[Start("pooler2")],
        ..HANDOVER
    },
    State {
        name: "standby-host-frozen",
        by: &[
            Freeze("node3"),
            // It is given up by the primary's own timeout.
            On(
                "node1",
                "until_sql 'select count(*) = 1 from pg_stat_replication'",
            ),
        ],
        told: &["node3: `{node3}` does not answer on port 22"],
        undo: &[Thaw("node3")],
        on_hosts: true,
        ..HANDOVER
    },
    // All at once.
    State {
        name: "several",
        by: &[
            On("node2", "sql 'select pg_wal_replay_pause()'"),
            On("node3", "systemctl stop $unit"),
            On("pooler1", "systemctl stop pgbouncer"),
        ],
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
        ..HANDOVER
    },
];
