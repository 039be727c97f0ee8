//! A copy of the primary's data on a member: made beside its place, with tablespaces and `pg_wal` where they are, while a
//! standby that is there goes on. What could not end that way is refused before anything begins.

use std::collections::BTreeMap;

use super::postgresql_cluster::{build_directory, is_mount, not_a_link, prepare};
use super::programs::{COPY, REJOIN};
use super::repmgrd::{REPMGRD, runs, stand_aside};
use super::{Draft, View};
use crate::facts::{Facts, Places, Server};
use crate::manager::slot_of_copy;
use crate::plan::{Member, Op, Shown};
use crate::postgres::conninfo::Conninfo;
use crate::problem::Problem;
use crate::size::bytes;

/// What is in the place of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Empty,
    /// A data directory, which stays until the copy is whole.
    Taken,
}

/// What a copy has outside of its data directory.
#[derive(Debug)]
pub struct Parts {
    /// Where `pg_wal` is.
    wal: Option<String>,
    /// By OID.
    tablespaces: BTreeMap<String, Part>,
}

#[derive(Debug)]
struct Part {
    /// Where the primary has it.
    there: String,
    here: String,
    /// That, without links as far as they are known.
    real: String,
    size: u64,
}

/// Those of this member's copy: each where the member has it, or else where the primary has it; `None`: there are none.
pub fn parts(view: &View<'_>) -> Option<Parts> {
    let places = &view.facts().places;
    let of_primary = view.primary_server().map(|server| &server.tablespaces);
    let tablespaces = of_primary.into_iter().flatten().map(|(oid, tablespace)| {
        let own = places.tablespace_place(oid);
        let here = own.unwrap_or_else(|| Places::without_copy(&tablespace.location));
        let real = places.tablespaces_real.get(oid);
        let part = Part {
            there: tablespace.location.clone(),
            here: here.to_owned(),
            real: real.map_or_else(|| here.to_owned(), Clone::clone),
            size: tablespace.size,
        };
        (oid.clone(), part)
    });
    let parts = Parts {
        wal: places.wal_place().map(str::to_owned),
        tablespaces: tablespaces.collect(),
    };
    (parts.wal.is_some() || !parts.tablespaces.is_empty()).then_some(parts)
}

/// The facts once a copy, with its parts, is in its place.
pub fn settled(view: &View<'_>, facts: &mut Facts) {
    let parts = parts(view);
    facts.places.wal = parts.as_ref().and_then(|parts| parts.wal.clone());
    let tablespaces = parts.into_iter().flat_map(|parts| parts.tablespaces);
    let here = tablespaces.map(|(oid, part)| (oid, part.here));
    facts.places.tablespaces = here.collect();
}

/// Makes a whole copy beside its place.
///
/// # Errors
/// It could not take its place in the end, or there is too little room for it.
pub fn make(view: &View<'_>, draft: Draft, place: Place) -> Result<Draft, Problem> {
    let member = view.topology.member(view.host).ok_or_else(|| {
        Problem::input("only a host of group `postgres` can be a standby")
            .hint("`hosts: standbys` in the play means them")
    })?;
    let parts = parts(view);
    can_take_its_place(view, parts.as_ref(), place)?;
    enough_room(view, parts.as_ref(), place)?;
    let primary = &view.topology.primary;
    let build = build_directory(view);
    let mut draft = prepare(view, draft)
        .after([primary.clone()])
        .field("data directory", None, view.data_directory())
        .field("source", None, primary.as_str())
        .field(
            "size",
            None,
            match view.primary_server() {
                Some(server) if server.size > 0 => Shown::Value(bytes(server.size)),
                _ => Shown::Unknown("the primary was created".to_owned()),
            },
        );
    if let Some(parts) = &parts {
        if let Some(wal) = &parts.wal {
            draft = draft.field("pg_wal", None, wal.as_str());
        }
        let wal = parts.wal.clone().unwrap_or_default();
        let mut argv = vec![COPY.to_owned(), "ready".to_owned(), wal];
        for part in parts.tablespaces.values() {
            let shown = format!("{} ({})", part.here, bytes(part.size));
            draft = draft.field("tablespace", None, shown);
            argv.push(part.here.clone());
        }
        draft = draft.run("root", argv);
    }
    let basebackup = basebackup(view, member, parts.as_ref());
    draft = if !view.facts().server.is_down() {
        // The member's own slot is in use, and goes on with the old data.
        let held = [COPY, "held", primary, &slot(member)].map(str::to_owned);
        let basebackup = basebackup.into_iter().chain(["--create-slot".to_owned()]);
        draft.run("root", held.into_iter().chain(basebackup))
    } else {
        draft.run("postgres", basebackup)
    };
    draft = draft.run("root", [REJOIN, "follow", primary, &build]);
    if view.path(&view.config_file()).is_absent() {
        // A copy of a primary that keeps its configuration in `/etc` comes without any; `pg_createcluster` wants some.
        let sample = format!(
            "/usr/share/postgresql/{}/postgresql.conf.sample",
            view.version()
        );
        let file = format!("{build}/postgresql.conf");
        draft = draft
            .run(
                "postgres",
                ["install", "-m", "0600", sample.as_str(), &file],
            )
            .run(
                "postgres",
                [
                    "touch".to_owned(),
                    format!("{build}/pg_hba.conf"),
                    format!("{build}/pg_ident.conf"),
                ],
            );
    }
    Ok(draft)
}

/// A whole copy comes to its place, which is empty.
pub fn put(view: &View<'_>, draft: Draft) -> Draft {
    draft.op(Op::Rename {
        from: build_directory(view),
        to: view.data_directory(),
    })
}

/// The standby that goes on while its copy is made is stopped; not where it was promoted meanwhile.
pub fn step_down(view: &View<'_>, draft: Draft) -> Draft {
    let draft = stand_aside(view, draft);
    if view.facts().server.is_down() {
        return draft;
    }
    let mut argv = vec![COPY, "still", &view.topology.primary];
    if runs(view) {
        argv.push(REPMGRD);
    }
    draft
        .run("root", argv)
        .op(super::postgresql_server::stop(view))
}

/// A whole copy takes the place of what was there, which is kept unless it is to be discarded.
pub fn replace(view: &View<'_>, draft: Draft, discard: bool) -> Draft {
    let build = build_directory(view);
    let mut argv = vec![COPY.to_owned(), "replace".to_owned(), build];
    if discard {
        argv.push("discard".to_owned());
    }
    if let (Some(_), Some(member)) = (view.server(), view.topology.member(view.host)) {
        argv.extend([view.topology.primary.clone(), slot(member)]);
    }
    draft.run("root", argv)
}

/// The slot that keeps what a copy needs while the member's is in use. One that is left over is dropped with those that no
/// member uses.
fn slot(member: &Member) -> String {
    slot_of_copy(&member.slot)
}

/// Under pg_basebackup's own name: under the member's, a synchronous commit could take what the copy has for the member's.
fn basebackup(view: &View<'_>, member: &Member, parts: Option<&Parts>) -> Vec<String> {
    let source: Conninfo = view
        .upstream(&view.topology.primary)
        .without("application_name");
    let slot = match view.server() {
        Some(_) => slot(member),
        None => member.slot.clone(),
    };
    let mut argv = vec![
        view.program("pg_basebackup"),
        "--pgdata".to_owned(),
        build_directory(view),
        "--dbname".to_owned(),
        source.to_string(),
        "--wal-method=stream".to_owned(),
        "--checkpoint=fast".to_owned(),
        format!("--slot={slot}"),
        "--progress".to_owned(),
        "--no-password".to_owned(),
    ];
    if let Some(parts) = parts {
        if let Some(wal) = &parts.wal {
            argv.push(format!("--waldir={wal}.pgha-new"));
        }
        // An equals sign in a path is written `\=` (its documentation).
        let escaped = |path: &str| path.replace('=', "\\=");
        argv.extend(parts.tablespaces.values().map(|part| {
            let (there, here) = (escaped(&part.there), escaped(&part.here));
            format!("--tablespace-mapping={there}={here}/pgha-new")
        }));
    }
    argv
}

/// The path of the data directory without links, as far as it is known.
fn real(view: &View<'_>) -> String {
    let real = &view.facts().places.real;
    if real.is_empty() {
        view.data_directory()
    } else {
        real.clone()
    }
}

fn can_take_its_place(view: &View<'_>, parts: Option<&Parts>, place: Place) -> Result<(), Problem> {
    not_a_link(view)?;
    let places = &view.facts().places;
    let host = view.host;
    let data = view.data_directory();
    if place == Place::Taken && is_mount(view) {
        return Err(Problem::refused(format!(
            "a filesystem is mounted on `{data}`: a copy beside it would be on another, and could not take its place"
        ))
        .hint(format!(
            "stop PostgreSQL on `{host}` and empty the directory, then `pgha rejoin INVENTORY {host}` copies into it; or name a folder below a mount point in `postgresql_data_directory`"
        )));
    }
    if place == Place::Taken && places.unsettled() {
        return Err(Problem::refused(
            "an earlier copy is in its place, and its tablespaces or its `pg_wal` are not",
        )
        .hint("`pgha apply INVENTORY` moves them to theirs; then run this again"));
    }
    let Some(parts) = parts else { return Ok(()) };
    if let Some(wal) = &parts.wal
        && view.facts().filesystems.is_mount(wal)
    {
        return Err(Problem::refused(format!(
            "`pg_wal` leads to `{wal}`, on which a filesystem is mounted: a copy beside it would be on another, and could not take its place"
        ))
        .hint(format!(
            "stop PostgreSQL on `{host}`, move what is in it to a folder below it, make `pg_wal` lead there, and start it again"
        )));
    }
    let inside = [data.clone(), real(view)].map(|data| format!("{data}/"));
    let all = parts.tablespaces.values().map(|part| &part.real);
    for path in all.chain(&parts.wal) {
        if inside.iter().any(|data| path.starts_with(data.as_str())) {
            return Err(Problem::refused(format!(
                "`{path}` is a tablespace's, or `pg_wal`'s, and in the data directory: it cannot be copied apart from it"
            ))
            .hint("move its tables to a tablespace outside of `postgresql_data_directory`, and drop it"));
        }
    }
    Ok(())
}

/// All that is copied must fit beside what is there, on each filesystem; and a tenth more where the log is, since WAL arrives
/// while the copy runs.
fn enough_room(view: &View<'_>, parts: Option<&Parts>, place: Place) -> Result<(), Problem> {
    let Some(Server { size, .. }) = view.primary_server() else {
        return Ok(());
    };
    let filesystems = &view.facts().filesystems;
    let real = real(view);
    let parent = match real.rsplit_once('/') {
        Some((parent, _)) if !parent.is_empty() && !is_mount(view) => parent.to_owned(),
        _ => real.clone(),
    };
    let tablespaces = parts
        .into_iter()
        .flat_map(|parts| parts.tablespaces.values());
    let mut needs: Vec<(&str, u64)> = tablespaces
        .map(|part| (part.real.as_str(), part.size))
        .collect();
    let elsewhere: u64 = needs.iter().map(|(_, size)| size).sum();
    let wal = parts.and_then(|parts| parts.wal.as_deref());
    needs.insert(0, (&parent, size.saturating_sub(elsewhere)));
    needs.push((wal.unwrap_or(&parent), size / 10));
    let mut by_device: BTreeMap<&str, (&str, u64, u64)> = BTreeMap::new();
    for (path, needed) in needs {
        if let Some(filesystem) = filesystems.of(path) {
            let entry = by_device
                .entry(&filesystem.device)
                .or_insert((path, filesystem.free, 0));
            entry.2 += needed;
        }
    }
    let short = by_device.values().find(|(_, free, needed)| free < needed);
    let Some((path, free, needed)) = short else {
        return Ok(());
    };
    let hint = match place {
        Place::Empty => format!(
            "make room on the filesystem of `{path}`, or name another in `postgresql_data_directory`"
        ),
        Place::Taken => format!(
            "make room on the filesystem of `{path}`; or give up what is there first: stop PostgreSQL on `{0}`, remove its data directory and what is in its tablespaces, and `pgha rejoin INVENTORY {0}` copies to the empty places",
            view.host
        ),
    };
    Err(Problem::refused(format!(
        "too little disk for a clone: {} free, {} needed at `{path}`",
        bytes(*free),
        bytes(*needed)
    ))
    .hint(hint))
}
