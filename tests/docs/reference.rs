//! The pages of `docs/reference/` that come of the program's own schemas.

use std::fmt::Write as _;

use serde_json::Value;

use crate::shape::{Row, rows, words};

const HEAD: &str =
    "<!-- Made by `PGHA_BLESS=1 cargo test --test docs` from the program: change it there. -->\n\n";

/// `docs/reference/resources.md`.
pub fn resources() -> String {
    let mut page = format!("{HEAD}# Resources\n\n");
    page += "What a step of a [playbook](../playbooks.md) can declare. Paths are absolute paths on the host.\n";
    for (name, schema) in pgha::resource::schemas() {
        let schema = schema.to_value();
        let about = words(schema["description"].as_str().unwrap_or_default());
        assert!(
            !about.is_empty(),
            "`{name}` is not described: comment its struct"
        );
        _ = write!(page, "\n## {name}\n\n{about}\n\n");
        page += &table(name, &schema, "argument");
    }
    page
}

/// `docs/reference/variables.md`.
pub fn variables() -> String {
    let mut page = format!("{HEAD}# Variables\n\n");
    page += "Variables of the [inventory](../inventory.md). Those marked ● describe the cluster as a whole and must be the same on all of its hosts.\n\n";
    page += &table(
        "the variables",
        &pgha::inventory::schema().to_value(),
        "variable",
    );
    page
}

/// # Panics
/// Something is not described.
fn table(of: &str, schema: &Value, what: &str) -> String {
    let rows = rows(schema);
    if rows.is_empty() {
        return "No arguments: `{}`.\n".to_owned();
    }
    let mut table = format!("| {what} | type | default | |\n|---|---|---|---|\n");
    for row in rows {
        assert!(
            !row.about.is_empty(),
            "`{}` of {of} is not described: comment its field",
            row.name
        );
        _ = writeln!(
            table,
            "| {} | {} | {} | {} |",
            name(&row),
            row.kind,
            given(&row),
            row.about
        );
    }
    table
}

fn name(row: &Row) -> String {
    let mark = if row.schema["x-cluster"] == true {
        " ●"
    } else {
        ""
    };
    format!("`{}`{mark}", row.name)
}

fn given(row: &Row) -> &str {
    match &row.default {
        Some(default) => default,
        None if row.is_required => "required",
        None => "",
    }
}
