//! The variables that say how a host is reached → [`Connection`].

use std::path::PathBuf;

use serde::de::DeserializeOwned;

use super::discreet::hide;
use super::layers::{Given, Vars};
use super::{BecomePassword, Connection, Reading, Way};
use super::{names, ssh_args};
use crate::problem::{Problem, Problems, Span, did_you_mean};
use crate::yaml;

/// The connection of one host, and where its key file is named.
pub(super) struct Reached {
    pub connection: Connection,
    pub key_span: Option<Span>,
    /// A file with the password for `sudo`, and where it is named.
    pub password_file: Option<(PathBuf, Span)>,
}

/// Reads the connection variables of the host `name`.
pub(super) fn read(
    name: &str,
    vars: &Vars,
    reading: &Reading,
    problems: &mut Vec<Problem>,
) -> Option<Reached> {
    let before = problems.len();
    let mut reader = Reader {
        vars,
        reading,
        problems,
    };
    let become_user = reader.become_user();
    let become_password = reader.become_password();
    let password_file = reader.password_file();
    let way = reader.way();
    let address = reader.word(&["ansible_ssh_host", "ansible_host"]);
    let port = reader.port();
    let user = reader.word(&["ansible_ssh_user", "ansible_user"]);
    let key = reader.key();
    let options = reader.options();
    if problems.len() > before {
        return None;
    }
    let way = if way == "local" {
        Way::Local
    } else {
        Way::Ssh {
            address: address.unwrap_or_else(|| name.to_owned()),
            port,
            user,
            private_key: key.as_ref().map(|(path, _)| path.clone()),
            options,
        }
    };
    let key_span = key.filter(|_| way != Way::Local).map(|(_, span)| span);
    Some(Reached {
        connection: Connection {
            way,
            become_user,
            become_password,
        },
        key_span,
        password_file,
    })
}

struct Reader<'a> {
    vars: &'a Vars,
    reading: &'a Reading,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn given(&self, names: &[&'static str]) -> Option<(&'static str, &'a Given)> {
        names
            .iter()
            .find_map(|name| self.vars.get(*name).map(|given| (*name, given)))
            .filter(|(_, given)| !given.node.is_null())
    }

    fn decode<T: DeserializeOwned>(&mut self, names: &[&'static str]) -> Option<(T, &'a Given)> {
        let (name, given) = self.given(names)?;
        match yaml::decode(&given.node, &format!("`{name}`")) {
            Ok(value) => Some((value, given)),
            Err(Problems(found)) => {
                self.problems.extend(found);
                None
            }
        }
    }

    /// An address or a name: one word that `ssh` cannot take for an option.
    fn word(&mut self, names: &[&'static str]) -> Option<String> {
        let (text, given) = self.decode::<String>(names)?;
        let is_word = !text.is_empty()
            && !text.starts_with('-')
            && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if !is_word {
            self.problems.push(
                Problem::input(format!(
                    "`{}` is no {}",
                    text.escape_debug(),
                    match names[0] {
                        "ansible_ssh_host" => "address of a host",
                        _ => "name of a user",
                    }
                ))
                .at(&given.node.span)
                .hint("write one word that does not begin with `-`"),
            );
        }
        Some(text)
    }

    fn port(&mut self) -> Option<u16> {
        let (port, given) = self.decode::<u16>(&["ansible_ssh_port", "ansible_port"])?;
        if port == 0 {
            self.problems.push(
                Problem::input("a port is a number from 1 to 65535, found `0`")
                    .at(&given.node.span),
            );
        }
        Some(port)
    }

    fn way(&mut self) -> String {
        let Some((way, given)) = self.decode::<String>(&["ansible_connection"]) else {
            return "ssh".to_owned();
        };
        match way.as_str() {
            "ssh" | "local" => {}
            "smart" => return "ssh".to_owned(),
            _ => {
                let hint = match did_you_mean(&way, ["ssh", "local"]) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "write `ssh`, or `local` for this very machine".to_owned(),
                };
                self.problems.push(
                    Problem::input(format!(
                        "`ansible_connection` is `ssh` or `local`, found `{}`",
                        way.escape_debug()
                    ))
                    .at(&given.node.span)
                    .hint(hint),
                );
            }
        }
        way
    }

    fn become_user(&mut self) -> Option<String> {
        if let Some((method, given)) = self.decode::<String>(&["ansible_become_method"])
            && method != "sudo"
        {
            self.problems.push(
                Problem::input(format!(
                    "`ansible_become_method` can only be `sudo`, found `{}`",
                    method.escape_debug()
                ))
                .at(&given.node.span)
                .hint("let the user run `sudo -n`, or connect as `root`"),
            );
        }
        let user = self.word(&["ansible_become_user"]);
        let (is_set, _) = self.decode::<bool>(&["ansible_become"])?;
        is_set.then(|| user.unwrap_or_else(|| "root".to_owned()))
    }

    /// A problem has its place as text only: an excerpt would show the password.
    fn become_password(&mut self) -> Option<BecomePassword> {
        let (_, given) = self.given(&names::BECOME_PASSWORD)?;
        let text = match &given.node.value {
            yaml::Value::Secret(secret) => secret.expose().to_owned(),
            _ => given.node.scalar_text().unwrap_or_default(),
        };
        match BecomePassword::new(text) {
            Ok(password) => Some(password),
            Err(problem) => {
                self.problems.push(hide(problem.at(&given.node.span)));
                None
            }
        }
    }

    fn password_file(&mut self) -> Option<(PathBuf, Span)> {
        self.file(&["ansible_become_password_file"])
    }

    fn key(&mut self) -> Option<(PathBuf, Span)> {
        self.file(&["ansible_ssh_private_key_file", "ansible_private_key_file"])
    }

    /// A path, made absolute against the inventory's folder.
    fn file(&mut self, names: &[&'static str]) -> Option<(PathBuf, Span)> {
        let (text, given) = self.decode::<String>(names)?;
        match self.absolute(&text) {
            Ok(path) => Some((path, given.node.span.clone())),
            Err(problem) => {
                self.problems.push(problem.at(&given.node.span));
                None
            }
        }
    }

    fn absolute(&self, text: &str) -> Result<PathBuf, Problem> {
        ssh_args::absolute(text, &self.reading.folder, self.reading.home.as_deref())
    }

    fn options(&mut self) -> Vec<(String, String)> {
        let mut options = Vec::new();
        for name in [
            "ansible_ssh_args",
            "ansible_ssh_common_args",
            "ansible_ssh_extra_args",
        ] {
            let Some((text, given)) = self.decode::<String>(&[name]) else {
                continue;
            };
            let found = ssh_args::parse(&text, &|path| self.absolute(path));
            match found {
                Ok(found) => options.extend(found),
                Err(problem) => self.problems.push(problem.at(&given.node.span)),
            }
        }
        options
    }
}
