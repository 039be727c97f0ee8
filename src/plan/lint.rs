//! What no plan may do, whoever wrote the playbook: looked at before the plan is shown.

use super::{Change, Op, Plan, ServiceAction, Topology};
use crate::problem::{Problem, Problems};

/// Refuses a plan that would disrupt two members at once, the primary unasked, or a data directory.
///
/// # Errors
/// Each rule that the plan breaks, with the step that breaks it.
pub fn lint(
    plan: &Plan,
    topology: &Topology,
    data_directory: impl Fn(&str) -> String,
    allow_restart_primary: bool,
) -> Result<(), Problems> {
    let mut problems = Vec::new();
    let tell = |change: &Change, what: String, hint: &str| {
        Problem::refused(what)
            .on(&change.host)
            .step(&change.step)
            .hint(hint)
    };
    for stage in plan.stages.iter().chain(&plan.always) {
        let disruptive: Vec<&Change> = stage
            .hosts
            .iter()
            .filter(|(host, _)| topology.node(host).is_some())
            .filter_map(|(_, changes)| changes.iter().find(|change| disrupts(change)))
            .collect();
        if let [first, second, ..] = disruptive[..] {
            problems.push(tell(
                second,
                format!(
                    "`{}` and `{}` would be down at the same time",
                    first.host, second.host
                ),
                "`serial: 1` in the play takes one host after the other",
            ));
        }
    }
    for change in plan.changes() {
        if change.host == topology.primary
            && topology.exists
            && disrupts(change)
            && !allow_restart_primary
        {
            problems.push(tell(
                change,
                "the primary would be restarted".to_owned(),
                "`--allow-restart-primary` allows it; its clients are cut",
            ));
        }
        let data = data_directory(&change.host);
        if topology.node(&change.host).is_some()
            && change
                .ops
                .iter()
                .chain(&change.undo)
                .any(|op| removes(op, &data))
        {
            problems.push(tell(
                change,
                format!("the data directory `{data}` would be removed"),
                "pgha renames data directories, it does not remove them",
            ));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Problems(problems))
    }
}

/// Whether PostgreSQL is not there for a moment.
fn disrupts(change: &Change) -> bool {
    change.ops.iter().any(|op| match op {
        Op::Service { unit, action } => {
            unit.starts_with("postgresql")
                && matches!(action, ServiceAction::Stop | ServiceAction::Restart)
        }
        Op::StopPostgresql { .. } => true,
        Op::Run { argv, .. } => stops(argv),
        _ => false,
    })
}

/// Whether a command stops or restarts PostgreSQL. A shell could hide it; this finds the honest mistake.
fn stops(argv: &[String]) -> bool {
    let says = |words: &[&str]| argv.iter().any(|word| words.contains(&word.as_str()));
    let verbs = ["stop", "restart", "try-restart", "kill"];
    match program(argv) {
        "systemctl" | "service" => {
            says(&verbs) && argv.iter().any(|word| word.starts_with("postgresql"))
        }
        "pg_ctl" | "pg_ctlcluster" => says(&verbs),
        _ => false,
    }
}

/// The name of a command's program, without its folder.
fn program(argv: &[String]) -> &str {
    argv.first()
        .map_or("", |path| path.rsplit('/').next().unwrap_or(path))
}

/// Whether a command deletes `data`, what it is in, or folders in it. A shell could hide it; this finds the honest mistake.
fn removes(op: &Op, data: &str) -> bool {
    let covers = |path: &str| {
        let path = path.trim_end_matches(['/', '*']);
        !path.is_empty()
            && data
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match op {
        Op::Run { argv, .. } => {
            let is_inside = |path: &str| {
                // Below a mount point a data directory is built in it.
                path.strip_prefix(data)
                    .is_some_and(|rest| rest.starts_with('/') && rest != "/pgha-new")
            };
            let flags = argv.iter().filter(|word| word.starts_with('-'));
            let recursive = flags
                .filter(|flag| !flag.starts_with("--") || *flag == "--recursive")
                .any(|flag| flag.contains(['r', 'R']));
            match program(argv) {
                "pg_dropcluster" => true,
                "rm" | "shred" => argv
                    .iter()
                    .skip(1)
                    .any(|path| covers(path) || recursive && is_inside(path)),
                _ => false,
            }
        }
        Op::RemoveFile { path } => covers(path),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_of_a_parent_is_removal() {
        let run = |argv: &[&str]| Op::Run {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            user: "root".to_owned(),
            stdin: None,
            environment: Vec::new(),
        };
        let data = "/var/lib/postgresql/15/main";
        assert!(removes(&run(&["rm", "-rf", "/var/lib/postgresql"]), data));
        assert!(removes(
            &run(&["/bin/rm", "-rf", "/var/lib/postgresql/15/main/"]),
            data
        ));
        assert!(!removes(
            &run(&["rm", "-rf", "/var/lib/postgresql/15/main.pgha-new"]),
            data
        ));
        assert!(!removes(&run(&["ls", data]), data));
    }
}
