//! States of a member that is to come back: first of a standby, then of a primary that another took the place of.

use super::Do::{On, Pgha};
use super::{PLAIN, State};

/// A standby that `pgha rejoin` is to bring back.
const STANDBY: State = State {
    returns: Some("node3"),
    ..PLAIN
};

/// A former primary. Each of its states begins with the one before.
const FORMER: State = State {
    returns: Some("node1"),
    settles: false,
    ..PLAIN
};

const STOP: super::Do = On("node3", "systemctl stop $unit");
const START: super::Do = On("node3", "systemctl start $unit");

/// Stopped, with its data aside.
const PUT_ASIDE: super::Do = On("node3", "systemctl stop $unit; mv $data $data.aside");
const BRING_BACK: super::Do = On(
    "node3",
    "rm -rf $data; mv $data.aside $data; systemctl start $unit",
);

pub const REJOIN: &[State] = &[
    State {
        name: "behind",
        by: &[
            STOP,
            On("node1", "sql \"select pg_logical_emit_message(true, '', 'x')\""),
        ],
        undo: &[START],
        ..STANDBY
    },
    State {
        name: "behind-what-is-kept",
        by: &[
            STOP,
            On(
                "node1",
                "for i in 1 2 3; do sql 'select pg_switch_wal()'; sql checkpoint; done
                segment=$(sql 'select pg_walfile_name(pg_current_wal_lsn())')
                install -d -o postgres -m 700 $data.log
                cd $data/pg_wal
                mv $(ls | grep -E '^[0-9A-F]{24}$' | awk -v now=$segment '$0 \"\" < now') $data.log",
            ),
        ],
        undo: &[
            On("node1", "mv $data.log/* $data/pg_wal; rmdir $data.log"),
            START,
        ],
        ..STANDBY
    },
    State {
        name: "killed",
        by: &[On(
            "node3",
            "systemctl kill --signal=KILL $unit; systemctl stop $unit",
        )],
        undo: &[On(
            "node3",
            "systemctl reset-failed $unit || :; systemctl start $unit",
        )],
        ..STANDBY
    },
    State {
        name: "no-data",
        by: &[PUT_ASIDE],
        undo: &[BRING_BACK],
        ..STANDBY
    },
    State {
        name: "empty-data",
        by: &[PUT_ASIDE, On("node3", "install -d -o postgres -g postgres -m 700 $data")],
        undo: &[BRING_BACK],
        ..STANDBY
    },
    State {
        name: "other-files",
        by: &[
            PUT_ASIDE,
            On(
                "node3",
                "install -d -o postgres -g postgres -m 700 $data; touch $data/somebodys",
            ),
        ],
        undo: &[BRING_BACK],
        ..STANDBY
    },
    State {
        name: "other-cluster",
        by: &[
            PUT_ASIDE,
            On(
                "node3",
                "runuser -u postgres -- $bin/initdb --no-sync -D $data >/dev/null",
            ),
        ],
        undo: &[BRING_BACK],
        ..STANDBY
    },
    State {
        name: "control-data-gone",
        by: &[STOP, On("node3", "keep $data/global/pg_control; rm $data/global/pg_control")],
        undo: &[On("node3", "back $data/global/pg_control"), START],
        ..STANDBY
    },
    State {
        name: "behind-a-link",
        by: &[PUT_ASIDE, On("node3", "ln -s $data.aside $data")],
        undo: &[BRING_BACK],
        ..STANDBY
    },
    State {
        name: "rewind-broken-off",
        by: &[
            STOP,
            On("node3", "install -d /var/lib/pgha; echo $data >/var/lib/pgha/rewinding"),
        ],
        undo: &[On("node3", "rm /var/lib/pgha/rewinding"), START],
        ..STANDBY
    },
    State {
        name: "backup-label-left",
        by: &[
            STOP,
            On(
                "node3",
                "echo 'START WAL LOCATION: 0/2000028 (file 000000010000000000000002)' >$data/backup_label",
            ),
        ],
        undo: &[On("node3", "rm $data/backup_label"), START],
        ..STANDBY
    },
    State {
        name: "fenced",
        by: &[STOP, On("node3", "touch $data/pgha-fenced")],
        undo: &[On("node3", "rm $data/pgha-fenced"), START],
        ..STANDBY
    },
    State {
        // The primary must not learn of it: it would give up.
        name: "promoted-after-the-primary",
        by: &[
            On("node1", "systemctl stop pgha-guard"),
            On("pooler1", "systemctl stop pgha-follow"),
            On("pooler2", "systemctl stop pgha-follow"),
            On(
                "node3",
                "systemctl stop $unit; cp -a $data $data.aside; systemctl start $unit
                until_sql 'select pg_promote()'
                systemctl stop $unit",
            ),
        ],
        undo: &[
            BRING_BACK,
            On("node1", "systemctl start pgha-guard"),
            On("pooler1", "systemctl start pgha-follow"),
            On("pooler2", "systemctl start pgha-follow"),
        ],
        ..STANDBY
    },
    State {
        name: "two-primaries",
        by: &[
            On(
                "node1",
                "touch /run/pgha-guard-off; systemctl stop pgha-guard
                sql 'create table own (what text)'
                sql \"alter system set autovacuum = off\"; reload",
            ),
            On("pooler1", "systemctl stop pgha-follow"),
            On("pooler2", "systemctl stop pgha-follow"),
            On("node2", "until_sql \"select to_regclass('own') is not null\"; until_sql 'select pg_promote()'"),
            On("node1", "for i in 1 2 3; do sql \"insert into own values ('$i')\"; done"),
        ],
        hands_over: true,
        ..FORMER
    },
    State {
        name: "replaced-and-went-on",
        by: &[On("node1", "systemctl stop $unit")],
        ..FORMER
    },
    State {
        name: "replaced-and-saved",
        by: &[Pgha("rejoin", &["node1"], 3)],
        ..FORMER
    },
    State {
        name: "replaced-without-checksums",
        by: &[On(
            "node1",
            "cp -a $data/global/pg_control /tmp/pg_control
            runuser -u postgres -- $bin/pg_checksums --disable -D $data >/dev/null",
        )],
        undo: &[On("node1", "cp -a /tmp/pg_control $data/global/pg_control")],
        ..FORMER
    },
    State {
        name: "replaced-and-log-is-gone",
        by: &[On(
            "node2",
            "for i in 1 2 3; do sql 'select pg_switch_wal()'; sql checkpoint; done
            segment=$(sql 'select pg_walfile_name(pg_current_wal_lsn())')
            install -d -o postgres -m 700 $data.log
            cd $data/pg_wal
            mv $(ls | grep -E '^[0-9A-F]{24}$' | awk -v now=$segment '$0 \"\" < now') $data.log",
        )],
        undo: &[On("node2", "mv $data.log/* $data/pg_wal; rmdir $data.log")],
        ..FORMER
    },
    State {
        name: "follower-of-the-former",
        returns: Some("node3"),
        ..FORMER
    },
    State {
        name: "replaced-and-killed",
        by: &[On(
            "node1",
            "touch /run/pgha-guard-off; systemctl start $unit
            sql \"insert into own values ('again')\"
            systemctl kill --signal=KILL $unit; systemctl stop $unit",
        )],
        ..FORMER
    },
    State {
        name: "timelines-of-the-same-number",
        by: &[
            On(
                "node1",
                "install -o postgres -m 0600 /dev/null $data/standby.signal
                sed -i '/^primary_conninfo/d' $data/postgresql.auto.conf
                systemctl reset-failed $unit || :
                touch /run/pgha-guard-off; systemctl start $unit
                until_sql 'select pg_promote()'; sql checkpoint",
            ),
            On("node2", "sql checkpoint"),
            On("node1", "systemctl stop $unit"),
        ],
        ..FORMER
    },
];
