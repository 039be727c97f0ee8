//! A plan as it is read before it is agreed to.

use std::collections::{HashMap, HashSet};

use super::group::{Group, groups};
use super::style::{Paint, Tone, clean, clean_line, count};
use super::{diff, field, op};
use crate::plan::{Action, Before, Change, Field, FileDiff, Op, Plan, Shown};

pub use super::op::op_lines;

/// How a plan is shown.
#[derive(Clone, Copy, Debug)]
pub struct PlanOptions {
    /// Contents of files, complete; else only how many lines differ.
    pub diff: bool,
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
        out.push(String::new());
    }
    let mut files = Files::new();
    for (index, stage) in plan.stages.iter().enumerate() {
        let names: Vec<&str> = stage.hosts.keys().map(String::as_str).collect();
        let stages = plan.stages.len();
        let heading = stage_heading(index + 1, stages, &names);
        out.push(paint.paint(Tone::Heading, heading));
        let mut shown_for = Vec::new();
        for group in groups(stage) {
            let hosts = group.hosts();
            if hosts != shown_for {
                out.push(String::new());
                out.push(format!("{}:", clean_line(&hosts.join(", "))));
                shown_for = hosts;
            }
            change(&group, options, &mut files, &mut out);
        }
        out.push(String::new());
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
    out.push(paint.paint(Tone::Heading, counts(plan, hosts)));
    out.join("\n") + "\n"
}

/// Which cluster, with which playbook, on how many hosts, and who its primary is.
fn heading(plan: &Plan, hosts: usize) -> String {
    let primary = match (plan.primary.as_str(), plan.bootstrap) {
        ("", _) => String::new(),
        (primary, true) => format!("no cluster there yet, `{primary}` becomes its primary"),
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
    let names = clean_line(&hosts.join(", "));
    let together = if hosts.len() > 1 {
        " at the same time"
    } else {
        ""
    };
    format!("stage {stage} of {stages}: {names}{together}")
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
    if change.step != change.subject {
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
    let mut body = field::lines(&fields);
    if options.verbose {
        body.extend(
            guards(group)
                .into_iter()
                .map(|line| paint.paint(Tone::Dim, line)),
        );
    }
    if let Some(file) = &change.diff {
        if options.diff {
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
    for op in &change.ops {
        body.extend(op_lines(op));
        body.extend(content_without_diff(change, op, options.diff));
    }
    // Space at the end of a line may be what differs: only blank lines are trimmed.
    out.extend(body.iter().map(|line| match line.trim() {
        "" => String::new(),
        _ => format!("      {line}"),
    }));
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
    let stages = count(plan.stages.len(), "stage");
    format!(
        "plan: {} on {on} in {stages}: {kinds}{held}",
        count(total, "change")
    )
}
