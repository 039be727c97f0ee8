//! One kind of thing that pgha can look at and change: one file each. No resource knows whether a plan will be run.

mod argument;
mod authorized_key;
mod command;
mod data_copy;
mod data_discard;
mod dead_man;
mod directory;
mod diverged_wal;
mod draft;
mod failover_gate;
mod file;
mod in_force;
mod known_hosts;
mod node_departure;
mod package;
mod pgbouncer_config;
mod pgbouncer_login;
mod pgbouncer_pause;
mod pgbouncer_primary;
mod postgresql_checkpoint;
mod postgresql_cluster;
mod postgresql_database;
mod postgresql_extension;
mod postgresql_hba;
mod postgresql_restart;
mod postgresql_role;
mod postgresql_server;
mod postgresql_settings;
mod postgresql_slots;
mod postgresql_start_conf;
mod postgresql_stop;
mod primary_fence;
mod primary_stop;
mod programs;
mod repmgr_nodes;
mod repmgr_registration;
mod repmgrd;
mod repmgrd_pause;
mod service;
mod ssh_key_pair;
mod standby_clone;
mod standby_promotion;
mod standby_rejoin;
mod standby_signal;
mod standby_upstream;
mod sudoers;
mod switchover_gate;
mod systemd_unit;
mod user;
mod view;
mod wait_for;
mod wal_received;

pub use draft::{Draft, Verdict};
pub use standby_rejoin::is_rewind;
pub use view::View;

use schemars::{Schema, schema_for};

use crate::facts::{Facts, Probe};
use crate::problem::{Problem, Problems};
use crate::template::Program;
use crate::yaml::{Node, decode};

/// One declared thing on one host.
pub trait Resource {
    /// Which one: a path, a package, a role.
    fn subject(&self) -> String;

    /// What must be looked at to compare it. Depends on variables and the release only, never on other facts.
    fn probes(&self, view: &View<'_>) -> Vec<Probe>;

    /// Whether it can do nothing where PostgreSQL is there and does not tell what it is: so it is with all that ask about the
    /// cluster, but for those that are for such a server.
    fn needs_answer(&self, view: &View<'_>) -> bool {
        let cluster = |probe: &Probe| matches!(probe, Probe::Cluster { .. });
        self.probes(view).iter().any(cluster)
    }

    /// Whether it goes by what the cluster holds, as this host's server or the primary tells, and cannot while that is not known:
    /// so it is with all that ask about the cluster, but for what starts a server.
    fn needs_contents(&self, view: &View<'_>) -> bool {
        self.needs_answer(view)
    }

    /// Everything that forbids the change, for a resource that can find more than one thing: told all at once.
    fn refusals(&self, _: &View<'_>) -> Vec<Problem> {
        Vec::new()
    }

    /// What the change does not stop for, and somebody will feel.
    fn warnings(&self, _: &View<'_>) -> Vec<String> {
        Vec::new()
    }

    /// What is not as declared, and that pgha does not mend: each with what to do about it. It does not keep back the change itself.
    fn held(&self, _: &View<'_>) -> Vec<(String, String)> {
        Vec::new()
    }

    /// What differs, the exact operations, the guards.
    ///
    /// # Errors
    /// A safety rule refuses, or the declaration cannot be met.
    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem>;

    /// Makes `facts`, those of this host, what they will be once the change was made.
    fn settle(&self, view: &View<'_>, facts: &mut Facts);

    /// The facts of the primary afterwards, where a change on another host reaches them.
    fn at_the_primary(&self, _: &View<'_>) -> Option<Facts> {
        None
    }
}

/// A resource that is one file and nothing else.
trait OneFile {
    fn path(&self) -> String;

    /// The file as it must be.
    fn file(&self, view: &View<'_>) -> file::File;

    /// Whether that file can be meant.
    fn check(&self, _: &View<'_>) -> Result<(), Problem> {
        Ok(())
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        self.file(view).probes(view)
    }
}

impl<F: OneFile> Resource for F {
    fn subject(&self) -> String {
        self.path()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        OneFile::probes(self, view)
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        self.check(view)?;
        self.file(view).verdict(view)
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        self.file(view).settle(view, facts);
    }
}

/// The files that arguments name, for the host at hand.
pub trait Files {
    /// The text of a template, rendered.
    ///
    /// # Errors
    /// There is none of that name, or it cannot be rendered.
    fn template(&self, name: &str) -> Result<String, Problem>;

    /// A program as it is.
    ///
    /// # Errors
    /// There is none of that name, or it cannot be read.
    fn program(&self, name: &str) -> Result<Program, Problem>;
}

macro_rules! kinds {
    ($($name:literal => $type:ty,)*) => {
        /// The names of all resources, as playbooks write them.
        pub const NAMES: &[&str] = &[$($name),*];

        /// What each resource is and takes, as JSON Schema: the one source of the reference and of what editors are told.
        pub fn schemas() -> Vec<(&'static str, Schema)> {
            vec![$(($name, schema_for!($type))),*]
        }

        /// Reads the (already rendered) arguments of the resource `kind`.
        ///
        /// # Errors
        /// An argument is unknown, missing or of the wrong type.
        pub fn declare(kind: &str, arguments: &Node, files: &dyn Files) -> Result<Box<dyn Resource>, Problems> {
            argument::check(arguments)?;
            match kind {
                $($name => {
                    let declared: $type = decode(arguments, kind)?;
                    declared.complete(files).map(|whole| Box::new(whole) as Box<dyn Resource>).map_err(Problems::from)
                })*
                other => Err(Problem::input(format!("there is no resource `{other}`")).at(&arguments.span).into()),
            }
        }
    };
}

/// Arguments that are not a resource yet: a file still has to be read.
trait Declared: Sized {
    type Whole: Resource + 'static;

    fn complete(self, files: &dyn Files) -> Result<Self::Whole, Problem>;
}

/// Most arguments are the resource.
impl<R: Resource + 'static> Declared for R {
    type Whole = R;

    fn complete(self, _: &dyn Files) -> Result<R, Problem> {
        Ok(self)
    }
}

kinds! {
    "authorized_key" => authorized_key::AuthorizedKey,
    "command" => command::Command,
    "data_discard" => data_discard::DataDiscard,
    "dead_man" => dead_man::DeadMan,
    "directory" => directory::Directory,
    "diverged_wal" => diverged_wal::DivergedWal,
    "failover_gate" => failover_gate::FailoverGate,
    "file" => file::Arguments,
    "known_hosts" => known_hosts::KnownHosts,
    "node_departure" => node_departure::NodeDeparture,
    "package" => package::Package,
    "pgbouncer_config" => pgbouncer_config::PgbouncerConfig,
    "pgbouncer_login" => pgbouncer_login::PgbouncerLogin,
    "pgbouncer_pause" => pgbouncer_pause::PgbouncerPause,
    "pgbouncer_primary" => pgbouncer_primary::PgbouncerPrimary,
    "postgresql_checkpoint" => postgresql_checkpoint::PostgresqlCheckpoint,
    "postgresql_cluster" => postgresql_cluster::PostgresqlCluster,
    "postgresql_database" => postgresql_database::PostgresqlDatabase,
    "postgresql_extension" => postgresql_extension::PostgresqlExtension,
    "postgresql_hba" => postgresql_hba::Arguments,
    "postgresql_restart" => postgresql_restart::PostgresqlRestart,
    "postgresql_role" => postgresql_role::PostgresqlRole,
    "postgresql_server" => postgresql_server::PostgresqlServer,
    "postgresql_settings" => postgresql_settings::Arguments,
    "postgresql_slots" => postgresql_slots::PostgresqlSlots,
    "postgresql_start_conf" => postgresql_start_conf::PostgresqlStartConf,
    "postgresql_stop" => postgresql_stop::PostgresqlStop,
    "primary_fence" => primary_fence::PrimaryFence,
    "primary_stop" => primary_stop::PrimaryStop,
    "repmgr_nodes" => repmgr_nodes::RepmgrNodes,
    "repmgr_registration" => repmgr_registration::RepmgrRegistration,
    "repmgrd_pause" => repmgrd_pause::RepmgrdPause,
    "service" => service::Service,
    "ssh_key_pair" => ssh_key_pair::SshKeyPair,
    "standby_clone" => standby_clone::StandbyClone,
    "standby_promotion" => standby_promotion::StandbyPromotion,
    "standby_rejoin" => standby_rejoin::StandbyRejoin,
    "standby_signal" => standby_signal::StandbySignal,
    "standby_upstream" => standby_upstream::StandbyUpstream,
    "sudoers" => sudoers::Sudoers,
    "switchover_gate" => switchover_gate::SwitchoverGate,
    "systemd_unit" => systemd_unit::SystemdUnit,
    "template" => file::Template,
    "user" => user::User,
    "wait_for" => wait_for::WaitFor,
    "wal_received" => wal_received::WalReceived,
}
