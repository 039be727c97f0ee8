//! Opens an inventory that was named: a file, a program, or a folder of these, with `group_vars` and `host_vars` beside it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use super::load::{list, read};
use super::script;
use super::vault::Vault;
use crate::inventory::{Form, Origin, Text, VarsFile, form};
use crate::problem::{Problem, Source};
use crate::yaml;

/// What Ansible leaves out of a folder of inventories (`INVENTORY_IGNORE_EXTS` of ansible-core 2.19).
const IGNORED: [&str; 12] = [
    ".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry",
];

/// What else is in such a folder and no inventory: variables, and what pgha has there.
const OTHERS: [&str; 7] = [
    "group_vars",
    "host_vars",
    "vars_plugins",
    "secrets.yml",
    "playbooks",
    "templates",
    "programs",
];

/// Deeper, a folder is a link to one above it.
const DEEPEST: usize = 8;

/// Reads everything that belongs to an inventory.
///
/// # Errors
/// A file cannot be read, or a program fails.
pub fn origin(path: &Path, vault: &Vault) -> Result<Origin, Problem> {
    let mut texts = Vec::new();
    let folder = if path.is_dir() {
        inside(path, vault, &mut texts, DEEPEST)?;
        path
    } else {
        texts.push(text(path, vault)?);
        path.parent().unwrap_or(Path::new(""))
    };
    Ok(Origin {
        texts,
        group_vars: variables(&folder.join("group_vars"), vault),
        host_vars: variables(&folder.join("host_vars"), vault),
    })
}

/// The inventories in a folder, in the order of their names.
fn inside(
    folder: &Path,
    vault: &Vault,
    texts: &mut Vec<Text>,
    depth: usize,
) -> Result<(), Problem> {
    for path in list(folder) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_ignored = name.starts_with('.')
            || OTHERS.contains(&&*name)
            || IGNORED.iter().any(|suffix| name.ends_with(suffix));
        if is_ignored || depth == 0 {
            continue;
        }
        if path.is_dir() {
            inside(&path, vault, texts, depth - 1)?;
        } else {
            let text = text(&path, vault)?;
            texts.extend((!yaml::is_blank(&text.source)).then_some(text));
        }
    }
    Ok(())
}

fn text(path: &Path, vault: &Vault) -> Result<Text, Problem> {
    let begin = begin(path);
    let is_script = begin.starts_with(b"#!");
    if may_execute(path) && (is_script || begin == *b"\x7fELF") {
        let source = script::output(path)?;
        let form = Form::Listed;
        return Ok(Text { form, source });
    }
    if is_script {
        return Err(Problem::input(format!(
            "`{}` is a program, and may not be executed",
            path.display()
        ))
        .hint(format!("chmod +x {}", path.display())));
    }
    let source = vault.open(read(path)?)?;
    let form = form(&source)?;
    Ok(Text { form, source })
}

fn may_execute(path: &Path) -> bool {
    let metadata = fs::metadata(path);
    metadata.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The first bytes, by which a program is told: a YAML file with the mode of a program is a YAML file.
fn begin(path: &Path) -> [u8; 4] {
    use std::io::Read as _;
    let mut begin = [0_u8; 4];
    // What cannot be read is told where it is read whole.
    let _ = fs::File::open(path).and_then(|mut file| file.read(&mut begin));
    begin
}

/// Everything in `group_vars` or `host_vars`; whose it is, the inventory knows.
fn variables(folder: &Path, vault: &Vault) -> Vec<VarsFile> {
    let mut found = Vec::new();
    below(folder, "", vault, &mut found, DEEPEST);
    found
}

fn below(folder: &Path, prefix: &str, vault: &Vault, found: &mut Vec<VarsFile>, depth: usize) {
    for path in list(folder) {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if path.is_dir() && depth > 0 {
            let prefix = format!("{prefix}{name}/");
            // A folder that holds nothing hides a file of the same name all the same.
            let empty = Arc::new(Source {
                name: path.display().to_string(),
                text: String::new(),
                vaulted: false,
            });
            found.push(VarsFile::new(prefix.clone(), empty));
            below(&path, &prefix, vault, found, depth - 1);
        } else if path.is_file() {
            found.push(VarsFile {
                path: format!("{prefix}{name}"),
                source: read(&path).and_then(|source| vault.open(source)),
            });
        }
    }
}
