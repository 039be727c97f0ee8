//! Pieces of sentences.

use crate::problem::Problem;

/// What is wrong with a host, in one line.
pub fn told(host: &str, problem: &Problem) -> String {
    let mut out = format!("`{host}`: {}", problem.what);
    if let Some(cause) = &problem.cause {
        let lines = cause.lines().map(str::trim).filter(|line| !line.is_empty());
        let cause = lines.collect::<Vec<_>>().join("; ");
        if !cause.is_empty() {
            out.push_str(&format!(": {cause}"));
        }
    }
    if let Some(hint) = &problem.hint {
        out.push_str(&format!(" (hint: {hint})"));
    }
    out
}
