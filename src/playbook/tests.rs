use std::sync::Arc;

use super::*;
use crate::problem::Source;

const RESOURCES: [&str; 3] = ["package", "service", "command"];

fn read(files: &[(&str, &str)]) -> Result<Playbook, String> {
    let read = |path: &str| {
        let (name, text) = files.iter().find(|(name, _)| *name == path)?;
        Some(Arc::new(Source {
            name: (*name).to_owned(),
            text: (*text).to_owned(),
            vaulted: false,
        }))
    };
    parse(files[0].0, &RESOURCES, &read).map_err(|problems| problems.to_string())
}

#[test]
fn a_playbook_with_everything_is_read() {
    let text = r#"
- name: base
  hosts: postgres:!node3
  serial: 1
  vars: {x: 1}
  steps:
    - name: install
      package: {name: "{{ item }}", state: present}
      when: x == 1
      loop: [a, b]
    - name: run
      command: true # shorthand is text
      when: [a, b]
"#
    .replace("command: true", "command: echo hi");
    let playbook = read(&[("site.yml", &text)]).unwrap();
    let play = &playbook.plays[0];
    assert_eq!(play.hosts.text, "postgres:!node3");
    assert!(play.serial);
    assert_eq!(play.steps[0].kind.text, "package");
    assert_eq!(play.steps[0].when[0].text, "x == 1");
    assert_eq!(play.steps[1].arguments.as_str(), Some("echo hi"));
    assert_eq!(play.steps[1].when.len(), 2);
    assert_eq!(play.steps[1].span.to_string(), "site.yml:11:7");
}

#[test]
fn imports_are_taken_against_the_importing_file() {
    let step = "- {name: p, hosts: all, steps: [{name: s, service: x}]}";
    let playbook = read(&[
        ("play/site.yml", "- import_playbook: sub/a.yml\n"),
        ("play/sub/a.yml", "- import_playbook: ../b.yml\n"),
        ("play/b.yml", step),
    ])
    .unwrap();
    assert_eq!(playbook.plays.len(), 1);
    assert_eq!(playbook.plays[0].span.source.name, "play/b.yml");
}

#[test]
fn imports_in_a_circle_are_refused() {
    let wrong = read(&[
        ("a.yml", "- import_playbook: ./b.yml\n"),
        ("b.yml", "- import_playbook: a.yml\n"),
    ])
    .unwrap_err();
    assert_eq!(
        wrong,
        "b.yml:1:20: playbooks import each other: `a.yml` → `b.yml` → `a.yml`"
    );
}
