//! The resource `postgresql_database`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::postgresql_role::{on_primary, sql};
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Database, Facts, Probe};
use crate::plan::Action;
use crate::postgres::ident::quote_ident;
use crate::problem::Problem;

/// A database with this owner.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlDatabase {
    /// The database.
    name: String,
    /// Absent: `postgres` for a new one, as it is for one that exists.
    #[serde(default)]
    owner: Option<String>,
}

impl Resource for PostgresqlDatabase {
    fn subject(&self) -> String {
        self.name.clone()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![view.cluster_probe()]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let seen = view
            .server()
            .and_then(|server| server.databases.get(&self.name));
        let name = quote_ident(&self.name);
        let draft = match (seen, &self.owner) {
            (None, owner) => {
                let owner = owner.as_deref().unwrap_or("postgres");
                Draft::new(Action::Create)
                    .field("owner", None, owner)
                    .op(sql(
                        view,
                        &format!("create database {name} owner {}", quote_ident(owner)),
                    ))
            }
            (Some(seen), Some(owner)) if seen.owner != *owner => Draft::new(Action::Update)
                .field("owner", seen.owner.as_str(), owner.as_str())
                .op(sql(
                    view,
                    &format!("alter database {name} owner to {}", quote_ident(owner)),
                )),
            _ => return Ok(Verdict::AsDeclared),
        };
        Ok(draft.guard(on_primary(view)?).into())
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        let Some(server) = facts.server.answers_mut() else {
            return;
        };
        let seen = server.databases.remove(&self.name).map(|seen| seen.owner);
        let owner = self
            .owner
            .clone()
            .or(seen)
            .unwrap_or_else(|| "postgres".to_owned());
        server
            .databases
            .insert(self.name.clone(), Database { owner });
    }
}
