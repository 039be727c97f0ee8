//! The pages: every relative link and anchor leads somewhere, every page is reached from the README, and the reference is what the
//! program says (`PGHA_BLESS=1 cargo test --test docs` writes it again).

#[path = "docs/page.rs"]
mod page;
#[path = "docs/reference.rs"]
mod reference;
#[path = "docs/shape.rs"]
mod shape;
#[path = "docs/vagrant.rs"]
mod vagrant;
#[path = "docs/verbs.rs"]
mod verbs;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use page::Page;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Markdown of the project, by its path from the root.
fn pages() -> BTreeMap<PathBuf, Page> {
    let mut pages = BTreeMap::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_ours = !name.starts_with('.') && name != "target";
            if path.is_dir() && is_ours {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "md") {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root()).unwrap().to_owned();
                pages.insert(path, Page::read(&text));
            }
        }
    }
    pages
}

/// Where `link` on the page `from` leads: a path from the root, and an anchor.
fn target(from: &Path, link: &str) -> (PathBuf, Option<String>) {
    let (path, anchor) = match link.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor.to_owned())),
        None => (link, None),
    };
    if path.is_empty() {
        return (from.to_owned(), anchor);
    }
    let mut whole = from.parent().unwrap().to_owned();
    for part in Path::new(path).components() {
        match part {
            std::path::Component::ParentDir => {
                assert!(
                    whole.pop(),
                    "{}: `{link}` leaves the project",
                    from.display()
                );
            }
            std::path::Component::CurDir => {}
            other => whole.push(other),
        }
    }
    (whole, anchor)
}

fn is_relative(link: &str) -> bool {
    !link.contains("://") && !link.starts_with("mailto:")
}

#[test]
fn every_link_and_anchor_exists() {
    let pages = pages();
    let mut broken = Vec::new();
    for (from, page) in &pages {
        for link in page.links.iter().filter(|link| is_relative(link)) {
            let (path, anchor) = target(from, link);
            let is_there = root().join(&path).exists();
            let has_anchor = match (&anchor, pages.get(&path)) {
                (Some(anchor), Some(page)) => page.anchors.contains(anchor),
                (Some(_), None) => false,
                (None, _) => true,
            };
            if !is_there || !has_anchor {
                broken.push(format!("{}: {link}", from.display()));
            }
        }
    }
    assert!(broken.is_empty(), "lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn every_page_is_reached_from_the_readme() {
    let pages = pages();
    let mut reached = BTreeSet::new();
    let mut next = vec![PathBuf::from("README.md")];
    while let Some(path) = next.pop() {
        let Some(page) = pages.get(&path) else {
            continue;
        };
        if reached.insert(path.clone()) {
            let links = page.links.iter().filter(|link| is_relative(link));
            next.extend(links.map(|link| target(&path, link).0));
        }
    }
    let lost: Vec<_> = pages
        .keys()
        .filter(|path| !reached.contains(*path))
        .collect();
    assert!(lost.is_empty(), "no page links to {lost:?}");
}

/// Compares a page with what the program says, or writes it.
fn is_current(name: &str, made: &str) {
    let path = root().join("docs/reference").join(name);
    if std::env::var_os("PGHA_BLESS").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/reference/{name} is not current: `PGHA_BLESS=1 cargo test --test docs`, and read the diff"
    );
}

#[test]
fn the_reference_of_verbs_is_current() {
    is_current("verbs.md", &verbs::page());
}

#[test]
fn the_reference_of_variables_is_current() {
    is_current("variables.md", &reference::variables());
}

#[test]
fn the_reference_of_resources_is_current() {
    is_current("resources.md", &reference::resources());
}
