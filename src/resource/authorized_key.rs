//! `authorized_key`: one key that may log in; the other lines of the file stay.

use serde::Deserialize;

use super::file::File;
use super::{OneFile, View};
use crate::facts::{Path, Probe};
use crate::problem::Problem;
use crate::secret::Text;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizedKey {
    path: String,
    key: String,
    owner: String,
    group: String,
}

impl OneFile for AuthorizedKey {
    fn path(&self) -> String {
        self.path.clone()
    }

    /// Its lines are needed, though the key among them is kept with the secrets.
    fn probes(&self, _: &View<'_>) -> Vec<Probe> {
        vec![Probe::Content(self.path.clone())]
    }

    fn check(&self, view: &View<'_>) -> Result<(), Problem> {
        let key = self.key.trim();
        if key.is_empty() || key.contains('\n') {
            return Err(Problem::input("`key` is one key, on one line")
                .hint("make a step for each key, or a `loop`"));
        }
        match view.path(&self.path) {
            Path::File { content: None, .. } => Err(Problem::refused(format!(
                "the keys in `{}` cannot be read",
                self.path
            ))
            .because("it is larger than 64 KiB, or no text")
            .hint("pgha keeps the keys that are there: make it a text that it can read")),
            _ => Ok(()),
        }
    }

    /// The file with the key in it.
    fn file(&self, view: &View<'_>) -> File {
        let seen = match view.path(&self.path) {
            Path::File {
                content: Some(content),
                ..
            } => content.as_str(),
            _ => "",
        };
        let revealed = |text: &str| Text::parse(text.trim()).reveal(view.secrets).ok();
        let key = revealed(&self.key);
        let is_key =
            |line: &str| line.trim() == self.key.trim() || key.is_some() && revealed(line) == key;
        let content = if seen.lines().any(is_key) {
            seen.to_owned()
        } else {
            let gap = if seen.is_empty() || seen.ends_with('\n') {
                ""
            } else {
                "\n"
            };
            format!("{seen}{gap}{}\n", self.key.trim())
        };
        File {
            path: self.path.clone(),
            content: Some(content),
            mode: "0600".to_owned(),
            owner: self.owner.clone(),
            group: self.group.clone(),
            shipped: None,
            validate: None,
        }
    }
}
