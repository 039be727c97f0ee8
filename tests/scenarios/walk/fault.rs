//! What goes wrong on a host in a walk, and how it is made good again.

use crate::failover;
use crate::lab::{Lab, Ran};

/// A fault of a host; as root, after [`WORDS`].
#[derive(Debug)]
pub struct Fault {
    pub name: &'static str,
    pub of: Of,
    begin: By,
    end: By,
}

/// Whose it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Of {
    Any,
    Member,
    Pooler,
}

#[derive(Debug)]
enum By {
    Script(&'static str),
    Engine(fn(&Lab, &str)),
}

impl Fault {
    pub fn named(name: &str) -> Option<&'static Self> {
        FAULTS.iter().find(|fault| fault.name == name)
    }

    pub fn begin(&self, lab: &Lab, host: &str) -> &'static str {
        self.begin.act(lab, host)
    }

    pub fn end(&self, lab: &Lab, host: &str) -> &'static str {
        self.end.act(lab, host)
    }
}

impl By {
    fn act(&self, lab: &Lab, host: &str) -> &'static str {
        match self {
            Self::Script(script) => ok(&on(lab, host, script)),
            Self::Engine(act) => {
                act(lab, host);
                "ok"
            }
        }
    }
}

/// Runs a script as root, after [`WORDS`].
pub fn on(lab: &Lab, host: &str, script: &str) -> Ran {
    lab.try_on(host, &format!("{WORDS}{script}"))
}

pub fn ok(ran: &Ran) -> &'static str {
    match ran.code {
        0 => "ok",
        124 => "unsure",
        _ => "failed",
    }
}

/// Sets variables for the fault's words.
const WORDS: &str = r#"for data in /var/lib/postgresql/*/main; do :; done
version=${data%/main}; version=${version##*/}
bin=/usr/lib/postgresql/$version/bin unit=postgresql@$version-main
config="-c config_file=/etc/postgresql/$version/main/postgresql.conf"
servers='^(/usr/lib/postgresql/.*/bin/postgres|postgres:) '
as_postgres() { timeout 30 runuser -u postgres -- "$@"; }
"#;

const fn fault(name: &'static str, of: Of, begin: &'static str, end: &'static str) -> Fault {
    Fault {
        name,
        of,
        begin: By::Script(begin),
        end: By::Script(end),
    }
}

const fn engine(name: &'static str, begin: fn(&Lab, &str), end: fn(&Lab, &str)) -> Fault {
    Fault {
        name,
        of: Of::Any,
        begin: By::Engine(begin),
        end: By::Engine(end),
    }
}

/// Nothing that goes to the host that comes next by name arrives, or does again.
fn one_line(lab: &Lab, host: &str, verb: &str) {
    let hosts: Vec<_> = lab.names().into_iter().collect();
    let at = hosts.iter().position(|(_, name)| name == host).unwrap();
    let (address, _) = &hosts[(at + 1) % hosts.len()];
    lab.on(host, &format!("ip route {verb} blackhole {address}"));
}

pub const FAULTS: &[Fault] = &[
    engine("power-off", Lab::kill_host, Lab::start_host),
    engine("freeze-host", Lab::freeze_host, Lab::thaw_host),
    engine(
        "isolate",
        |lab, host| failover::route(lab, host, "add"),
        |lab, host| failover::route(lab, host, "del"),
    ),
    engine(
        "cut-one-line",
        |lab, host| one_line(lab, host, "add"),
        |lab, host| one_line(lab, host, "del"),
    ),
    // Two seconds of it are in the queue, and the rest is lost.
    fault(
        "slow-line",
        Of::Any,
        "tc qdisc add dev eth0 root tbf rate 128kbit burst 4kb latency 2s",
        "tc qdisc del dev eth0 root",
    ),
    fault(
        "kill",
        Of::Member,
        "systemctl kill --signal=KILL $unit",
        "systemctl start $unit",
    ),
    fault(
        "stop",
        Of::Member,
        "timeout 30 systemctl stop $unit",
        "systemctl start $unit",
    ),
    fault(
        "stop-by-pg_ctlcluster",
        Of::Member,
        "as_postgres pg_ctlcluster -m fast $version main stop",
        "as_postgres pg_ctlcluster $version main start",
    ),
    fault(
        "stop-by-pg_ctl",
        Of::Member,
        "as_postgres $bin/pg_ctl -D $data -m immediate stop",
        "as_postgres $bin/pg_ctl -D $data -o \"$config\" -l /dev/null start",
    ),
    fault(
        "freeze-server",
        Of::Member,
        "pkill -STOP -u postgres -f \"$servers\"",
        "pkill -CONT -u postgres -f \"$servers\"",
    ),
    fault(
        "fill",
        Of::Member,
        "echo 'select pg_sleep(300)' >/tmp/sleep.sql
        left=$(runuser -u postgres -- psql -XAtqc \"select current_setting('max_connections')::int - count(*) from pg_stat_activity where backend_type in ('client backend', 'walsender')\")
        runuser -u postgres -- $bin/pgbench -n -M simple -c $((left - 1)) -T 300 -f /tmp/sleep.sql postgres >/dev/null 2>&1 &",
        "pkill pgbench; pkill -f '^postgres: .* SELECT$'",
    ),
    // Its log is on a filesystem of its own, which is full.
    fault(
        "full-disk",
        Of::Member,
        "timeout 30 systemctl stop $unit
        set -e
        cd $data
        cp -a pg_wal ../pg_wal.walk
        mount -t tmpfs -o size=$(($(du -sm pg_wal | cut -f1) + 40))M,uid=$(id -u postgres),gid=$(id -g postgres),mode=0700 tmpfs pg_wal
        cp -a ../pg_wal.walk/. pg_wal/
        rm -r ../pg_wal.walk
        timeout 60 systemctl start $unit || :
        dd if=/dev/zero of=pg_wal/full bs=1M 2>/dev/null || :
        for turn in 1 2 3 4 5; do as_postgres psql -qc 'select pg_switch_wal()' || break; done >/dev/null 2>&1",
        "set -e
        wal=$(awk '$2 ~ /pg_wal$/ { print $2; exit }' /proc/mounts)
        [ \"$wal\" ] || exit 0
        rm -f $wal/full
        timeout 60 systemctl stop $unit || :
        cp -a $wal $data/../pg_wal.walk
        umount $wal
        rm -rf $wal
        mv $data/../pg_wal.walk $wal
        timeout 60 systemctl start $unit",
    ),
    fault(
        "stop-repmgrd",
        Of::Member,
        "systemctl stop repmgrd",
        "systemctl start repmgrd",
    ),
    fault(
        "stop-guard",
        Of::Member,
        "systemctl stop pgha-guard",
        "systemctl start pgha-guard",
    ),
    fault(
        "stop-pgbouncer",
        Of::Pooler,
        "systemctl stop pgbouncer",
        "systemctl start pgbouncer",
    ),
    fault(
        "kill-pgbouncer",
        Of::Pooler,
        "systemctl kill --signal=KILL pgbouncer",
        "systemctl start pgbouncer",
    ),
    fault(
        "stop-follow",
        Of::Pooler,
        "systemctl stop pgha-follow",
        "systemctl start pgha-follow",
    ),
];
