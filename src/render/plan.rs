//! A plan as it is read before it is agreed to.

use std::collections::{HashMap, HashSet};

use super::group::{Group, groups};
use super::style::{Paint, Tone, clean, clean_line};
use super::{diff, field, op};
use crate::plan::{Action, Before, Change, Field, FileDiff, Op, Plan, Shown, Stage};
use crate::words::count;

pub use super::op::op_lines;

/// How the content of files is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Diff {
    /// Only how many lines differ
    #[value(skip)]
    Nothing,
    /// Complete, but for programs that pgha ships: those by name, number of lines and hash
    #[default]
    Short,
    /// Complete
    Full,
}

/// How a plan is shown.
#[derive(Clone, Copy, Debug)]
pub struct PlanOptions {
    pub diff: Diff,
    /// Guards too.
    pub verbose: bool,
    pub colours: bool,
    /// Columns; a step's name that does not fit behind its subject gets a line of its own. Nothing is cut.
    pub width: usize,
}

/// The whole plan: stages, changes, what is held back, and a last line of counts. `hosts` is how many were looked at.
pub fn text(plan: &Plan, hosts: usize, options: PlanOptions) -> String {
    let paint = Paint::new(options.colours);
    let mut out = Vec::new();
    if !plan.cluster.is_empty() {
        out.push(paint.paint(Tone::Heading, heading(plan, hosts)));
        if !plan.new_secrets.is_empty() {
            out.push(clean_line(&format!(
                "secrets to be made and kept in `secrets.yml` beside the inventory: {}",
                plan.new_secrets.join(", ")
            )));
        }
        if !plan.kept_passwords.is_empty() {
            out.push(clean_line(&format!(
                "roles that keep the password that they have; its verifier is kept in `secrets.yml`, for the poolers: {}",
                plan.kept_passwords.join(", ")
            )));
        }
        out.push(String::new());
    }
    let mut files = Files::new();
    let stages = headed(&plan.stages, stage_heading);
    let always = headed(&plan.always, always_heading);
    for (heading, stage) in stages.chain(always) {
        out.push(paint.paint(Tone::Heading, heading));
        changes(stage, options, &mut files, &mut out);
    }
    if !plan.held.is_empty() {
        out.push(paint.paint(Tone::Heading, "held back:"));
        for held in &plan.held {
            out.push(format!(
                "  {}: {}",
                clean_line(&held.host),
                clean_line(&held.what)
            ));
            if !held.hint.is_empty() {
                out.push(format!(
                    "    {} {}",
                    paint.paint(Tone::Hint, "hint:"),
                    clean_line(&held.hint)
                ));
            }
        }
        out.push(String::new());
    }
    if !plan.warnings.is_empty() {
        out.push(paint.paint(Tone::Heading, "note:"));
        for warning in &plan.warnings {
            out.push(format!(
                "  {}: {}",
                clean_line(&warning.host),
                clean_line(&warning.what)
            ));
        }
        out.push(String::new());
    }
    out.push(paint.paint(Tone::Heading, counts(plan, hosts)));
    out.join("\n") + "\n"
}

/// Which cluster, with which playbook, on how many hosts, and who its primary is.
fn heading(plan: &Plan, hosts: usize) -> String {
    let primary = match (plan.primary.as_str(), plan.bootstrap) {
        ("", _) => String::new(),
        (primary, true) => format!("no cluster there yet, `{primary}` becomes its primary"),
        (primary, false) if plan.leaderless => format!("no primary, `{primary}` becomes it"),
        (primary, false) => format!("`{primary}` is the primary"),
    };
    clean_line(&format!(
        "cluster `{}`: {primary} ({}, playbook `{}`)",
        plan.cluster,
        count(hosts, "host"),
        plan.playbook
    ))
}

/// The files that were shown so far, each with the first host that it was shown for.
type Files<'a> = HashMap<&'a str, (&'a str, &'a FileDiff)>;

/// `stage 2 of 5: node1, node2 at the same time`.
pub(super) fn stage_heading(stage: usize, stages: usize, hosts: &[&str]) -> String {
    format!("stage {stage} of {stages}: {}", together(hosts))
}

/// What is done however the stages ended: `always, at the end: node1, node2 at the same time`.
fn always_heading(stage: usize, stages: usize, hosts: &[&str]) -> String {
    let of = match stages {
        1 => String::new(),
        _ => format!(" ({stage} of {stages})"),
    };
    format!("always, at the end{of}: {}", together(hosts))
}

type Heading = fn(usize, usize, &[&str]) -> String;

/// Each stage below what it is called, given its number, how many there are, and its hosts.
fn headed(stages: &[Stage], heading: Heading) -> impl Iterator<Item = (String, &Stage)> {
    let numbered = (1..).zip(stages);
    numbered.map(move |(number, stage)| (heading(number, stages.len(), &hosts_of(stage)), stage))
}

fn hosts_of(stage: &Stage) -> Vec<&str> {
    stage.hosts.keys().map(String::as_str).collect()
}

/// `node1, node2 at the same time`
fn together(hosts: &[&str]) -> String {
    let names = clean_line(&hosts.join(", "));
    match hosts {
        [_, _, ..] => format!("{names} at the same time"),
        _ => names,
    }
}

/// The changes of a stage, those that are alike on several hosts together.
fn changes<'a>(
    stage: &'a Stage,
    options: PlanOptions,
    files: &mut Files<'a>,
    out: &mut Vec<String>,
) {
    let mut shown_for = Vec::new();
    for group in groups(stage) {
        let hosts = group.hosts();
        if hosts != shown_for {
            out.push(String::new());
            out.push(format!("{}:", clean_line(&hosts.join(", "))));
            shown_for = hosts;
        }
        change(&group, options, files, out);
    }
    out.push(String::new());
}

fn change<'a>(
    group: &Group<'a>,
    options: PlanOptions,
    files: &mut Files<'a>,
    out: &mut Vec<String>,
) {
    let paint = Paint::new(options.colours);
    let change = group.change();
    let mut head = format!(
        "  {}",
        deed(change.action, &change.resource, &change.subject, paint)
    );
    // A program of pgha's own is known by its name and hash: of a new one that line is all, its write included.
    let mut program = match (&change.diff, options.diff) {
        (Some(file), Diff::Nothing | Diff::Short) => diff::program(file),
        _ => Vec::new(),
    }
    .into_iter();
    let told = program.next();
    if let Some(told) = &told {
        head.push_str(&format!("  {told}"));
    } else if change.step != change.subject {
        let step = paint.paint(Tone::Dim, format!("({})", clean_line(&change.step)));
        let fits = console::measure_text_width(&format!("{head}  {step}")) <= options.width;
        head.push_str(if fits { "  " } else { "\n    " });
        head.push_str(&step);
    }
    out.push(head);
    // An operation says whose a new file is, and how it may be used.
    let fields: Vec<Field> = change
        .fields
        .iter()
        .filter(|field| !(is_told_by_operation(change) && is_attribute(field)))
        .cloned()
        .collect();
    let mut body = Vec::new();
    if change.decides {
        let what = "◆ decides: up to here a failure undoes everything, from here on it is finished";
        body.push(paint.paint(Tone::Disruptive, what));
    }
    body.extend(field::lines(&fields));
    if options.verbose {
        body.extend(
            guards(group)
                .into_iter()
                .map(|line| paint.paint(Tone::Dim, line)),
        );
    }
    if let Some(file) = &change.diff {
        if told.is_some() {
            body.extend(program);
        } else if options.diff != Diff::Nothing {
            let (shown_on, shown): (&str, &FileDiff) = *files
                .entry(file.path.as_str())
                .or_insert((change.host.as_str(), file));
            let short = if std::ptr::eq(shown, file) {
                None
            } else {
                diff::differing_lines(file, shown, &clean_line(shown_on), paint)
            };
            body.extend(short.unwrap_or_else(|| diff::lines(file, &change.subject, paint)));
        } else if file.before != Before::Absent {
            // Of a new file the operation tells how long it is.
            body.push(diff::summary(file));
        }
    }
    let is_told = |op: &&Op| told.is_some() && matches!(op, Op::WriteFile { .. });
    for op in change.ops.iter().filter(|op| !is_told(op)) {
        body.extend(op_lines(op));
        body.extend(content_without_diff(
            change,
            op,
            options.diff != Diff::Nothing,
        ));
    }
    body.extend(undo_lines(change, paint));
    // Space at the end of a line may be what differs: only blank lines are trimmed.
    out.extend(body.iter().map(|line| match line.trim() {
        "" => String::new(),
        _ => format!("      {line}"),
    }));
}

/// How the change is taken back, where it can be: `↶ undo: $ …`.
fn undo_lines(change: &Change, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for op in &change.undo {
        for line in op_lines(op) {
            let mark = if lines.is_empty() {
                "↶ undo: "
            } else {
                "        "
            };
            lines.push(paint.paint(Tone::Dim, format!("{mark}{line}")));
        }
    }
    lines
}

fn is_told_by_operation(change: &Change) -> bool {
    change.ops.iter().any(|op| {
        matches!(
            op,
            Op::WriteFile { .. } | Op::MakeDirectory { .. } | Op::SetAttributes { .. }
        )
    })
}

fn is_attribute(field: &Field) -> bool {
    field.before == Shown::Absent && matches!(field.name.as_str(), "mode" | "owner" | "group")
}

/// `+ create file /etc/motd`.
pub(super) fn deed(action: Action, resource: &str, subject: &str, paint: Paint) -> String {
    let (glyph, verb, tone) = glyph(action);
    let what = if resource == verb {
        clean_line(subject)
    } else {
        clean_line(&format!("{resource} {subject}"))
    };
    format!("{} {what}", paint.paint(tone, format!("{glyph} {verb}")))
}

/// The glyph, the verb and the tone of an action. The verb alone tells it.
fn glyph(action: Action) -> (&'static str, &'static str, Tone) {
    match action {
        Action::Create => ("+", "create", Tone::Good),
        Action::Update => ("~", "update", Tone::Changed),
        Action::Remove => ("-", "remove", Tone::Bad),
        Action::Start => (">", "start", Tone::Good),
        Action::Stop => ("!", "stop", Tone::Disruptive),
        Action::Restart => ("!", "restart", Tone::Disruptive),
        Action::Reload => ("↻", "reload", Tone::Changed),
        Action::AlwaysRuns => ("*", "always runs", Tone::Changed),
        Action::Wait => ("…", "wait", Tone::Dim),
        Action::Undo => ("↶", "undo", Tone::Disruptive),
    }
}

/// What the hosts have in common once, the rest with its host.
fn guards(group: &Group<'_>) -> Vec<String> {
    let everywhere = |guard| {
        group
            .changes
            .iter()
            .all(|change| change.guards.contains(guard))
    };
    let mut lines = Vec::new();
    for (index, change) in group.changes.iter().enumerate() {
        for guard in &change.guards {
            let line = op::guard_line(guard);
            match (everywhere(guard), index) {
                (true, 0) => lines.push(format!("only if {line}")),
                (true, _) => {}
                (false, _) => lines.push(format!("{}: only if {line}", clean_line(&change.host))),
            }
        }
    }
    lines
}

/// What an operation writes, unless the change's diff tells it.
fn content_without_diff(change: &Change, op: &Op, wanted: bool) -> Vec<String> {
    let Op::WriteFile { path, content, .. } = op else {
        return Vec::new();
    };
    let is_told = |diff: &crate::plan::FileDiff| diff.path == *path && diff.after == *content;
    if !wanted || change.diff.as_ref().is_some_and(is_told) {
        return Vec::new();
    }
    let content = clean(&content.to_string());
    content.lines().map(|line| format!("  | {line}")).collect()
}

fn counts(plan: &Plan, hosts: usize) -> String {
    let held = match plan.held.len() {
        0 => String::new(),
        held => format!("; {held} held back"),
    };
    let noted = match plan.warnings.len() {
        0 => String::new(),
        noted => format!("; {}", count(noted, "note")),
    };
    let held = format!("{held}{noted}");
    let total = plan.changes().count();
    if total == 0 && held.is_empty() {
        let are = if hosts == 1 { "is" } else { "are" };
        return format!(
            "plan: no changes: {} {are} as declared",
            count(hosts, "host")
        );
    }
    if total == 0 {
        return format!("plan: no changes{held}");
    }
    let touched = plan
        .changes()
        .map(|change| &change.host)
        .collect::<HashSet<_>>()
        .len();
    let on = if touched < hosts {
        format!("{touched} of {}", count(hosts, "host"))
    } else {
        count(touched, "host")
    };
    let kinds = [
        Action::Create,
        Action::Update,
        Action::Remove,
        Action::Start,
        Action::Stop,
        Action::Restart,
        Action::Reload,
        Action::AlwaysRuns,
        Action::Wait,
    ]
    .into_iter()
    .filter_map(|action| {
        let number = plan
            .changes()
            .filter(|change| change.action == action)
            .count();
        let verb = match (action, number) {
            (_, 0) => return None,
            (Action::AlwaysRuns, 2..) => "always run",
            _ => glyph(action).1,
        };
        Some(format!("{number} {verb}"))
    })
    .collect::<Vec<_>>()
    .join(", ");
    let at_the_end = match plan.always.len() {
        0 => String::new(),
        stages => format!(" and {stages} at the end"),
    };
    let stages = format!("{}{at_the_end}", count(plan.stages.len(), "stage"));
    format!(
        "plan: {} on {on} in {stages}: {kinds}{held}",
        count(total, "change")
    )
}
