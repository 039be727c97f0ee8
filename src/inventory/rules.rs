//! What pgha's variables may hold.

use std::net::IpAddr;

use super::discreet::hide;
use super::layers::Vars;
use super::{Database, User, Variables, hba};
use crate::problem::{Problem, Span, did_you_mean};
use crate::setting;
use crate::yaml::Node;

const ATTRIBUTES: [&str; 12] = [
    "SUPERUSER",
    "NOSUPERUSER",
    "CREATEDB",
    "NOCREATEDB",
    "CREATEROLE",
    "NOCREATEROLE",
    "LOGIN",
    "NOLOGIN",
    "REPLICATION",
    "NOREPLICATION",
    "BYPASSRLS",
    "NOBYPASSRLS",
];

/// The most bytes of a name in PostgreSQL.
const MAX_NAME: usize = 63;

/// Everything that is wrong with the variables of one host; `vars` tells where they stand.
pub(super) fn check(variables: &Variables, vars: &Vars) -> Vec<Problem> {
    let mut rules = Rules {
        vars,
        problems: Vec::new(),
    };
    rules.cluster(variables);
    rules.postgres(variables);
    let before = rules.problems.len();
    rules.users(&variables.postgresql_users);
    let of_users: Vec<Problem> = rules.problems.drain(before..).map(hide).collect();
    rules.problems.extend(of_users);
    rules.databases(&variables.postgresql_databases);
    rules.others(variables);
    rules.problems
}

struct Rules<'a> {
    vars: &'a Vars,
    problems: Vec<Problem>,
}

impl Rules<'_> {
    fn node(&self, variable: &str) -> Option<&Node> {
        self.vars.get(variable).map(|given| &given.node)
    }

    fn place(&self, variable: &str) -> Option<Span> {
        self.node(variable).map(|node| node.span.clone())
    }

    /// The place of an item of a list, and of a key in it.
    fn item(&self, variable: &str, index: usize, key: Option<&str>) -> Option<Span> {
        let item = self.node(variable)?.as_sequence()?.get(index)?;
        let inner = key.and_then(|key| item.as_map()?.get(key));
        Some(inner.unwrap_or(item).span.clone())
    }

    fn say(&mut self, place: Option<Span>, what: impl Into<String>, hint: &str) {
        let problem = Problem::input(what).hint(hint);
        self.problems.push(match place {
            Some(span) => problem.at(&span),
            None => problem,
        });
    }

    fn cluster(&mut self, variables: &Variables) {
        let name = &variables.cluster_name;
        let is_word = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if name.is_empty() || name.len() > MAX_NAME || !is_word {
            self.say(
                self.place("cluster_name"),
                format!("`{}` is no name of a cluster", name.escape_debug()),
                "a name has at most 63 letters, digits, `_` and `-`",
            );
        }
    }

    fn postgres(&mut self, variables: &Variables) {
        if let Some(version) = variables.postgresql_version
            && !(10..100).contains(&version)
        {
            self.say(
                self.place("postgresql_version"),
                format!("`{version}` is no major version of PostgreSQL that pgha knows"),
                "write for example `17`",
            );
        }
        if let Some(path) = &variables.postgresql_data_directory {
            let is_plain = path.starts_with('/')
                && path.trim_end_matches('/').len() > 1
                && !path.chars().any(char::is_control)
                && !path.split('/').any(|part| part == ".." || part == ".");
            if !is_plain {
                self.say(
                    self.place("postgresql_data_directory"),
                    format!("`{}` cannot be a data directory", path.escape_debug()),
                    "write an absolute path without `.` and `..`",
                );
            }
        }
        if let Some(path) = &variables.postgresql_archive_directory {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            let is_plain = path.starts_with('/')
                && path.len() > 1
                && path.chars().all(plain)
                && !path.split('/').any(|part| part == ".." || part == ".");
            if !is_plain {
                self.say(
                    self.place("postgresql_archive_directory"),
                    format!("`{}` cannot be an archive directory", path.escape_debug()),
                    "write an absolute path of letters, digits, `.`, `_` and `-`",
                );
            }
        }
        for (index, line) in variables.postgresql_hba.iter().enumerate() {
            if let Err(problem) = hba::check(line) {
                let place = self.item("postgresql_hba", index, None);
                self.problems.push(match place {
                    Some(span) => problem.at(&span),
                    None => problem,
                });
            }
        }
        for (variable, settings) in [
            ("postgresql_settings", &variables.postgresql_settings),
            ("repmgr_settings", &variables.repmgr_settings),
            ("pgbouncer_settings", &variables.pgbouncer_settings),
        ] {
            for (name, value) in settings {
                self.setting(variable, name, value);
            }
        }
    }

    fn setting(&mut self, variable: &str, name: &str, value: &str) {
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        let entry = self
            .node(variable)
            .and_then(Node::as_map)
            .and_then(|map| map.entry(name));
        if !is_name {
            self.say(
                entry.map(|(key, _)| key.span.clone()),
                format!("`{}` is no name of a setting", name.escape_debug()),
                "a name has letters, digits, `_` and `.`",
            );
        } else if value.chars().any(char::is_control) {
            self.say(
                entry.map(|(_, node)| node.span.clone()),
                format!("the setting `{name}` holds a control character or a line break"),
                "write the value on one line",
            );
        } else if let Some(map) = setting::Map::of_variable(variable) {
            self.known(map, variable, name, value);
        }
    }

    /// A setting that has a variable of its own, or that its program does not have, or not with such a value.
    fn known(&mut self, map: setting::Map, variable: &str, name: &str, value: &str) {
        let entry = self
            .node(variable)
            .and_then(Node::as_map)
            .and_then(|map| map.entry(name));
        let (key, node) = entry
            .map(|(key, node)| (key.span.clone(), node.span.clone()))
            .unzip();
        let own = match map {
            setting::Map::Postgresql => name.to_ascii_lowercase(),
            _ => name.to_owned(),
        };
        if let Some(instead) = setting::fixed(map, &own) {
            let what = format!("`{name}` is not set in `{variable}`");
            return self.say(key, what, &instead);
        }
        let program = match map {
            setting::Map::Postgresql => return,
            setting::Map::Pgbouncer => setting::Program::Pgbouncer,
            setting::Map::Repmgr => setting::Program::Repmgr,
        };
        let is_needed = matches!(name, "promote_command" | "follow_command");
        if is_needed && value.is_empty() {
            let what = format!("repmgr does not fail over without `{name}`");
            return self.say(node, what, "remove it, and pgha writes one");
        }
        if let Err(problem) = program.check(name, value, None) {
            let place = if program.setting(name).is_some() {
                node
            } else {
                key
            };
            self.problems.push(match place {
                Some(span) => problem.at(&span),
                None => problem,
            });
        }
    }

    fn users(&mut self, users: &[User]) {
        const LIST: &str = "postgresql_users";
        for (index, user) in users.iter().enumerate() {
            self.name(self.item(LIST, index, Some("name")), "role", &user.name);
            if users[..index].iter().any(|other| other.name == user.name) {
                self.say(
                    self.item(LIST, index, Some("name")),
                    format!("the role `{}` is listed twice", user.name.escape_debug()),
                    "make one entry of the two",
                );
            }
            for attribute in &user.attributes {
                self.attribute(self.item(LIST, index, Some("attributes")), attribute);
            }
            for role in &user.member_of {
                self.name(self.item(LIST, index, Some("member_of")), "role", role);
            }
        }
    }

    fn attribute(&mut self, place: Option<Span>, attribute: &str) {
        let upper = attribute.to_ascii_uppercase();
        if ATTRIBUTES.contains(&upper.as_str()) {
            return;
        }
        let hint = match did_you_mean(&upper, ATTRIBUTES) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "attributes are `SUPERUSER`, `CREATEDB`, `CREATEROLE`, `REPLICATION`, `BYPASSRLS` and `NOLOGIN`".to_owned(),
        };
        self.say(
            place,
            format!("`{}` is no attribute of a role", attribute.escape_debug()),
            &hint,
        );
    }

    fn databases(&mut self, databases: &[Database]) {
        const LIST: &str = "postgresql_databases";
        for (index, database) in databases.iter().enumerate() {
            let place = self.item(LIST, index, Some("name"));
            self.name(place.clone(), "database", &database.name);
            if databases[..index]
                .iter()
                .any(|other| other.name == database.name)
            {
                self.say(
                    place,
                    format!(
                        "the database `{}` is listed twice",
                        database.name.escape_debug()
                    ),
                    "make one entry of the two",
                );
            }
            if let Some(owner) = &database.owner {
                self.name(self.item(LIST, index, Some("owner")), "role", owner);
            }
            for extension in &database.extensions {
                self.name(
                    self.item(LIST, index, Some("extensions")),
                    "extension",
                    extension,
                );
            }
        }
    }

    /// A name of anything in PostgreSQL: quotes and spaces are allowed, since pgha quotes names.
    fn name(&mut self, place: Option<Span>, thing: &str, name: &str) {
        let fault = if name.is_empty() {
            "is empty".to_owned()
        } else if name.len() > MAX_NAME {
            format!(
                "has {} bytes; PostgreSQL cuts names off after {MAX_NAME}",
                name.len()
            )
        } else if name.chars().any(char::is_control) {
            "holds a control character or a line break".to_owned()
        } else {
            return;
        };
        self.say(
            place,
            format!("the name of a {thing} {fault}"),
            "choose another name",
        );
    }

    /// Attributes are taken away from it, and `pg_hba.conf` keeps it out of every database but one: it can be nobody else's.
    fn watch_user(&mut self, variables: &Variables) {
        let name = &variables.watch_user;
        let is_users = variables
            .postgresql_users
            .iter()
            .any(|user| user.name == *name);
        let has_use = [
            &variables.repmgr_user,
            &variables.cluster_replication_user,
            &variables.cluster_rewind_user,
        ];
        if is_users || has_use.contains(&name) || name == "postgres" {
            self.say(
                self.place("watch_user"),
                format!(
                    "`watch_user` names a role that has another use: `{}`",
                    name.escape_debug()
                ),
                "choose a name that no other role has",
            );
        }
    }

    /// The ports by which members tell their role.
    fn role_ports(&mut self, variables: &Variables) {
        let ports = [
            ("cluster_role_port", variables.cluster_role_port),
            ("cluster_role_http_port", variables.cluster_role_http_port),
        ];
        let mut taken = vec![variables.postgresql_port, variables.pgbouncer_port];
        for (variable, port) in ports {
            let Some(port) = port else { continue };
            if port == 0 || taken.contains(&port) {
                self.say(
                    self.place(variable),
                    format!("`{variable}` is 0, or another port of the cluster's: `{port}`"),
                    "choose a port that nothing else has, e.g. 5400, and 8008 for HTTP",
                );
            }
            taken.push(port);
        }
        for (index, client) in variables.cluster_role_clients.iter().enumerate() {
            if let Some(why) = no_client(client) {
                self.say(
                    self.item("cluster_role_clients", index, None),
                    format!("`{}` {why}", client.escape_debug()),
                    "write an address, an IPv4 network such as `10.0.0.0/24`, or the name of a host",
                );
            }
        }
    }

    /// Rights are taken away from both: they can be nobody else's, and not each other.
    fn members_roles(&mut self, variables: &Variables) {
        if variables.cluster_manager.is_repmgr() {
            return;
        }
        let (replication, rewind) = (
            &variables.cluster_replication_user,
            &variables.cluster_rewind_user,
        );
        for (variable, name) in [
            ("cluster_replication_user", replication),
            ("cluster_rewind_user", rewind),
        ] {
            let mut users = variables.postgresql_users.iter();
            let is_twice = variable == "cluster_rewind_user" && rewind == replication;
            if is_twice || name == "postgres" || users.any(|user| user.name == *name) {
                self.say(
                    self.place(variable),
                    format!(
                        "`{variable}` names a role that has another use: `{}`",
                        name.escape_debug()
                    ),
                    "choose a name that no other role has",
                );
            }
        }
    }

    fn others(&mut self, variables: &Variables) {
        let command = variables.secrets_command.as_deref();
        if command.is_some_and(|command| command.trim().is_empty() || command.contains('\0')) {
            self.say(
                self.place("secrets_command"),
                "`secrets_command` is empty",
                "write the command that prints the secrets, or leave it out",
            );
        }
        for (variable, thing, name) in [
            ("repmgr_database", "database", &variables.repmgr_database),
            ("repmgr_user", "role", &variables.repmgr_user),
            ("watch_user", "role", &variables.watch_user),
            (
                "cluster_replication_user",
                "role",
                &variables.cluster_replication_user,
            ),
            (
                "cluster_rewind_user",
                "role",
                &variables.cluster_rewind_user,
            ),
        ] {
            self.name(self.place(variable), thing, name);
        }
        self.watch_user(variables);
        self.members_roles(variables);
        self.role_ports(variables);
        for (variable, port) in [
            ("postgresql_port", variables.postgresql_port),
            ("pgbouncer_port", variables.pgbouncer_port),
        ] {
            if port == 0 {
                self.say(
                    self.place(variable),
                    "a port is a number from 1 to 65535, found `0`",
                    "leave it out for the usual one",
                );
            }
        }
        for (variable, text) in [
            (
                "postgresql_listen_addresses",
                &variables.postgresql_listen_addresses,
            ),
            (
                "pgbouncer_listen_address",
                &variables.pgbouncer_listen_address,
            ),
            ("repmgr_location", &variables.repmgr_location),
        ] {
            if text.is_empty() || text.chars().any(char::is_control) {
                self.say(
                    self.place(variable),
                    format!("`{variable}` is empty or holds a control character"),
                    "write one line of text, or leave it out",
                );
            }
        }
        if variables
            .repmgr_node_id
            .is_some_and(|id| id == 0 || i32::try_from(id).is_err())
        {
            self.say(
                self.place("repmgr_node_id"),
                "a node id is a number from 1 to 2147483647",
                "leave it out, and pgha numbers the nodes in the order of the inventory",
            );
        }
    }
}

/// Why a text names nobody who could connect; it becomes a line of a file that shells and awk read.
fn no_client(client: &str) -> Option<&'static str> {
    let (address, bits) = match client.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (client, None),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match (address.parse::<IpAddr>(), bits) {
        (Ok(_), None) => None,
        (Ok(IpAddr::V4(_)), Some(bits)) => {
            let bits = bits.parse::<u8>().ok().filter(|bits| *bits <= 32);
            bits.is_none().then_some("has no mask of 0 to 32 bits")
        }
        (Ok(IpAddr::V6(_)), Some(_)) => Some("is an IPv6 network, and only addresses are compared"),
        (Err(_), None) if !client.is_empty() && client.chars().all(is_name) => None,
        (Err(_), _) => Some("is neither an address nor a name"),
    }
}
