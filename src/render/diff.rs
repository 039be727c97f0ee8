//! Contents of files as unified diffs.

use similar::{ChangeTag, TextDiff};

use super::style::{Paint, Tone, clean};
use crate::plan::{Before, FileDiff};

/// The diff, complete, one string to a line.
pub(super) fn lines(diff: &FileDiff, paint: Paint) -> Vec<String> {
    let path = clean(&diff.path);
    let (old, old_name) = match &diff.before {
        Before::Absent => ("", "/dev/null".to_owned()),
        Before::Content(content) => (content.as_str(), path.clone()),
        Before::Hidden => (
            "",
            format!("{path} (not shown: has secrets, is large, or is no text)"),
        ),
    };
    let old = clean(old);
    let new = clean(&diff.after.to_string());
    let mut out = vec![
        paint.paint(Tone::Heading, format!("--- {old_name}")),
        paint.paint(Tone::Heading, format!("+++ {path}")),
    ];
    let text_diff = TextDiff::from_lines(&old, &new);
    for hunk in text_diff.unified_diff().context_radius(3).iter_hunks() {
        out.push(paint.paint(Tone::Dim, hunk.header()));
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

/// The same in one line: `+12 -3 lines`.
pub(super) fn summary(diff: &FileDiff) -> String {
    let old = match &diff.before {
        Before::Content(content) => content.as_str(),
        Before::Absent | Before::Hidden => "",
    };
    let new = diff.after.to_string();
    let (mut inserted, mut deleted) = (0, 0);
    for change in TextDiff::from_lines(old, &new).iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => {}
            ChangeTag::Insert => inserted += 1,
            ChangeTag::Delete => deleted += 1,
        }
    }
    let hidden = match diff.before {
        Before::Hidden => ", old content not shown",
        Before::Absent | Before::Content(_) => "",
    };
    format!("content: +{inserted} -{deleted} lines{hidden}")
}
