//! `lookup` and `query`: what templates may ask of the machine that pgha runs on.

use minijinja::value::{Kwargs, Rest, Value};
use minijinja::{Environment, Error};

use super::failure::Failure;
use super::{Grade, frame, python};
use crate::problem::Problem;

pub fn install(environment: &mut Environment<'static>) {
    environment.add_function(
        "lookup",
        |name: String, terms: Rest<Value>, options: Kwargs| {
            let is_list = options.get::<Option<bool>>("wantlist")?.unwrap_or(false);
            let found = found(&name, &terms.0, &options)?;
            match (is_list, found.as_slice()) {
                (true, _) => Ok(Value::from(found)),
                (false, [one]) => Ok(one.clone()),
                (false, several) => {
                    let texts = several
                        .iter()
                        .map(python::text)
                        .collect::<Result<Vec<_>, _>>()?;
                    Ok::<_, Error>(Value::from(texts.join(",")))
                }
            }
        },
    );
    for name in ["query", "q"] {
        environment.add_function(name, |name: String, terms: Rest<Value>, options: Kwargs| {
            found(&name, &terms.0, &options).map(Value::from)
        });
    }
}

/// One value for each term.
fn found(name: &str, terms: &[Value], options: &Kwargs) -> Result<Vec<Value>, Error> {
    let name = name.strip_prefix("ansible.builtin.").unwrap_or(name);
    let default = options.get::<Option<Value>>("default")?;
    let strips = options.get::<Option<bool>>("rstrip")?.unwrap_or(true);
    terms
        .iter()
        .map(|term| {
            let term = python::text(term)?;
            match name {
                "env" => Ok(environment(&term, default.as_ref())),
                "file" => file(&term, strips),
                "vars" => variable(&term, default.as_ref()),
                other => Err(refuse(unknown(other))),
            }
        })
        .collect()
}

fn environment(name: &str, default: Option<&Value>) -> Value {
    let outside = frame::inside(|frame| frame.evaluator.surroundings.outside.clone()).flatten();
    let value = outside.and_then(|outside| outside.environment(name));
    match (value, default) {
        (Some(value), _) => Value::from(value),
        (None, Some(default)) => default.clone(),
        (None, None) => Value::from(""),
    }
}

fn file(path: &str, strips: bool) -> Result<Value, Error> {
    let outside = frame::inside(|frame| frame.evaluator.surroundings.outside.clone()).flatten();
    let outside = outside.ok_or_else(|| refuse(Problem::input("files cannot be read here")))?;
    let source = outside.file(path).map_err(refuse)?;
    if source.vaulted {
        frame::note(Grade::Value);
    }
    let text = source.text.as_str();
    Ok(Value::from(if strips { text.trim_end() } else { text }))
}

fn variable(name: &str, default: Option<&Value>) -> Result<Value, Error> {
    let of = frame::inside(|frame| (frame.evaluator.clone(), frame.host()));
    let value = of.and_then(|(evaluator, host)| evaluator.variable(host, name));
    match (value, default) {
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => Err(refuse(Problem::input(format!(
            "`{}` is not defined",
            name.escape_debug()
        )))),
    }
}

/// The problem as an error, at the template that is being rendered.
fn refuse(problem: Problem) -> Error {
    let placed = frame::inside(|frame| {
        let failure = Failure::from(match problem.span {
            None => problem.at(&frame.span),
            Some(_) => problem,
        });
        frame.evaluator.numbered(failure)
    });
    placed.unwrap_or_else(|| super::failure::numbered(usize::MAX))
}

fn unknown(name: &str) -> Problem {
    let last = name.rsplit('.').next().unwrap_or(name);
    let problem = Problem::input(format!("there is no lookup `{}`", name.escape_debug()));
    if last == "password" {
        return problem
            .hint("leave the password out: pgha makes one and keeps it in `secrets.yml`");
    }
    let keeps_secrets = [
        "vault",
        "pass",
        "secret",
        "keyring",
        "bitwarden",
        "pipe",
        "sops",
        "aws",
        "azure",
        "onepass",
    ];
    problem.hint(match keeps_secrets.iter().any(|word| last.contains(word)) {
        true => "let `secrets_command` print the secrets, or hand the value in by `lookup('env', …)`",
        false => "`env`, `file` and `vars` are there; write the value out, or hand it in by `lookup('env', …)`",
    })
}
