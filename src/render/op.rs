//! Operations and guards in words: every one, for nothing may run that a plan does not show.

use super::shell;
use super::style::{clean, clean_line};
use crate::plan::{Check, Condition, Guard, Op};
use crate::words::count;

/// The exact commands and statements of an operation, one to a line.
///
/// The content of a file is not among them: the plan shows it as a diff.
pub fn op_lines(op: &Op) -> Vec<String> {
    match op {
        Op::WriteFile {
            path,
            content,
            mode,
            owner,
            group,
            validate,
        } => {
            let size = lines_of(&content.to_string());
            let attributes = attributes(mode, owner, group);
            let mut lines = vec![format!("write {} ({attributes}, {size})", clean_line(path))];
            match validate {
                Some(Check::Command(argv)) => {
                    lines.push(format!("  once accepted by: {}", shell::join(argv)));
                }
                Some(check) => lines.extend(
                    check
                        .program()
                        .map(|program| format!("  once accepted, in a trial, by: {program}")),
                ),
                None => {}
            }
            lines
        }
        Op::MakeDirectory {
            path,
            mode,
            owner,
            group,
        } => {
            let attributes = attributes(mode, owner, group);
            vec![format!(
                "make directory {} ({attributes})",
                clean_line(path)
            )]
        }
        Op::SetAttributes {
            path,
            mode,
            owner,
            group,
        } => {
            let attributes = attributes(mode, owner, group);
            vec![format!(
                "set attributes of {} ({attributes})",
                clean_line(path)
            )]
        }
        Op::RemoveFile { path } => vec![format!("remove file {}", clean_line(path))],
        Op::Rename { from, to } => {
            vec![format!("rename {} to {}", clean_line(from), clean_line(to))]
        }
        Op::Run {
            argv,
            user,
            stdin,
            environment,
        } => prompt(
            "$ ",
            shell::command(argv, user, environment, stdin.as_ref()),
        ),
        Op::Sql {
            port,
            database,
            statement,
        } => sql("sql> ", *port, database, &statement.to_string()),
        Op::Service { unit, action } => {
            vec![format!(
                "$ systemctl {} {}",
                action.verb(),
                shell::quote(unit)
            )]
        }
        Op::StartPostgresql {
            unit,
            port,
            timeout_seconds,
        } => {
            let argv = ["systemctl", "start", "--no-block", unit].map(str::to_owned);
            let mut lines = prompt("$ ", shell::command(&argv, "root", &[], None));
            lines.push(format!(
                "wait: until PostgreSQL answers on port {port} (at most {timeout_seconds} s)"
            ));
            lines
        }
        Op::StopPostgresql {
            unit,
            data_directory,
            timeout_seconds,
        } => {
            let argv = ["systemctl", "stop", unit].map(str::to_owned);
            let mut lines = prompt("$ ", shell::command(&argv, "root", &[], None));
            lines.push(format!(
                "stop: whatever process still has {} open, fast (at most {timeout_seconds} s)",
                clean_line(data_directory)
            ));
            lines
        }
        Op::ReloadUnits => vec!["$ systemctl daemon-reload".to_owned()],
        Op::Pooler { port, command } => {
            vec![format!("pooler> [port {port}] {}", clean_line(command))]
        }
        Op::Wait {
            until,
            timeout_seconds,
        } => wait(until, *timeout_seconds),
    }
}

fn wait(until: &Condition, seconds: u32) -> Vec<String> {
    let limit = format!("(at most {seconds} s)");
    match until {
        Condition::Sql {
            port,
            database,
            query,
        } => sql(
            &format!("wait: until true {limit}: sql> "),
            *port,
            database,
            query,
        ),
        Condition::Port { host, port } => {
            vec![format!(
                "wait: until {}:{port} listens {limit}",
                clean_line(host)
            )]
        }
        Condition::PathExists { path } => {
            vec![format!("wait: until {} exists {limit}", clean_line(path))]
        }
        Condition::Command { argv, user } => prompt(
            &format!("wait: until it exits 0 {limit}: $ "),
            shell::command(argv, user, &[], None),
        ),
    }
}

/// What must still hold before the first operation, after the words “only if”.
pub(super) fn guard_line(guard: &Guard) -> String {
    match guard {
        Guard::PathAbsent { path } => format!("{} does not exist", clean_line(path)),
        Guard::NoCluster { path } => {
            format!("{} does not exist or is empty", clean_line(path))
        }
        Guard::PathExists { path } => format!("{} exists", clean_line(path)),
        Guard::FileIs { path, sha256 } => {
            let short: String = sha256.chars().take(12).collect();
            format!("{} has SHA-256 {}…", clean_line(path), clean_line(&short))
        }
        Guard::FileUntouched { path, witness } => format!(
            "{} is untouched (inode, size, time of change {})",
            clean_line(path),
            clean_line(witness)
        ),
        Guard::IsPrimary {
            port,
            system_identifier: None,
        } => format!("PostgreSQL on port {port} is the primary"),
        Guard::IsPrimary {
            port,
            system_identifier: Some(identifier),
        } => format!(
            "PostgreSQL on port {port} is the primary of system {}",
            clean_line(identifier)
        ),
        Guard::IsStandby { port } => format!("PostgreSQL on port {port} is a standby"),
        Guard::MainPid { unit, pid } => {
            format!("{} still runs as process {pid}", clean_line(unit))
        }
    }
}

fn attributes(mode: &str, owner: &str, group: &str) -> String {
    clean_line(&format!("{mode} {owner}:{group}"))
}

fn lines_of(content: &str) -> String {
    if content.is_empty() {
        "empty".to_owned()
    } else {
        count(content.lines().count(), "line")
    }
}

fn sql(prefix: &str, port: u16, database: &str, statement: &str) -> Vec<String> {
    let statement = clean(statement.trim());
    let place = format!("{prefix}[{} on port {port}] ", clean_line(database));
    if !statement.contains('\n') {
        return vec![format!("{place}{statement}")];
    }
    // A long statement begins on a line of its own, so that its lines stay aligned.
    let mut lines = vec![place.trim_end().to_owned()];
    lines.extend(statement.lines().map(|line| format!("  {line}")));
    lines
}

/// The prompt before the first line, as much space before the others.
fn prompt(prompt: &str, lines: Vec<String>) -> Vec<String> {
    let indent = " ".repeat(prompt.chars().count());
    lines
        .into_iter()
        .enumerate()
        .map(|(index, line)| {
            let before = if index == 0 { prompt } else { &indent };
            format!("{before}{line}")
        })
        .collect()
}
