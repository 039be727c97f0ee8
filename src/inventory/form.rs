//! In which of Ansible's forms a text is an inventory.

use crate::problem::{Problem, Source, Span};

/// How a text says which hosts and groups there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Groups as mappings with `hosts`, `vars` and `children`.
    Yaml,
    /// Sections in brackets.
    Ini,
    /// What `ansible-inventory --list` and executable inventories print.
    Listed,
}

/// The form of a file's text, by its name and by how it begins.
///
/// # Errors
/// It is in a form that Ansible reads and pgha does not.
pub fn form(source: &Source) -> Result<Form, Problem> {
    let file = source.name.rsplit('/').next().unwrap_or(&source.name);
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    let text = source.text.trim_start_matches('\u{feff}').trim_start();
    match extension {
        "toml" => {
            return Err(Problem::input(format!(
                "`{}` is an inventory in TOML, which is not read",
                source.name
            ))
            .hint(format!(
                "write it as YAML: `ansible-inventory -i {} --list --yaml`",
                source.name
            )));
        }
        "yml" | "yaml" | "json" | "" if is_listed(text) => return Ok(Form::Listed),
        _ => {}
    }
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    Ok(match (extension, first) {
        // Ansible tries INI where a text is no YAML.
        ("yml" | "yaml" | "json", Some(line)) if is_section(line) => Form::Ini,
        ("yml" | "yaml" | "json", _) => Form::Yaml,
        ("", Some(line)) if begins_yaml(line) => Form::Yaml,
        _ => Form::Ini,
    })
}

/// Whether it is the JSON of a list of hosts: there alone is `_meta`, or a group is a list.
fn is_listed(text: &str) -> bool {
    if !text.starts_with('{') {
        return false;
    }
    let Ok(serde_json::Value::Object(groups)) = serde_json::from_str(text) else {
        return false;
    };
    groups.contains_key("_meta")
        || groups.values().any(|group| {
            group.is_array() || group.get("hosts").is_some_and(serde_json::Value::is_array)
        })
}

/// Whether that is the head of a section: in YAML it would be a list, which is no inventory.
fn is_section(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or_default().trim_end();
    line.starts_with('[') && line.ends_with(']') && !line.contains([',', ' '])
}

/// Whether a text whose first line is that is YAML: a mapping, or marked as YAML.
fn begins_yaml(line: &str) -> bool {
    let key = line.split(" #").next().unwrap_or_default().trim_end();
    line.starts_with("---") || line.starts_with(['{', '%']) || key.ends_with(':') || {
        let (name, rest) = key.split_once(':').unwrap_or((key, ""));
        rest.starts_with(' ') && !name.contains([' ', '=', '['])
    }
}

/// The whole of a source, for what is wrong with all of it.
pub(super) fn beginning(source: &std::sync::Arc<Source>) -> Span {
    Span {
        source: source.clone(),
        start: 0,
        len: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> Option<Form> {
        let source = Source {
            name: name.into(),
            text: text.into(),
            vaulted: false,
        };
        form(&source).ok()
    }

    #[test]
    fn the_name_and_the_beginning_tell() {
        assert_eq!(of("inv/hosts", "# x\n[db]\nn1\n"), Some(Form::Ini));
        assert_eq!(of("hosts", "n1 ansible_host=10.0.0.1\n"), Some(Form::Ini));
        assert_eq!(of("hosts", "n1:2222\n"), Some(Form::Ini));
        assert_eq!(of("hosts.ini", "all:\n"), Some(Form::Ini));
        assert_eq!(of("inv.d/10.cluster", "[db]\n"), Some(Form::Ini));
        assert_eq!(of("hosts", "---\nall:\n"), Some(Form::Yaml));
        assert_eq!(of("hosts", "all: # x\n  hosts:\n"), Some(Form::Yaml));
        assert_eq!(of("hosts", "all: {hosts: {a: }}\n"), Some(Form::Yaml));
        assert_eq!(of("hosts.yml", "# x\n[db]\n"), Some(Form::Ini));
        assert_eq!(of("hosts.yml", "[a, b]\n"), Some(Form::Yaml));
        assert_eq!(
            of("x.json", r#"{"all": {"hosts": {"a": {}}}}"#),
            Some(Form::Yaml)
        );
        assert_eq!(
            of("x.json", r#"{"db": ["a"], "_meta": {}}"#),
            Some(Form::Listed)
        );
        assert_eq!(of("x", r#"{"db": {"hosts": ["a"]}}"#), Some(Form::Listed));
        assert_eq!(of("x.toml", "[db]\n"), None);
    }
}
