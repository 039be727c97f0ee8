//! What the probe script printed, as facts.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::probe::{Section, conditions};
use super::{
    DataDirectory, Facts, Filesystem, Instance, Path, Places, Pooler, PoolerDatabase, Probe,
    Probes, Release, Server, Time, Unit, Untold, Why,
};
use super::{readiness, wal, wire};
use crate::problem::Problem;
use crate::secret::is_forbidden;

/// What each section printed on stdout, and whether it exited 0.
pub type Answers = BTreeMap<Section, Answer>;

/// One section's answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub lines: Vec<String>,
    pub errors: Vec<String>,
    pub code: i32,
}

/// The facts of one host: what was asked (`by_release`) and what came back.
///
/// # Errors
/// A section that failed or printed what it should not.
pub fn parse(answers: &Answers, by_release: &BTreeMap<Release, Probes>) -> Result<Facts, Problem> {
    let mut facts = Facts::default();
    let empty = Answer::default();
    let section = |section: Section| answers.get(&section).unwrap_or(&empty);

    for line in &section(Section::System).lines {
        match line.split_once(' ') {
            Some(("release", rest)) => {
                let (name, pretty) = rest.split_once(' ').unwrap_or((rest, rest));
                facts.system.release = Release::from_name(name);
                facts.system.release_name = pretty.to_owned();
            }
            Some(("memory", kib)) => {
                facts.system.memory = kib.parse::<u64>().unwrap_or(0).saturating_mul(1024);
            }
            Some(("processors", count)) => facts.system.processors = count.parse().unwrap_or(1),
            Some(("key", key)) => facts.system.host_keys.push(key.to_owned()),
            _ => {}
        }
    }
    let Some(probes) = facts
        .system
        .release
        .and_then(|release| by_release.get(&release))
    else {
        return Ok(facts);
    };

    absent(&mut facts, probes);
    for line in &section(Section::Packages).lines {
        let mut words = line.split(' ');
        if let (Some(name), Some("installed"), Some(version)) =
            (words.next(), words.next(), words.next())
        {
            facts
                .packages
                .insert(name.to_owned(), Some(version.to_owned()));
        }
    }
    paths(&mut facts, &section(Section::Paths).lines);
    for user in &section(Section::Users).lines {
        facts.users.insert(user.clone(), true);
    }
    units(&mut facts, &section(Section::Units).lines);
    let held = &section(Section::Conditions).lines;
    for (index, condition) in conditions(probes).enumerate() {
        let holds = held.iter().any(|line| *line == index.to_string());
        facts.conditions.insert(condition.clone(), holds);
    }
    for line in &section(Section::Free).lines {
        let Some((bytes, what)) = line.trim_start().split_once(' ') else {
            continue;
        };
        let free = bytes.parse().unwrap_or(0);
        match what
            .strip_prefix("filesystem ")
            .map(|rest| rest.split_once(' '))
        {
            Some(Some((device, mount))) => {
                let device = device.to_owned();
                let filesystems = &mut facts.filesystems.0;
                filesystems.insert(mount.to_owned(), Filesystem { device, free });
            }
            Some(None) => {}
            None => {
                facts.free.insert(what.to_owned(), free);
            }
        }
    }
    facts.data = data(section(Section::Data));
    facts.places = places(section(Section::Data));
    facts.server = instance(section(Section::Server));
    facts.pooler = pooler(section(Section::Pooler));
    facts.wal = wal::parse(section(Section::Wal));
    facts.remains = section(Section::Remains).lines.clone();
    if probes
        .iter()
        .any(|probe| matches!(probe, Probe::Handover(_)))
    {
        facts.readiness = Some(readiness::parse(&section(Section::Readiness).lines)?);
    }
    Ok(facts)
}

/// The facts of a host that planning can go on from: its release is known.
///
/// # Errors
/// As [`parse`], and for a host of another kind.
pub fn understood(
    answers: &Answers,
    by_release: &BTreeMap<Release, Probes>,
) -> Result<Facts, Problem> {
    let facts = parse(answers, by_release)?;
    if facts.system.release.is_none() {
        return Err(Problem::refused(format!(
            "the release `{}` is not supported",
            facts.system.release_name
        ))
        .hint("pgha knows Debian 11, 12 and 13"));
    }
    Ok(facts)
}

/// Everything that was asked about is absent until an answer says otherwise.
fn absent(facts: &mut Facts, probes: &Probes) {
    for probe in probes {
        match probe {
            Probe::Package(name) => {
                facts.packages.insert(name.clone(), None);
            }
            Probe::Path(path) | Probe::Content(path) => {
                facts.paths.insert(path.clone(), Path::Absent);
            }
            Probe::User(name) => {
                facts.users.insert(name.clone(), false);
            }
            Probe::Unit(name) => {
                facts.units.insert(name.clone(), Unit::default());
            }
            Probe::Condition(_)
            | Probe::Free(_)
            | Probe::Filesystems
            | Probe::Cluster { .. }
            | Probe::Extensions(_)
            | Probe::Pooler(_)
            | Probe::Handover(_)
            | Probe::Remains
            | Probe::Wal { .. } => {}
        }
    }
}

fn paths(facts: &mut Facts, lines: &[String]) {
    for line in lines {
        let fields: Vec<&str> = line.splitn(7, '|').collect();
        if let Some(rest) = line.strip_prefix("content|") {
            let Some((encoded, path)) = rest.split_once('|') else {
                continue;
            };
            let text = STANDARD
                .decode(encoded)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                // A host must not be able to name a secret that it is then sent.
                .filter(|text| !text.contains(is_forbidden));
            if let Some(Path::File { content, .. }) = facts.paths.get_mut(path) {
                *content = text;
            }
        } else if let [mode, owner, group, modified, kind, witness, path] = fields[..] {
            let mode = format!("{mode:0>4}");
            let (owner, group) = (owner.to_owned(), group.to_owned());
            let seen = match kind {
                "regular file" | "regular empty file" => Path::File {
                    mode,
                    owner,
                    group,
                    modified: Time::At(modified.parse().unwrap_or(0.0)),
                    sha256: None,
                    witness: Some(witness.to_owned()),
                    content: None,
                },
                "directory" => Path::Directory { mode, owner, group },
                other => Path::Other {
                    kind: other.to_owned(),
                },
            };
            facts.paths.insert(path.to_owned(), seen);
        } else if let Some((hash, path)) = line.split_once("  ")
            && let Some(Path::File { sha256, .. }) = facts.paths.get_mut(path)
        {
            *sha256 = Some(hash.to_owned());
        }
    }
}

/// Seconds since the epoch. Debian 11's systemd tells none of their parts: it is the end of that second then, or a unit that
/// was started right after its file was written would look older than the file for ever.
fn moment(told: &str) -> f64 {
    let at: f64 = told.parse().unwrap_or(0.0);
    if told.ends_with(".000000") && at > 0.0 {
        at + 0.999_999
    } else {
        at
    }
}

/// `systemctl show` prints a block of `Key=value` a unit, with an empty line between; the order of keys is its own.
fn units(facts: &mut Facts, lines: &[String]) {
    for block in lines.split(String::is_empty) {
        let value = |key: &str| -> &str {
            block
                .iter()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .unwrap_or("")
        };
        let time = |key: &str| Time::At(moment(value(key)));
        let id = value("Id");
        let unit = Unit {
            load: value("LoadState").to_owned(),
            active: value("ActiveState").to_owned(),
            sub: value("SubState").to_owned(),
            enabled: matches!(value("UnitFileState"), "enabled" | "enabled-runtime"),
            main_pid: value("MainPID").parse().ok().filter(|pid| *pid != 0),
            started: time("ActiveEnterTimestamp"),
            changed: time("StateChangeTimestamp"),
            needs_daemon_reload: value("NeedDaemonReload") == "yes" || !value("Unread").is_empty(),
        };
        if let Some(asked) = facts.unit_mut(id) {
            *asked = unit;
        }
    }
}

fn at(seconds: &str) -> Option<Time> {
    seconds.parse().ok().map(Time::At)
}

fn data(answer: &Answer) -> Option<DataDirectory> {
    let value = |key: &str| {
        answer
            .lines
            .iter()
            .find_map(|line| line.strip_prefix(key).map(str::trim))
    };
    if let Some(what) = value("occupied") {
        return Some(DataDirectory {
            state: match what {
                "" => "no cluster".to_owned(),
                what => format!(
                    "it has `{what}`: a filesystem is mounted there, and a data directory is a folder below"
                ),
            },
            ..DataDirectory::default()
        });
    }
    Some(DataDirectory {
        version: value("version ")?.to_owned(),
        path: value("path ").unwrap_or_default().to_owned(),
        system_identifier: value("Database system identifier:").map(str::to_owned),
        state: value("Database cluster state:")
            .unwrap_or_default()
            .to_owned(),
        standby_signal: value("standby_signal").is_some(),
        signal: value("standby_signal").and_then(at),
        repmgrd_state: value("repmgrd_state").and_then(at),
        fenced: value("fenced").is_some(),
        checksums: value("Data page checksum version:").is_some_and(|version| version != "0"),
        timeline: value("Latest checkpoint's TimeLineID:").and_then(|id| id.parse().ok()),
        slots: answer
            .lines
            .iter()
            .filter_map(|line| line.strip_prefix("slot "))
            .map(str::to_owned)
            .collect(),
    })
}

/// PostgreSQL, by what it said and, where that is no whole answer, by what can be seen of it from outside (`instance.sh`).
fn instance(answer: &Answer) -> Instance {
    let said = |why: Why, said: String| Untold { why, said }.into();
    let outside = Outside::of(answer);
    match server(answer) {
        Ok(Some(server)) if answer.code == 0 => server.into(),
        Err(problem) if answer.code == 0 => said(
            Why::Garbled,
            problem.cause.unwrap_or_else(|| problem.what.clone()),
        ),
        _ if !outside.is_there => Instance::Down,
        _ => said(outside.why(answer.code), answer.errors.join("\n")),
    }
}

/// A server as it is seen without a session.
struct Outside<'a> {
    is_there: bool,
    /// The kernel's letter for the state of its process.
    kernel: &'a str,
    /// The status in its pid file (`utils/pidfile.h`: `starting`, `stopping`, `ready`, `standby`).
    status: &'a str,
    /// What pg_isready exits with: 0, it takes connections; 1, it refuses them for now; else it gives no answer.
    ping: Option<u8>,
}

impl<'a> Outside<'a> {
    fn of(answer: &'a Answer) -> Self {
        let line = |word: &str| {
            let mut lines = answer.lines.iter();
            lines.find_map(|line| line.strip_prefix(word)?.strip_prefix(' '))
        };
        let process = line("process").unwrap_or_default();
        let mut words = process.split(' ').skip(1);
        let ping = line("ping").and_then(|code| code.parse().ok());
        Self {
            is_there: !process.is_empty() || matches!(ping, Some(0 | 1)),
            kernel: words.next().unwrap_or_default(),
            status: words.next().unwrap_or_default(),
            ping,
        }
    }

    /// Why it does not tell, where `code` is what its session ended with: 124 and 137 are `timeout`'s.
    fn why(&self, code: i32) -> Why {
        match (self.kernel, self.status, self.ping) {
            ("T" | "t", ..) => Why::Frozen,
            (_, "starting", _) => Why::Starting,
            (_, "stopping", _) => Why::Stopping,
            (_, "standby", Some(1)) => Why::Closed,
            // It recovers from the crash of a process of its own.
            (.., Some(1)) => Why::Starting,
            (.., Some(0)) if !matches!(code, 124 | 137) => Why::Refusing,
            (.., None) => Why::Garbled,
            _ => Why::Hung,
        }
    }
}

fn places(answer: &Answer) -> Places {
    let mut places = Places::default();
    for line in &answer.lines {
        match line.split_once(' ') {
            Some(("real", path)) => places.real = path.to_owned(),
            Some(("wal", path)) => places.wal = Some(path.to_owned()),
            Some((word @ ("tablespace" | "tablespace_real"), rest)) => {
                if let Some((oid, path)) = rest.split_once(' ') {
                    let tablespaces = match word {
                        "tablespace" => &mut places.tablespaces,
                        _ => &mut places.tablespaces_real,
                    };
                    tablespaces.insert(oid.to_owned(), path.to_owned());
                }
            }
            _ if line == "link" => places.link = true,
            _ if line == "half" => places.half = true,
            _ => {}
        }
    }
    places
}

fn server(answer: &Answer) -> Result<Option<Server>, Problem> {
    let mut found: Option<Server> = None;
    for line in &answer.lines {
        let Some((word, rest)) = line.split_once(' ') else {
            continue;
        };
        match (word, &mut found) {
            ("server", found) => *found = Some(wire::server(rest)?),
            ("nodes", Some(server)) => server.nodes = wire::json(rest)?,
            ("previous", Some(server)) => {
                server.previous_primary = Some(rest.to_owned()).filter(|name| !name.is_empty());
            }
            ("paused", Some(server)) => server.repmgrd_paused = Some(rest == "true"),
            ("extensions", Some(server)) => {
                let (database, extensions) = wire::extensions(rest)?;
                server.extensions.insert(database, extensions);
            }
            _ => {}
        }
    }
    Ok(found)
}

fn pooler(answer: &Answer) -> Option<Pooler> {
    let mut pooler = Pooler::default();
    let mut show = "";
    let mut columns: Vec<&str> = Vec::new();
    for line in &answer.lines {
        if let Some(name) = line.strip_prefix("show ") {
            show = name;
            columns.clear();
            continue;
        }
        let fields: Vec<&str> = line.split('\t').collect();
        if columns.is_empty() {
            columns = fields;
            continue;
        }
        // Columns differ between versions, so they are found by name.
        let field = |name: &str| {
            let index = columns.iter().position(|column| *column == name)?;
            fields.get(index).copied()
        };
        match show {
            "DATABASES" if field("name") != Some("pgbouncer") => {
                pooler.databases.insert(
                    field("name")?.to_owned(),
                    PoolerDatabase {
                        host: field("host").unwrap_or_default().to_owned(),
                        port: field("port")
                            .and_then(|port| port.parse().ok())
                            .unwrap_or(0),
                        paused: field("paused") == Some("1"),
                        disabled: field("disabled") == Some("1"),
                        pool_mode: field("pool_mode")
                            .filter(|mode| !mode.is_empty())
                            .map(str::to_owned),
                    },
                );
            }
            // A pause of all databases at once; releases before 1.19 do not tell of it.
            "STATE" => {
                let holds = matches!(field("key"), Some("paused" | "suspended"));
                pooler.paused |= holds && field("value") == Some("yes");
            }
            "USERS" if field("pool_mode") == Some("session") => {
                pooler.session_users.push(field("name")?.to_owned());
            }
            "CONFIG" => {
                let key = field("key")?.to_owned();
                if field("changeable") == Some("no") {
                    pooler.fixed.push(key.clone());
                }
                pooler
                    .config
                    .insert(key, field("value").unwrap_or_default().to_owned());
            }
            _ => {}
        }
    }
    (answer.code == 0 && !pooler.config.is_empty()).then_some(pooler)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_without_parts_of_a_second_is_its_end() {
        assert_eq!(moment("17.250000"), 17.25);
        assert_eq!(moment("17.000000"), 17.999_999);
        assert_eq!(moment(""), 0.0);
        assert_eq!(moment("0.000000"), 0.0);
    }
}
