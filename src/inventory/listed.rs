//! An inventory as `ansible-inventory --list` and executable inventories print it: JSON with lists of hosts, and `_meta`.

use std::sync::Arc;

use super::tree::{Notes, Tree};
use crate::problem::{Problem, Source};
use crate::yaml::{self, Key, Map, Node, Value};

/// Reads one text into the tree.
pub(super) fn read(tree: &mut Tree, source: &Arc<Source>, notes: &mut Notes) {
    let root = match yaml::parse_as_ansible(source) {
        Ok(root) => plain(root),
        Err(problem) => return notes.problems.push(problem),
    };
    let Some(groups) = root.as_map() else {
        return notes.problems.push(
            Problem::input(format!(
                "expected a mapping of groups in `{}`, found {}",
                source.name,
                root.describe()
            ))
            .at(&root.span),
        );
    };
    let mut named = Vec::new();
    for (key, node) in groups.iter().filter(|(key, _)| key.name != "_meta") {
        named.extend(group(tree, key, node, notes));
    }
    let hostvars = groups
        .get("_meta")
        .and_then(Node::as_map)
        .and_then(|meta| meta.get("hostvars"))
        .and_then(Node::as_map);
    for (key, node) in hostvars.iter().flat_map(|map| map.iter()) {
        if named.contains(&key.name)
            && let Some(vars) = mapping(node, &key.name, notes)
        {
            tree.host_vars(&key.name, vars);
        }
    }
}

/// A list writes text that Ansible must not evaluate as `{"__ansible_unsafe": "text"}`, and what is encrypted as
/// `{"__ansible_vault": "text"}`.
fn plain(node: Node) -> Node {
    let tagged = |name: &str| match &node.value {
        Value::Map(map) if map.len() == 1 => map.get(name)?.as_str().map(str::to_owned),
        _ => None,
    };
    let tagged = tagged("__ansible_unsafe")
        .map(Value::Literal)
        .or_else(|| tagged("__ansible_vault").map(Value::Vault));
    if let Some(value) = tagged {
        return Node { value, ..node };
    }
    let value = match node.value {
        Value::Map(map) => {
            let entries = map.0.into_iter().map(|(key, node)| (key, plain(node)));
            Value::Map(Map(entries.collect()))
        }
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(plain).collect()),
        other => other,
    };
    Node { value, ..node }
}

/// Reads one group; gives the hosts that are named in it.
fn group(tree: &mut Tree, key: &Key, node: &Node, notes: &mut Notes) -> Vec<String> {
    tree.group(&key.name);
    let map = match &node.value {
        Value::Map(map) => map,
        Value::Sequence(_) => return hosts(tree, key, node, notes),
        _ => {
            mapping(node, &key.name, notes);
            return Vec::new();
        }
    };
    let is_group = |name: &str| matches!(name, "hosts" | "vars" | "children");
    if !map.names().any(is_group) && !map.is_empty() {
        // Ansible takes such a one for a host of that name.
        tree.add_host(&key.name, &key.name, &key.span, None);
        tree.group_vars(&key.name, map.clone(), notes);
        return vec![key.name.clone()];
    }
    if let Some(vars) = map
        .get("vars")
        .and_then(|vars| mapping(vars, "vars", notes))
    {
        tree.group_vars(&key.name, vars.clone(), notes);
    }
    for child in map
        .get("children")
        .map_or(&[][..], |node| list(node, "children", notes))
    {
        if let Some(name) = text(child, notes) {
            tree.adopt(&key.name, &name, notes);
        }
    }
    map.get("hosts")
        .map(|node| hosts(tree, key, node, notes))
        .unwrap_or_default()
}

fn hosts(tree: &mut Tree, group: &Key, node: &Node, notes: &mut Notes) -> Vec<String> {
    let mut named = Vec::new();
    for host in list(node, "hosts", notes) {
        if let Some(key) = text(host, notes) {
            tree.add_host(&group.name, &key.name, &key.span, None);
            named.push(key.name);
        }
    }
    named
}

fn text(node: &Node, notes: &mut Notes) -> Option<Key> {
    let name = node.as_str().map(str::to_owned);
    if name.is_none() {
        misfit(node, "a name", notes);
    }
    let span = node.span.clone();
    Some(Key { name: name?, span })
}

fn list<'a>(node: &'a Node, what: &str, notes: &mut Notes) -> &'a [Node] {
    node.as_sequence().unwrap_or_else(|| {
        misfit(node, &format!("a list below `{what}`"), notes);
        &[]
    })
}

fn mapping<'a>(node: &'a Node, what: &str, notes: &mut Notes) -> Option<&'a Map> {
    let map = node.as_map();
    if map.is_none() {
        misfit(node, &format!("a mapping below `{what}`"), notes);
    }
    map
}

fn misfit(node: &Node, expected: &str, notes: &mut Notes) {
    notes.problems.push(
        Problem::input(format!("expected {expected}, found {}", node.describe()))
            .at(&node.span)
            .hint("it must be what `ansible-inventory --list` prints"),
    );
}
