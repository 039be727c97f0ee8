//! States that a look at the cluster must tell.

use super::Do::{Freeze, On, Thaw};
use super::{HEALTHY, PLAIN, State};

/// As it is before anything is done to it, repmgrd included.
pub const FIRST: &[State] = &[State {
    name: HEALTHY,
    hands_over: true,
    returns: Some("node3"),
    ..PLAIN
}];

pub const STATUS: &[State] = &[
    State {
        name: "repmgrd-stopped",
        hands_over: true,
        ..PLAIN
    },
    State {
        name: "repmgrd-paused",
        by: &[
            On("node1", "systemctl start repmgrd"),
            On("node2", "systemctl start repmgrd"),
            On("node3", "systemctl start repmgrd"),
            On(
                "node1",
                "until runuser -u postgres -- repmgr -f /etc/repmgr.conf service pause >/dev/null 2>&1; do sleep 0.2; done
                until_sql 'select repmgr.repmgrd_is_paused()'",
            ),
            On("node2", "until_sql 'select repmgr.repmgrd_is_paused()'"),
            On("node3", "until_sql 'select repmgr.repmgrd_is_paused()'"),
        ],
        undo: &[
            On(
                "node1",
                "runuser -u postgres -- repmgr -f /etc/repmgr.conf service unpause >/dev/null 2>&1
                systemctl stop repmgrd",
            ),
            On("node2", "systemctl stop repmgrd"),
            On("node3", "systemctl stop repmgrd"),
        ],
        hands_over: true,
        ..PLAIN
    },
    State {
        name: "primary-down",
        by: &[On("node1", "systemctl stop $unit")],
        undo: &[On("node1", "systemctl start $unit")],
        hands_over: true,
        returns: Some("node1"),
        ..PLAIN
    },
    State {
        name: "primary-host-frozen",
        by: &[Freeze("node1")],
        undo: &[Thaw("node1")],
        hands_over: true,
        returns: Some("node3"),
        ..PLAIN
    },
    State {
        name: "standby-does-not-stream",
        by: &[On(
            "node2",
            "set_to \"primary_conninfo = 'host={node1} port=1'\"
            until_sql 'select not exists (select from pg_stat_wal_receiver)'",
        )],
        undo: &[On("node2", "unset_all")],
        hands_over: true,
        returns: Some("node2"),
        ..PLAIN
    },
    State {
        name: "witness-is-no-server",
        inventory: Some(("        pooler2:", "    witness:\n      hosts:\n        pooler2:")),
        hands_over: true,
        ..PLAIN
    },
];
