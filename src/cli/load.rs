//! Reads what the user wrote: the only place that opens inventories, playbooks, templates and programs.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use clap::Args;
use include_dir::{Dir, include_dir};

use super::r#become;
use super::origin::origin;
use super::outside;
use super::vault::Vault;
use crate::inventory::{ExtraVar, Inventory, Reading, Sources, Surroundings, Way, select};
use crate::playbook::{self, Playbook};
use crate::problem::{Problem, Problems, Source, did_you_mean};
use crate::resource;
use crate::run::beside;
use crate::run::secrets::{self, Store};
use crate::secret::Secrets;
use crate::template::{self, Engine};
use crate::vault::{Keys, is_vault};
use crate::words::count;

pub static PLAYBOOKS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/playbooks");
pub static PROGRAMS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/programs");
pub static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// Bytes; more is no file that a person wrote.
const LARGEST: u64 = 1 << 20;

/// What every verb that reads an inventory takes.
#[derive(Args, Clone)]
pub struct Inputs {
    /// The inventory: a file in YAML, INI or JSON, a program that prints JSON, or a folder of these
    pub inventory: PathBuf,
    /// Another inventory, laid over the first; may be repeated
    #[arg(id = "also", long = "inventory", short = 'i', value_name = "INVENTORY")]
    pub also: Vec<PathBuf>,
    /// Only these hosts: names, groups, globs; `!` excludes
    #[arg(long, short, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// A variable, or `@file` with a YAML map of them; may be repeated
    #[arg(long, short, value_name = "NAME=VALUE|@FILE")]
    pub extra_vars: Vec<String>,
    /// Take what is not read, or most likely not meant, for an error: files, variables of other roles, groups that disagree
    #[arg(long)]
    pub strict: bool,
    /// Of several clusters in the inventory this one
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Ask for the password that `sudo` asks for on the hosts
    #[arg(long, short = 'K', visible_alias = "ask-become-password")]
    pub ask_become_pass: bool,
    #[command(flatten)]
    pub vault: Vault,
}

/// The playbook to use.
#[derive(Args, Clone, Default)]
pub struct Which {
    /// A playbook of your own; its imports, templates and programs are looked for beside it, then in pgha
    #[arg(long, value_name = "FILE")]
    pub playbook: Option<PathBuf>,
    /// The shipped one that a verb stands for.
    #[arg(skip)]
    shipped: Option<&'static str>,
}

/// The inventory with the secrets that belong to it.
pub struct Loaded {
    pub inventory: Inventory,
    pub secrets: Secrets,
    pub store: Store,
    /// The hosts that `--limit` names; `None`: all.
    pub limit: Option<BTreeSet<String>>,
}

impl Loaded {
    /// Whether somebody who was named on the command line is a member.
    ///
    /// # Errors
    /// It is none.
    pub fn member(&self, name: &str) -> Result<(), Problem> {
        let members = self.inventory.group("postgres");
        if members.iter().any(|member| member == name) {
            return Ok(());
        }
        let problem = Problem::input(format!("`{name}` is no member of the cluster"));
        Err(
            match did_you_mean(name, members.iter().map(String::as_str)) {
                Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
                None => problem.hint(format!("the members are {}", members.join(", "))),
            },
        )
    }
}

impl Inputs {
    /// An inventory as it is.
    pub fn of(inventory: &Path) -> Self {
        Self {
            inventory: inventory.to_path_buf(),
            also: Vec::new(),
            limit: None,
            extra_vars: Vec::new(),
            strict: false,
            cluster: None,
            ask_become_pass: false,
            vault: Vault::default(),
        }
    }

    /// # Errors
    /// Everything that is wrong with the inventory, its variables, key files or secrets.
    pub fn load(&self) -> Result<Loaded, Problems> {
        let mut loaded = self.load_files()?;
        if let Store::Command { .. } = loaded.store {
            loaded.secrets = loaded.store.load()?;
            loaded.secrets.extend(&loaded.inventory.secrets);
        }
        let warnings = loaded.inventory.warnings.len();
        static TOLD: Once = Once::new();
        if warnings > 0 {
            let warnings = count(warnings, "warning");
            let tell = || eprintln!("{warnings} about the inventory: `pgha validate` tells");
            TOLD.call_once(tell);
        }
        Ok(loaded)
    }

    /// Hosts, groups and variables, before anything is asked of pgha's own.
    ///
    /// # Errors
    /// A file cannot be read, or is no inventory.
    pub fn reading(&self) -> Result<Reading, Problems> {
        let reading = Reading::read(&self.sources()?)?;
        self.strictly(&reading.warnings)?;
        Ok(reading)
    }

    fn strictly(&self, warnings: &[Problem]) -> Result<(), Problems> {
        if self.strict && !warnings.is_empty() {
            return Err(Problems(warnings.to_vec()));
        }
        Ok(())
    }

    /// The same as [`Self::load`] without the secrets that a command would have to give, for a verb that tells the warnings
    /// itself.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_files(&self) -> Result<Loaded, Problems> {
        let mut inventory = Reading::read(&self.sources()?)?.inventory(self.cluster.as_deref())?;
        r#become::complete(&mut inventory, self.ask_become_pass)?;
        self.strictly(&inventory.warnings)?;
        check_keys(&inventory)?;
        let store = self.store(inventory.cluster.secrets_command.as_deref())?;
        let mut secrets = match store {
            Store::File { .. } => store.load()?,
            Store::Command { .. } => Secrets::default(),
        };
        secrets.extend(&inventory.secrets);
        let limit = self
            .limit
            .as_deref()
            .map(|pattern| select(&inventory, pattern))
            .transpose()?
            .map(BTreeSet::from_iter);
        Ok(Loaded {
            inventory,
            secrets,
            store,
            limit,
        })
    }

    fn store(&self, command: Option<&str>) -> Result<Store, Problem> {
        let path = secrets::path(&self.inventory);
        if let Some(command) = command {
            if path.symlink_metadata().is_ok() {
                let shown = path.display();
                return Err(Problem::input(format!(
                    "there are two places for secrets: `{shown}`, and `secrets_command`"
                ))
                .hint(
                    "move what is in the file to where the command takes it from, and remove it",
                ));
            }
            return Ok(Store::Command {
                command: command.to_owned(),
                folder: folder(&self.inventory),
            });
        }
        let is_vaulted = fs::read_to_string(&path).is_ok_and(|text| is_vault(&text));
        Ok(Store::File {
            path,
            keys: match is_vaulted {
                true => self.vault.keys()?,
                false => Keys::default(),
            },
        })
    }

    /// Reads a file of the inventory's, and opens it where it is a vault.
    fn read(&self, path: &Path) -> Result<Arc<Source>, Problem> {
        self.vault.open(read(path)?)
    }

    fn sources(&self) -> Result<Sources, Problem> {
        let named = [&self.inventory].into_iter().chain(&self.also);
        let origins = named
            .map(|path| origin(path, &self.vault))
            .collect::<Result<_, _>>()?;
        let folder = folder(&self.inventory);
        let folder = folder.canonicalize().map_err(|error| {
            Problem::input(format!("`{}` cannot be read", folder.display())).because(error)
        })?;
        let extra_vars = self
            .extra_vars
            .iter()
            .map(|text| match text.strip_prefix('@') {
                Some(file) => Ok(ExtraVar::File(self.read(Path::new(file))?)),
                None => Ok(ExtraVar::Pair(Arc::new(Source {
                    name: "--extra-vars".to_owned(),
                    text: text.clone(),
                    vaulted: false,
                }))),
            })
            .collect::<Result<_, Problem>>()?;
        let mut sources = Sources {
            origins,
            extra_vars,
            folder,
            home: std::env::home_dir(),
            surroundings: Surroundings::default(),
        };
        sources.surroundings = outside::of(&sources, &self.vault)?;
        Ok(sources)
    }
}

/// The folder that an inventory is in, or is.
fn folder(inventory: &Path) -> PathBuf {
    match inventory.parent() {
        _ if inventory.is_dir() => inventory.to_path_buf(),
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// What is in a folder, by name; nothing if there is no such folder.
pub(super) fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

/// Reads one file of the user's.
pub(super) fn read(path: &Path) -> Result<Arc<Source>, Problem> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        Problem::input(format!("`{shown}` cannot be read"))
            .hint(unreadable(&error))
            .because(error)
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(Problem::input(format!("`{shown}` is a folder, not a file"))
            .hint("name the file in it"));
    }
    if metadata.len() > LARGEST {
        return Err(Problem::input(format!(
            "`{shown}` is too large: {}",
            crate::size::bytes(metadata.len())
        ))
        .hint(format!(
            "files up to {} are read",
            crate::size::bytes(LARGEST)
        )));
    }
    let bytes = fs::read(path).map_err(failed)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        Problem::input(format!("`{shown}` is no UTF-8 text"))
            .because(error.utf8_error())
            .hint("save it as UTF-8")
    })?;
    Ok(Arc::new(Source {
        name: shown.to_string(),
        text,
        vaulted: false,
    }))
}

/// What to do about a file that cannot be read.
fn unreadable(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "check the path; it is taken from the folder that pgha runs in",
        ErrorKind::PermissionDenied => "it must be yours to read",
        _ => "it must be a file that can be read",
    }
}

/// OpenSSH refuses a key that others can read, with many words and late; say it before any host is touched.
fn check_keys(inventory: &Inventory) -> Result<(), Problems> {
    let mut problems: Vec<Problem> = Vec::new();
    for host in inventory.hosts.values() {
        let Way::Ssh {
            private_key: Some(key),
            ..
        } = &host.connection.way
        else {
            continue;
        };
        let found = match fs::File::open(key) {
            Err(error) => Some(
                Problem::input(format!(
                    "the private key `{}` cannot be read",
                    key.display()
                ))
                .hint(match error.kind() {
                    ErrorKind::NotFound => {
                        "a path in an inventory is relative to it, or begins with `/` or `~`"
                    }
                    _ => unreadable(&error),
                })
                .because(error),
            ),
            Ok(file) => {
                let mode = file
                    .metadata()
                    .map_or(0, |metadata| metadata.permissions().mode());
                (mode & 0o077 != 0).then(|| {
                    Problem::input(format!(
                        "the private key `{}` can be read by others (mode {:04o})",
                        key.display(),
                        mode & 0o7777
                    ))
                    .hint(format!("chmod 600 {}", key.display()))
                })
            }
        };
        if let Some(problem) = found {
            let problem = match &host.key_span {
                Some(span) => problem.at(span),
                None => problem,
            };
            // One key for many hosts is told once.
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Problems(problems))
    }
}

/// A playbook and the templates and programs that go with it.
pub struct Instructions {
    pub playbook: Playbook,
    pub engine: Engine,
}

impl Which {
    /// The playbook of a verb. What stands in a folder `playbooks` beside the inventory goes before what is shipped.
    pub fn shipped(name: &'static str) -> Self {
        Self {
            playbook: None,
            shipped: Some(name),
        }
    }

    /// # Errors
    /// There is no such playbook, or it is wrong.
    pub fn load(&self, inventory: &Path) -> Result<Instructions, Problems> {
        let (entry, folder) = match (&self.playbook, self.shipped) {
            (None, Some(shipped)) => (shipped.to_owned(), Some(beside(inventory, "playbooks"))),
            (Some(path), _) => {
                read(path)?;
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or_default();
                (name.to_owned(), path.parent().map(Path::to_path_buf))
            }
            (None, None) => ("site.yml".to_owned(), None),
        };
        let beside = folder.clone();
        let playbook = playbook::parse(&entry, resource::NAMES, &move |name| {
            let own = beside
                .as_ref()
                .and_then(|folder| read(&folder.join(name)).ok());
            own.or_else(|| embedded(&PLAYBOOKS, name, "playbooks"))
        })?;
        let programs = Programs {
            folder: folder.clone(),
        };
        let engine = Engine::new(move |name| {
            let own = folder.as_ref().and_then(|folder| {
                read(&folder.join("templates").join(name))
                    .or_else(|_| read(&folder.join("../templates").join(name)))
                    .ok()
            });
            own.or_else(|| embedded(&TEMPLATES, name, "templates"))
        })
        .with_programs(programs);
        Ok(Instructions { playbook, engine })
    }
}

/// Those inside the binary, and those beside a playbook.
struct Programs {
    /// The playbook's.
    folder: Option<PathBuf>,
}

impl Programs {
    /// Where the user's own may be.
    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        let folder = self.folder.iter();
        folder.flat_map(|folder| [folder.join("programs"), folder.join("../programs")])
    }
}

impl template::Programs for Programs {
    fn shipped(&self, name: &str) -> Option<Arc<Source>> {
        embedded(&PROGRAMS, name, "programs")
    }

    fn own(&self, name: &str) -> Result<Option<Arc<Source>>, Problem> {
        let mut paths = self.folders().map(|folder| folder.join(name));
        let found = paths.find(|path| path.symlink_metadata().is_ok());
        found.map(|path| read(&path)).transpose()
    }

    fn names(&self) -> Vec<String> {
        let shipped = PROGRAMS.files().map(include_dir::File::path);
        let shipped = shipped.map(Path::to_path_buf);
        let own = self.folders().flat_map(|folder| list(&folder));
        let names = shipped.chain(own);
        let names = names.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
        BTreeSet::from_iter(names).into_iter().collect()
    }
}

/// A file that is shipped inside the binary.
fn embedded(files: &Dir<'_>, name: &str, folder: &str) -> Option<Arc<Source>> {
    let text = files.get_file(name)?.contents_utf8()?;
    Some(Arc::new(Source {
        name: format!("{folder}/{name}"),
        text: text.to_owned(),
        vaulted: false,
    }))
}
