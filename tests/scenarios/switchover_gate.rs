//! A switchover that must not begin: whatever is in the way is told, by host, and nothing on any host is changed.

use crate::lab::{Lab, Ran};
use crate::made::Stage;
use crate::promise::query;
use crate::states::{self, NODES, State, WORDS, is};
use crate::switchover::TWO_POOLERS;
use crate::{clean, moment, state};

const HOSTS: [&str; 5] = ["node1", "node2", "node3", "pooler1", "pooler2"];

pub fn refuses_and_changes_nothing() {
    // The sizes in the states are for a log that is short yet.
    let lab = Lab::converged(TWO_POOLERS);
    let stage = Stage::new(&lab, 15);
    let mut wrong = 0;
    // Each takes ten seconds; what is planned from the answers in the others is shown without hosts (`tests/recorded.rs`).
    let is_taken = |state: &&State| state.on_hosts || moment::is_whole();
    let taken: Vec<&State> = states::gate().iter().filter(is_taken).collect();
    for state in moment::some_of(&taken, 3) {
        let expected: Vec<String> = state.told.iter().map(|told| stage.filled(told)).collect();
        let made = stage.make(state);
        // All are tried, also after one that is not as expected.
        if let Err(problem) = refused(&lab, state.arguments, &expected) {
            eprintln!("{}: {problem}", state.name);
            wrong += 1;
        }
        stage.undo(state, made);
    }
    if let Err(problem) = a_client_in_a_transaction(&lab, &stage) {
        eprintln!("{problem}");
        wrong += 1;
    }
    stage.settle();
    assert_eq!(wrong, 0, "states that are not as expected, see above");

    for node in NODES {
        lab.on(node, "systemctl start repmgrd");
    }
    lab.pgha("switchover", &["--to", "node2"]).exits(0);

    lab.assert_healthy();
    assert_eq!(
        query(&lab, "select inet_server_addr()"),
        lab.address("node2")
    );
    clean::is_mended(&lab);
}

/// A handover is refused with these sentences and no others, and leaves everything as it is.
fn refused(lab: &Lab, arguments: &[&str], expected: &[String]) -> Result<Ran, String> {
    let arguments = [&["--to", "node2"], arguments].concat();
    let before = state::of_handover(lab, &HOSTS);
    let ran = lab.pgha("switchover", &arguments);
    let changed = state::changed(&before, &state::of_handover(lab, &HOSTS));
    let told = told(&ran.stderr);
    let all_told = expected
        .iter()
        .all(|expected| told.iter().any(|told| is(told, expected)));
    if ran.code != 3 || !all_told || told.len() != expected.len() || !changed.is_empty() {
        return Err(format!(
            "expected, and nothing else: {expected:#?}\nchanged: {changed:#?}\n{ran}"
        ));
    }
    Ok(ran)
}

/// `host: sentence` of every problem.
fn told(stderr: &str) -> Vec<String> {
    let lines = stderr.lines();
    lines
        .filter_map(|line| line.strip_prefix("error: ").map(str::to_owned))
        .collect()
}

/// One that a pooler would wait for: it is told who it is.
fn a_client_in_a_transaction(lab: &Lab, stage: &Stage<'_>) -> Result<(), String> {
    let conninfo = lab.pgha("conninfo", &["--show-password"]).exits(0).line();
    let client = format!(
        "(echo 'begin; select 1;'; sleep 60) | psql -Xq '{}'",
        conninfo.replace('\'', "'\\''")
    );
    let client = lab.start_on("pooler1", &client);
    let is_idle = "from pg_stat_activity where state = 'idle in transaction'";
    let wait = format!(
        "until_sql \"select exists (select {is_idle} and state_change < now() - interval '0.6 s')\""
    );
    lab.on("node1", &stage.filled(&format!("{WORDS}{wait}")));
    let pid = lab.sql("node1", &format!("select pid {is_idle}"));
    let expected = ["node1: 1 session holds a transaction open".to_owned()];
    let ran = refused(lab, &["--drain", "refuse"], &expected)?;
    lab.on("pooler1", "pkill psql");
    drop(client);
    let who = format!("pid {pid}: `app` in `app` from {}", lab.address("pooler1"));
    let is_told = [&who[..], "idle in transaction, begun ", " ago"]
        .iter()
        .all(|words| ran.stderr.contains(words));
    if is_told {
        Ok(())
    } else {
        Err(ran.to_string())
    }
}
