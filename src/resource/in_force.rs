//! Whether PostgreSQL runs with what is declared, and what else goes over that: another file, the command line, a role, a database.

use std::collections::BTreeMap;

use super::View;
use crate::facts::{OwnSetting, Server, Setting, Written};
use crate::postgres::setting::{alike, same};

/// Something that is not as declared and that pgha does not mend: what, and what to do about it.
pub type Told = (String, String);

/// Settings that sessions over a local socket do not have (`pq_getkeepalivesidle` and its like in pqcomm.c give 0).
const OF_TCP: [&str; 4] = [
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "tcp_keepalives_count",
    "tcp_user_timeout",
];

/// The lines of all files but `postgresql.auto.conf` (which `ALTER SYSTEM` writes), in the order in which the server reads them, with those of pgha's own
/// file as they are to be.
pub fn placed(server: &Server, own: &str, wanted: &BTreeMap<String, String>) -> Vec<Written> {
    let goes_after = |line: &Written| {
        let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        is_automatic(&line.file) || (folder(&line.file) == folder(own) && *line.file > *own)
    };
    let mut place = server.files.iter();
    let place = place
        .position(|line| line.file == own)
        .or_else(|| server.files.iter().position(goes_after))
        .unwrap_or(server.files.len());
    let (before, after) = server.files.split_at(place);
    let own_lines = wanted.iter().map(|(name, value)| Written {
        file: own.to_owned(),
        name: name.clone(),
        value: value.clone(),
        line: None,
    });
    let others = |lines: &[Written]| -> Vec<Written> {
        let lines = lines.iter();
        lines
            .filter(|line| line.file != own && !is_automatic(&line.file))
            .cloned()
            .collect()
    };
    let mut lines = others(before);
    lines.extend(own_lines);
    lines.extend(others(after));
    lines
}

fn is_automatic(file: &str) -> bool {
    file.ends_with("/postgresql.auto.conf")
}

/// The line of another file that goes over a declared value, and says otherwise.
pub fn overriding<'l>(
    server: &Server,
    lines: &'l [Written],
    own: &str,
    name: &str,
    value: &str,
) -> Option<&'l Written> {
    let last = lines
        .iter()
        .rfind(|line| line.name.eq_ignore_ascii_case(name))?;
    (last.file != own && !agree(server, name, value, &last.value)).then_some(last)
}

/// Whether two texts for a setting say the same.
fn agree(server: &Server, name: &str, one: &str, other: &str) -> bool {
    match server.settings.get(name) {
        Some(running) => alike(name, one, other, running.unit.as_deref(), &running.vartype),
        None => one == other,
    }
}

/// Whether the running value of a setting is another than `wanted`.
pub fn differs(name: &str, wanted: &str, running: &Setting) -> bool {
    !same(
        name,
        wanted,
        &running.raw,
        running.unit.as_deref(),
        &running.vartype,
    )
}

/// Whether the server has not taken what its files say since they were loaded, though it could: it is to load them again. Texts
/// are left out, since the server may show its own spelling of one.
pub fn is_behind(server: &Server, lines: &[Written], own: &str, name: &str, value: &str) -> bool {
    let Some(running) = server.settings.get(name) else {
        return false;
    };
    let reloads = !matches!(running.context.as_str(), "postmaster" | "internal");
    reloads
        && running.vartype != "string"
        && server.broken.is_empty()
        && !server.sources.contains_key(name)
        && !server.overrides.contains_key(name)
        && !OF_TCP.contains(&name)
        && overriding(server, lines, own, name, value).is_none()
        && differs(name, value, running)
}

/// What goes over declared settings and is not pgha's, so that it is told.
pub fn told(view: &View<'_>, own: &str, wanted: &BTreeMap<String, String>) -> Vec<Told> {
    let Some(server) = view.server() else {
        return Vec::new();
    };
    let lines = placed(server, own, wanted);
    let mut told = Vec::new();
    let is_loaded = view.path(own).modified() < server.loaded;
    let is_read = server.files.iter().any(|line| line.file == own);
    if !server.files.is_empty()
        && !wanted.is_empty()
        && is_loaded
        && !view.path(own).is_absent()
        && !is_read
    {
        told.push((
            format!("PostgreSQL does not read {own}: none of its settings is in force"),
            format!("write `include_dir = 'conf.d'` into {}", view.config_file()),
        ));
    }
    for broken in server.broken.iter().filter(|broken| broken.file != own) {
        told.push((
            format!(
                "PostgreSQL cannot take {}: {}; it goes on as it was, and may not start again",
                at(&broken.file, broken.line),
                broken.error
            ),
            "put that line right".to_owned(),
        ));
    }
    for (name, value) in wanted {
        if let Some(line) = overriding(server, &lines, own, name, value) {
            told.push((
                format!(
                    "`{name}` is to be {value}, and {} says {}",
                    at(&line.file, line.line),
                    line.value
                ),
                "remove that line, or declare its value in `postgresql_settings`".to_owned(),
            ));
        }
        let source = server.sources.get(name).map(String::as_str);
        if let (Some(source @ ("command line" | "environment variable")), Some(running)) =
            (source, server.settings.get(name))
            && differs(name, value, running)
        {
            told.push((
                format!(
                    "`{name}` is to be {value}, and the server's {source} says {}",
                    running.value
                ),
                format!(
                    "look into {}/pg_ctl.conf, {0}/environment and the unit `{}`",
                    view.config_directory(),
                    view.unit()
                ),
            ));
        }
    }
    told.extend(
        of_sessions(view, server, wanted, |own| own.role.is_none()).map(|own| {
            let (whose, reset) = session(own);
            (
                format!(
                    "`{}` is to be {}, and is {} {whose}",
                    own.name, wanted[&own.name], own.value
                ),
                format!("`{reset}`, or declare its value in `postgresql_settings`"),
            )
        }),
    );
    told
}

/// What single roles have of their own, which somebody may well mean.
pub fn of_roles(view: &View<'_>, wanted: &BTreeMap<String, String>) -> Vec<String> {
    let Some(server) = view.server() else {
        return Vec::new();
    };
    of_sessions(view, server, wanted, |own| own.role.is_some())
        .map(|own| {
            let (whose, reset) = session(own);
            format!(
                "`{}` is {} and not {} {whose}; `{reset}` if that is not meant",
                own.name, own.value, wanted[&own.name]
            )
        })
        .collect()
}

/// What roles and databases set otherwise than declared, told once for the cluster. pgha's own roles have what its sessions need.
fn of_sessions<'s>(
    view: &View<'s>,
    server: &'s Server,
    wanted: &BTreeMap<String, String>,
    which: fn(&OwnSetting) -> bool,
) -> impl Iterator<Item = &'s OwnSetting> {
    let pghas = [
        &view.inventory.cluster.repmgr_user,
        &view.variables().watch_user,
    ];
    let is_told = view.is_primary();
    let settings = server.own_settings.iter().filter(move |_| is_told);
    let settings = settings.filter(move |own| which(own));
    let settings = settings.filter(move |own| {
        let is_pghas = |role: &String| pghas.contains(&role);
        !own.role.as_ref().is_some_and(is_pghas)
    });
    let differing: Vec<&OwnSetting> = settings
        .filter(|own| {
            let value = wanted.get(&own.name);
            value.is_some_and(|value| !agree(server, &own.name, value, &own.value))
        })
        .collect();
    differing.into_iter()
}

/// Whose sessions have a setting, and what takes it away.
fn session(own: &OwnSetting) -> (String, String) {
    let reset = |whose: String| format!("alter {whose} reset {}", own.name);
    match (&own.role, &own.database) {
        (Some(role), Some(database)) => (
            format!("for the role `{role}` in the database `{database}`"),
            reset(format!("role {role} in database {database}")),
        ),
        (Some(role), None) => (
            format!("for the role `{role}`"),
            reset(format!("role {role}")),
        ),
        (None, Some(database)) => (
            format!("in the database `{database}`"),
            reset(format!("database {database}")),
        ),
        (None, None) => ("for all roles".to_owned(), reset("role all".to_owned())),
    }
}

/// A place in a file.
pub fn at(file: &str, line: Option<u32>) -> String {
    match line {
        Some(line) => format!("{file}:{line}"),
        None => file.to_owned(),
    }
}
