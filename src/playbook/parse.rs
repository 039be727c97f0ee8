//! YAML → [`Playbook`].

use std::sync::Arc;

use super::foreign;
use super::step::{self, flag};
use super::{Play, Playbook};
use crate::problem::{Problem, Problems, Source, Span, did_you_mean};
use crate::yaml::{self, Key, Map, Node, Spanned, Value};

/// The keys of a play.
pub const PLAY_KEYS: [&str; 8] = [
    "name", "hosts", "serial", "in_order", "always", "deadline", "vars", "steps",
];

/// Reads a playbook and what it imports. `resources` are the names of the resources that a step may declare; `read` gives
/// the text of a file, by the path in an `import_playbook`, taken against the folder of the importing file.
///
/// # Errors
///
/// Everything that is wrong, as far as it can be told together.
pub fn parse(
    entry: &str,
    resources: &[&str],
    read: &dyn Fn(&str) -> Option<Arc<Source>>,
) -> Result<Playbook, Problems> {
    let mut reader = Reader {
        resources,
        read,
        open: Vec::new(),
        plays: Vec::new(),
        problems: Vec::new(),
    };
    match read(entry) {
        Some(source) => reader.file(entry, &source),
        None => reader
            .problems
            .push(Problem::input(format!("there is no playbook `{entry}`")).hint("check the path")),
    }
    if reader.problems.is_empty() {
        reader.problems = together(&reader.plays);
    }
    if reader.problems.is_empty() {
        Ok(Playbook {
            name: entry.to_owned(),
            plays: reader.plays,
        })
    } else {
        Err(Problems(reader.problems))
    }
}

struct Reader<'a> {
    resources: &'a [&'a str],
    read: &'a dyn Fn(&str) -> Option<Arc<Source>>,
    /// The files that are being read, each imported by the one before.
    open: Vec<String>,
    plays: Vec<Play>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn file(&mut self, path: &str, source: &Arc<Source>) {
        let root = match yaml::parse(source) {
            Ok(root) => root,
            Err(problem) => return self.problems.push(problem),
        };
        let Some(items) = root.as_sequence() else {
            return self.problems.push(
                Problem::input(format!(
                    "a playbook is a list of plays, found {}",
                    root.describe()
                ))
                .at(&root.span)
                .hint("begin each play with `- name:`"),
            );
        };
        self.open.push(path.to_owned());
        for item in items {
            self.item(path, item);
        }
        self.open.pop();
    }

    fn item(&mut self, path: &str, item: &Node) {
        let Some(map) = item.as_map() else {
            return self.problems.push(
                Problem::input(format!("expected a play, found {}", item.describe()))
                    .at(&item.span)
                    .hint("a play is a mapping with `name`, `hosts` and `steps`"),
            );
        };
        if let Some((key, target)) = map.entry("import_playbook") {
            for (other, _) in map
                .iter()
                .filter(|(other, _)| other.name != "import_playbook" && other.name != "name")
            {
                self.problems.push(
                    Problem::input(format!(
                        "`{}` has no meaning beside `import_playbook`",
                        other.name
                    ))
                    .at(&other.span)
                    .hint("an import brings its plays as they are"),
                );
            }
            self.import(path, key, target);
        } else {
            match self.play(map, &item.span) {
                Ok(play) => self.plays.push(play),
                Err(problems) => self.problems.extend(problems),
            }
        }
    }

    fn import(&mut self, from: &str, key: &Key, target: &Node) {
        let Some(name) = target.as_str() else {
            return self.problems.push(
                Problem::input(format!(
                    "expected the path of a playbook, found {}",
                    target.describe()
                ))
                .at(if target.is_null() {
                    &key.span
                } else {
                    &target.span
                }),
            );
        };
        let path = beside(from, name);
        if self.open.contains(&path) {
            let chain: Vec<String> = self
                .open
                .iter()
                .skip_while(|open| **open != path)
                .chain([&path])
                .map(|name| format!("`{name}`"))
                .collect();
            return self.problems.push(
                Problem::input(format!(
                    "playbooks import each other: {}",
                    chain.join(" → ")
                ))
                .at(&target.span)
                .hint("remove one of the imports"),
            );
        }
        match (self.read)(&path) {
            Some(source) => self.file(&path, &source),
            None => self.problems.push(
                Problem::input(format!("there is no playbook `{path}`"))
                    .at(&target.span)
                    .hint("the path is taken against the folder of the importing playbook"),
            ),
        }
    }

    fn play(&self, map: &Map, span: &Span) -> Result<Play, Vec<Problem>> {
        let mut problems: Vec<Problem> = map
            .iter()
            .filter(|(key, _)| !PLAY_KEYS.contains(&key.name.as_str()))
            .map(|(key, _)| unknown_key(key))
            .collect();
        let mut keep = |result: Result<(), Problem>| problems.extend(result.err());
        let mut hosts = None;
        keep(text(map, "hosts", span, "a play").map(|found| hosts = Some(found)));
        let mut name = None;
        if map.get("name").is_some() {
            keep(text(map, "name", span, "a play").map(|found| name = Some(found.text)));
        }
        let mut is_serial = false;
        keep(serial(map).map(|found| is_serial = found));
        let (mut in_order, mut always) = (false, false);
        keep(flag(map, "in_order").map(|found| in_order = found));
        keep(flag(map, "always").map(|found| always = found));
        let mut time = None;
        keep(deadline(map).map(|found| time = found));
        let mut vars = Map::default();
        keep(variables(map).map(|found| vars = found));
        let steps = self.steps(map, span).unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        match hosts {
            Some(hosts) if problems.is_empty() => Ok(Play {
                name: name.unwrap_or_else(|| hosts.text.clone()),
                hosts,
                serial: is_serial,
                in_order,
                always,
                deadline: time,
                vars,
                steps,
                span: span.clone(),
            }),
            _ => Err(problems),
        }
    }

    fn steps(&self, map: &Map, span: &Span) -> Result<Vec<super::Step>, Vec<Problem>> {
        let Some((key, node)) = map.entry("steps") else {
            if map.get("tasks").is_some() {
                return Ok(Vec::new());
            }
            return Err(vec![
                Problem::input("a play lacks the key `steps`")
                    .at(span)
                    .hint("add `steps:` with a list of steps"),
            ]);
        };
        let items = match &node.value {
            Value::Sequence(items) if !items.is_empty() => items,
            Value::Sequence(_) | Value::Null => {
                return Err(vec![
                    Problem::input("a play without steps does nothing")
                        .at(&key.span)
                        .hint("add a step, or remove the play"),
                ]);
            }
            _ => {
                return Err(vec![
                    Problem::input(format!(
                        "expected a list of steps, found {}",
                        node.describe()
                    ))
                    .at(&node.span)
                    .hint("begin each step with `- name:`"),
                ]);
            }
        };
        let mut steps = Vec::new();
        let mut problems = Vec::new();
        for item in items {
            match step::parse(item, self.resources) {
                Ok(step) => steps.push(step),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() {
            Ok(steps)
        } else {
            Err(problems)
        }
    }
}

fn unknown_key(key: &Key) -> Problem {
    let problem = Problem::input(format!("a play has no key `{}`", key.name)).at(&key.span);
    if step::KEYS.contains(&key.name.as_str()) {
        return problem.hint(format!("`{}` is a key of a step", key.name));
    }
    match (
        foreign::play_hint(&key.name),
        did_you_mean(&key.name, PLAY_KEYS),
    ) {
        (Some(hint), _) => problem.hint(hint),
        (None, Some(meant)) => problem.hint(format!("did you mean `{meant}`?")),
        (None, None) => problem.hint("its keys are `name`, `hosts`, `serial`, `in_order`, `always`, `deadline`, `vars` and `steps`"),
    }
}

/// A key whose value must be a line of text.
pub(super) fn text(map: &Map, name: &str, span: &Span, whole: &str) -> Result<Spanned, Problem> {
    let Some((key, node)) = map.entry(name) else {
        return Err(Problem::input(format!("{whole} lacks the key `{name}`"))
            .at(span)
            .hint(match name {
                "hosts" => "add `hosts:` with a group, a host or a pattern",
                _ => "add `name:` with a few words that say what it is for",
            }));
    };
    match node.as_str() {
        Some(text) if !text.trim().is_empty() && !text.trim_end().contains('\n') => Ok(Spanned {
            text: text.trim_end().to_owned(),
            span: node.span.clone(),
        }),
        Some(text) => Err(Problem::input(format!(
            "the `{name}` of {whole} {}",
            if text.trim().is_empty() {
                "is empty"
            } else {
                "has more than one line"
            }
        ))
        .at(&node.span)),
        None if node.is_null() => {
            Err(Problem::input(format!("the `{name}` of {whole} is empty")).at(&key.span))
        }
        None => {
            Err(Problem::input(format!("expected text, found {}", node.describe())).at(&node.span))
        }
    }
}

fn serial(map: &Map) -> Result<bool, Problem> {
    match map.get("serial") {
        None => Ok(false),
        Some(node) if node.as_int() == Some(1) => Ok(true),
        Some(node) => Err(Problem::input(format!(
            "`serial` can only be `1`, found {}",
            node.describe()
        ))
        .at(&node.span)
        .hint("`serial: 1` takes one host after the other; without it all go together")),
    }
}

/// A number of seconds, or a template that will give one.
fn deadline(map: &Map) -> Result<Option<Node>, Problem> {
    let Some((key, node)) = map.entry("deadline") else {
        return Ok(None);
    };
    let is_number = match &node.value {
        Value::String(text) => text.contains("{{"),
        _ => node
            .as_int()
            .is_some_and(|seconds| (1..=i64::from(u32::MAX)).contains(&seconds)),
    };
    match is_number {
        true => Ok(Some(node.clone())),
        false => Err(no_deadline(node).at(if node.is_null() {
            &key.span
        } else {
            &node.span
        })),
    }
}

/// What is told of a deadline that is none.
pub fn no_deadline(found: &Node) -> Problem {
    Problem::input(format!(
        "`deadline` is a number of seconds, at least 1, found {}",
        found.describe()
    ))
    .hint("write a number, or a template that gives one: `deadline: 20`")
}

/// What no play can see of the others: their order, what decides, and what can be undone.
fn together(plays: &[Play]) -> Vec<Problem> {
    let told = |what: &str, span: &Span, hint: &str| Problem::input(what).at(span).hint(hint);
    let mut problems = Vec::new();
    let mut always = false;
    let mut decided = false;
    let decides = plays
        .iter()
        .flat_map(|play| &play.steps)
        .any(|step| step.decides);
    for play in plays {
        if always && !play.always {
            problems.push(told(
                "this play comes after one with `always`, which is run at the end",
                &play.span,
                "put plays with `always: true` last",
            ));
        }
        always |= play.always;
        for step in &play.steps {
            if let Some(undo) = &step.undo {
                let span = &undo.kind.span;
                if play.always || decided {
                    problems.push(told(
                        "nothing is undone any more once this step is run",
                        span,
                        "remove `undo`: what comes after the decision goes on, whatever fails",
                    ));
                } else if !decides {
                    problems.push(told(
                        "`undo` has no meaning where no step decides: a run that fails stops, and is not undone",
                        span,
                        "add `decides: true` to the step after which there is no way back, or remove `undo`",
                    ));
                }
            }
            if step.decides {
                problems.extend(match (play.always, decided, &step.loop_over) {
                    (true, ..) => Some(told(
                        "a step of a play with `always` cannot decide: it is run whatever was decided",
                        &step.span,
                        "remove `decides`, or `always` from the play",
                    )),
                    (_, true, _) => Some(told(
                        "a second step decides, and a run is decided once",
                        &step.span,
                        "leave `decides` to the step after which there is no way back",
                    )),
                    (.., Some(list)) => Some(told(
                        "a step with a loop cannot decide: each turn would, and a run is decided once",
                        &list.span,
                        "make a step of its own of what decides",
                    )),
                    _ => None,
                });
                decided = true;
            }
        }
    }
    problems
}

fn variables(map: &Map) -> Result<Map, Problem> {
    match map.get("vars").map(|node| (node, &node.value)) {
        None | Some((_, Value::Null)) => Ok(Map::default()),
        Some((_, Value::Map(vars))) => Ok(vars.clone()),
        Some((node, _)) => Err(Problem::input(format!(
            "expected a mapping of variables, found {}",
            node.describe()
        ))
        .at(&node.span)
        .hint("write `name: value` below `vars:`")),
    }
}

/// The path of `name` taken against the folder of the file `from`, without `.` and with `..` resolved.
fn beside(from: &str, name: &str) -> String {
    let joined = match from.rfind('/') {
        Some(slash) if !name.starts_with('/') => format!("{}/{name}", &from[..slash]),
        _ => name.to_owned(),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if joined.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}
