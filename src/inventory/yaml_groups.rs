//! An inventory in YAML: groups are mappings with `hosts`, `vars` and `children`.

use std::sync::Arc;

use super::tree::{Notes, Tree};
use crate::problem::{Problem, Source, did_you_mean};
use crate::yaml::{self, Key, Map, Node, Value};

const GROUP_KEYS: [&str; 3] = ["hosts", "vars", "children"];

/// Reads one text into the tree.
pub(super) fn read(tree: &mut Tree, source: &Arc<Source>, notes: &mut Notes) {
    let root = match yaml::parse_as_ansible(source) {
        Ok(root) => root,
        Err(problem) => return notes.problems.push(problem),
    };
    let Some(map) = root.as_map() else {
        return notes.problems.push(
            Problem::input(format!(
                "an inventory is a mapping of groups, found {}",
                root.describe()
            ))
            .at(&root.span)
            .hint("begin with `all:`"),
        );
    };
    if let Some((key, _)) = map.entry("plugin") {
        return notes.problems.push(
            Problem::input("inventory plugins are not supported")
                .at(&key.span)
                .hint(format!(
                    "keep what it finds: `ansible-inventory -i {} --list >hosts.json`, and give pgha that file",
                    source.name
                )),
        );
    }
    let mut reader = Reader { tree, notes };
    for (key, node) in map.iter() {
        if GROUP_KEYS.contains(&key.name.as_str()) {
            reader.notes.problems.push(
                Problem::input(format!("`{}` stands outside of a group", key.name))
                    .at(&key.span)
                    .hint("put it below `all:`"),
            );
            continue;
        }
        reader.group(key, node);
    }
}

struct Reader<'a> {
    tree: &'a mut Tree,
    notes: &'a mut Notes,
}

impl Reader<'_> {
    /// Reads one mention of a group; `false` if it is none.
    fn group(&mut self, key: &Key, node: &Node) -> bool {
        if !is_group_name(&key.name) {
            self.notes.problems.push(
                Problem::input(format!(
                    "`{}` is no name of a group",
                    key.name.escape_debug()
                ))
                .at(&key.span)
                .hint("a name has no blanks and none of `:`, `,`, `!`, `&`, `[` and `]`"),
            );
            return false;
        }
        let map = match &node.value {
            Value::Null => &Map::default(),
            Value::Map(map) => map,
            _ => {
                self.notes.warnings.push(
                    Problem::input(format!(
                        "`{}` is not read: a group is a mapping, found {}",
                        key.name,
                        node.describe()
                    ))
                    .at(&key.span)
                    .hint("a group has the keys `hosts`, `vars` and `children`"),
                );
                return false;
            }
        };
        self.tree.group(&key.name);
        for (part, content) in map.iter() {
            match part.name.as_str() {
                "hosts" => self.hosts(&key.name, content),
                "children" => self.children(&key.name, content),
                "vars" => {
                    if let Some(vars) = self.mapping(content, "vars") {
                        self.tree.group_vars(&key.name, vars, self.notes);
                    }
                }
                _ => self.unknown_part(key, part),
            }
        }
        true
    }

    fn children(&mut self, parent: &str, content: &Node) {
        let Some(children) = self.mapping(content, "children") else {
            return;
        };
        for (child, node) in children.iter() {
            if self.group(child, node) {
                self.tree.adopt(parent, child, self.notes);
            }
        }
    }

    fn hosts(&mut self, group: &str, content: &Node) {
        let Some(hosts) = self.mapping(content, "hosts") else {
            return;
        };
        for (key, node) in hosts.iter() {
            let names = self.tree.add_hosts(group, key, self.notes);
            match &node.value {
                Value::Null => {}
                Value::Map(vars) => {
                    for name in names {
                        self.tree.host_vars(&name, vars);
                    }
                }
                _ => self.notes.problems.push(
                    Problem::input(format!(
                        "expected the variables of host `{}` as a mapping, found {}",
                        key.name,
                        node.describe()
                    ))
                    .at(&node.span)
                    .hint("write `ansible_host: address` below the host's name"),
                ),
            }
        }
    }

    /// The content of a group's part as a mapping. A single name is one, as in Ansible.
    fn mapping(&mut self, content: &Node, part: &str) -> Option<Map> {
        match &content.value {
            Value::Null => None,
            Value::Map(map) => Some(map.clone()),
            Value::String(name) if part != "vars" => {
                let span = content.span.clone();
                let node = Node {
                    value: Value::Null,
                    span: span.clone(),
                };
                let name = name.clone();
                Some(Map(vec![(Key { name, span }, node)]))
            }
            _ => {
                self.notes.problems.push(
                    Problem::input(format!(
                        "expected a mapping below `{part}`, found {}",
                        content.describe()
                    ))
                    .at(&content.span)
                    .hint(match part {
                        "vars" => "write `name: value`, one per line",
                        _ => "write `name:`, one per line, without `-`",
                    }),
                );
                None
            }
        }
    }

    /// Ansible leaves it out with a warning; what looks like a misspelling is an error.
    fn unknown_part(&mut self, group: &Key, part: &Key) {
        let what = format!("the group `{}` has no key `{}`", group.name, part.name);
        match did_you_mean(&part.name, GROUP_KEYS) {
            Some(meant) => self.notes.problems.push(
                Problem::input(what)
                    .at(&part.span)
                    .hint(format!("did you mean `{meant}`?")),
            ),
            None => self.notes.warnings.push(
                Problem::input(format!("{what}: it is not read"))
                    .at(&part.span)
                    .hint("its keys are `hosts`, `vars` and `children`: variables stand below `vars`, groups below `children`"),
            ),
        }
    }
}

/// What can be named in a pattern of hosts.
pub(super) fn is_group_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('!')
        && !name.chars().any(|c| {
            c.is_whitespace() || c.is_control() || matches!(c, ':' | ',' | '&' | '[' | ']')
        })
}
