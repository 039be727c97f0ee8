//! The resources `file` and `template`.

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Declared, Draft, Files, Resource, Verdict, View};
use crate::facts::{Facts, Path, Probe, Time};
use crate::plan::{Action, Before, Check, FileDiff, Guard, Op, Shown};
use crate::problem::Problem;
use crate::secret::Text;
use crate::setting::{self, Program, Version};
use crate::words::hex;

/// A file as it must be.
#[derive(Debug)]
pub struct File {
    pub path: String,
    /// Absent: a file that must not be there.
    pub content: Option<String>,
    /// The program of pgha's own that it is, to the byte.
    pub shipped: Option<String>,
    pub mode: String,
    pub owner: String,
    pub group: String,
    pub validate: Option<Validate>,
}

/// Who must accept a file before it is in place.
#[derive(Clone, Debug)]
pub enum Validate {
    /// A command that exits 0; `%s` stands for the file's path.
    Command(Vec<String>),
    /// PostgreSQL, as settings.
    Settings,
    /// PostgreSQL, as `pg_hba.conf`.
    Hba,
    /// A program whose settings pgha knows by name.
    Reader(Reader),
}

/// Whose configuration a file is: it is refused where that one would not take it.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reader {
    Pgbouncer,
    Repmgr,
}

impl Reader {
    fn program(self) -> Program {
        match self {
            Self::Pgbouncer => Program::Pgbouncer,
            Self::Repmgr => Program::Repmgr,
        }
    }

    fn package(self, view: &View<'_>) -> String {
        match self {
            Self::Pgbouncer => "pgbouncer".to_owned(),
            Self::Repmgr => format!("postgresql-{}-repmgr", view.version()),
        }
    }

    /// Its version on the host; before it is installed, the one that the release ships.
    fn version(self, view: &View<'_>) -> Option<Version> {
        let facts = view.facts();
        let installed = facts.packages.get(&self.package(view)).cloned().flatten();
        let installed = installed.and_then(|version| Version::of_package(&version));
        let ships = facts.system.release.map(|release| match self {
            Self::Pgbouncer => release.pgbouncer_version(),
            Self::Repmgr => release.repmgr_version(),
        });
        installed.or(ships)
    }
}

impl Validate {
    /// Of what a playbook says, both are never meant.
    fn of(command: Option<Vec<String>>, reader: Option<Reader>) -> Result<Option<Self>, Problem> {
        match (command, reader) {
            (Some(_), Some(_)) => Err(Problem::input("`validate` and `read_by` are both given")
                .hint("keep one: `read_by` checks with the program itself")),
            (command, reader) => Ok(command.map(Self::Command).or(reader.map(Self::Reader))),
        }
    }

    fn check(&self, view: &View<'_>) -> Check {
        let (version, data, config) = (
            view.version(),
            view.data_directory(),
            view.config_directory(),
        );
        match self {
            Self::Command(argv) => Check::Command(argv.clone()),
            Self::Settings => Check::Postgresql {
                version,
                data,
                config,
            },
            Self::Hba => Check::Hba {
                version,
                data,
                config,
            },
            Self::Reader(Reader::Pgbouncer) => Check::Pgbouncer,
            Self::Reader(Reader::Repmgr) => Check::Repmgr { version },
        }
    }
}

/// A file with this content, owner and mode.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// The file.
    path: String,
    /// What it holds. Neither this nor `src`: a file that must not be there.
    #[serde(default)]
    content: Option<String>,
    /// In place of `content`: a file in `programs/` beside the playbook, or else pgha's own of that name. It goes to the
    /// host as it is; nothing in it is evaluated, `{{ … }}` stays what it is.
    #[serde(default)]
    src: Option<String>,
    /// Four octal digits in quotes.
    #[serde(default = "public")]
    mode: String,
    /// Its owner.
    #[serde(default = "root")]
    owner: String,
    /// Its group.
    #[serde(default = "root")]
    group: String,
    /// A command that must accept the new file before it is moved into place; `%s` stands for its path.
    #[serde(default)]
    validate: Option<Vec<String>>,
    /// The program whose configuration it is: it must take it, before it is in place.
    #[serde(default)]
    read_by: Option<Reader>,
}

impl Declared for Arguments {
    type Whole = File;

    fn complete(self, files: &dyn Files) -> Result<File, Problem> {
        let (content, shipped) = match (self.content, self.src) {
            (Some(_), Some(src)) => {
                return Err(Problem::input(format!(
                    "`content` and `src` (`{src}`) are both given"
                ))
                .hint(
                    "keep one: `content` is the text itself, `src` names a file in `programs/`",
                ));
            }
            (None, Some(src)) => {
                let program = files.program(&src)?;
                (Some(program.text), program.is_shipped.then_some(src))
            }
            (content, None) => (content, None),
        };
        Ok(File {
            path: self.path,
            content,
            shipped,
            mode: self.mode,
            owner: self.owner,
            group: self.group,
            validate: Validate::of(self.validate, self.read_by)?,
        })
    }
}

pub fn public() -> String {
    "0644".to_owned()
}

pub fn root() -> String {
    "root".to_owned()
}

/// A file that is rendered from a template.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// A file in `templates/` beside the playbook, or else pgha's own of that name.
    src: String,
    /// The file.
    path: String,
    /// Four octal digits in quotes.
    #[serde(default = "public")]
    mode: String,
    /// Its owner.
    #[serde(default = "root")]
    owner: String,
    /// Its group.
    #[serde(default = "root")]
    group: String,
    /// A command that must accept the new file before it is moved into place; `%s` stands for its path.
    #[serde(default)]
    validate: Option<Vec<String>>,
    /// As of `file`.
    #[serde(default)]
    read_by: Option<Reader>,
}

impl Declared for Template {
    type Whole = File;

    fn complete(self, files: &dyn Files) -> Result<File, Problem> {
        Ok(File {
            path: self.path,
            content: Some(files.template(&self.src)?),
            shipped: None,
            mode: self.mode,
            owner: self.owner,
            group: self.group,
            validate: Validate::of(self.validate, self.read_by)?,
        })
    }
}

impl File {
    fn text(&self) -> Text {
        Text::parse(self.content.as_deref().unwrap_or_default())
    }

    fn has_secrets(&self) -> bool {
        has_secrets(&self.text())
    }

    /// Whether a text holds one of the secrets that the file is to have, by name or in the open.
    fn tells_secret(&self, text: &str, view: &View<'_>) -> bool {
        let declared = self.text();
        let mut known = declared.secrets().filter_map(|name| view.secrets.get(name));
        has_secrets(&Text::parse(text)) || known.any(|secret| text.contains(secret.expose()))
    }

    /// Refuses what the program whose configuration it is does not have in the version that the host has, or will have.
    fn names(&self, view: &View<'_>) -> Result<(), Problem> {
        let (Some(Validate::Reader(reader)), Some(content)) = (&self.validate, &self.content)
        else {
            return Ok(());
        };
        let (program, version) = (reader.program(), reader.version(view));
        for (name, value) in setting::read(program, content) {
            program.check(&name, &value, version)?;
        }
        Ok(())
    }

    /// The hash of the declared content, unless a secret in it is yet to be made.
    fn sha256(&self, view: &View<'_>) -> Option<String> {
        let content = self.text().reveal(view.secrets).ok()?;
        Some(hex(&Sha256::digest(content.as_bytes())))
    }

    /// Whether the file at hand is as declared, content and attributes apart.
    pub fn compare(&self, view: &View<'_>) -> (bool, bool) {
        match view.path(&self.path) {
            Path::File {
                mode,
                owner,
                group,
                sha256,
                ..
            } => (
                sha256.is_some() && *sha256 == self.sha256(view),
                *mode == self.mode && *owner == self.owner && *group == self.group,
            ),
            _ => (false, false),
        }
    }

    /// The change that makes it as declared; `None` if it is.
    pub fn draft(&self, view: &View<'_>) -> Result<Option<Draft>, Problem> {
        let seen = view.path(&self.path);
        if let Path::Directory { .. } | Path::Other { .. } = seen {
            return Err(Problem::refused(format!(
                "`{}` is there and is no regular file",
                self.path
            ))
            .hint("pgha replaces only regular files; move it away"));
        }
        if self.content.is_none() {
            return Ok((!seen.is_absent()).then(|| {
                Draft::new(Action::Remove)
                    .guards(guard(&self.path, seen, true))
                    .op(Op::RemoveFile {
                        path: self.path.clone(),
                    })
            }));
        }
        self.names(view)?;
        let (same_content, same_attributes) = self.compare(view);
        if same_content && same_attributes {
            return Ok(None);
        }
        let mut draft = Draft::new(if seen.is_absent() {
            Action::Create
        } else {
            Action::Update
        });
        let (mode, owner, group) = match seen {
            Path::File {
                mode, owner, group, ..
            } => (Some(mode.clone()), Some(owner.clone()), Some(group.clone())),
            _ => (None, None, None),
        };
        for (name, before, after) in [
            ("mode", mode, &self.mode),
            ("owner", owner, &self.owner),
            ("group", group, &self.group),
        ] {
            if before.as_ref() != Some(after) {
                draft = draft.field(name, before, after.as_str());
            }
        }
        draft = draft.guards(guard(&self.path, seen, self.has_secrets()));
        if same_content {
            return Ok(Some(draft.op(Op::SetAttributes {
                path: self.path.clone(),
                mode: self.mode.clone(),
                owner: self.owner.clone(),
                group: self.group.clone(),
            })));
        }
        draft.diff = Some(FileDiff {
            path: self.path.clone(),
            before: match seen {
                Path::File {
                    content: Some(content),
                    ..
                } if self.shipped.is_none() && !self.tells_secret(content, view) => {
                    Before::Content(content.clone())
                }
                Path::File {
                    modified: Time::Planned(_),
                    ..
                } => Before::NotYet,
                Path::File { .. } => Before::Hidden,
                _ => Before::Absent,
            },
            after: self.text(),
            shipped: self.shipped.clone(),
        });
        if self.has_secrets() && !seen.is_absent() {
            draft = draft.field("content", Shown::Secret, Shown::Secret);
        }
        Ok(Some(draft.op(Op::WriteFile {
            path: self.path.clone(),
            content: self.text(),
            mode: self.mode.clone(),
            owner: self.owner.clone(),
            group: self.group.clone(),
            validate: self.validate.as_ref().map(|validate| validate.check(view)),
        })))
    }

    /// The path as it will be.
    pub fn settled(&self, view: &View<'_>) -> Path {
        if self.content.is_none() {
            return Path::Absent;
        }
        let modified = if self.compare(view).0 {
            view.path(&self.path).modified()
        } else {
            view.now
        };
        Path::File {
            mode: self.mode.clone(),
            owner: self.owner.clone(),
            group: self.group.clone(),
            modified,
            sha256: self.sha256(view),
            witness: None,
            // With the secrets as markers: a later step may add to it.
            content: self.content.clone(),
        }
    }
}

fn has_secrets(text: &Text) -> bool {
    text.secrets().next().is_some()
}

/// What must still be at `path` when the change is made.
fn guard(path: &str, seen: &Path, secret: bool) -> Option<Guard> {
    let path = path.to_owned();
    Some(match seen {
        Path::Unknown => return None,
        Path::File {
            witness: Some(witness),
            ..
        } if secret => Guard::FileUntouched {
            path,
            witness: witness.clone(),
        },
        Path::File {
            sha256: Some(sha256),
            ..
        } if !secret => Guard::FileIs {
            path,
            sha256: sha256.clone(),
        },
        Path::Absent => Guard::PathAbsent { path },
        // Written by an earlier change of this very plan.
        _ => Guard::PathExists { path },
    })
}

impl Resource for File {
    fn subject(&self) -> String {
        self.path.clone()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        // Whether a program is pgha's own is told by its hash: its text is not fetched from every host at every look.
        // What is to be removed may be a key.
        let by_hash = self.has_secrets() || self.shipped.is_some() || self.content.is_none();
        let reader = match &self.validate {
            Some(Validate::Reader(reader)) => Some(Probe::Package(reader.package(view))),
            _ => None,
        };
        let own = if by_hash {
            Probe::Path(self.path.clone())
        } else {
            Probe::Content(self.path.clone())
        };
        std::iter::once(own).chain(reader).collect()
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        Ok(self.draft(view)?.map_or(Verdict::AsDeclared, Into::into))
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let settled = self.settled(view);
        let unit = unit_of(&self.path).and_then(|unit| facts.unit_mut(unit));
        if let Some(unit) = unit
            && settled.modified() != view.path(&self.path).modified()
        {
            unit.needs_daemon_reload = true;
        }
        facts.paths.insert(self.path.clone(), settled);
    }
}

/// The unit that a file is, or goes over (`app.service`, `app.service.d/limits.conf`), with its type.
fn unit_of(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/etc/systemd/system/")?;
    let name = name.split('/').next()?;
    Some(name.strip_suffix(".d").unwrap_or(name))
}
