//! Problems beside passwords: an excerpt of the source would show them.

use crate::problem::{Problem, Problems};

/// The problem with its place as text, so that no excerpt is drawn.
pub(super) fn hide(mut problem: Problem) -> Problem {
    if let Some(span) = problem.span.take() {
        problem.what = format!("{span}: {}", problem.what);
    }
    problem
}

/// Hides the place of a problem if the line or the file looks as if it held a password.
pub(super) fn discreet(problem: Problem) -> Problem {
    let is_secret = problem.span.as_ref().is_some_and(|span| {
        let name = &span.source.name;
        let file = name.rsplit('/').next().unwrap_or(name);
        let (line, _) = span.line_column();
        let text = span.source.text.lines().nth(line - 1).unwrap_or_default();
        let text = text.to_ascii_lowercase();
        file.contains("secret")
            || ["pass", "pasw", "secret"]
                .iter()
                .any(|word| text.contains(word))
    });
    if is_secret { hide(problem) } else { problem }
}

/// What several hosts share is wrong once; and no excerpt shows a password.
pub(super) fn unique(problems: Vec<Problem>) -> Problems {
    let mut found: Vec<Problem> = Vec::new();
    for problem in problems.into_iter().map(discreet) {
        if !found.contains(&problem) {
            found.push(problem);
        }
    }
    Problems(found)
}
