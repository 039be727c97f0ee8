//! The state of a cluster as tables.

use console::{Alignment, measure_text_width, pad_str};

use super::style::{Paint, Tone, clean_line, count};
use crate::size;
use crate::status::{Node, Pooler, Role, Status};

/// Members, poolers, and `healthy` or what is wrong.
pub fn text(status: &Status, colours: bool) -> String {
    let paint = Paint::new(colours);
    let mut out = vec![
        format!("cluster {}", clean_line(&status.cluster)),
        String::new(),
    ];
    let header = [
        "NODE", "ROLE", "STATE", "TIMELINE", "UPSTREAM", "LAG", "REPMGRD", "ADDRESS",
    ];
    let rows = status.nodes.iter().map(node).collect::<Vec<_>>();
    out.extend(table(&header, &rows, paint));
    if !status.poolers.is_empty() {
        out.push(String::new());
        let rows = status.poolers.iter().map(pooler).collect::<Vec<_>>();
        out.extend(table(&["POOLER", "TARGET", "PAUSED"], &rows, paint));
    }
    out.push(String::new());
    if status.healthy && status.problems.is_empty() {
        out.push(paint.paint(Tone::Good, "healthy"));
    } else {
        let heading = match status.problems.len() {
            0 => "not healthy".to_owned(),
            problems => format!("not healthy: {}", count(problems, "problem")),
        };
        out.push(paint.paint(Tone::Bad, heading));
        out.extend(
            status
                .problems
                .iter()
                .map(|problem| format!("  - {}", clean_line(problem))),
        );
    }
    out.join("\n") + "\n"
}

type Cell = (String, Option<Tone>);

fn node(node: &Node) -> Vec<Cell> {
    let (role, role_tone) = match node.role {
        Role::Primary => ("primary", Some(Tone::Heading)),
        Role::Standby => ("standby", None),
        Role::Witness => ("witness", None),
        Role::Down => ("down", Some(Tone::Bad)),
        Role::Unknown => ("unknown", Some(Tone::Bad)),
    };
    let state_tone = match node.state.as_str() {
        "running" | "streaming" => Some(Tone::Good),
        "catchup" | "starting" => Some(Tone::Changed),
        _ => Some(Tone::Bad),
    };
    let repmgrd_tone = match node.repmgrd.as_deref() {
        Some("running") | None => None,
        Some("paused") => Some(Tone::Changed),
        Some(_) => Some(Tone::Bad),
    };
    vec![
        (node.name.clone(), None),
        (role.to_owned(), role_tone),
        (node.state.clone(), state_tone),
        (
            or_dash(node.timeline.map(|timeline| timeline.to_string())),
            None,
        ),
        (or_dash(node.upstream.clone()), None),
        (or_dash(node.lag_bytes.map(size::bytes)), None),
        (or_dash(node.repmgrd.clone()), repmgrd_tone),
        (node.address.clone(), None),
    ]
}

fn pooler(pooler: &Pooler) -> Vec<Cell> {
    let (paused, tone) = match pooler.paused {
        Some(true) => ("yes", Some(Tone::Bad)),
        Some(false) => ("no", None),
        None => ("unknown", Some(Tone::Bad)),
    };
    vec![
        (pooler.name.clone(), None),
        (or_dash(pooler.target.clone()), None),
        (paused.to_owned(), tone),
    ]
}

fn or_dash(value: Option<String>) -> String {
    value
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| "-".to_owned())
}

/// Columns as wide as their widest cell, two spaces apart.
fn table(header: &[&str], rows: &[Vec<Cell>], paint: Paint) -> Vec<String> {
    let heading = header
        .iter()
        .map(|name| ((*name).to_owned(), Some(Tone::Dim)));
    let rows: Vec<Vec<Cell>> = std::iter::once(heading.collect())
        .chain(rows.iter().cloned())
        .map(|row: Vec<Cell>| {
            row.into_iter()
                .map(|(text, tone)| (clean_line(&text), tone))
                .collect()
        })
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|(text, _)| measure_text_width(text))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    rows.iter()
        .map(|row| {
            let last = row.len().saturating_sub(1);
            let cells =
                row.iter()
                    .zip(&widths)
                    .enumerate()
                    .map(|(index, ((text, tone), width))| {
                        let painted =
                            tone.map_or_else(|| text.clone(), |tone| paint.paint(tone, text));
                        // The last column is not padded: no spaces at the ends of lines.
                        let width = if index == last { 0 } else { *width };
                        pad_str(&painted, width, Alignment::Left, None).into_owned()
                    });
            cells.collect::<Vec<_>>().join("  ")
        })
        .collect()
}
