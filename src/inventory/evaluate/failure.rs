//! Why a template gave nothing, with the chain of places that led to it.

use minijinja::{Error, ErrorKind};

use super::frame::Frame;
use super::{Evaluator, Grade, locked};
use crate::problem::{Problem, did_you_mean};

/// A problem on its way from the template where it is to the variable that was asked for.
#[derive(Clone, Debug)]
pub struct Failure {
    pub problem: Problem,
    /// Something is not defined, which `default` may make good.
    pub is_undefined: bool,
    /// Its cause tells the whole chain.
    is_whole: bool,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            is_undefined: false,
            is_whole: false,
        }
    }
}

/// The engine's error that stands for the failure of that number.
pub fn numbered(number: usize) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{MARK}{number}"))
}

const MARK: &str = "failure number ";

/// The number in an error that came out of the engine.
fn number(error: &Error) -> Option<usize> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        let text = error.downcast_ref::<Error>().and_then(Error::detail);
        if let Some(number) = text.and_then(|text| text.strip_prefix(MARK)) {
            return number.parse().ok();
        }
        next = error.source();
    }
    None
}

impl Failure {
    /// Templates that need each other, from the first one round to it.
    pub fn cycle(frames: &[Frame]) -> Self {
        let first = &frames[0];
        let mut lines: Vec<String> = Vec::new();
        for (index, frame) in frames.iter().enumerate() {
            let next = frames.get(index + 1).unwrap_or(first);
            lines.push(format!(
                "`{}` ({}) needs `{}`",
                frame.name, frame.span, next.name
            ));
        }
        let what = match frames {
            [one] => format!("`{}` needs itself", one.name),
            _ => format!("`{}` needs itself, through other variables", first.name),
        };
        Self {
            problem: Problem::input(what)
                .at(&first.span)
                .because(lines.join("\n"))
                .hint("give one of them a value of its own"),
            is_undefined: false,
            is_whole: true,
        }
    }

    /// What the engine says of the template of `frame`.
    pub fn of(error: &Error, frame: &Frame, evaluator: &Evaluator) -> Self {
        let inner = Self::inside(error, evaluator);
        // An operator says so in its own words.
        let says_so = error
            .detail()
            .is_some_and(|detail| detail.contains("` is undefined"));
        let is_undefined = error.kind() == ErrorKind::UndefinedError || says_so;
        let inner = inner.or_else(|| frame.unknown.clone().filter(|_| is_undefined));
        if let Some(inner) = inner {
            return inner.needed_by(frame);
        }
        if is_undefined {
            return undefined(error, frame, evaluator);
        }
        let problem = match error.kind() {
            ErrorKind::SyntaxError => Problem::input("this template does not parse").hint(
                "it is Jinja: `{{ value }}`; a text that is none is written `!unsafe 'text'`",
            ),
            ErrorKind::UnknownFilter => super::filters::unknown(error),
            ErrorKind::UnknownFunction | ErrorKind::UnknownTest | ErrorKind::UnknownMethod => {
                Problem::input("this template uses something that pgha does not have")
                    .hint("write the value out, or in another way")
            }
            _ => Problem::input("this template cannot be evaluated").hint(
                "mend the expression; `default(…)` and `is defined` help with what may be missing",
            ),
        };
        let problem = match error.detail() {
            // It may quote what the template handled.
            Some(detail) if frame.grade == Grade::Open && problem.cause.is_none() => {
                problem.because(detail)
            }
            _ => problem,
        };
        problem.at(&frame.span).into()
    }

    /// The failure that an error from inside a value stands for.
    pub fn inside(error: &Error, evaluator: &Evaluator) -> Option<Self> {
        let number = number(error)?;
        locked(&evaluator.failures).get(number).cloned()
    }

    /// The same, one template further out.
    fn needed_by(mut self, frame: &Frame) -> Self {
        let is_here = self.problem.span.as_ref() == Some(&frame.span);
        if !self.is_whole && !is_here {
            let line = format!("needed by `{}` ({})", frame.name, frame.span);
            self.problem.cause = Some(match self.problem.cause.take() {
                Some(cause) => format!("{cause}\n{line}"),
                None => line,
            });
        }
        self
    }
}

fn undefined(error: &Error, frame: &Frame, evaluator: &Evaluator) -> Failure {
    let detail = error.detail().unwrap_or_default();
    // The engine says: `NAME` is undefined.
    let name = detail.split('`').nth(1).unwrap_or_default();
    let is_name = |name: &str| {
        let is_part = |c: char| c.is_alphanumeric() || "_.[]'\"-".contains(c);
        !name.is_empty() && name.chars().all(is_part)
    };
    let problem = match is_name(name) {
        true => Problem::input(format!("`{name}` is not defined")),
        false => Problem::input("something in this template is not defined").because(detail),
    };
    // Facts of Ansible look like each other, and like what pgha has.
    let known = evaluator
        .names(frame.host())
        .filter(|_| !name.starts_with("ansible_"));
    let hint = match did_you_mean(name, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => of_ansible(name),
    };
    Failure {
        problem: problem.at(&frame.span).hint(hint),
        is_undefined: true,
        is_whole: false,
    }
}

/// What pgha has instead of what Ansible knows and an inventory does not.
fn of_ansible(name: &str) -> String {
    let fact = name.strip_prefix("ansible_").unwrap_or_default();
    let begins = |words: &[&str]| words.iter().any(|word| fact.starts_with(word));
    let hint = if fact.is_empty() {
        "give it a value in the inventory, or write `| default(…)`"
    } else if begins(&[
        "default_ipv4",
        "default_ipv6",
        "all_ipv",
        "eth",
        "hostname",
        "fqdn",
        "nodename",
        "host",
    ]) {
        "facts of hosts are not known here: write the address as `ansible_host` of the host, and use that"
    } else if begins(&["mem", "processor", "distribution", "os_family", "facts"]) {
        "facts of hosts are not known here; templates of playbooks have `facts.memory`, `facts.processors` and `facts.release`"
    } else {
        "facts of hosts, and what Ansible knows of a play, are not known here: write the value out"
    };
    hint.to_owned()
}
