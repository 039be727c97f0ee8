//! The resource `postgresql_hba`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::{File, Validate};
use super::postgresql_settings::reload;
use super::{Declared, Draft, Files, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::{Action, Op};
use crate::problem::Problem;

/// `pg_hba.conf` from a template. PostgreSQL checks it before it is loaded.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// A file in `templates/` beside the playbook, or else pgha's own of that name.
    src: String,
    /// Where `pg_hba.conf` is.
    path: String,
}

/// The file, with the content of its template.
pub struct PostgresqlHba {
    file: File,
}

impl Declared for Arguments {
    type Whole = PostgresqlHba;

    fn complete(self, files: &dyn Files) -> Result<PostgresqlHba, Problem> {
        Ok(PostgresqlHba {
            file: File {
                content: Some(files.template(&self.src)?),
                path: self.path,
                mode: "0640".to_owned(),
                owner: "postgres".to_owned(),
                group: "postgres".to_owned(),
                shipped: None,
                validate: Some(Validate::Hba),
            },
        })
    }
}

/// Fails with the line and the reason if the file on disk could not be loaded; PostgreSQL would keep the old rules and say
/// so only in its log.
const CHECK: &str = "do $$ declare wrong text; begin \
select string_agg(format('line %s: %s', line_number, error), '; ') into wrong from pg_hba_file_rules where error is not null; \
if wrong is not null then raise exception 'pg_hba.conf is not loaded: %', wrong; end if; end $$";

impl Resource for PostgresqlHba {
    fn subject(&self) -> String {
        self.file.path.clone()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        let mut probes = self.file.probes(view);
        probes.push(view.cluster_probe());
        probes
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let written = self.file.draft(view)?;
        let Some(server) = view.server() else {
            return Ok(written.map_or(Verdict::AsDeclared, Into::into));
        };
        let stale = view.path(&self.file.path).modified() > server.loaded;
        if written.is_none() && !stale {
            return Ok(Verdict::AsDeclared);
        }
        Ok(written
            .unwrap_or_else(|| Draft::new(Action::Reload))
            .op(Op::Sql {
                port: view.port(),
                database: "postgres".to_owned(),
                statement: CHECK.into(),
            })
            .op(reload(view))
            .into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        self.file.settle(view, facts);
        if let Some(server) = facts.server.answers_mut() {
            server.loaded = view.now;
        }
    }
}
