//! The verifiers of passwords that only their users know: read from the primary right before a plan runs that needs them.

use super::fleet::Fleet;
use crate::plan::Plan;
use crate::postgres::ident::quote_literal;
use crate::postgres::scram;
use crate::problem::Problem;
use crate::secret::Secrets;
use crate::shell::{prelude, quote};
use crate::transport::{Frame, Script, Step, Stream};

/// The stored verifier of each of the plan's [`Plan::kept_passwords`]. `port` is that of the primary's server.
///
/// # Errors
/// The primary was not asked, or has no SCRAM-SHA-256 verifier of one of them (any more).
pub async fn kept_passwords(plan: &Plan, port: u16, fleet: &mut Fleet) -> Result<Secrets, Problem> {
    let mut stored = Secrets::default();
    if plan.kept_passwords.is_empty() {
        return Ok(stored);
    }
    let failed = |problem: Problem| problem.on(&plan.primary);
    let shell = fleet.shells.get_mut(&plan.primary).ok_or_else(|| {
        failed(Problem::unreachable(
            "the primary cannot be asked for the roles' verifiers",
        ))
    })?;
    let names: Vec<String> = plan
        .kept_passwords
        .iter()
        .map(|name| quote_literal(name))
        .collect();
    let statement = format!(
        "select json_build_array(rolname, rolpassword) from pg_authid where rolname in ({})",
        names.join(", ")
    );
    let body = format!("own_psql 30 {port} -d postgres -c {}", quote(&statement));
    let script = Script {
        prelude: prelude(),
        steps: vec![Step { id: 1, body }],
        stop_at_failure: false,
    };
    let (mut errors, mut code) = (Vec::new(), 0);
    shell
        .exchange(&script, &mut |frame| match frame {
            Frame::Line {
                stream: Stream::Out,
                text,
                ..
            } => {
                if let Ok((name, verifier)) = serde_json::from_str::<(String, String)>(&text) {
                    stored.insert(name, verifier);
                }
            }
            Frame::Line { text, .. } => errors.push(text),
            Frame::End { code: ended, .. } => code = ended,
            Frame::Begin { .. } => {}
        })
        .await?;
    if code != 0 {
        return Err(failed(
            Problem::failed("the roles' verifiers cannot be read").because(errors.join("\n")),
        ));
    }
    for name in &plan.kept_passwords {
        if !stored
            .get(name)
            .is_some_and(|stored| scram::is_verifier(stored.expose()))
        {
            return Err(failed(
                Problem::failed(format!("`{name}` has no SCRAM-SHA-256 verifier any more"))
                    .hint("plan again"),
            ));
        }
    }
    Ok(stored)
}
