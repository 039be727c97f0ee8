//! Contents of files as unified diffs.

use sha2::{Digest, Sha256};
use similar::{ChangeTag, TextDiff};

use super::style::{Paint, Tone, clean, clean_line};
use crate::plan::{Before, FileDiff};
use crate::words::{count, hex};

/// The diff, complete, one string to a line. Of a new file whose name was just told, only the lines.
pub(super) fn lines(diff: &FileDiff, subject: &str, paint: Paint) -> Vec<String> {
    let path = clean(&diff.path);
    let old = match &diff.before {
        Before::Content(content) => clean(content),
        Before::Absent | Before::NotYet | Before::Hidden => String::new(),
    };
    let note = match &diff.before {
        Before::Absent | Before::Content(_) => "",
        Before::NotYet => " (not shown: an earlier change of this plan writes it)",
        Before::Hidden => " (not shown: has secrets, is large, or is no text)",
    };
    let new = clean(&diff.after.to_string());
    let heads = match &diff.before {
        Before::Absent if diff.path == subject => Vec::new(),
        Before::Absent => vec!["--- /dev/null".to_owned(), format!("+++ {path}")],
        _ => vec![format!("--- {path}{note}"), format!("+++ {path}")],
    };
    let mut out: Vec<String> = heads
        .into_iter()
        .map(|head| paint.paint(Tone::Heading, head))
        .collect();
    let shows_places = matches!(diff.before, Before::Content(_));
    out.extend(hunks(&old, &new, 3, shows_places, paint));
    out
}

/// How a file that several hosts get differs from what is shown of the first of them; `None` if the whole is as short.
pub(super) fn differing_lines(
    diff: &FileDiff,
    shown: &FileDiff,
    shown_on: &str,
    paint: Paint,
) -> Option<Vec<String>> {
    if diff.path != shown.path || diff.before != shown.before {
        return None;
    }
    let path = clean(&diff.path);
    if diff.after == shown.after {
        return Some(vec![format!("content: the same as on {shown_on}")]);
    }
    let (old, new) = (
        clean(&shown.after.to_string()),
        clean(&diff.after.to_string()),
    );
    let lines = hunks(&old, &new, 0, false, paint);
    if lines.len() * 3 > new.lines().count() {
        return None;
    }
    let mut out = vec![
        paint.paint(
            Tone::Heading,
            format!("--- {path} as it becomes on {shown_on}"),
        ),
        paint.paint(Tone::Heading, format!("+++ {path}")),
    ];
    out.extend(lines);
    Some(out)
}

fn hunks(old: &str, new: &str, radius: usize, shows_places: bool, paint: Paint) -> Vec<String> {
    let mut out = Vec::new();
    let text_diff = TextDiff::from_lines(old, new);
    for hunk in text_diff.unified_diff().context_radius(radius).iter_hunks() {
        if shows_places {
            out.push(paint.paint(Tone::Dim, hunk.header()));
        }
        for change in hunk.iter_changes() {
            let line = change.value().trim_end_matches('\n');
            out.push(match change.tag() {
                ChangeTag::Equal => format!(" {line}"),
                ChangeTag::Insert => paint.paint(Tone::Good, format!("+{line}")),
                ChangeTag::Delete => paint.paint(Tone::Bad, format!("-{line}")),
            });
            if change.missing_newline() {
                out.push(paint.paint(Tone::Dim, "\\ no newline at end of file"));
            }
        }
    }
    out
}

/// A program of pgha's own by name, length and hash, then what is known of a file that it replaces; nothing of other files.
pub(super) fn program(diff: &FileDiff) -> Vec<String> {
    let Some(name) = &diff.shipped else {
        return Vec::new();
    };
    let new = diff.after.rendered();
    let name = clean_line(name);
    let mut out = vec![format!("pgha's own {name}, {}", measure(&new))];
    match &diff.before {
        Before::Absent => {}
        Before::Content(old) => out.push(format!(
            "replaces a file of {}: {}",
            measure(old),
            differing(old, &new)
        )),
        Before::NotYet => {
            out.push("replaces what an earlier change of this plan writes".to_owned())
        }
        Before::Hidden => out.push("replaces a file that differs, by its hash".to_owned()),
    }
    out
}

/// `120 lines, sha256 1a2b3c4d5e6f`
fn measure(text: &str) -> String {
    let short = hex(&Sha256::digest(text.as_bytes())[..6]);
    format!("{}, sha256 {short}", count(text.lines().count(), "line"))
}

/// `+12 -3 lines`
fn differing(old: &str, new: &str) -> String {
    let (mut inserted, mut deleted) = (0, 0);
    for change in TextDiff::from_lines(old, new).iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => {}
            ChangeTag::Insert => inserted += 1,
            ChangeTag::Delete => deleted += 1,
        }
    }
    format!("+{inserted} -{deleted} lines")
}

/// The same in one line: `content: +12 -3 lines`.
pub(super) fn summary(diff: &FileDiff) -> String {
    let old = match &diff.before {
        Before::Content(content) => content.as_str(),
        Before::Absent | Before::NotYet | Before::Hidden => "",
    };
    let new = diff.after.to_string();
    let hidden = match diff.before {
        Before::Hidden => ", old content not shown",
        Before::NotYet => ", old content not written yet",
        Before::Absent | Before::Content(_) => "",
    };
    format!("content: {}{hidden}", differing(old, &new))
}
