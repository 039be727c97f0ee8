//! The JSON schemas beside the reference are those of the program, and know every key that the shipped playbooks use.
//! `PGHA_BLESS=1` writes them anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pgha::problem::Source;
use pgha::{schema, yaml};
use serde_json::Value;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_kept_schemas_are_current() {
    for (name, schema) in [
        ("inventory", schema::inventory()),
        ("playbook", schema::playbook()),
    ] {
        let path = root("docs/reference").join(format!("{name}.schema.json"));
        let text = format!("{schema:#}\n");
        if std::env::var_os("PGHA_BLESS").is_some() {
            std::fs::write(&path, &text).expect("it can be written");
        }
        let kept = std::fs::read_to_string(&path).expect("it is kept");
        assert!(kept == text, "{name}: write it anew with PGHA_BLESS=1");
    }
}

#[test]
fn variables_have_the_types_that_they_are_read_into() {
    let schema = schema::inventory();
    let variable = |name: &str| schema["$defs"]["variables"]["properties"][name].clone();
    assert_eq!(variable("postgresql_port")["maximum"], 65535);
    assert_eq!(variable("cluster_name")["type"], "string");
    assert_eq!(variable("postgresql_hba")["items"]["type"], "string");
    let entry = variable("postgresql_users")["items"]["$ref"].clone();
    let entry = entry
        .as_str()
        .and_then(|name| name.strip_prefix("#/$defs/"));
    let user = &schema["$defs"][entry.expect("a definition")]["properties"];
    for key in ["name", "password", "attributes", "member_of"] {
        assert!(user[key].is_object(), "{key}: {user}");
    }
    assert!(variable("ansible_host").is_object());
}

#[test]
fn the_shipped_playbooks_use_only_what_the_schema_knows() {
    let schema = schema::playbook();
    let known = |part: &str| schema["$defs"][part]["properties"].clone();
    let (play, step, import) = (known("play"), known("step"), known("import"));
    let mut steps = 0;
    for entry in std::fs::read_dir(root("playbooks")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "yml") {
            continue;
        }
        let source = Arc::new(Source {
            name: path.display().to_string(),
            text: std::fs::read_to_string(&path).expect("a text"),
            vaulted: false,
        });
        let plays = yaml::parse(&source).expect("it is YAML").to_json();
        for given in plays.as_array().expect("plays") {
            let keys = match given.get("import_playbook") {
                Some(_) => &import,
                None => &play,
            };
            all_known(given, keys, &path);
            for given in given["steps"].as_array().into_iter().flatten() {
                steps += 1;
                all_known(given, &step, &path);
                for (kind, arguments) in given.as_object().expect("a step") {
                    let shape = &step[kind]["anyOf"][0]["properties"];
                    if arguments.is_object() && shape.is_object() {
                        all_known(arguments, shape, &path);
                    }
                }
            }
        }
    }
    assert!(steps > 50, "{steps}");
}

fn all_known(given: &Value, properties: &Value, path: &Path) {
    for key in given.as_object().expect("a mapping").keys() {
        assert!(properties[key].is_object(), "{}: `{key}`", path.display());
    }
}
