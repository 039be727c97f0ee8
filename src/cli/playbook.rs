//! `pgha playbook list|show|export`: what is shipped inside the binary.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use include_dir::Dir;
use serde_json::json;

use super::load::{PLAYBOOKS, PROGRAMS, TEMPLATES};
use super::out;
use crate::problem::{Problem, Problems, did_you_mean};

#[derive(Subcommand)]
pub enum Verb {
    /// List the playbooks, templates and programs
    List(List),
    /// Print one
    Show(Show),
    /// Copy all of them to a folder, to change them there
    Export(Export),
}

#[derive(Args)]
pub struct List {
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Show {
    /// As `pgha playbook list` names it
    name: String,
}

#[derive(Args)]
pub struct Export {
    /// Gets the folders `playbooks`, `templates` and `programs`
    dir: PathBuf,
    /// Overwrite files that are there
    #[arg(long)]
    force: bool,
}

/// Runs the verb; gives the exit code.
///
/// # Errors
/// There is no such playbook, or the files cannot be written.
pub fn run(verb: &Verb) -> Result<u8, Problems> {
    let files = shipped(&[
        ("playbooks", &PLAYBOOKS),
        ("templates", &TEMPLATES),
        ("programs", &PROGRAMS),
    ]);
    match verb {
        Verb::List(list) if list.json => {
            let files = files.iter().map(
                |file| json!({"name": file.name(), "description": description(file.contents)}),
            );
            out::json(&files.collect::<Vec<_>>());
        }
        Verb::List(_) => out::text(&table(&files)),
        Verb::Show(show) => out::text(find(&files, &show.name)?.contents),
        Verb::Export(export) => {
            write(&files, &export.dir, export.force)?;
            eprintln!(
                "{} files written to `{}`",
                files.len(),
                export.dir.display()
            );
        }
    }
    Ok(0)
}

/// A file inside the binary.
struct Shipped<'a> {
    folder: &'a str,
    /// Inside its folder.
    path: &'a Path,
    contents: &'a str,
}

impl Shipped<'_> {
    /// `playbooks/site.yml`
    fn name(&self) -> String {
        format!("{}/{}", self.folder, self.path.display())
    }
}

/// All files of these folders, by name.
fn shipped<'a>(folders: &[(&'a str, &'a Dir<'a>)]) -> Vec<Shipped<'a>> {
    fn walk<'a>(folder: &'a str, dir: &'a Dir<'a>, found: &mut Vec<Shipped<'a>>) {
        found.extend(dir.files().filter_map(|file| {
            Some(Shipped {
                folder,
                path: file.path(),
                contents: file.contents_utf8()?,
            })
        }));
        for inner in dir.dirs() {
            walk(folder, inner, found);
        }
    }
    let mut found = Vec::new();
    for (folder, dir) in folders {
        walk(folder, dir, &mut found);
    }
    found.sort_by_key(Shipped::name);
    found
}

/// The first line of the comment that a file begins with; what it says to a kernel or a linter is none.
fn description(contents: &str) -> Option<&str> {
    let mut lines = contents.lines().map(str::trim);
    let mut inside = false;
    lines.find_map(|line| {
        if line.is_empty()
            || line == "---"
            || line.starts_with("#!")
            || line.starts_with("# shellcheck ")
        {
            return None;
        }
        let opened = line
            .strip_prefix("{#-")
            .or_else(|| line.strip_prefix("{#"))
            .or_else(|| line.strip_prefix('#'));
        let text = match opened {
            Some(text) => text,
            None if inside => line,
            None => return Some(None),
        };
        inside = true;
        let text = text
            .strip_suffix("-#}")
            .or_else(|| text.strip_suffix("#}"))
            .unwrap_or(text)
            .trim();
        (!text.is_empty()).then_some(Some(text))
    })?
}

fn table(files: &[Shipped<'_>]) -> String {
    let names: Vec<String> = files.iter().map(Shipped::name).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    files
        .iter()
        .zip(&names)
        .map(|(file, name)| {
            let line = format!(
                "{name:width$}  {}",
                description(file.contents).unwrap_or_default()
            );
            format!("{}\n", line.trim_end())
        })
        .collect()
}

/// The file of that name: `playbooks/site.yml`, `site.yml`, or `site`.
fn find<'a, 'b>(files: &'b [Shipped<'a>], name: &str) -> Result<&'b Shipped<'a>, Problem> {
    let wanted = Path::new(name);
    files
        .iter()
        .find(|file| {
            Path::new(&file.name()) == wanted
                || file.path == wanted
                || file.path.with_extension("") == wanted
        })
        .ok_or_else(|| {
            let problem =
                Problem::input(format!("pgha ships no playbook `{}`", name.escape_debug()));
            let known = files.iter().filter_map(|file| file.path.to_str());
            match did_you_mean(name, known) {
                Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
                None => problem.hint("`pgha playbook list` names them"),
            }
        })
}

/// Writes all files, or none if one would be overwritten.
fn write(files: &[Shipped<'_>], dir: &Path, force: bool) -> Result<(), Problems> {
    let target = |file: &Shipped<'_>| dir.join(file.folder).join(file.path);
    if !force {
        let there: Vec<Problem> = files
            .iter()
            .map(target)
            .filter(|path| path.symlink_metadata().is_ok())
            .map(|path| {
                Problem::refused(format!("`{}` is there already", path.display()))
                    .hint("choose another folder, or overwrite with `--force`")
            })
            .collect();
        if !there.is_empty() {
            return Err(Problems(there));
        }
    }
    for file in files {
        let path = target(file);
        let written = fs::create_dir_all(path.parent().unwrap_or(dir))
            .and_then(|()| fs::write(&path, file.contents));
        written.map_err(|error| {
            Problem::input(format!("`{}` cannot be written", path.display())).because(error)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use include_dir::{DirEntry, File};

    use super::*;

    static PLAYS: Dir<'_> = Dir::new(
        "",
        &[
            DirEntry::File(File::new(
                "site.yml",
                b"---\n# Everything.\n# More.\n- a: b\n",
            )),
            DirEntry::File(File::new("bare.yml", b"- a: b\n# too late\n")),
        ],
    );
    static FORMS: Dir<'_> = Dir::new(
        "",
        &[DirEntry::File(File::new(
            "pg_hba.conf.j2",
            b"{#-\n  Who may connect.\n-#}\nlocal\n",
        ))],
    );

    fn files() -> Vec<Shipped<'static>> {
        shipped(&[("templates", &FORMS), ("playbooks", &PLAYS)])
    }

    #[test]
    fn the_list_tells_what_each_is_for() {
        assert_eq!(
            table(&files()),
            "playbooks/bare.yml\n\
             playbooks/site.yml        Everything.\n\
             templates/pg_hba.conf.j2  Who may connect.\n"
        );
        assert_eq!(description("{# short #}\nx"), Some("short"));
        assert_eq!(description(""), None);
        assert_eq!(
            description("#!/bin/sh\n# shellcheck shell=sh\n# Guards.\nset -u\n"),
            Some("Guards.")
        );
    }

    #[test]
    fn a_file_is_found_by_each_of_its_names() {
        let files = files();
        for name in ["playbooks/site.yml", "site.yml", "site"] {
            assert_eq!(find(&files, name).unwrap().name(), "playbooks/site.yml");
        }
        assert!(find(&files, "pg_hba.conf").is_ok());
        let problem = find(&files, "sit.yml").err().unwrap();
        assert_eq!(problem.hint.as_deref(), Some("did you mean `site.yml`?"));
    }

    #[test]
    fn an_export_overwrites_nothing_unless_forced() {
        let dir = tempfile::tempdir().unwrap();
        let site = dir.path().join("playbooks/site.yml");
        fs::create_dir(dir.path().join("playbooks")).unwrap();
        fs::write(&site, "mine").unwrap();
        let problems = write(&files(), dir.path(), false).unwrap_err();
        assert_eq!(problems.0.len(), 1);
        assert_eq!(problems.exit_code(), 3);
        assert!(!dir.path().join("templates").exists());
        write(&files(), dir.path(), true).unwrap();
        assert!(fs::read_to_string(&site).unwrap().contains("Everything"));
        assert!(dir.path().join("templates/pg_hba.conf.j2").exists());
    }
}
