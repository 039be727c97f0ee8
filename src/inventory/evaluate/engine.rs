//! The template engine as variables need it: types are kept, and text is written as Python writes it.

use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, ObjectRepr, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};

use super::{Evaluator, backslash, filters, lists, lookups, patterns, python};

/// `omit`: as if the key were not there.
#[derive(Debug)]
pub struct Omit;

impl Object for Omit {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// Whether a text has a template in it.
pub fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

pub fn strict() -> Environment<'static> {
    environment(UndefinedBehavior::Strict)
}

pub fn lenient() -> Environment<'static> {
    environment(UndefinedBehavior::Chainable)
}

fn environment(undefined: UndefinedBehavior) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(undefined);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_debug(true);
    environment.set_fuel(Some(1_000_000));
    let syntax = SyntaxConfig::builder().trim_blocks(true).build();
    environment.set_syntax(syntax.expect("the default delimiters are sound"));
    // A template is its own name, so that one text is compiled once.
    environment.set_loader(|text| Ok(Some(backslash::doubled(text))));
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_formatter(emit);
    filters::install(&mut environment);
    lists::install(&mut environment);
    patterns::install(&mut environment);
    lookups::install(&mut environment);
    environment
}

/// What was emitted so far by expressions.
#[derive(Default)]
struct Emitted {
    count: usize,
    last: Value,
    /// Bytes of text.
    written: usize,
}

/// Renders a template: the value itself where the text is one expression, else text; nothing where nothing came of it.
pub fn render(evaluator: &Evaluator, text: &str, scope: Value) -> Result<Value, Error> {
    let stripped = text.trim_end_matches('\n');
    let strict = render_in(&evaluator.strict, stripped, &scope);
    let value = match strict {
        Err(error) if error.kind() == ErrorKind::UndefinedError && may_default(text) => {
            // What is not defined may be made good at the end of a chain; if it is not, the first error tells more.
            render_in(&evaluator.lenient, stripped, &scope).map_err(|other| match other.kind() {
                ErrorKind::UndefinedError => error,
                _ => other,
            })?
        }
        other => other?,
    };
    Ok(match value.as_str() {
        Some(result) if stripped.len() < text.len() => {
            Value::from(format!("{result}{}", &text[stripped.len()..]))
        }
        _ => value,
    })
}

fn may_default(text: &str) -> bool {
    ["default", "d(", "defined"]
        .iter()
        .any(|word| text.contains(word))
}

fn render_in(
    environment: &Environment<'static>,
    text: &str,
    scope: &Value,
) -> Result<Value, Error> {
    let template = environment.get_template(text)?;
    let captured = template.render_captured(scope.clone())?;
    let (output, emitted) = (
        captured.output().to_owned(),
        captured.state().get_extension::<Emitted>(),
    );
    let Some(emitted) = emitted else {
        return Ok(match output.as_str() {
            "" => Value::from(()),
            _ => Value::from(output),
        });
    };
    Ok(match emitted {
        Emitted {
            count: 1,
            last,
            written,
        } if *written == output.len() => last.clone(),
        _ => Value::from(output),
    })
}

/// Writes what one expression gave, and remembers it.
fn emit(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    // A list or a map that is all of the template is handed on as it is, and must not be evaluated for its text.
    let is_first = state.get_extension::<Emitted>().is_none();
    let text = match value.kind() {
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable if is_first => {
            python::text(value).unwrap_or_default()
        }
        _ => python::text(value)?,
    };
    let emitted = state.get_or_insert_extension(Emitted::default());
    emitted.count += 1;
    emitted.last = value.clone();
    emitted.written += text.len();
    out.write_str(&text)?;
    Ok(())
}
