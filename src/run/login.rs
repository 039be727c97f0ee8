//! An application's login, tried as an application would: from this machine, with its own connection string.

use std::time::{Duration, Instant};

use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::postgres::conninfo::Conninfo;
use crate::problem::Problem;

/// Logs in and asks whether the server takes writes; gives how long that took.
///
/// # Errors
/// The login failed, or what answers is a standby.
pub async fn log_in(conninfo: &Conninfo) -> Result<Duration, Problem> {
    let shown = conninfo.clone().without("password").to_string();
    let failed = |error: &tokio_postgres::Error| {
        // The error's own text is only “db error”; what the server said is in its cause.
        let cause = error
            .as_db_error()
            .map_or_else(|| error.to_string(), ToString::to_string);
        Problem::failed(format!("an application cannot log in with `{shown}`")).because(cause)
    };
    let began = Instant::now();
    let (client, connection) = tokio_postgres::connect(&conninfo.to_string(), NoTls)
        .await
        .map_err(|error| failed(&error))?;
    let connection = tokio::spawn(connection);
    let rows = client
        .simple_query("select not pg_is_in_recovery()")
        .await
        .map_err(|error| failed(&error))?;
    connection.abort();
    let writable = rows.iter().any(|row| match row {
        SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
        _ => false,
    });
    if writable {
        Ok(began.elapsed())
    } else {
        Err(Problem::failed(format!("`{shown}` leads to a standby")))
    }
}
