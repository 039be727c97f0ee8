//! The states of a cluster that pgha must tell apart: how each is made and taken back, and what pgha says of it. They are made
//! on hosts by whoever records what a probe answers in them (`tests/scenarios/record.rs`) and by the scenario of the
//! handover's gate; `tests/recorded.rs` plans from the recordings.

mod answers;
mod gate;
pub mod patch;
mod rejoin;
pub mod site;
mod status;

/// Members and poolers of the cluster that is recorded; node1 is the primary.
pub const NODES: [&str; 3] = ["node1", "node2", "node3"];
pub const POOLERS: [&str; 2] = ["pooler1", "pooler2"];

/// The state that all others are recorded as differences from.
pub const HEALTHY: &str = "healthy";

/// A state, beginning with a cluster that is healthy but for its repmgrd, which is stopped everywhere.
#[derive(Clone, Copy)]
pub struct State {
    /// Its folder.
    pub name: &'static str,
    pub by: &'static [Do],
    /// Takes back what was done; nothing where the next state begins with this one.
    pub undo: &'static [Do],
    /// Of `pgha switchover --to node2`.
    pub arguments: &'static [&'static str],
    /// All that it must say, as `host: sentence`; `{node1}` is an address, `…` what is not the same every time. Empty: what
    /// it says is in the golden file alone.
    pub told: &'static [&'static str],
    /// Whether it is asked for a switchover.
    pub hands_over: bool,
    /// The member that `pgha rejoin` is to bring back.
    pub returns: Option<&'static str>,
    /// Whether the scenario on hosts has it always, and not only in the whole: one of each kind of question (SQL, control
    /// data, SSH, disk, a pooler's console, a file, a program, a host that is silent).
    pub on_hosts: bool,
    /// Whether both standbys stream again once it is taken back.
    pub settles: bool,
    /// PostgreSQL before this major version has no such state.
    pub since: u16,
    /// Hosts of the inventory that are in another group: the pattern of a line, and what it becomes.
    pub inventory: Option<(&'static str, &'static str)>,
}

/// What a state is unless it says otherwise.
const PLAIN: State = State {
    name: "",
    by: &[],
    undo: &[],
    arguments: &[],
    told: &[],
    hands_over: false,
    returns: None,
    on_hosts: false,
    settles: true,
    since: 0,
    inventory: None,
};

/// One of the gate's.
const HANDOVER: State = State {
    hands_over: true,
    ..PLAIN
};

/// What is done on hosts, in order. `{node1}` is an address, `{version}` PostgreSQL's major version.
#[derive(Clone, Copy)]
pub enum Do {
    /// A script as root, after [`WORDS`].
    On(&'static str, &'static str),
    /// One that goes on until something ends it.
    Begin(&'static str, &'static str),
    /// pgha itself: its verb and arguments after the inventory, and its exit code.
    Pgha(&'static str, &'static [&'static str], i32),
    Kill(&'static str),
    Start(&'static str),
    Freeze(&'static str),
    Thaw(&'static str),
}

/// What scripts share.
pub const WORDS: &str = r#"set -e
data=/var/lib/postgresql/{version}/main etc=/etc/postgresql/{version}/main unit=postgresql@{version}-main
bin=/usr/lib/postgresql/{version}/bin
sql() { runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d repmgr -c "$1"; }
reload() {
  loaded=$(sql 'select pg_conf_load_time()')
  sql 'select pg_reload_conf()' >/dev/null
  until_sql "select pg_conf_load_time() > '$loaded'"
}
keep() { cp -p "$1" "$1.kept"; }
back() { [ ! -e "$1.kept" ] || mv "$1.kept" "$1"; }
set_to() { keep $data/postgresql.auto.conf; sql "alter system set $1"; reload; }
unset_all() { back $data/postgresql.auto.conf; reload; }
console() { runuser -u postgres -- psql -XAtq -h /var/run/postgresql -p 6432 -U pgbouncer -c "$1" pgbouncer; }
until_sql() { for i in $(seq 200); do [ "$(sql "$1" 2>&1)" != t ] || return 0; sleep 0.1; done; echo "never: $1" >&2; return 1; }
until_says() { for i in $(seq 200); do sql 'select 1' 2>&1 | grep -q "$1" && return 0; sleep 0.1; done; echo "never: $1" >&2; return 1; }
"#;

/// Both standbys stream, use their slots, and lack nothing.
pub const SETTLED: &str = "until_sql \"select count(*) filter (where state = 'streaming' and active
    and replay_lsn >= pg_current_wal_lsn()) = 2
    from pg_stat_replication join pg_replication_slots on active_pid = pid\"";

/// Those of the gate.
pub fn gate() -> &'static [State] {
    gate::GATE
}

/// All, in the order in which they are made.
pub fn all() -> impl Iterator<Item = &'static State> {
    [
        status::FIRST,
        gate::GATE,
        status::STATUS,
        answers::ANSWERS,
        rejoin::REJOIN,
    ]
    .into_iter()
    .flatten()
}

/// Whether what was told is what was expected, where `…` stands for what is not the same every time.
pub fn is(told: &str, expected: &str) -> bool {
    let (begins, ends) = expected.split_once('…').unwrap_or((expected, ""));
    match ends {
        "" => told == begins,
        _ => told.starts_with(begins) && told.ends_with(ends),
    }
}
