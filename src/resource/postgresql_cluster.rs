//! The resource `postgresql_cluster`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Draft, Resource, Verdict, View};
use crate::facts::{DataDirectory, Database, Facts, Path, Probe, Role, Server};
use crate::plan::{Action, Guard, Op, Shown};
use crate::problem::Problem;

/// The data directory of the primary, or of the witness: initialised where there is none, and known to Debian's tools.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlCluster {
    /// The locale of the new cluster.
    #[serde(default = "locale")]
    locale: String,
    /// The encoding of the new cluster.
    #[serde(default = "encoding")]
    encoding: String,
}

fn locale() -> String {
    "C.UTF-8".to_owned()
}

fn encoding() -> String {
    "UTF8".to_owned()
}

impl Resource for PostgresqlCluster {
    fn subject(&self) -> String {
        "data directory".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        new_directory_probes(view)
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        if view.facts().data.is_some() {
            of_its_own(view)?;
            return Ok(
                adopt(view, Draft::new(Action::Update)).map_or(Verdict::AsDeclared, Into::into)
            );
        }
        if view.topology.exists && !view.is_witness() {
            return Err(Problem::refused(
                "there is a cluster already, and this host has no data of it",
            )
            .hint("`standby_clone` makes it a member"));
        }
        if view.is_lost() {
            return Err(Problem::refused(format!(
                "its data are gone: this node was one of the cluster, and `{}` holds none",
                view.data_directory()
            ))
            .hint("mount what is missing there; `pgha apply INVENTORY --new-cluster` makes an empty one in its place"));
        }
        if !view.takes_writes() {
            return Err(Problem::refused(
                "only one member's data directory is made anew: the primary's",
            )
            .hint("`hosts: primary` in the play means it; `standby_clone` is for the others"));
        }
        not_a_link(view)?;
        let build = build_directory(view);
        let put = Op::Rename {
            from: build.clone(),
            to: view.data_directory(),
        };
        if view.facts().places.half {
            let draft = Draft::new(Action::Create).op(put);
            return Ok(adopt(view, draft).expect("it is to be moved up").into());
        }
        let initdb = [
            view.program("initdb"),
            "--pgdata".to_owned(),
            build.clone(),
            "--data-checksums".to_owned(),
            format!("--locale={}", self.locale),
            format!("--encoding={}", self.encoding),
            "--auth-local=peer".to_owned(),
            "--auth-host=scram-sha-256".to_owned(),
        ];
        let draft = prepare(view, Draft::new(Action::Create).guard(no_cluster(view)))
            .field("data directory", None, view.data_directory())
            .field("data checksums", None, "on")
            .field("locale", None, self.locale.as_str())
            .field(
                "system identifier",
                None,
                Shown::Unknown("initdb".to_owned()),
            )
            .run("postgres", initdb)
            .op(put);
        let draft = adopt(view, draft).expect("a bare host has no configuration yet");
        Ok(draft.into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        settle(view, facts, false);
    }
}

/// A witness is no copy of the cluster, and pgha makes none of a server that holds something.
fn of_its_own(view: &View<'_>) -> Result<(), Problem> {
    let Some(data) = view.facts().data.as_ref().filter(|_| view.is_witness()) else {
        return Ok(());
    };
    let primary = &view.topology.primary;
    let of_members = view
        .world
        .get(primary)
        .and_then(|facts| facts.data.as_ref());
    let known = &view.inventory.cluster.repmgr_database;
    let known = ["postgres", "template0", "template1", known];
    let mut databases = view
        .server()
        .into_iter()
        .flat_map(|server| server.databases.keys());
    let what = if data.system_identifier.is_none() && data.version.is_empty() {
        "the data directory is not empty, and holds no cluster that can be read".to_owned()
    } else if of_members.is_some_and(|other| {
        other.system_identifier.is_some() && other.system_identifier == data.system_identifier
    }) {
        format!(
            "the data directory is a copy of `{primary}`'s, and a witness has a cluster of its own"
        )
    } else if let Some(name) = databases.find(|name| !known.contains(&name.as_str())) {
        format!(
            "its PostgreSQL holds the database `{name}`, and a witness holds nothing but repmgr's"
        )
    } else {
        return Ok(());
    };
    Err(Problem::refused(what)
        .because(format!("`{}`: {}", data.path, data.state))
        .hint("pgha does not remove data: move the directory away, or name another in `postgresql_data_directory`"))
}

/// What both ways to a data directory ask.
pub fn new_directory_probes(view: &View<'_>) -> Vec<Probe> {
    vec![
        view.cluster_probe(),
        Probe::Filesystems,
        Probe::Path(view.config_file()),
        Probe::Path(beside(view)),
        Probe::Path(below(view)),
        Probe::Path(parent_directory(view)),
    ]
}

fn parent_directory(view: &View<'_>) -> String {
    match view.data_directory().rsplit_once('/') {
        Some((parent, _)) if !parent.is_empty() => parent.to_owned(),
        _ => "/".to_owned(),
    }
}

/// Where a data directory is built; it is moved into place when it is whole, so a half-made one is never taken for one.
pub fn build_directory(view: &View<'_>) -> String {
    if is_mount(view) {
        below(view)
    } else {
        beside(view)
    }
}

fn beside(view: &View<'_>) -> String {
    format!("{}.pgha-new", view.data_directory())
}

fn below(view: &View<'_>) -> String {
    format!("{}/pgha-new", view.data_directory())
}

/// Whether a filesystem is mounted on the data directory: nothing can take its place.
pub fn is_mount(view: &View<'_>) -> bool {
    let Facts {
        places,
        filesystems,
        ..
    } = view.facts();
    filesystems.is_mount(&places.real)
}

/// What takes its place would be on another filesystem than what it leads to.
///
/// # Errors
/// The data directory's own name is a link's.
pub fn not_a_link(view: &View<'_>) -> Result<(), Problem> {
    if !view.facts().places.link {
        return Ok(());
    }
    Err(Problem::refused(format!(
        "`{}` is a link, and a data directory in its place would be on another filesystem",
        view.data_directory()
    ))
    .hint("name the directory itself in `postgresql_data_directory`; a folder that it is in may be a link"))
}

/// Nothing is put where a cluster is.
pub fn no_cluster(view: &View<'_>) -> Guard {
    Guard::NoCluster {
        path: view.data_directory(),
    }
}

/// Clears what an interrupted build left, and makes the build directory, with its parent where there is none: one that is
/// there may be `/srv` or `/`, and stays whose it is.
pub fn prepare(view: &View<'_>, mut draft: Draft) -> Draft {
    let build = build_directory(view);
    for left in [beside(view), below(view)] {
        if !view.path(&left).is_absent() {
            draft = draft.run("root", ["rm", "-rf", "--", left.as_str()]);
        }
    }
    let owned = |path: String, mode: &str| Op::MakeDirectory {
        path,
        mode: mode.to_owned(),
        owner: "postgres".to_owned(),
        group: "postgres".to_owned(),
    };
    let parent = parent_directory(view);
    if parent != "/" && view.path(&parent).is_absent() {
        draft = draft.op(owned(parent, "0755"));
    }
    if is_mount(view) {
        draft = draft.op(owned(view.data_directory(), "0700"));
    }
    draft.op(owned(build, "0700"))
}

/// Makes Debian's tools know the data directory, unless they do: `pg_createcluster` takes an existing one in, and moves
/// its configuration to `/etc`. `None` if there is nothing to do.
pub fn adopt(view: &View<'_>, draft: Draft) -> Option<Draft> {
    if !view.path(&view.config_file()).is_absent() {
        return (!draft.ops.is_empty()).then_some(draft);
    }
    let version = view.version().to_string();
    Some(
        draft
            .field("configuration", None, view.config_directory())
            .run(
                "root",
                [
                    "pg_createcluster",
                    version.as_str(),
                    "main",
                    "--datadir",
                    &view.data_directory(),
                    "--port",
                    &view.port().to_string(),
                    "--start-conf",
                    "auto",
                ],
            ),
    )
}

/// What a cluster holds that was just made.
fn new() -> Server {
    let superuser = Role {
        login: true,
        superuser: true,
        replication: true,
        ..Role::default()
    };
    let databases = ["postgres", "template1"].map(|name| {
        let owner = "postgres".to_owned();
        (name.to_owned(), Database { owner })
    });
    Server {
        roles: [("postgres".to_owned(), superuser)].into(),
        databases: databases.into(),
        ..Server::default()
    }
}

/// The facts after a data directory was made (or taken in).
pub fn settle(view: &View<'_>, facts: &mut Facts, standby: bool) {
    if facts.data.is_none() && !standby {
        facts.stopped = Some(new());
    }
    facts.data.get_or_insert_with(|| DataDirectory {
        path: view.data_directory(),
        version: view.version().to_string(),
        state: "shut down".to_owned(),
        standby_signal: standby,
        checksums: true,
        timeline: Some(1),
        ..DataDirectory::default()
    });
    if view.path(&view.config_file()).is_absent() {
        facts.paths.insert(
            view.config_file(),
            Path::File {
                mode: "0644".to_owned(),
                owner: "postgres".to_owned(),
                group: "postgres".to_owned(),
                modified: view.now,
                sha256: None,
                witness: None,
                content: None,
            },
        );
        // What `pg_createcluster` writes beside it is there, but its content cannot be known.
        for name in ["pg_hba.conf", "pg_ident.conf"] {
            facts.paths.insert(
                format!("{}/{name}", view.config_directory()),
                Path::File {
                    mode: "0640".to_owned(),
                    owner: "postgres".to_owned(),
                    group: "postgres".to_owned(),
                    modified: view.now,
                    sha256: None,
                    witness: None,
                    content: None,
                },
            );
        }
    }
    facts.places.half = false;
    facts.paths.insert(beside(view), Path::Absent);
    facts.paths.insert(below(view), Path::Absent);
    let parent = facts.paths.entry(parent_directory(view)).or_default();
    if parent.is_absent() {
        *parent = Path::Directory {
            mode: "0755".to_owned(),
            owner: "postgres".to_owned(),
            group: "postgres".to_owned(),
        };
    }
}
