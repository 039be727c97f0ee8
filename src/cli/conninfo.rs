//! `pgha conninfo`: the libpq connection string of an application.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::load::{Inputs, Loaded};
use super::out;
use crate::postgres::conninfo::Conninfo;
use crate::postgres::scram;
use crate::problem::{Problem, Problems, did_you_mean};

/// Seconds for each host: a host that is gone does not hold up the next one for long.
const CONNECT_TIMEOUT: &str = "5";

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    inputs: Inputs,
    /// One of `postgresql_users`; the first that may log in by default
    #[arg(long, short = 'U')]
    user: Option<String>,
    /// One of `postgresql_databases`; the first by default
    #[arg(long, short)]
    database: Option<String>,
    /// Where to connect: by default to the poolers, and to the members where there are none
    #[arg(long, value_enum)]
    via: Option<Via>,
    /// Include the password
    #[arg(long)]
    show_password: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Via {
    /// All poolers, in the inventory's order
    Pooler,
    /// All members, whichever of them takes writes
    Members,
}

/// Runs the verb; gives the exit code. Reads files only.
///
/// # Errors
/// The input is wrong, or the password is not known yet.
pub fn run(arguments: &Arguments) -> Result<u8, Problems> {
    let loaded = arguments.inputs.load()?;
    let conninfo = conninfo(arguments, &loaded)?.to_string();
    if arguments.json {
        out::json(&json!({"conninfo": conninfo}));
    } else {
        out::text(&format!("{conninfo}\n"));
    }
    Ok(0)
}

/// What an application of this inventory connects with, password included.
///
/// # Errors
/// As [`run`].
pub fn of(inputs: &Inputs) -> Result<Conninfo, Problems> {
    let arguments = Arguments {
        inputs: inputs.clone(),
        user: None,
        database: None,
        via: None,
        show_password: true,
        json: false,
    };
    let loaded = inputs.load()?;
    Ok(conninfo(&arguments, &loaded)?)
}

fn conninfo(arguments: &Arguments, loaded: &Loaded) -> Result<Conninfo, Problem> {
    let user = user(arguments, loaded)?;
    let database = database(arguments, loaded)?;
    let (via, hosts) = hosts(arguments, loaded)?;
    let variables = |host: &str| &loaded.inventory.hosts[host].variables;
    let of_each = |what: &dyn Fn(&str) -> String| {
        let each: Vec<String> = hosts.iter().map(|host| what(host)).collect();
        each.join(",")
    };
    let port = |host: &str| match via {
        Via::Pooler => variables(host).pgbouncer_port.to_string(),
        Via::Members => variables(host).postgresql_port.to_string(),
    };
    let mut conninfo = Conninfo::default()
        .with(
            "host",
            of_each(&|host| loaded.inventory.hosts[host].address()),
        )
        .with("port", of_each(&port))
        .with("dbname", database)
        .with("user", user)
        .with("connect_timeout", CONNECT_TIMEOUT);
    if via == Via::Members {
        conninfo = conninfo.with("target_session_attrs", "read-write");
    }
    if arguments.show_password {
        let password = loaded.secrets.get(user).ok_or_else(|| {
            Problem::input(format!("there is no password of `{user}` yet"))
                .hint(loaded.store.hint())
        })?;
        if scram::is_verifier(password.expose()) {
            return Err(Problem::input(format!(
                "the password of `{user}` is not known, only its verifier is"
            ))
            .because("the role was there before pgha, with a password of its own")
            .hint("leave out `--show-password`, and use the password that its application has"));
        }
        conninfo = conninfo.with("password", password.expose());
    }
    Ok(conninfo)
}

fn user<'a>(arguments: &Arguments, loaded: &'a Loaded) -> Result<&'a str, Problem> {
    let users = &loaded.inventory.cluster.users;
    let Some(name) = &arguments.user else {
        let first = users.iter().find(|user| user.may_log_in());
        return first.map(|user| user.name.as_str()).ok_or_else(|| {
            Problem::input("`postgresql_users` has no user who may log in")
                .hint("add one to the inventory, e.g. `postgresql_users: [{name: app}]`")
        });
    };
    let names = || users.iter().map(|user| user.name.as_str());
    let user = users
        .iter()
        .find(|user| user.name == *name)
        .ok_or_else(|| unknown(name, "postgresql_users", names().collect()))?;
    if user.may_log_in() {
        Ok(&user.name)
    } else {
        Err(
            Problem::input(format!("`{}` may not log in", name.escape_debug()))
                .hint("take `NOLOGIN` from its attributes, or choose another user"),
        )
    }
}

fn database<'a>(arguments: &Arguments, loaded: &'a Loaded) -> Result<&'a str, Problem> {
    let databases = &loaded.inventory.cluster.databases;
    let mut names = databases.iter().map(|database| database.name.as_str());
    match &arguments.database {
        None => names.next().ok_or_else(|| {
            Problem::input("`postgresql_databases` is empty").hint(
                "add one to the inventory, e.g. `postgresql_databases: [{name: app, owner: app}]`",
            )
        }),
        Some(name) => names
            .clone()
            .find(|known| known == name)
            .ok_or_else(|| unknown(name, "postgresql_databases", names.collect())),
    }
}

fn unknown(name: &str, variable: &str, known: Vec<&str>) -> Problem {
    let problem = Problem::input(format!("`{}` is not in `{variable}`", name.escape_debug()));
    if let Some(meant) = did_you_mean(name, known.iter().copied()) {
        problem.hint(format!("did you mean `{meant}`?"))
    } else if known.is_empty() {
        problem.hint(format!("`{variable}` is empty"))
    } else {
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        problem.hint(format!("it has {}", known.join(", ")))
    }
}

/// The way, and the hosts to connect to: those of the group that `--limit` allows.
fn hosts<'a>(arguments: &Arguments, loaded: &'a Loaded) -> Result<(Via, Vec<&'a str>), Problem> {
    let of = |group: &str| -> Vec<&'a str> {
        let hosts = loaded.inventory.group(group).iter().map(String::as_str);
        let is_allowed = |host: &&str| {
            let limit = loaded.limit.as_ref();
            limit.is_none_or(|limit| limit.contains(*host))
        };
        hosts.filter(is_allowed).collect()
    };
    let poolers = of("pgbouncer");
    let via = match arguments.via {
        Some(via) => via,
        None if poolers.is_empty() => Via::Members,
        None => Via::Pooler,
    };
    let (hosts, group) = match via {
        Via::Pooler => (poolers, "pgbouncer"),
        Via::Members => (of("postgres"), "postgres"),
    };
    if hosts.is_empty() {
        let problem = Problem::input(format!("no host to connect to is in the group `{group}`"));
        return Err(match via {
            Via::Pooler => problem.hint("use `--via members`, or add a pooler to the inventory"),
            Via::Members => problem.hint("let `--limit` name one of its hosts"),
        });
    }
    Ok((via, hosts))
}
