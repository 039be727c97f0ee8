//! The resource `postgresql_role`.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe, Role};
use crate::plan::{Action, Guard, Op, Shown};
use crate::postgres::ident::{quote_ident, quote_literal};
use crate::problem::Problem;
use crate::secret::{Form, Text, with_form};
use crate::words::hex;

/// A role with these attributes, memberships, settings and password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlRole {
    /// The role.
    name: String,
    /// Stored as a SCRAM-SHA-256 verifier that is computed here: the server never sees the password.
    #[serde(default)]
    password: Option<String>,
    /// A role that is there keeps its password while nobody has given one; otherwise it gets the one that is made.
    #[serde(default)]
    keep_password: bool,
    /// `SUPERUSER`, `REPLICATION`, `CREATEDB`, `CREATEROLE`, `BYPASSRLS`, `NOLOGIN`. What is not named is taken away.
    #[serde(default)]
    attributes: Vec<String>,
    /// The roles of which it is a member.
    #[serde(default)]
    member_of: Vec<String>,
    /// What its sessions set, whatever the server or a database does. Others of its settings stay.
    #[serde(default)]
    settings: BTreeMap<String, String>,
    /// Functions of `pg_catalog` that it may call though others may not, e.g. `pg_ls_dir(text,boolean,boolean)`: in the
    /// database `postgres`. Others that it may call are taken away.
    #[serde(default)]
    execute: BTreeSet<String>,
}

/// Without a newline, a quote or a `;`: it becomes SQL as it is.
fn is_signature(function: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_,()[] ".contains(c);
    function.ends_with(')') && function.contains('(') && function.chars().all(plain)
}

impl PostgresqlRole {
    fn signatures(&self) -> Result<(), Problem> {
        match self.execute.iter().find(|function| !is_signature(function)) {
            None => Ok(()),
            Some(function) => Err(Problem::input(format!(
                "`{}` is no function with its arguments' types",
                function.escape_debug()
            ))
            .hint("write for example `pg_stat_file(text,boolean)`")),
        }
    }

    fn wanted(&self) -> Result<Role, Problem> {
        let mut role = Role {
            login: true,
            ..Role::default()
        };
        for attribute in &self.attributes {
            match attribute.to_ascii_uppercase().as_str() {
                "LOGIN" => role.login = true,
                "NOLOGIN" => role.login = false,
                "SUPERUSER" => role.superuser = true,
                "REPLICATION" => role.replication = true,
                "CREATEDB" => role.createdb = true,
                "CREATEROLE" => role.createrole = true,
                "BYPASSRLS" => role.bypassrls = true,
                "NOSUPERUSER" | "NOREPLICATION" | "NOCREATEDB" | "NOCREATEROLE" | "NOBYPASSRLS" => {
                }
                other => {
                    return Err(Problem::input(format!(
                        "the role `{}` has the unknown attribute `{other}`",
                        self.name
                    ))
                    .hint(
                        "known: LOGIN NOLOGIN SUPERUSER REPLICATION CREATEDB CREATEROLE BYPASSRLS",
                    ));
                }
            }
        }
        Ok(role)
    }

    /// A verifier is that of a whole password: text around a secret would become part of the verifier, not of the password.
    fn whole_password(&self) -> Result<(), Problem> {
        let text = Text::parse(self.password.as_deref().unwrap_or_default());
        if text.pieces().len() < 2 {
            return Ok(());
        }
        Err(Problem::input(format!(
            "the password of `{}` is more than one secret",
            self.name
        ))
        .hint("write `{{ secret('NAME') }}` and nothing around it"))
    }

    fn verifier(&self) -> Option<Text> {
        let password = self.password.as_deref()?;
        Some(
            with_form(password, Form::Scram)
                .unwrap_or_else(|| Form::Scram.apply(password))
                .into(),
        )
    }

    /// Whether the role's password is one that only its users know, and stays.
    fn keeps_password(&self, view: &View<'_>, seen: Option<&Role>) -> bool {
        let is_known = || {
            let password = Text::parse(self.password.as_deref().unwrap_or_default());
            password.reveal(view.secrets).is_ok()
        };
        self.keep_password && seen.is_some_and(|role| role.password_sha256.is_some()) && !is_known()
    }

    /// The hash of the verifier as the catalog should hold it; `None` while the password is yet to be made.
    fn verifier_sha256(&self, view: &View<'_>) -> Option<String> {
        let verifier = self.verifier()?.reveal(view.secrets).ok()?;
        Some(hex(&Sha256::digest(verifier.as_bytes())))
    }
}

/// The attributes as SQL, with the name by which they are shown.
fn attributes(role: &Role) -> [(&'static str, bool); 6] {
    [
        ("LOGIN", role.login),
        ("SUPERUSER", role.superuser),
        ("REPLICATION", role.replication),
        ("CREATEDB", role.createdb),
        ("CREATEROLE", role.createrole),
        ("BYPASSRLS", role.bypassrls),
    ]
}

fn clause((name, on): (&str, bool)) -> String {
    if on {
        name.to_owned()
    } else {
        format!("NO{name}")
    }
}

impl Resource for PostgresqlRole {
    fn subject(&self) -> String {
        self.name.clone()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let wanted = self.wanted()?;
        self.whole_password()?;
        self.signatures()?;
        let seen = view
            .server()
            .and_then(|server| server.roles.get(&self.name));
        let mut draft = Draft::new(if seen.is_some() {
            Action::Update
        } else {
            Action::Create
        });
        let mut clauses: Vec<String> = Vec::new();
        for (index, attribute) in attributes(&wanted).into_iter().enumerate() {
            let before = seen.map(|role| attributes(role)[index]);
            if before != Some(attribute) && (before.is_some() || attribute.1) {
                draft = draft.field(attribute.0, before.map(clause), clause(attribute));
                clauses.push(clause(attribute));
            }
        }
        let keeps_password = self.keeps_password(view, seen);
        if keeps_password && seen.is_some_and(|role| role.md5) {
            return Err(Problem::refused(format!("the password of `{}` is stored as an MD5 hash", self.name))
                .because("`pg_hba.conf` and the poolers take SCRAM-SHA-256 alone, so it could log in no more")
                .hint(format!("set it again with `password_encryption = 'scram-sha-256'`, or put one into `secrets.yml`: `{}: …`", self.name)));
        }
        let mut secret = None;
        if let Some(verifier) = self.verifier().filter(|_| !keeps_password) {
            let stored = seen.and_then(|role| role.password_sha256.clone());
            if stored.is_none() || stored != self.verifier_sha256(view) {
                let before = stored.map_or(Shown::Absent, |_| Shown::Secret);
                draft = draft.field("password", before, Shown::Secret);
                secret = Some(verifier);
            }
        }
        let name = quote_ident(&self.name);
        if draft.action == Action::Create || !clauses.is_empty() || secret.is_some() {
            let verb = if draft.action == Action::Create {
                "create"
            } else {
                "alter"
            };
            // A verifier holds no quote: base64, digits, `$` and `:`.
            clauses.extend(secret.map(|verifier| format!("PASSWORD '{}'", verifier.rendered())));
            let statement = format!("{verb} role {name} {}", clauses.join(" "));
            draft = draft.op(sql(view, statement.trim()));
        }
        let member_of = seen.map_or(&[][..], |role| &role.member_of);
        for group in self
            .member_of
            .iter()
            .filter(|group| !member_of.contains(group))
        {
            draft = draft.field("member of", None, group.as_str()).op(sql(
                view,
                &format!("grant {} to {name}", quote_ident(group)),
            ));
        }
        for (setting, value) in &self.settings {
            let before = seen.and_then(|role| role.settings.get(setting));
            if before != Some(value) {
                draft = draft
                    .field(setting, before.cloned(), value.as_str())
                    .op(sql(
                        view,
                        &format!(
                            "alter role {name} set {} = {}",
                            quote_ident(setting),
                            quote_literal(value)
                        ),
                    ));
            }
        }
        let executes = seen.map(|role| &role.executes);
        let has = |function: &String| executes.is_some_and(|seen| seen.contains(function));
        for function in self.execute.iter().filter(|function| !has(function)) {
            let statement = format!("grant execute on function pg_catalog.{function} to {name}");
            draft = draft
                .field("may call", None, function.as_str())
                .op(sql(view, &statement));
        }
        for function in executes.into_iter().flatten() {
            if !self.execute.is_empty() && !self.execute.contains(function) {
                let statement =
                    format!("revoke execute on function pg_catalog.{function} from {name}");
                draft = draft
                    .field("may call", function.as_str(), None)
                    .op(sql(view, &statement));
            }
        }
        if draft.ops.is_empty() {
            return Ok(Verdict::AsDeclared);
        }
        Ok(draft.guard(on_primary(view)?).into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let Ok(mut role) = self.wanted() else { return };
        let keeps_password = self.keeps_password(
            view,
            view.server()
                .and_then(|server| server.roles.get(&self.name)),
        );
        let Some(server) = facts.server.answers_mut() else {
            return;
        };
        // What is not declared stays: other memberships, and a password.
        let seen = server.roles.remove(&self.name).unwrap_or_default();
        role.password_sha256 = match self.password {
            Some(_) if !keeps_password => self.verifier_sha256(view),
            _ => seen.password_sha256,
        };
        role.settings = seen.settings;
        role.settings.extend(self.settings.clone());
        role.member_of = seen.member_of;
        role.executes = match self.execute.is_empty() {
            true => seen.executes,
            false => self.execute.clone(),
        };
        for group in &self.member_of {
            if !role.member_of.contains(group) {
                role.member_of.push(group.clone());
            }
        }
        server.roles.insert(self.name.clone(), role);
    }
}

/// One statement on this host's server.
pub fn sql(view: &View<'_>, statement: &str) -> Op {
    Op::Sql {
        port: view.port(),
        database: "postgres".to_owned(),
        statement: statement.into(),
    }
}

/// The guard of what only a server that takes writes can do.
///
/// # Errors
/// This host's does not, so the guard would fail.
pub fn on_primary(view: &View<'_>) -> Result<Guard, Problem> {
    if view.takes_writes() {
        return Ok(is_primary(view));
    }
    Err(
        Problem::refused("only the primary can do this, and this is not it").hint(
            "`hosts: primary` in the play means whichever host it is; standbys get it from there",
        ),
    )
}

/// A guard that this is still the primary that was seen.
pub fn is_primary(view: &View<'_>) -> Guard {
    Guard::IsPrimary {
        port: view.port(),
        system_identifier: view
            .server()
            .and_then(|server| server.system_identifier.clone()),
    }
}

/// A guard that this member's server still has the role that was seen: in a handover somebody else may change it between the
/// look and a step.
pub fn role(view: &View<'_>) -> Guard {
    match view.server() {
        Some(server) if server.in_recovery => Guard::IsStandby { port: view.port() },
        _ => is_primary(view),
    }
}
