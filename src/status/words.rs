//! Pieces of sentences.

use crate::problem::Problem;

/// `` `a`, `b` and `c` ``.
pub fn list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

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
