//! Lines of `pg_hba.conf` (<https://www.postgresql.org/docs/current/auth-pg-hba-conf.html>).

use std::net::IpAddr;

use crate::problem::{Problem, did_you_mean};

const TYPES: [&str; 6] = [
    "local",
    "host",
    "hostssl",
    "hostnossl",
    "hostgssenc",
    "hostnogssenc",
];
const METHODS: [&str; 13] = [
    "reject",
    "scram-sha-256",
    "md5",
    "password",
    "gss",
    "sspi",
    "ident",
    "peer",
    "ldap",
    "radius",
    "cert",
    "pam",
    "oauth",
];

/// Refuses what is no line of `pg_hba.conf`, or lets anyone in.
pub(super) fn check(line: &str) -> Result<(), Problem> {
    if line.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Problem::input("an entry of `postgresql_hba` is one line")
            .hint("make a list item of each line"));
    }
    let fields = fields(line);
    let kind = fields.first().map_or("", String::as_str);
    if !TYPES.contains(&kind) {
        let problem = Problem::input(format!(
            "a line of `pg_hba.conf` cannot begin with `{}`",
            kind.escape_debug()
        ));
        return Err(match did_you_mean(kind, TYPES) {
            Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
            None => problem.hint("write `host database user address method`"),
        });
    }
    let shape = if kind == "local" {
        "local database user method"
    } else {
        "host database user address method"
    };
    let has_mask = kind != "local"
        && fields
            .get(3)
            .is_some_and(|address| address.parse::<IpAddr>().is_ok())
        && fields
            .get(4)
            .is_some_and(|mask| mask.parse::<IpAddr>().is_ok());
    let at = shape.split(' ').count() - 1 + usize::from(has_mask);
    let Some(method) = fields.get(at) else {
        return Err(Problem::input(format!(
            "this line of `pg_hba.conf` has {} fields, and needs {}",
            fields.len(),
            at + 1
        ))
        .hint(format!("write `{shape}`")));
    };
    if method == "trust" {
        return Err(
            Problem::input("the method `trust` lets anyone in without a password")
                .hint("use `scram-sha-256`, or `peer` for `local`"),
        );
    }
    if METHODS.contains(&method.as_str()) {
        return Ok(());
    }
    let problem = Problem::input(format!("there is no method `{}`", method.escape_debug()));
    Err(match did_you_mean(method, METHODS) {
        Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
        None => problem.hint(format!("write `{shape}`")),
    })
}

/// The fields of a line: separated by blanks, where a quoted field may hold them; a comment ends the line.
fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut field: Option<String> = None;
    let mut is_quoted = false;
    for c in line.chars() {
        match c {
            '"' => {
                is_quoted = !is_quoted;
                field.get_or_insert_default();
            }
            '#' if !is_quoted => break,
            ' ' | '\t' if !is_quoted => fields.extend(field.take()),
            c => field.get_or_insert_default().push(c),
        }
    }
    fields.extend(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_lines_pass() {
        for line in [
            "host all all 10.0.0.0/8 scram-sha-256",
            "hostssl \"my db\" \"a b\" samenet cert clientcert=verify-full # ours",
            "host all all 10.0.0.0 255.0.0.0 md5",
            "local all postgres peer map=x",
            "host all all ::1/128 reject",
        ] {
            assert_eq!(check(line), Ok(()), "{line}");
        }
    }

    #[test]
    fn bad_lines_do_not() {
        for line in [
            "",
            "# comment",
            "host all all 10.0.0.0/8 trust",
            "host all all 10.0.0.0 255.0.0.0 \"trust\"",
            "local all all trust",
            "host all all scram-sha-256",
            "hots all all 10.0.0.0/8 md5",
            "host all all 10.0.0.0/8 scram",
            "host all all all md5\nhost all all all trust",
            "include other.conf",
        ] {
            assert!(check(line).is_err(), "{line}");
        }
    }
}
