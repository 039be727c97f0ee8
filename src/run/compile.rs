//! A change as shell text: its guards, then its operations, each exactly once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::plan::{Change, Check, Guard, Op, ServiceAction};
use crate::problem::Problem;
use crate::secret::{Secrets, Text};
use crate::shell::{join, quote, with};

/// The exit code of a change whose guard did not hold: nothing was done.
pub const STALE: i32 = 213;

/// Written to stderr, before the number of the operation that failed.
pub const FAILED_OP: &str = "pgha: failed operation ";

/// Written to stderr, before the number of the guard that did not hold.
pub const FAILED_GUARD: &str = "pgha: failed guard ";

/// The functions that the bodies of changes call: once in a script, before them.
pub const FUNCTIONS: &str = concat!(
    include_str!("../../programs/owner.sh"),
    include_str!("files.sh")
);

/// The functions by which a new file is tried, beside [`FUNCTIONS`].
pub const TRIALS: &str = include_str!("trial.sh");

/// The functions that the changes of one script need.
pub fn functions(changes: &[Change]) -> String {
    let tries = |op: &Op| matches!(op, Op::WriteFile { validate: Some(check), .. } if check.program().is_some());
    let mut ops = changes.iter().flat_map(|change| &change.ops);
    match ops.any(tries) {
        true => format!("{FUNCTIONS}{TRIALS}"),
        false => FUNCTIONS.to_owned(),
    }
}

/// The script body of one change.
///
/// # Errors
/// A secret that it needs is not known.
pub fn change(change: &Change, secrets: &Secrets) -> Result<String, Problem> {
    let mut body = String::from("set -e\n");
    for (index, guard) in change.guards.iter().enumerate() {
        body.push_str(&format!(
            "{} || {{ echo '{FAILED_GUARD}{index}' >&2; exit {STALE}; }}\n",
            self::guard(guard),
        ));
    }
    for (index, op) in change.ops.iter().enumerate() {
        let text =
            self::op(op, secrets).map_err(|problem| problem.on(&change.host).step(&change.step))?;
        // A group in a condition would switch `set -e` off inside; a subshell with its own `set -e`, followed by a test of
        // its code, keeps it.
        body.push_str(&format!(
            "set +e\n(\nset -e\n{text}\n)\ncode=$?\nset -e\n[ $code = 0 ] || {{ echo '{FAILED_OP}{index}' >&2; exit $code; }}\n"
        ));
    }
    Ok(body)
}

fn guard(guard: &Guard) -> String {
    let psql = |port: u16, query: &str| {
        format!(
            "[ \"$(own_psql 60 {port} -d postgres -c {})\" = t ]",
            quote(query)
        )
    };
    match guard {
        Guard::PathAbsent { path } => format!("[ ! -e {0} ] && [ ! -L {0} ]", quote(path)),
        Guard::PathExists { path } => format!("[ -e {} ]", quote(path)),
        Guard::NoCluster { path } => {
            format!(
                "[ -z \"$(ls -A -I pgha-new {} 2>/dev/null)\" ]",
                quote(path)
            )
        }
        Guard::FileIs { path, sha256 } => {
            format!(
                "[ \"$(sha256sum <{} 2>/dev/null)\" = '{sha256}  -' ]",
                quote(path)
            )
        }
        Guard::FileUntouched { path, witness } => format!(
            "[ \"$(stat -c '%i %s %.9Y' -- {} 2>/dev/null)\" = {} ]",
            quote(path),
            quote(witness)
        ),
        Guard::IsPrimary {
            port,
            system_identifier: None,
        } => psql(*port, "select not pg_is_in_recovery()"),
        Guard::IsPrimary {
            port,
            system_identifier: Some(identifier),
        } => psql(
            *port,
            &format!(
                "select not pg_is_in_recovery() and system_identifier::text = {} from pg_control_system()",
                crate::postgres::ident::quote_literal(identifier)
            ),
        ),
        Guard::IsStandby { port } => psql(*port, "select pg_is_in_recovery()"),
        Guard::MainPid { unit, pid } => format!(
            "[ \"$(systemctl show -p MainPID --value -- {})\" = {pid} ]",
            quote(unit)
        ),
    }
}

/// Pipes text into a command: as base64, so that any byte arrives as it is, and never in argv.
fn pipe(text: &Text, secrets: &Secrets, into: &str) -> Result<String, Problem> {
    let revealed = text
        .reveal(secrets)
        .map_err(|name| Problem::failed(format!("the secret `{name}` is not known")))?;
    let encoded = STANDARD.encode(revealed);
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / 76 + 1);
    for chunk in encoded.as_bytes().chunks(76) {
        lines.push_str(&String::from_utf8_lossy(chunk));
        lines.push('\n');
    }
    Ok(format!("base64 -d <<'PGHA_END' {into}\n{lines}PGHA_END"))
}

/// Has a file tried by the program that will read it, in a folder of its own; it calls the functions of [`TRIALS`].
///
/// # Errors
/// A secret in it is not known.
pub fn trial(
    path: &str,
    content: &Text,
    check: &Check,
    secrets: &Secrets,
) -> Result<String, Problem> {
    let server = |name: &str, version: &u16, data: &str, config: &str| {
        join([name, "FOLDER", path, &version.to_string(), data, config])
    };
    let call = match check {
        Check::Command(_) => return Ok(String::new()),
        Check::Postgresql {
            version,
            data,
            config,
        } => server("try_postgresql", version, data, config),
        Check::Hba {
            version,
            data,
            config,
        } => server("try_hba", version, data, config),
        Check::Pgbouncer => join(["try_pgbouncer", "FOLDER", path]),
        Check::Repmgr { version } => join(["try_repmgr", "FOLDER", path, &version.to_string()]),
    };
    Ok(format!(
        "trial_folder\n{}\n{}",
        pipe(content, secrets, ">\"$folder/new\"")?,
        call.replacen("FOLDER", "\"$folder\"", 1)
    ))
}

fn op(op: &Op, secrets: &Secrets) -> Result<String, Problem> {
    Ok(match op {
        Op::WriteFile {
            path,
            content,
            mode,
            owner,
            group,
            validate,
        } => {
            let mut call = join(["write_file", path, mode, owner, group]);
            match validate {
                Some(Check::Command(argv)) => {
                    call = format!("{call} {}", join(argv));
                    pipe(content, secrets, &format!("| {call}"))?
                }
                Some(check) => format!(
                    "{}\n{call} <\"$folder/new\"",
                    trial(path, content, check, secrets)?
                ),
                None => pipe(content, secrets, &format!("| {call}"))?,
            }
        }
        Op::MakeDirectory {
            path,
            mode,
            owner,
            group,
        } => join(["make_directory", path, mode, owner, group]),
        Op::SetAttributes {
            path,
            mode,
            owner,
            group,
        } => join(["set_attributes", path, mode, owner, group]),
        Op::RemoveFile { path } => join(["remove_file", path]),
        Op::Rename { from, to } => join(["rename", from, to]),
        Op::Run {
            argv,
            user,
            stdin,
            environment,
        } => {
            let mut command = format!("as {} ", quote(user));
            if !environment.is_empty() {
                command.push_str("env ");
                for (name, value) in environment {
                    command.push_str(&quote(&format!("{name}={value}")));
                    command.push(' ');
                }
            }
            command.push_str(&join(argv));
            match stdin {
                Some(text) => pipe(text, secrets, &format!("| {command}"))?,
                None => command,
            }
        }
        Op::Sql {
            port,
            database,
            statement,
        } => {
            let conninfo =
                crate::postgres::conninfo::Conninfo::default().with("dbname", database.as_str());
            let psql = format!(
                "own_psql 0 {port} -d {} -f - >/dev/null",
                quote(&conninfo.to_string())
            );
            pipe(statement, secrets, &format!("| {psql}"))?
        }
        Op::Service { unit, action } => {
            let act = join(["systemctl", action.verb(), "--", unit]);
            match action {
                ServiceAction::Enable | ServiceAction::Disable => format!("{act} >&2"),
                _ => format!(
                    "{act} || {{ code=$?; systemctl status --no-pager --full -n 20 -- {} >&2; exit $code; }}",
                    quote(unit)
                ),
            }
        }
        Op::StartPostgresql {
            unit,
            port,
            timeout_seconds,
        } => with(
            [
                unit.as_str(),
                &port.to_string(),
                &timeout_seconds.to_string(),
            ],
            include_str!("start-postgresql.sh"),
        ),
        Op::StopPostgresql {
            unit,
            data_directory,
            timeout_seconds,
        } => with(
            [unit.as_str(), data_directory, &timeout_seconds.to_string()],
            include_str!("stop-postgresql.sh"),
        ),
        Op::ReloadUnits => "systemctl daemon-reload".to_owned(),
        Op::Pooler { port, command } => format!(
            "as postgres timeout 30 psql -XAtq -h /var/run/postgresql -p {port} -U pgbouncer -d pgbouncer -c {}",
            quote(command)
        ),
        Op::Wait {
            until,
            timeout_seconds,
        } => format!(
            "holds() {{ {}; }}\n{}",
            until.shell(),
            with([timeout_seconds.to_string()], include_str!("wait.sh"))
        ),
    })
}
