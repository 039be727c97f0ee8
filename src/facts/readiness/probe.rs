//! The part of the probe script that tries what a handover would need. Whatever waits for another host has a limit of
//! seconds, and all of it is tried at the same time.

use crate::shell::{join, quote, with};

/// What to try on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Questions {
    /// Programs, by name or path.
    pub programs: Vec<String>,
    pub member: Option<AskedMember>,
    pub is_pooler: bool,
}

/// What to try on a member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskedMember {
    pub data_directory: String,
    /// The server's systemd unit.
    pub unit: String,
    pub port: u16,
    pub psql: String,
    pub peers: Vec<Peer>,
}

/// Another host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    pub name: String,
    pub address: String,
    /// How a member logs in there to replicate, if it may have to.
    pub conninfo: Option<String>,
}

const ACTIVITY_SQL: &str = include_str!("activity.sql");

const TRY: &str = include_str!("try.sh");

/// The script; its lines are those that [`super::parse`] reads.
pub fn script(questions: &Questions) -> String {
    let mut out = TRY.to_owned();
    out.push_str(
        "try primary env PGHA_PATIENCE=10 timeout 15 /usr/local/lib/pgha/find-primary &\n",
    );
    if let Some(member) = &questions.member {
        for peer in &member.peers {
            tried(member, peer, &mut out);
        }
    }
    out.push_str(&format!(
        "for program in {}; do command -v \"$program\" >/dev/null || echo \"missing $program\"; done\n",
        join(&questions.programs)
    ));
    if questions.is_pooler {
        out.push_str("grep -qE '^%include[[:space:]]+/etc/pgbouncer/databases.ini[[:space:]]*$' /etc/pgbouncer/pgbouncer.ini 2>/dev/null && echo includes\n");
    }
    if let Some(member) = &questions.member {
        out.push_str(&server(member));
    }
    out.push_str("wait\n:");
    out
}

fn tried(member: &AskedMember, peer: &Peer, out: &mut String) {
    let Peer {
        name,
        address,
        conninfo,
    } = peer;
    out.push_str(&format!(
        "getent ahosts {} | while read -r ip rest; do printf '%s %s %s\\n' address {} \"$ip\"; done &\n",
        quote(address),
        quote(name),
    ));
    let Some(conninfo) = conninfo else { return };
    // A command of replication, to which no setting of a session applies.
    out.push_str(&format!(
        "try {} as postgres timeout 15 {} -wXAtq -d {} -c IDENTIFY_SYSTEM &\n",
        quote(&format!("replication {name}")),
        quote(&member.psql),
        quote(conninfo),
    ));
    // As the candidate's timer asks the outgoing primary.
    out.push_str(&format!(
        "try {} as postgres timeout 15 ssh -F /etc/pgha/ssh_config -o ConnectTimeout=5 {} true &\n",
        quote(&format!("ssh {name}")),
        quote(address),
    ));
}

fn server(member: &AskedMember) -> String {
    let pid_file = format!("{}/postmaster.pid", member.data_directory);
    let postmaster = with([&pid_file, &member.unit], include_str!("postmaster.sh"));
    format!(
        r#"{postmaster}if [ -S /var/run/postgresql/.s.PGSQL.{port} ]; then
own_psql 15 {port} -d postgres -f - <<'PGHA_SQL'
{ACTIVITY_SQL}PGHA_SQL
fi
"#,
        port = member.port,
    )
}
