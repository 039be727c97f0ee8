//! Answers that are none: a server that runs and does not let anybody in, or says more than what it was asked.

use super::Do::{Begin, On};
use super::{HANDOVER, State};

/// Sessions until a server takes no more, also not of a superuser's.
const FILL: &str = "echo 'select pg_sleep(600)' >/tmp/sleep.sql
    many=$(runuser -u postgres -- psql -XAtqc \"select current_setting('max_connections')::int - 15\")
    runuser -u postgres -- /usr/lib/postgresql/{version}/bin/pgbench -n -M simple -c $many -T 600 -f /tmp/sleep.sql postgres &
    for i in $(seq 300); do [ $(pgrep -cf '^postgres: .* SELECT$') -lt $many ] || break; sleep 0.1; done
    for i in $(seq 25); do runuser -u postgres -- psql -Xqf /tmp/sleep.sql & done; wait";

const IS_FULL: &str = "until_says 'too many clients'";

/// A server notices a client that is gone when it next has something to tell it.
const EMPTY: &str = "pkill pgbench || :
    pkill psql || :
    pkill -f '^postgres: .* SELECT$' || :
    until_sql \"select count(*) < 10 from pg_stat_activity where backend_type = 'client backend'\"";

/// A standby that waits for an archive before it replays anything.
const BEGIN_TO_START: &str = "echo \"restore_command = 'sleep 3600'\" >>$data/postgresql.auto.conf
    systemctl start --no-block $unit";

const START_AGAIN: &str = "systemctl kill --signal=QUIT $unit
    systemctl stop $unit || :
    back $data/postgresql.auto.conf
    systemctl reset-failed $unit || :
    systemctl start $unit";

/// A server that waits for its last session.
const BEGIN_TO_STOP: &str =
    "until_sql \"select exists (select from pg_stat_activity where query like '%sleep(601)')\"
    kill -TERM $(head -n 1 $data/postmaster.pid)";

const SESSION: &str = "runuser -u postgres -- psql -Xqc 'select pg_sleep(601)'";

const START_ONCE_STOPPED: &str = "pkill psql || :
    pkill -f '^postgres: .* SELECT$' || :
    for i in $(seq 300); do [ -e $data/postmaster.pid ] || break; sleep 0.1; done
    for i in $(seq 300); do systemctl is-active -q $unit || break; sleep 0.1; done
    systemctl start $unit";

/// The package's own catalogue of messages, which images of containers leave out. No locale is needed for it: a catalogue is
/// chosen by `LANGUAGE` in every locale but `C`.
const SPEAK_GERMAN: &str = "if ! [ -e /usr/share/locale/de/LC_MESSAGES/postgres-{version}.mo ]; then
        mkdir -p /tmp/package; cd /tmp/package
        apt-get -q update >/dev/null
        apt-get -q download postgresql-{version} >/dev/null
        dpkg -x postgresql-{version}_*.deb .
        install -D -m 0644 -t /usr/share/locale/de/LC_MESSAGES usr/share/locale/de/LC_MESSAGES/postgres-{version}.mo
        cd /; rm -r /tmp/package
    fi
    keep $etc/environment
    echo \"LANGUAGE = 'de'\" >>$etc/environment
    keep $data/postgresql.auto.conf
    sql \"alter system set lc_messages = 'C.UTF-8'\"
    systemctl restart $unit
    sql 'select 1/0' 2>&1 | grep -q 'FEHLER'";

const SPEAK_ENGLISH: &str = "back $etc/environment
    back $data/postgresql.auto.conf
    systemctl restart $unit";

const REFUSE_LOGIN: &str = "keep $etc/pg_hba.conf
    sed -i '1i local all all reject' $etc/pg_hba.conf
    kill -HUP $(head -n 1 $data/postmaster.pid)
    until_says 'pg_hba.conf rejects'";

const ADMIT_LOGIN: &str = "back $etc/pg_hba.conf
    kill -HUP $(head -n 1 $data/postmaster.pid)
    until_sql 'select true'";

pub const ANSWERS: &[State] = &[
    State {
        name: "primary-full",
        by: &[Begin("node1", FILL), On("node1", IS_FULL)],
        undo: &[On("node1", EMPTY)],
        ..HANDOVER
    },
    State {
        name: "candidate-full",
        by: &[Begin("node2", FILL), On("node2", IS_FULL)],
        undo: &[On("node2", EMPTY)],
        ..HANDOVER
    },
    State {
        name: "candidate-starts",
        by: &[
            On(
                "node2",
                "keep $data/postgresql.auto.conf; systemctl stop $unit",
            ),
            On("node2", BEGIN_TO_START),
            On("node2", "until_says 'starting up'"),
        ],
        undo: &[On("node2", START_AGAIN)],
        returns: Some("node2"),
        ..HANDOVER
    },
    State {
        name: "candidate-stops",
        by: &[
            Begin("node2", SESSION),
            On("node2", BEGIN_TO_STOP),
            On("node2", "until_says 'shutting down'"),
        ],
        undo: &[On("node2", START_ONCE_STOPPED)],
        returns: Some("node2"),
        ..HANDOVER
    },
    State {
        name: "candidate-admits-nobody-while-it-recovers",
        by: &[
            On(
                "node2",
                "set_to 'hot_standby = off'; systemctl restart $unit",
            ),
            On("node2", "until_says FATAL"),
        ],
        undo: &[On(
            "node2",
            "back $data/postgresql.auto.conf; systemctl restart $unit",
        )],
        returns: Some("node2"),
        ..HANDOVER
    },
    State {
        name: "candidate-speaks-german",
        by: &[On("node2", SPEAK_GERMAN)],
        undo: &[On("node2", SPEAK_ENGLISH)],
        returns: Some("node2"),
        ..HANDOVER
    },
    State {
        name: "candidate-starts-in-german",
        by: &[
            On("node2", SPEAK_GERMAN),
            On("node2", "systemctl stop $unit"),
            On("node2", BEGIN_TO_START),
            On("node2", "until_says Datenbanksystem"),
        ],
        undo: &[
            On("node2", "back $etc/environment"),
            On("node2", START_AGAIN),
        ],
        returns: Some("node2"),
        ..HANDOVER
    },
    State {
        name: "candidate-stops-in-german",
        by: &[
            On("node2", SPEAK_GERMAN),
            Begin("node2", SESSION),
            On("node2", BEGIN_TO_STOP),
            On("node2", "until_says Datenbanksystem"),
        ],
        undo: &[On("node2", START_ONCE_STOPPED), On("node2", SPEAK_ENGLISH)],
        returns: Some("node2"),
        ..HANDOVER
    },
    State {
        name: "collation-has-changed",
        by: &[On(
            "node1",
            "sql \"update pg_database set datcollversion = '1'\"",
        )],
        undo: &[On(
            "node1",
            "sql 'update pg_database set datcollversion = pg_database_collation_actual_version(oid)'",
        )],
        returns: Some("node3"),
        since: 15,
        ..HANDOVER
    },
    State {
        name: "candidate-refuses-logins",
        by: &[On("node2", REFUSE_LOGIN)],
        undo: &[On("node2", ADMIT_LOGIN)],
        returns: Some("node2"),
        ..HANDOVER
    },
    State {
        name: "primary-refuses-logins",
        by: &[On("node1", REFUSE_LOGIN)],
        undo: &[On("node1", ADMIT_LOGIN)],
        ..HANDOVER
    },
];
