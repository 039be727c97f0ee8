//! What would show that a host was touched: looked at around pgha.

use std::collections::BTreeMap;

use crate::lab::Lab;

/// Thing to what it was: `node1 /etc/repmgr.conf`, `node1 pid of postgres`.
pub type State = BTreeMap<String, String>;

/// Every file below `/etc` and `/usr/local`, and what is `postgres`'s own beside its data. By the time of its last change, which
/// a file that takes another's place has anew, and not by its inode: of files in an image an overlay makes up another one later. Links to manuals, which
/// lab hosts do without, have another time at each look there.
const FILES: &str = r"
find /etc /usr/local /var/lib/postgresql -path '/var/lib/postgresql/*/main' -prune -o -path /etc/alternatives -prune -o ! -type d -printf '%p\t%m %u %g %C@\n'";

/// The processes of the cluster.
const LOOK: &str = r#"
for file in /var/lib/postgresql/*/main/postgresql.auto.conf /var/lib/postgresql/*/main/standby.signal; do
    [ ! -e "$file" ] || stat -c '%n	%i %a %U %G %.9Z' "$file"
done
for file in /var/lib/postgresql/*/main/postmaster.pid; do
    [ ! -e "$file" ] || printf 'pid of postgres\t%s\n' "$(head -n1 "$file")"
done
for unit in repmgrd pgbouncer; do
    printf 'pid of %s\t%s\n' $unit "$(systemctl show -p MainPID --value $unit)"
    printf 'state of %s\t%s\n' $unit "$(systemctl show -p StateChangeTimestampMonotonic --value $unit)"
done
"#;

const ASK: &str = "select 'configuration of postgres', pg_conf_load_time()::text
    union all select 'slot ' || slot_name, '' from pg_replication_slots";

/// What a handover touches beside that: what runs at all, what is left in `/run`, histories of timelines, where clients go.
const HANDOVER: &str = r#"
[ ! -e /run/pgha ] || find /run/pgha -printf '%p\t%i %m %u %g %C@ %l\n'
for file in /var/lib/postgresql/*/main/pg_wal/*.history; do [ ! -e "$file" ] || printf '%s\tthere\n' "$file"; done
systemctl list-units --all --plain --no-legend --type=service,timer,socket |
    awk '{ print "unit " $1 "\t" $2 " " $3 " " $4 }'
systemctl is-active -q pgbouncer && runuser -u postgres -- \
    psql -XAq -P footer=off -h /var/run/postgresql -p 6432 -U pgbouncer -c 'show databases' pgbouncer |
    awk -F '|' 'NR == 1 { split($0, name); next } { for (i in name) if (name[i] !~ /current/) print "pooled " $1 " " name[i] "\t" $i }'
:"#;

const ASK_HANDOVER: &str = "
    select 'recovery', pg_is_in_recovery()::text
    union all select 'timeline', timeline_id::text from pg_control_checkpoint()
    union all select 'receives', concat_ws(' ', sender_host, sender_port, slot_name, received_tli) from pg_stat_wal_receiver
    union all select 'sends to ' || application_name, state from pg_stat_replication
    union all select 'slot of ' || slot_name, concat_ws(' ', slot_type, active, wal_status) from pg_replication_slots
    union all select 'setting ' || name, setting || ' ' || pending_restart from pg_settings
        where source not in ('default', 'override', 'client', 'session')
    union all select 'failover paused', repmgr.repmgrd_is_paused()::text
    union all select 'repmgr.nodes ' || node_id, nodes::text from repmgr.nodes";

/// Everything that a handover could change, of hosts and servers that may be down.
pub fn of_handover(lab: &Lab, hosts: &[&str]) -> State {
    let look = |host: &str| {
        let psql = format!(
            "runuser -u postgres -- psql -XAtq -F '\t' -d repmgr <<'END' || printf 'PostgreSQL\\tsilent\\n'
{ASK};
{ASK_HANDOVER};
END"
        );
        let sql = if host.starts_with("node") { &psql } else { "" };
        let ran = lab.try_on(host, &format!("{FILES}\n{LOOK}\n{HANDOVER}\n{sql}"));
        match ran.code {
            0 => ran.line(),
            _ => "host\tout".to_owned(),
        }
    };
    let texts: Vec<String> = std::thread::scope(|scope| {
        let looks: Vec<_> = hosts
            .iter()
            .map(|host| scope.spawn(move || look(host)))
            .collect();
        looks.into_iter().map(|look| look.join().unwrap()).collect()
    });
    state(hosts.iter().copied().zip(texts))
}

pub fn of_files(lab: &Lab, hosts: &[&str]) -> State {
    let texts = hosts.iter().map(|host| (*host, lab.on(host, FILES)));
    state(texts)
}

pub fn of(lab: &Lab, hosts: &[&str]) -> State {
    let texts = hosts.iter().map(|host| {
        let mut text = lab.on(host, &format!("{FILES}\n{LOOK}"));
        if host.starts_with("node") {
            text = text + "\n" + &lab.sql(host, ASK).replace('|', "\t");
        }
        (*host, text)
    });
    state(texts)
}

fn state<'a>(texts: impl Iterator<Item = (&'a str, String)>) -> State {
    let mut state = State::new();
    for (host, text) in texts {
        for line in text.lines() {
            let (thing, value) = line.split_once('\t').unwrap();
            state.insert(format!("{host} {thing}"), value.to_owned());
        }
    }
    state
}

/// The things that are not as before.
pub fn changed(before: &State, after: &State) -> Vec<String> {
    let things = before
        .keys()
        .chain(after.keys().filter(|thing| !before.contains_key(*thing)));
    let mut changed: Vec<String> = things
        .filter(|thing| before.get(*thing) != after.get(*thing))
        .cloned()
        .collect();
    changed.sort();
    changed
}
