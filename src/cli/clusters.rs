//! Verbs that go over all clusters of an inventory, one after the other, with one summary.

use super::load::Inputs;
use super::out;
use crate::problem::{Problem, Problems};
use crate::render;
use crate::words::{count, list};

/// Runs a verb for the cluster that `--cluster` names or the only one, else for each; gives the exit code that says most.
///
/// `say` words an exit code of the verb's own for the summary. `one_only`: why the verb can only be run for one cluster now.
///
/// # Errors
/// The inventory is wrong. What is wrong with one of several clusters is printed, and the others come next.
pub async fn over(
    inputs: &Inputs,
    one_only: Option<&str>,
    say: fn(u8) -> Option<&'static str>,
    run: impl AsyncFn(Inputs) -> Result<u8, Problems>,
) -> Result<u8, Problems> {
    let names = match &inputs.cluster {
        Some(_) => Vec::new(),
        None => inputs.reading()?.clusters(),
    };
    if names.len() < 2 {
        return run(inputs.clone()).await;
    }
    if let Some(option) = one_only {
        return Err(Problem::input(format!(
            "`{option}` is for one cluster, and the inventory has {}",
            names.len()
        ))
        .hint(format!("name one with `--cluster`: {}", list(&names)))
        .into());
    }
    let mut ended = Vec::new();
    for name in &names {
        let mut own = inputs.clone();
        own.cluster = Some(name.clone());
        let code = run(own).await.unwrap_or_else(|problems| {
            eprintln!("cluster `{name}`:");
            render::problem::print(&problems);
            problems.exit_code()
        });
        out::text("\n");
        ended.push((name, code));
        if code == 130 {
            break;
        }
    }
    let words: Vec<String> = ended
        .iter()
        .map(|(name, code)| format!("`{name}` {}", say(*code).unwrap_or(usual(*code))))
        .collect();
    let all = count(names.len(), "cluster");
    out::text(&format!("{all}: {}\n", words.join(", ")));
    let codes = ended.iter().map(|(_, code)| *code);
    Ok(codes.min_by_key(|code| rank(*code)).unwrap_or(0))
}

/// What an exit code means, in a word or two.
fn usual(code: u8) -> &'static str {
    match code {
        0 => "done",
        1 => "failed",
        2 => "is not right in the inventory",
        3 => "refused",
        4 => "unreachable",
        5 => "stale",
        _ => "interrupted",
    }
}

/// What says most comes first.
fn rank(code: u8) -> usize {
    let order = [130, 2, 3, 5, 1, 4, 10, 0];
    let at = order.iter().position(|known| *known == code);
    at.unwrap_or(order.len())
}
