//! The resource `postgresql_extension`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::postgresql_role::on_primary;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::{Action, Op};
use crate::postgres::ident::quote_ident;
use crate::problem::Problem;

/// An extension that is installed in a database.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlExtension {
    /// The extension.
    name: String,
    /// The database.
    database: String,
}

impl Resource for PostgresqlExtension {
    fn subject(&self) -> String {
        format!("{} in {}", self.name, self.database)
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![
            view.cluster_probe(),
            Probe::Extensions(self.database.clone()),
        ]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let there = view
            .server()
            .and_then(|server| server.extensions.get(&self.database))
            .is_some_and(|extensions| extensions.contains(&self.name));
        if there {
            return Ok(Verdict::AsDeclared);
        }
        Ok(Draft::new(Action::Create)
            .guard(on_primary(view)?)
            .op(Op::Sql {
                port: view.port(),
                database: self.database.clone(),
                // Where a session of nobody's would put it: pgha's own looks into `pg_catalog` alone.
                statement: format!(
                    "set search_path = public; create extension if not exists {} cascade",
                    quote_ident(&self.name)
                )
                .into(),
            })
            .into())
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        if let Some(server) = facts.server.answers_mut() {
            let extensions = server.extensions.entry(self.database.clone()).or_default();
            if !extensions.contains(&self.name) {
                extensions.push(self.name.clone());
            }
        }
    }
}
