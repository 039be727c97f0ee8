//! How a problem is drawn on stderr.

use crate::problem::Problems;

/// Prints each problem on stderr: what, where (with an excerpt and a caret), why, and the hint.
pub fn print(problems: &Problems) {
    for problem in &problems.0 {
        eprintln!("error: {problem}");
    }
}
