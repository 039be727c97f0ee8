//! The Vagrantfile: sound Ruby, and its settings are the hosts of the inventory that is kept. Needs `ruby`.

use std::process::Command;

use crate::root;

/// What the Vagrantfile prints where Vagrant itself is not: the inventory of its hosts.
const PRINT: &str = "
module Vagrant; def self.configure(_) = nil; end
ARGV.clear
load 'vagrant/Vagrantfile'
print inventory
";

fn ruby(arguments: &[&str]) -> String {
    let run = Command::new("ruby")
        .args(arguments)
        .current_dir(root())
        .output();
    let output = run.expect("`ruby` runs: Debian's package `ruby` has it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_vagrantfile_is_sound() {
    assert_eq!(ruby(&["-wc", "vagrant/Vagrantfile"]), "Syntax OK\n");
}

#[test]
fn the_vagrantfile_and_its_inventory_agree() {
    let kept = std::fs::read_to_string(root().join("inventories/vagrant/inventory.yml")).unwrap();
    assert_eq!(ruby(&["-e", PRINT]), kept);
}
