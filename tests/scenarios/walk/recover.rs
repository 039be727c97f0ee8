//! After all faults have ended: what pgha's hints say is done.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::lab::Lab;

/// How long hints may take to lead to a healthy cluster.
const BOUND: Duration = Duration::from_secs(300);

/// How many commits it said were given up, or would be.
fn given_up(said: &str) -> usize {
    let counts = said.split("does not have ").skip(1);
    let counts = counts.filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok());
    counts.sum()
}

/// Does what hints say until the cluster is healthy and nothing is left to do; gives how many commits were told to be given up.
pub fn recover(lab: &Lab) -> Result<usize, String> {
    let began = Instant::now();
    let mut told = BTreeMap::new();
    let mut history = String::new();
    loop {
        let status = lab.pgha("status", &["--json"]);
        let is_healthy = status.code == 0 && status.json()["healthy"] == true;
        if is_healthy && lab.pgha("plan", &["--detailed-exitcode"]).code == 0 {
            return Ok(told.values().sum());
        }
        if began.elapsed() > BOUND {
            let status = lab.pgha("status", &[]);
            return Err(format!(
                "hints did not lead to a healthy cluster:\n{history}\n{status}"
            ));
        }
        let apply = lab.pgha("apply", &[]);
        let mut said = format!(
            "{}\n{}\n{}",
            apply.stdout,
            apply.stderr,
            lab.pgha("status", &[])
        );
        history += &format!("apply: {}\n{}\n", apply.code, apply.stderr);
        // What one hint names may give another hint.
        for _ in 0..3 {
            let Some(words) = hinted(&said) else { break };
            eprintln!("  hint: {}", words.join(" "));
            let (verb, arguments) = words.split_first().unwrap();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let mut ran = lab.pgha(verb, &arguments);
            history += &format!("{}: {}\n{}\n", words.join(" "), ran.code, ran.stderr);
            let count = given_up(&ran.stderr);
            if ran.code == 3 && ran.stderr.contains("--accept-data-loss") {
                let most = told.entry(words.clone()).or_insert(0);
                *most = count.max(*most);
                let agreed = [&arguments[..], &["--accept-data-loss"]].concat();
                ran = lab.pgha(verb, &agreed);
                history += &format!("… --accept-data-loss: {}\n{}\n", ran.code, ran.stderr);
            }
            if ran.code == 0 {
                break;
            }
            said = ran.stderr;
        }
        std::thread::sleep(Duration::from_secs(2));
    }
}

/// The verb that a hint names, the one that gives a primary before others.
fn hinted(said: &str) -> Option<Vec<String>> {
    let mut hints: Vec<Vec<String>> = said
        .split('`')
        .filter_map(|quoted| quoted.strip_prefix("pgha "))
        .filter_map(|words| {
            let words = words.split_whitespace().map(str::to_owned);
            let words: Vec<String> = words.filter(|word| word != "INVENTORY").collect();
            let order = ["failover", "switchover", "rejoin", "rebuild"];
            let is_whole = words
                .iter()
                .all(|word| !word.contains(['…', '.', '<']) && *word != "NODE");
            (is_whole && order.contains(&words.first()?.as_str())).then_some(words)
        })
        .collect();
    hints.sort_by_key(|words| {
        let order = ["failover", "switchover", "rejoin", "rebuild"];
        order.iter().position(|verb| words[0] == *verb)
    });
    hints.into_iter().next()
}
