use std::sync::Arc;

use super::*;
use crate::problem::Source;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source {
        name: "t.yml".into(),
        text: text.into(),
        vaulted: false,
    })
}

fn read(text: &str) -> Node {
    parse(&source(text)).unwrap_or_else(|problem| panic!("{problem}"))
}

fn refusal(text: &str) -> String {
    parse(&source(text)).unwrap_err().to_string()
}

#[test]
fn scalars_are_not_garbled() {
    let node = read(
        "mode: 0644\nbig: 123456789012345678901\nno: no\nthousand: 1_000\nversion: 17\nratio: 0.9\nzero: 0\nhex: 0x1F\nquoted: '5'\nnone: ~\ninf: .inf\non: true\n",
    );
    assert_eq!(
        node.to_json(),
        serde_json::json!({
            "mode": "0644", "big": "123456789012345678901", "no": "no", "thousand": "1_000",
            "version": 17, "ratio": 0.9, "zero": 0, "hex": 31, "quoted": "5", "none": null, "inf": ".inf", "on": true,
        })
    );
}

#[test]
fn scalars_of_inventories_are_those_of_yaml_1_1() {
    let read = |text: &str| parse_as_ansible(&source(text)).unwrap();
    let node = read(
        "a: yes\nb: 'yes'\nc: |-\n  yes\nd: >-\n  5\ne: !unsafe yes\nf: 0644\ng: [on, \"on\", 1:30]\nh: ye\n  s\ni:\nj: 0x1F\nk: *x\n".replace("a: yes", "a: &x yes").as_str(),
    );
    assert_eq!(
        node.to_json(),
        serde_json::json!({
            "a": true, "b": "yes", "c": "yes", "d": "5", "e": "yes", "f": 420, "g": [true, "on", 90], "h": "ye s",
            "i": null, "j": 31, "k": true,
        })
    );
    let text = |key: &str| node.as_map().unwrap().get(key).unwrap().scalar_text();
    assert_eq!(text("f").as_deref(), Some("0644"));
    assert_eq!(text("j").as_deref(), Some("0x1F"));
    let json = read("{\n\t\"a\": [true,\t1, \"\\ty\"],\n\t\"b\": {\"c\": null}\n}\n");
    assert_eq!(
        json.to_json(),
        serde_json::json!({"a": [true, 1, "\ty"], "b": {"c": null}})
    );
}

#[test]
fn every_node_knows_its_place() {
    let node = read("a:\n  - ü: x\n    b: 'yy'\n");
    let item = &node
        .as_map()
        .unwrap()
        .get("a")
        .unwrap()
        .as_sequence()
        .unwrap()[0];
    let (key, value) = item.as_map().unwrap().entry("b").unwrap();
    assert_eq!(key.span.to_string(), "t.yml:3:5");
    assert_eq!(value.span.to_string(), "t.yml:3:8");
    assert_eq!(value.source_text(), "'yy'");
}

#[test]
fn anchors_and_merge_keys_point_at_the_definition() {
    let node = read("x: &x {k: 1, l: 2}\ny:\n  <<: *x\n  k: 3\n");
    let y = node.as_map().unwrap().get("y").unwrap();
    assert_eq!(y.to_json(), serde_json::json!({"k": 3, "l": 2}));
    let (key, _) = y.as_map().unwrap().entry("l").unwrap();
    assert_eq!(key.span.to_string(), "t.yml:1:14");
}

#[test]
fn unsafe_is_text_and_other_tags_are_refused() {
    let node = read(
        "a: !unsafe '{{ x'\nb: !unsafe 12\nc: [1, !unsafe 2]\nd: '!x'\ne: a !b\n# !vault\nf: 1",
    );
    assert_eq!(
        node.to_json(),
        serde_json::json!({"a": "{{ x", "b": "12", "c": [1, "2"], "d": "!x", "e": "a !b", "f": 1})
    );
    assert!(refusal("a: 1\nb: !vault 5\n").starts_with("t.yml:2:11: "));
    assert!(refusal("a: [x, !foo y]\n").starts_with("t.yml:1:8: the tag `!foo`"));
}

#[test]
fn what_is_encrypted_stays_as_it_is() {
    let node = read("a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  00\nb: !unsafe '{{ x'\n");
    let value = |name| &node.as_map().unwrap().get(name).unwrap().value;
    assert_eq!(
        value("a"),
        &Value::Vault("$ANSIBLE_VAULT;1.1;AES256\n00\n".to_owned())
    );
    assert_eq!(value("b"), &Value::Literal("{{ x".to_owned()));
}

#[test]
fn bombs_and_noise_are_refused_quickly() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..10 {
        let alias = format!("*a{},", level - 1).repeat(9);
        bomb.push_str(&format!("a{level}: &a{level} [{alias}]\n"));
    }
    assert!(refusal(&bomb).contains("expand to too much"));
    assert!(refusal(&"x".repeat(2 << 20)).contains("2097152 bytes"));
    refusal(&"[".repeat(100_000));
    refusal(&"- ".repeat(100_000));
    refusal(&"a: {".repeat(10_000));
    refusal(&format!("{}{}", "[".repeat(33), "]".repeat(33)));
    read(&format!("{}{}", "[".repeat(32), "]".repeat(32)));
    let deep = |levels: usize| -> String {
        (0..levels)
            .map(|level| format!("{}a:\n", " ".repeat(level)))
            .collect()
    };
    refusal(&deep(33));
    read(&deep(32));
    assert!(refusal("a: \"\\0\"").contains("U+0000"));
    assert!(refusal("a: \"\\uFDD0\"").contains("U+FDD0"));
    assert!(refusal("a: \u{FDD0}").contains("U+FDD0"));
    assert!(refusal("a: \u{1b}").starts_with("t.yml:1:4: the character U+001B"));
    assert!(refusal(" \n# x\n---\n").contains("is empty"));
}

#[test]
fn templates_need_quotes() {
    for text in [
        "a: {{ x }}",
        "a: {{ x['b'] }}/c",
        "- {{ x | default('a') }}\n",
    ] {
        assert!(
            refusal(text).contains("a template without quotes"),
            "{text}"
        );
    }
}

#[test]
fn the_value_of_a_pair_is_a_scalar_unless_it_is_in_brackets() {
    let value = |text: &str| {
        let start = text.find('=').unwrap() + 1;
        parse_scalar_at(&source(text), start).unwrap().to_json()
    };
    assert_eq!(value("k=5"), 5);
    assert_eq!(value("k=true"), true);
    assert_eq!(value("k='5'"), "5");
    assert_eq!(value("k=0644"), "0644");
    assert_eq!(value("k="), "");
    assert_eq!(value("k=a: b"), "a: b");
    assert_eq!(value("k=a # b"), "a # b");
    assert_eq!(value("k=@x"), "@x");
    assert_eq!(value("k=- a"), "- a");
    assert_eq!(value("k=[1, a]"), serde_json::json!([1, "a"]));
    assert_eq!(value("k={a: 1}"), serde_json::json!({"a": 1}));
    assert_eq!(value("k={{ x }}"), "{{ x }}");
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_read() {
    let node = read("\u{feff}a: 1\r\nb: x\r\n");
    assert_eq!(node.to_json(), serde_json::json!({"a": 1, "b": "x"}));
}

#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Present,
    Absent,
}

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Inner {
    path: String,
}

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Outer {
    name: String,
    port: u16,
    #[serde(default)]
    state: Option<State>,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    files: Vec<Inner>,
}

#[test]
fn a_struct_is_read_and_numbers_may_be_spelt_in_strings() {
    let node = read("name: a\nport: '5432'\nstate: absent\nforce: true\nfiles:\n  - path: /x\n");
    let outer: Outer = decode(&node, "`thing`").unwrap();
    assert_eq!(outer.port, 5432);
    assert_eq!(outer.state, Some(State::Absent));
    assert_eq!(outer.files.len(), 1);
}

#[test]
fn misfits_are_told_at_their_place() {
    let wrong = |text: &str| {
        decode::<Outer>(&read(text), "`thing`")
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        wrong("nmae: a\nname: b\nport: 1\nfiles: [{path: x, pth: y}]\n"),
        "t.yml:1:1: `thing` has no key `nmae`\nt.yml:4:19: an entry of `thing` has no key `pth`"
    );
    assert_eq!(
        wrong("name: a\nport: abc\n"),
        "t.yml:2:7: expected a whole number from 0 to 65535, found the string `abc`"
    );
    assert_eq!(
        wrong("name: a\nport: 70000\n"),
        "t.yml:2:7: expected a whole number from 0 to 65535, found the number `70000`"
    );
    assert_eq!(
        wrong("name: 5\nport: 1\n"),
        "t.yml:1:7: expected a string, found the number `5`"
    );
    assert_eq!(
        wrong("name: a\nport: 1\nfiles: [{path: [1]}]"),
        "t.yml:3:16: expected a string, found a list"
    );
    assert_eq!(
        wrong("name: a\nport: 1\nstate: presnt"),
        "t.yml:3:8: `presnt` is not one of `present`, `absent`"
    );
    assert_eq!(
        wrong("name: a\nport: 1\nforce: maybe"),
        "t.yml:3:8: expected `true` or `false`, found the string `maybe`"
    );
    assert_eq!(wrong("name: a"), "t.yml:1:1: `thing` lacks the key `port`");
    assert_eq!(wrong("[1]"), "t.yml:1:1: expected a mapping, found a list");
}
