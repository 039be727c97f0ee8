//! An inventory in INI: `[group]`, `[group:children]`, `[group:vars]`, a host with its variables per line.
//!
//! As the plugin `ini` of ansible-core 2.19: values are Python's literals or text.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::python;
use super::tree::{Notes, Tree};
use super::words::{Word, words};
use super::yaml_groups::is_group_name;
use crate::problem::{Problem, Source, Span};
use crate::yaml::{Key, Map, Node, Value};

/// What the lines of a section are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Hosts,
    Children,
    Vars,
}

/// Reads one text into the tree.
pub(super) fn read(tree: &mut Tree, source: &Arc<Source>, notes: &mut Notes) {
    let mut reader = Reader {
        tree,
        source,
        notes,
        group: "ungrouped".to_owned(),
        section: Section::Hosts,
        undeclared: BTreeMap::new(),
    };
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let trimmed = line.trim();
        let indent = line.len() - line.trim_start().len();
        if !trimmed.is_empty() && !trimmed.starts_with(['#', ';']) {
            reader.line(trimmed, start + indent);
        }
        start += line.len();
    }
    let Reader {
        undeclared, notes, ..
    } = reader;
    for (name, span) in undeclared {
        notes.problems.push(
            Problem::input(format!("there is no group `{name}`"))
                .at(&span)
                .hint(format!("declare it: `[{name}]` or `[{name}:children]`")),
        );
    }
}

struct Reader<'a> {
    tree: &'a mut Tree,
    source: &'a Arc<Source>,
    notes: &'a mut Notes,
    group: String,
    section: Section,
    /// Groups that have variables or a parent, and no section of their own so far.
    undeclared: BTreeMap<String, Span>,
}

impl Reader<'_> {
    fn span(&self, start: usize, len: usize) -> Span {
        Span {
            source: self.source.clone(),
            start,
            len,
        }
    }

    fn wrong(&mut self, start: usize, len: usize, what: String, hint: &str) {
        let span = self.span(start, len);
        self.notes
            .problems
            .push(Problem::input(what).at(&span).hint(hint));
    }

    fn line(&mut self, line: &str, start: usize) {
        if let Some((name, kind)) = header(line) {
            return self.section(name, kind, start + 1);
        }
        if line.starts_with('[') && line.ends_with(']') {
            return self.wrong(
                start,
                line.len(),
                format!("`{line}` is no section"),
                "write `[group]`, `[group:children]` or `[group:vars]`, without blanks",
            );
        }
        match self.section {
            Section::Hosts => self.hosts(line, start),
            Section::Children => self.child(line, start),
            Section::Vars => self.variable(line, start),
        }
    }

    fn section(&mut self, name: &str, kind: &str, start: usize) {
        self.section = match kind {
            "" | "hosts" => Section::Hosts,
            "children" => Section::Children,
            "vars" => Section::Vars,
            _ => {
                return self.wrong(
                    start,
                    name.len() + 1 + kind.len(),
                    format!("there is no section of the kind `{kind}`"),
                    "write `[group]`, `[group:children]` or `[group:vars]`",
                );
            }
        };
        let span = self.span(start, name.len());
        if self.section != Section::Vars {
            self.undeclared.remove(name);
        } else if !self.tree.groups.contains_key(name) && !matches!(name, "all" | "ungrouped") {
            self.undeclared.entry(name.to_owned()).or_insert(span);
        }
        self.tree.group(name);
        name.clone_into(&mut self.group);
    }

    fn child(&mut self, line: &str, start: usize) {
        let name = line.split(['#', ' ', '\t']).next().unwrap_or_default();
        let rest = line[name.len()..].trim_start();
        if !is_group_name(name) || !(rest.is_empty() || rest.starts_with('#')) {
            return self.wrong(
                start,
                line.len(),
                format!("expected the name of a group, found `{line}`"),
                "write one name per line",
            );
        }
        let span = self.span(start, name.len());
        if !self.tree.groups.contains_key(name) && !matches!(name, "all" | "ungrouped") {
            self.undeclared
                .entry(name.to_owned())
                .or_insert_with(|| span.clone());
        }
        let child = Key {
            name: name.to_owned(),
            span,
        };
        let parent = self.group.clone();
        self.tree.adopt(&parent, &child, self.notes);
    }

    fn variable(&mut self, line: &str, start: usize) {
        let Some((name, value)) = line.split_once('=') else {
            return self.wrong(
                start,
                line.len(),
                format!("expected `name=value`, found `{line}`"),
                "a section `[group:vars]` has one variable per line",
            );
        };
        let behind = start + line.len() - value.trim_start().len();
        let value = value.trim();
        let node = self.value(value, behind, value.len());
        let key = Key {
            span: self.span(start, name.trim_end().len()),
            name: name.trim_end().to_owned(),
        };
        let group = self.group.clone();
        self.tree
            .group_vars(&group, Map(vec![(key, node)]), self.notes);
    }

    fn hosts(&mut self, line: &str, start: usize) {
        let words = match words(line) {
            Ok(words) => words,
            Err(why) => {
                let hint = "put the whole value in quotes: `name='a value'`";
                return self.wrong(start, line.len(), why.to_owned(), hint);
            }
        };
        let Some((host, rest)) = words.split_first() else {
            return;
        };
        let mut vars = Map::default();
        for word in rest {
            match self.pair(word, line, start) {
                Some(pair) => vars.0.push(pair),
                None => {
                    return self.wrong(
                        start + word.start,
                        word.end - word.start,
                        format!("expected `name=value`, found `{}`", word.text.escape_debug()),
                        "one host per line, and behind it its variables; a value with blanks in quotes",
                    );
                }
            }
        }
        let key = Key {
            name: host.text.clone(),
            span: self.span(start + host.start, host.end - host.start),
        };
        let group = self.group.clone();
        for name in self.tree.add_hosts(&group, &key, self.notes) {
            self.tree.host_vars(&name, &vars);
        }
    }

    /// One `name=value` of a line that begins at `start`.
    fn pair(&self, word: &Word, line: &str, start: usize) -> Option<(Key, Node)> {
        let (name, value) = word.text.split_once('=')?;
        let key = Key {
            name: name.to_owned(),
            span: self.span(start + word.start, name.len()),
        };
        let raw = &line[word.start..word.end];
        let behind = raw.find('=').map_or(0, |at| at + 1);
        let at = start + word.start + behind;
        Some((key, self.value(value, at, raw.len() - behind)))
    }

    /// A value, whose text, quotes included, is `len` bytes at `start`.
    fn value(&self, text: &str, start: usize, len: usize) -> Node {
        let raw = &self.source.text[start..start + len];
        let inside = len == text.len() + 2 && raw.get(1..len - 1) == Some(text);
        let span = self.span(start + usize::from(inside), len - 2 * usize::from(inside));
        python::literal(text, &span).unwrap_or_else(|| Node {
            value: Value::String(text.to_owned()),
            span,
        })
    }
}

/// The group of a header, and what follows its colon.
fn header(line: &str) -> Option<(&str, &str)> {
    let (inside, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim_start();
    let (name, kind) = inside.split_once(':').unwrap_or((inside, ""));
    let is_word = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == '_');
    let is_header = is_group_name(name)
        && is_word(kind)
        && (kind.is_empty() != inside.contains(':'))
        && (rest.is_empty() || rest.starts_with('#'));
    is_header.then_some((name, kind))
}
