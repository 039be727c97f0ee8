//! What pgha's variables are, as JSON Schema: the one source of the reference and of what editors are told.

use schemars::{Schema, schema_for};
use serde_json::json;

use super::{Variables, names};

/// The variables by name. Those that describe the cluster as a whole have `"x-cluster": true`.
///
/// # Panics
/// Never: a struct's schema has properties.
pub fn schema() -> Schema {
    let mut schema = schema_for!(Variables);
    let properties = schema
        .get_mut("properties")
        .and_then(|it| it.as_object_mut());
    let properties = properties.expect("a struct's schema has properties");
    // The one variable that is a password is kept apart from the others (`Typed`).
    properties.insert(
        names::PASSWORD.to_owned(),
        json!({
            "description": "The password of `repmgr_user`. Without it: generated, and kept in `secrets.yml`.",
            "type": ["string", "null"],
        }),
    );
    for (name, property) in properties {
        if names::CLUSTER.contains(&&**name) {
            property["x-cluster"] = json!(true);
        }
    }
    schema
}
