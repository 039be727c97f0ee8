//! The shipped playbooks, templates and programs are part of the binary: a new or changed one must build it anew.

fn main() {
    println!("cargo::rerun-if-changed=playbooks");
    println!("cargo::rerun-if-changed=templates");
    println!("cargo::rerun-if-changed=programs");
}
