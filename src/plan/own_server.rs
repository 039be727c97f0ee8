//! What answers on a member's port must be the server of its data directory. A host may have other clusters, and what pgha
//! knows of a server it would do to that one.

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::inventory::Inventory;
use crate::problem::{Problem, Problems};

/// Refuses hosts of members and witness on whose port another cluster answers.
///
/// # Errors
/// One problem for each of them.
pub fn own_servers(inventory: &Inventory, world: &BTreeMap<String, Facts>) -> Result<(), Problems> {
    let strangers: Vec<Problem> = inventory
        .nodes()
        .filter_map(|name| stranger(inventory, name, world.get(name)?))
        .collect();
    if strangers.is_empty() {
        Ok(())
    } else {
        Err(Problems(strangers))
    }
}

fn stranger(inventory: &Inventory, name: &str, facts: &Facts) -> Option<Problem> {
    let server = facts.server.answers()?;
    let runs_on = server.settings.get("data_directory")?.value.as_str();
    let own = &facts.places.real;
    let data = facts.data.as_ref();
    let is_same = data.is_some_and(|data| {
        data.system_identifier.is_some() && data.system_identifier == server.system_identifier
    });
    if is_same || runs_on == own || own.is_empty() {
        return None;
    }
    let port = inventory.hosts[name].variables.postgresql_port;
    Some(
        Problem::refused(format!(
            "another cluster answers on port {port}"
        ))
        .on(name)
        .because(format!("its data directory is `{runs_on}`, and this member's is `{own}`"))
        .hint("give this member another port in `postgresql_port`; or, if that is the cluster that you mean, name its directory in `postgresql_data_directory`"),
    )
}
