//! The resource `sudoers`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::{File, Validate};
use super::{OneFile, View};
use crate::problem::Problem;

/// Exactly these commands, for one user, without a password or a terminal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sudoers {
    /// The file's name in `/etc/sudoers.d`; without a dot, or sudo ignores it.
    name: String,
    /// The user.
    user: String,
    /// Full paths with their arguments.
    commands: Vec<String>,
}

impl OneFile for Sudoers {
    fn path(&self) -> String {
        format!("/etc/sudoers.d/{}", self.name)
    }

    fn check(&self, _: &View<'_>) -> Result<(), Problem> {
        if self.name.is_empty() || self.name.contains(['.', '/']) || self.name.ends_with('~') {
            return Err(Problem::input(format!(
                "sudo would ignore `/etc/sudoers.d/{}`",
                self.name
            ))
            .hint("`name` is a file name without `.` and `/`, and without `~` at its end"));
        }
        if self.commands.is_empty() {
            return Err(Problem::input("`commands` is empty").hint("list at least one command"));
        }
        Ok(())
    }

    fn file(&self, _: &View<'_>) -> File {
        let escape = |command: &String| {
            // Special in sudoers(5), "Other special characters and reserved words".
            command
                .replace('\\', r"\\")
                .replace(',', r"\,")
                .replace(':', r"\:")
                .replace('=', r"\=")
        };
        let commands: Vec<String> = self.commands.iter().map(escape).collect();
        File {
            path: self.path(),
            content: Some(format!(
                "# Written by pgha.\nDefaults:{user} !requiretty\n{user} ALL=(root) NOPASSWD: \\\n    {}\n",
                commands.join(", \\\n    "),
                user = self.user,
            )),
            mode: "0440".to_owned(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            shipped: None,
            validate: Some(Validate::Command(
                ["visudo", "-cf", "%s"].map(str::to_owned).to_vec(),
            )),
        }
    }
}
