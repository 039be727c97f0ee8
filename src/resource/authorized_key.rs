//! `authorized_key`: one key that may log in; the other lines of the file stay.

use serde::Deserialize;

use super::file::File;
use super::{Resource, Verdict, View};
use crate::facts::{Facts, Path, Probe};
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

impl AuthorizedKey {
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

impl Resource for AuthorizedKey {
    fn subject(&self) -> String {
        self.path.clone()
    }

    fn probes(&self, _: &View<'_>) -> Vec<Probe> {
        vec![Probe::Content(self.path.clone())]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        self.file(view).verdict(view)
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        self.file(view).settle(view, facts);
    }
}
