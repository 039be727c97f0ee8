//! The resource `pgbouncer_login`.
//!
//! Its console says where it should lead; that a login, a transaction and a writable server are behind it is only seen by
//! trying.

use schemars::JsonSchema;
use serde::Deserialize;

use super::programs::POOLER_SWITCHOVER;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::inventory::User;
use crate::plan::{Action, Op};
use crate::postgres::scram;
use crate::problem::Problem;
use crate::secret::{Form, Text, marker};

/// After a switchover or failover an application really gets through this pooler to the new primary: it logs in as the
/// inventory's first user to its first database and finds a server that takes writes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PgbouncerLogin {}

impl Resource for PgbouncerLogin {
    fn subject(&self) -> String {
        "the way of an application".to_owned()
    }

    fn probes(&self, _: &View<'_>) -> Vec<Probe> {
        Vec::new()
    }

    /// There is something to try where the primary changes, with the first user and the first database that the inventory
    /// has.
    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let cluster = &view.inventory.cluster;
        // Of some only the verifier is known, with which nobody logs in.
        let has_password = |user: &&User| {
            let password = view.secrets.get(&user.name);
            !password.is_some_and(|password| scram::is_verifier(password.expose()))
        };
        let mut users = cluster.users.iter().filter(|user| user.may_log_in());
        let user = users.find(has_password);
        let database = cluster.databases.first();
        let (Some(_), Some(user), Some(database)) = (&view.topology.outgoing, user, database)
        else {
            return Ok(Verdict::AsDeclared);
        };
        let argv = [POOLER_SWITCHOVER, "login", &user.name, &database.name];
        Ok(Draft::new(Action::Wait)
            .field("user", None, user.name.as_str())
            .field("database", None, database.name.as_str())
            .op(Op::Run {
                argv: argv.map(str::to_owned).to_vec(),
                user: "root".to_owned(),
                stdin: Some(Text::parse(&marker(&user.name, Form::Plain))),
                environment: Vec::new(),
            })
            .into())
    }

    fn settle(&self, _: &View<'_>, _: &mut Facts) {}
}
