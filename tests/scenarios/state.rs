//! What would show that a host was touched: looked at around pgha.

use std::collections::BTreeMap;

use crate::lab::Lab;

/// Thing to what it was: `node1 /etc/repmgr.conf`, `node1 pid of postgres`.
pub type State = BTreeMap<String, String>;

/// Every file below `/etc`, and what is `postgres`'s own beside its data.
const FILES: &str = r"
find /etc /var/lib/postgresql -path '/var/lib/postgresql/*/main' -prune -o ! -type d -printf '%p\t%i %m %u %g %C@\n'";

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
