//! An executable inventory: a program that prints JSON, as Ansible runs it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::problem::{Problem, Source};

/// What the program prints for `--list`. Where that has no `_meta`, each host is asked for with `--host`.
///
/// # Errors
/// It fails, or does not print JSON.
pub fn output(path: &Path) -> Result<Arc<Source>, Problem> {
    let text = run(path, &["--list"])?;
    let mut groups = parse(path, &text)?;
    if groups.contains_key("_meta") {
        return Ok(source(path, text));
    }
    let mut hostvars = Map::new();
    for host in hosts(&groups) {
        let text = run(path, &["--host", &host])?;
        if !text.trim().is_empty() {
            hostvars.insert(host, Value::Object(parse(path, &text)?));
        }
    }
    groups.insert("_meta".to_owned(), json!({ "hostvars": hostvars }));
    let text = serde_json::to_string_pretty(&groups).expect("it was read as JSON");
    Ok(source(path, text))
}

fn source(path: &Path, text: String) -> Arc<Source> {
    let name = format!("{} --list", path.display());
    Arc::new(Source {
        name,
        text,
        vaulted: false,
    })
}

/// The hosts of all groups, as the lists name them.
fn hosts(groups: &Map<String, Value>) -> BTreeSet<String> {
    let list = |(name, group): (&String, &Value)| match group {
        Value::Array(hosts) => hosts.clone(),
        // Ansible takes such a one for a host of that name.
        Value::Object(map)
            if !["hosts", "vars", "children"]
                .iter()
                .any(|key| map.contains_key(*key)) =>
        {
            vec![Value::from(name.as_str())]
        }
        _ => {
            let hosts = group.get("hosts").and_then(Value::as_array);
            hosts.cloned().unwrap_or_default()
        }
    };
    let named = groups.iter().flat_map(list);
    named
        .filter_map(|host| host.as_str().map(str::to_owned))
        .collect()
}

fn parse(path: &Path, text: &str) -> Result<Map<String, Value>, Problem> {
    serde_json::from_str(text).map_err(|error| {
        Problem::input(format!("`{}` does not print an inventory", path.display()))
            .because(error)
            .hint("it is called with `--list` and must print JSON, as for Ansible")
    })
}

fn run(path: &Path, arguments: &[&str]) -> Result<String, Problem> {
    let shown = format!("{} {}", path.display(), arguments.join(" "));
    let failed = |why: String| Problem::input(format!("`{shown}` failed")).because(why);
    // Without its folder a program is looked for in `PATH`.
    let program = path
        .canonicalize()
        .map_err(|error| failed(error.to_string()))?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let last = words.trim().lines().last().unwrap_or_default().to_owned();
        return Err(failed(format!("{}: {last}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("it prints no UTF-8 text".to_owned()))
}
