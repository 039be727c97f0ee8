//! The resource `postgresql_start_conf`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::File;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Path, Probe};
use crate::problem::Problem;

/// Whether Debian's tools start this cluster when the host boots (`start.conf`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlStartConf {
    /// `auto`: at boot; `disabled`: not at all, not even by hand.
    start: Start,
}

/// The words of `start.conf` (pg_createcluster(1), "FILES").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Start {
    Auto,
    Disabled,
}

impl Start {
    fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Disabled => "disabled",
        }
    }
}

fn path(view: &View<'_>) -> String {
    format!("{}/start.conf", view.config_directory())
}

fn is_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

impl PostgresqlStartConf {
    /// The file with that word in it; `None` where it says so already, or there is no cluster whose file it would be.
    fn file(&self, view: &View<'_>) -> Option<File> {
        let seen = match view.path(&path(view)) {
            Path::File { content, .. } => content.as_deref().unwrap_or("auto"),
            // Debian takes it for `auto`.
            _ => "auto",
        };
        let word = seen.lines().find(|line| !is_comment(line));
        let is_there = !view.path(&view.config_file()).is_absent();
        if !is_there || word.map(str::trim) == Some(self.start.word()) {
            return None;
        }
        let comments = seen.lines().filter(|line| is_comment(line));
        let lines: Vec<&str> = comments.chain([self.start.word()]).collect();
        Some(File {
            path: path(view),
            content: Some(lines.join("\n") + "\n"),
            mode: "0644".to_owned(),
            owner: "postgres".to_owned(),
            group: "postgres".to_owned(),
            shipped: None,
            validate: None,
        })
    }
}

impl Resource for PostgresqlStartConf {
    fn subject(&self) -> String {
        "start.conf".to_owned()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        vec![Probe::Path(view.config_file()), Probe::Content(path(view))]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let draft: Option<Draft> = match self.file(view) {
            Some(file) => file.draft(view)?,
            None => None,
        };
        Ok(draft.map_or(Verdict::AsDeclared, Into::into))
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        if let Some(file) = self.file(view) {
            file.settle(view, facts);
        }
    }
}
