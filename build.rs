//! The shipped playbooks, templates and programs are part of the binary: a new or changed one must build it anew. All that a cluster
//! is made by gives a hash, by which a lab's cluster that was kept is known to be of this very program.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::path::Path;

fn main() {
    let mut hasher = DefaultHasher::new();
    for folder in ["src", "playbooks", "templates", "programs"] {
        println!("cargo::rerun-if-changed={folder}");
        add(Path::new(folder), &mut hasher);
    }
    println!("cargo::rustc-env=PGHA_SOURCES={:016x}", hasher.finish());
}

/// Every file below, in the order of their names.
fn add(path: &Path, hasher: &mut DefaultHasher) {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).expect("it can be read");
        let mut paths: Vec<_> = entries
            .map(|entry| entry.expect("it can be read").path())
            .collect();
        paths.sort();
        for path in paths {
            add(&path, hasher);
        }
    } else {
        path.hash(hasher);
        std::fs::read(path).expect("it can be read").hash(hasher);
    }
}
