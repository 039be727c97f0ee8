//! What templates can call beside Jinja's own filters.

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, Output, State};

use crate::postgres::ident::{quote_ident, quote_literal, quote_setting};
use crate::secret::{Form, marker, with_form};

pub fn install(environment: &mut Environment<'static>) {
    environment.add_function("secret", |name: String| marker(&name, Form::Plain));
    environment.add_filter("pgpass", |text: String| form(&text, Form::PgPass));
    environment.add_filter("scram", |text: String| form(&text, Form::Scram));
    environment.add_filter("quote_literal", |text: String| quote_literal(&text));
    environment.add_filter("quote_ident", |text: String| quote_ident(&text));
    environment.add_filter("quote_setting", |text: String| quote_setting(&text));
    environment.add_filter("quote_userlist", |text: String| {
        format!("\"{}\"", text.replace('"', "\"\""))
    });
    environment.add_filter("quote_hba", |text: String| {
        format!("\"{}\"", text.replace('"', "\"\""))
    });
    environment.add_filter("quote_ini", |text: String| {
        format!("'{}'", text.replace('\'', "''"))
    });
    environment.add_filter("quote_unit", quote_unit);
    environment.add_filter("quote_shell", |text: String| crate::shell::quote(&text));
    environment.add_filter("hba_address", hba_address);
    environment.add_filter("combine", combine);
    environment.add_filter("dirname", |path: String| {
        path.rsplit_once('/')
            .map_or_else(String::new, |(folder, _)| folder.to_owned())
    });
    environment.set_formatter(as_configuration);
}

/// One word of a setting in a unit file (systemd.syntax(7), systemd.unit(5) "Specifiers").
fn quote_unit(text: String) -> String {
    let plain = text.replace('\\', r"\\").replace('"', "\\\"");
    format!("\"{}\"", plain.replace('%', "%%"))
}

/// An address as one field of `pg_hba.conf`: an IP address matches itself alone, a name is looked up by the server.
fn hba_address(address: String) -> String {
    match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => format!("{ip}/32"),
        Ok(std::net::IpAddr::V6(ip)) => format!("{ip}/128"),
        Err(_) => address,
    }
}

/// The first map, with the second over it; as in Ansible.
fn combine(first: Value, second: Value) -> Value {
    // The later one wins (minijinja's own test; its documentation says the opposite).
    minijinja::value::merge_maps([first, second])
}

/// A secret in another form; anything that is no secret is written in that form at once.
fn form(text: &str, form: Form) -> String {
    with_form(text, form).unwrap_or_else(|| form.apply(text))
}

/// Configuration files want `true` and `false`, and never the word `none`.
fn as_configuration(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    match value.kind() {
        minijinja::value::ValueKind::Bool => {
            out.write_str(if value.is_true() { "true" } else { "false" })?;
            Ok(())
        }
        minijinja::value::ValueKind::None => Err(Error::new(
            ErrorKind::InvalidOperation,
            "`none` would be written",
        )),
        _ => minijinja::escape_formatter(out, state, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_map_goes_over_the_first() {
        let mut environment = Environment::new();
        install(&mut environment);
        let text = "{% for k, v in {'a': 1, 'b': 2} | combine({'b': 3, 'c': 4}) | dictsort %}{{ k }}{{ v }} {% endfor %}";
        assert_eq!(environment.render_str(text, ()).unwrap(), "a1 b3 c4 ");
    }
}
