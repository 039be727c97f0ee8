//! `authorized_key`: one key that may log in; the other lines of the file stay.

use serde::Deserialize;

use super::file::File;
use super::{OneFile, View};
use crate::facts::{Path, Probe};
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

    /// The file with the key in it.
    fn file(&self, view: &View<'_>) -> File {
        let seen = match view.path(&self.path) {
            Path::File {
                content: Some(content),
                ..
            } => content.as_str(),
            _ => "",
        };
        let key = Text::parse(self.key.trim());
        let there = key
            .reveal(view.secrets)
            .is_ok_and(|key| seen.lines().any(|line| line.trim() == key.trim()));
        let content = if there {
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
            validate: None,
        }
    }
}
