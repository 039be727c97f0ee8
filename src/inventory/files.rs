//! Which files of `group_vars` and `host_vars` are whose, as ansible-core 2.19 finds them.
//!
//! For a name the first of `NAME`, `NAME.yml`, `NAME.yaml` and `NAME.json` that is there, and no other. Where `NAME` is a
//! folder, every file in it, in the order of the names, folders without a dot among them.

use std::collections::BTreeSet;

use super::VarsFile;
use super::tree::Notes;
use crate::problem::{Problem, did_you_mean};

const SUFFIXES: [&str; 3] = [".yml", ".yaml", ".json"];

/// The files of variables of one name, from the weakest to the strongest.
pub(super) fn of<'a>(name: &str, files: &'a [VarsFile]) -> Vec<&'a VarsFile> {
    let inside = format!("{name}/");
    let mut folder: Vec<&VarsFile> = files
        .iter()
        .filter(|file| file.path.strip_prefix(&inside).is_some_and(is_read))
        .collect();
    if files.iter().any(|file| file.path.starts_with(&inside)) {
        folder.sort_by_key(|file| file.path.split('/').collect::<Vec<_>>());
        return folder;
    }
    let named = |suffix: &&str| {
        let path = format!("{name}{suffix}");
        files.iter().find(|file| file.path == path)
    };
    [""].iter()
        .chain(&SUFFIXES)
        .find_map(named)
        .into_iter()
        .collect()
}

/// Whether a file below the folder of a name is read.
fn is_read(path: &str) -> bool {
    let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
    let is_visible =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with('~');
    let extension = file.rfind('.').map_or("", |dot| &file[dot..]);
    let mut folders = folders.split('/');
    folders.all(|part| part.is_empty() || (is_visible(part) && !part.contains('.')))
        && is_visible(file)
        && (extension.is_empty() || SUFFIXES.contains(&extension))
}

/// The name that a file in `group_vars` or `host_vars` is for.
fn owner(path: &str) -> &str {
    match path.split_once('/') {
        Some((folder, _)) => folder,
        None => SUFFIXES
            .iter()
            .find_map(|suffix| path.strip_suffix(suffix))
            .unwrap_or(path),
    }
}

/// Says which files are left out, and why.
pub(super) fn leftover<'a>(
    folder: &str,
    files: &'a [VarsFile],
    used: &BTreeSet<&'a str>,
    names: &[&str],
    notes: &mut Notes,
) {
    for file in files.iter().filter(|file| !used.contains(&*file.path)) {
        let last = file.path.rsplit('/').next().unwrap_or_default();
        if last.is_empty() || last.starts_with('.') || last.ends_with('~') {
            continue;
        }
        let owner = owner(&file.path);
        let thing = if folder == "group_vars" {
            "group"
        } else {
            "host"
        };
        let (why, hint) = if !names.contains(&owner) {
            let hint = did_you_mean(owner, names.iter().copied())
                .map(|meant| format!("did you mean `{meant}`?"));
            (format!("there is no {thing} `{owner}`"), hint)
        } else if file.path.contains('/') {
            let hint = "its suffix is none, `.yml`, `.yaml` or `.json`, and no folder has a dot";
            (
                "its name is none of a file of variables".to_owned(),
                Some(hint.to_owned()),
            )
        } else {
            let hint = Some("make one of the two".to_owned());
            (format!("another one of `{owner}` goes before it"), hint)
        };
        let problem = Problem::input(format!("`{folder}/{}` is not read: {why}", file.path));
        notes.warnings.push(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::problem::Source;

    fn files(paths: &[&str]) -> Vec<VarsFile> {
        let source = Arc::new(Source {
            name: String::new(),
            text: String::new(),
            vaulted: false,
        });
        let file = |path: &&str| VarsFile::new(*path, source.clone());
        paths.iter().map(file).collect()
    }

    fn found(name: &str, paths: &[&str]) -> String {
        let files = files(paths);
        let found: Vec<&str> = of(name, &files).iter().map(|file| &*file.path).collect();
        found.join(" ")
    }

    #[test]
    fn files_are_found_as_ansible_finds_them() {
        assert_eq!(
            found("db1.example.org", &["db1.example.org", "db1"]),
            "db1.example.org"
        );
        assert_eq!(found("10.0.0.5", &["10.0.0.5", "10.0.0.5.yml"]), "10.0.0.5");
        assert_eq!(
            found("all", &["all.json", "all.yaml", "all.yml"]),
            "all.yml"
        );
        assert_eq!(found("all", &["all.ini", "all.txt"]), "");
        assert_eq!(
            found(
                "all",
                &[
                    "all.yml",
                    "all/z.yml",
                    "all/a",
                    "all/db/x.json",
                    "all/b.txt",
                    "all/.c.yml",
                    "all/d.d/e.yml"
                ]
            ),
            "all/a all/db/x.json all/z.yml"
        );
        assert_eq!(found("all", &["all.yml", "all/.keep"]), "");
    }

    #[test]
    fn what_is_left_out_is_named() {
        let files = files(&["all.yml", "all/a.txt", "postgress.yml", ".git", "db"]);
        let mut notes = Notes::default();
        leftover(
            "group_vars",
            &files,
            &BTreeSet::from(["db"]),
            &["all", "postgres", "db"],
            &mut notes,
        );
        let told: Vec<String> = notes.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "`group_vars/all.yml` is not read: another one of `all` goes before it",
                "`group_vars/all/a.txt` is not read: its name is none of a file of variables",
                "`group_vars/postgress.yml` is not read: there is no group `postgress`",
            ]
        );
        assert_eq!(
            notes.warnings[2].hint.as_deref(),
            Some("did you mean `postgres`?")
        );
    }
}
