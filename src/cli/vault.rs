//! Where vault passwords come from: the same options and variables of the environment as Ansible's.

use std::io::{IsTerminal as _, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use clap::Args;
use zeroize::Zeroizing;

use crate::problem::{Problem, Source, Span};
use crate::vault::{DEFAULT_ID, Keys, is_vault};

/// The options, and what they led to.
#[derive(Args, Clone, Default)]
pub struct Vault {
    /// A vault password and its id: a file, a program that prints it, or `prompt`; may be repeated
    #[arg(long, value_name = "[ID@]SOURCE")]
    vault_id: Vec<String>,
    /// A file with the vault password, or a program that prints it; may be repeated
    #[arg(long, value_name = "FILE", visible_alias = "vault-pass-file")]
    vault_password_file: Vec<PathBuf>,
    /// Ask for the vault password
    #[arg(long, short = 'J', visible_alias = "ask-vault-password")]
    ask_vault_pass: bool,
    /// Asked once, however often it is needed.
    #[arg(skip)]
    keys: Arc<OnceLock<Result<Keys, Problem>>>,
}

/// One password that was asked for.
enum Wanted {
    Prompt { id: Option<String> },
    File { id: Option<String>, path: PathBuf },
}

impl Vault {
    /// The passwords, fetched at the first call.
    ///
    /// # Errors
    /// A source cannot be read, is empty, or its program fails.
    pub fn keys(&self) -> Result<Keys, Problem> {
        let fetch = || {
            let mut keys = Keys::default();
            for wanted in self.wanted() {
                let (id, password) = wanted.fetch(&keys)?;
                keys.add(id, password);
            }
            Ok(keys)
        };
        self.keys.get_or_init(fetch).clone()
    }

    /// The file itself, or what is encrypted in it.
    ///
    /// # Errors
    /// No password opens it.
    pub fn open(&self, source: Arc<Source>) -> Result<Arc<Source>, Problem> {
        if !is_vault(&source.text) {
            return Ok(source);
        }
        let span = Span {
            len: source.text.lines().next().map_or(0, str::len),
            start: 0,
            source,
        };
        match self.keys()?.open(&span.source.text) {
            Ok(opened) => Ok(Arc::new(Source {
                name: span.source.name.clone(),
                text: opened.text.to_string(),
                vaulted: true,
            })),
            Err(fault) => Err(fault.problem("this file", &span)),
        }
    }

    /// In Ansible's order: what the environment lists, then `--vault-id`, the files, and the prompt.
    fn wanted(&self) -> Vec<Wanted> {
        let listed = std::env::var("ANSIBLE_VAULT_IDENTITY_LIST").unwrap_or_default();
        let listed = listed.split(',').map(str::trim).filter(|id| !id.is_empty());
        let ids = listed.chain(self.vault_id.iter().map(String::as_str));
        let from_environment = std::env::var("ANSIBLE_VAULT_PASSWORD_FILE").ok();
        let from_environment = from_environment
            .filter(|path| !path.is_empty())
            .map(PathBuf::from);
        let files = self
            .vault_password_file
            .iter()
            .cloned()
            .chain(from_environment);
        let files = files.map(|path| Wanted::File { id: None, path });
        let prompt = self.ask_vault_pass.then_some(Wanted::Prompt { id: None });
        ids.map(Wanted::parse).chain(files).chain(prompt).collect()
    }
}

impl Wanted {
    /// Reads `ID@SOURCE` or `SOURCE`.
    fn parse(text: &str) -> Self {
        let (id, source) = match text.split_once('@') {
            Some((id, source)) => (Some(id.to_owned()), source),
            None => (None, text),
        };
        match source {
            "prompt" | "prompt_ask_vault_pass" => Self::Prompt { id },
            path => Self::File {
                id,
                path: PathBuf::from(path),
            },
        }
    }

    /// The id and the password. `keys`: those before it, for a file that is itself encrypted.
    fn fetch(self, keys: &Keys) -> Result<(String, Zeroizing<Vec<u8>>), Problem> {
        let (id, password, from) = match self {
            Self::Prompt { id } => {
                let password = ask(id.as_deref())?;
                (id, password, "what was typed".to_owned())
            }
            Self::File { id, path } => {
                let path = match (path.strip_prefix("~"), std::env::home_dir()) {
                    (Ok(rest), Some(home)) => home.join(rest),
                    _ => path,
                };
                let from = format!("`{}`", path.display());
                (id.clone(), read(&path, id.as_deref(), keys)?, from)
            }
        };
        if password.is_empty() {
            return Err(
                Problem::input(format!("the vault password is empty: {from}"))
                    .hint("the source must give the password and nothing else"),
            );
        }
        Ok((id.unwrap_or_else(|| DEFAULT_ID.to_owned()), password))
    }
}

/// From the terminal; from standard input where that is none.
fn ask(id: Option<&str>) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let failed = |error: std::io::Error| {
        Problem::input("the vault password could not be asked for").because(error)
    };
    match id {
        Some(id) => eprint!("Vault password ({id}): "),
        None => eprint!("Vault password: "),
    }
    let line = if std::io::stdin().is_terminal() {
        console::Term::stderr().read_secure_line().map_err(failed)?
    } else {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map_err(failed)?;
        eprintln!();
        line
    };
    let line = Zeroizing::new(line);
    Ok(Zeroizing::new(
        line.trim_end_matches(['\r', '\n']).as_bytes().to_vec(),
    ))
}

/// From a file or, where that may be executed, from what it prints.
fn read(path: &Path, id: Option<&str>, keys: &Keys) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        Problem::input(format!("the vault password file `{shown}` cannot be read"))
            .because(error)
            .hint("check the path; it is taken from the folder that pgha runs in")
    };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 {
        return run(path, id);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    let mut file = std::fs::File::open(path).map_err(failed)?;
    file.read_to_end(&mut bytes).map_err(failed)?;
    if let Ok(text) = std::str::from_utf8(&bytes)
        && is_vault(text)
    {
        let source = Arc::new(Source {
            name: shown.to_string(),
            text: text.to_owned(),
            vaulted: true,
        });
        let span = Span {
            source,
            start: 0,
            len: 0,
        };
        let opened = keys
            .open(text)
            .map_err(|fault| fault.problem("this file", &span))?;
        bytes = Zeroizing::new(opened.text.as_bytes().to_vec());
    }
    Ok(Zeroizing::new(bytes.trim_ascii().to_vec()))
}

/// What a program prints. One whose name ends with `-client` is told the id, as Ansible does.
fn run(path: &Path, id: Option<&str>) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let what = format!("the vault password program `{}`", path.display());
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let mut command = Command::new(&path);
    let stem = path.file_stem().unwrap_or_default();
    if let Some(id) = id
        && stem.as_encoded_bytes().ends_with(b"-client")
    {
        command.args(["--vault-id", id]);
    }
    let output = command
        .stderr(Stdio::inherit())
        .stdin(Stdio::inherit())
        .output();
    let output = output.map_err(|error| {
        Problem::input(format!("{what} does not start"))
            .because(error)
            .hint("if it is no program, take the right to execute it away: `chmod a-x`")
    })?;
    let printed = Zeroizing::new(output.stdout);
    if !output.status.success() {
        return Err(Problem::input(format!("{what} failed: {}", output.status))
            .hint("run it by hand; it must print the password and exit with 0"));
    }
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let start = printed
        .iter()
        .position(|byte| !is_break(byte))
        .unwrap_or(printed.len());
    let end = printed
        .iter()
        .rposition(|byte| !is_break(byte))
        .map_or(start, |at| at + 1);
    Ok(Zeroizing::new(printed[start..end].to_vec()))
}
