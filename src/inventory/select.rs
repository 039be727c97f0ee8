//! Patterns of hosts: `all`, `postgres:!node3`, `node*`.

use std::collections::BTreeSet;

use super::Inventory;
use crate::problem::{Problem, did_you_mean};

/// The hosts that a pattern means, in the order of the inventory.
///
/// Parts are joined by `:` or `,`; `!` takes away, `&` keeps what is in both, `*` and `?` stand for any characters.
///
/// # Errors
///
/// A part of the pattern that names no host and no group.
pub fn select(inventory: &Inventory, pattern: &str) -> Result<Vec<String>, Problem> {
    let mut chosen = BTreeSet::new();
    let mut kept = Vec::new();
    let mut removed = BTreeSet::new();
    let mut has_plain = false;
    for part in pattern.split([':', ',']).map(str::trim) {
        match part.split_at_checked(1) {
            Some(("!", name)) => removed.extend(meant(inventory, name, pattern)?),
            Some(("&", name)) => kept.push(meant(inventory, name, pattern)?),
            _ => {
                has_plain = true;
                chosen.extend(meant(inventory, part, pattern)?);
            }
        }
    }
    if !has_plain {
        chosen.extend(inventory.hosts.keys().map(String::as_str));
    }
    Ok(inventory
        .hosts
        .keys()
        .filter(|host| {
            let host = host.as_str();
            chosen.contains(host)
                && !removed.contains(host)
                && kept.iter().all(|keep| keep.contains(host))
        })
        .cloned()
        .collect())
}

/// The hosts of one part without its sign.
fn meant<'a>(
    inventory: &'a Inventory,
    name: &str,
    pattern: &str,
) -> Result<BTreeSet<&'a str>, Problem> {
    let groups = || inventory.groups.iter();
    let hosts = || inventory.hosts.keys().map(String::as_str);
    if name == "*" {
        return Ok(hosts().collect());
    }
    let found: Vec<&str> = if name.contains(['*', '?']) {
        groups()
            .filter(|(group, _)| is_like(name, group))
            .flat_map(|(_, members)| members.iter().map(String::as_str))
            .chain(hosts().filter(|host| is_like(name, host)))
            .collect()
    } else if let Some(members) = inventory.groups.get(name) {
        return Ok(members.iter().map(String::as_str).collect());
    } else {
        hosts().filter(|host| *host == name).collect()
    };
    if !found.is_empty() {
        return Ok(found.into_iter().collect());
    }
    let what = if name.is_empty() {
        format!("the pattern `{}` has an empty part", pattern.escape_debug())
    } else {
        format!("`{}` is no host and no group", name.escape_debug())
    };
    let known = groups().map(|(group, _)| group.as_str()).chain(hosts());
    Err(match did_you_mean(name, known) {
        Some(meant) => Problem::input(what).hint(format!("did you mean `{meant}`?")),
        None => Problem::input(what).hint("name hosts and groups of the inventory, or `all`"),
    })
}

/// Whether `text` fits a pattern in which `*` stands for any characters and `?` for one.
fn is_like(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut fits = vec![false; pattern.len() + 1];
    fits[0] = true;
    for (index, c) in pattern.iter().enumerate() {
        fits[index + 1] = fits[index] && *c == '*';
    }
    for c in text.chars() {
        let mut diagonal = fits[0];
        fits[0] = false;
        for (index, want) in pattern.iter().enumerate() {
            let above = fits[index + 1];
            fits[index + 1] = match want {
                '*' => above || fits[index],
                '?' => diagonal,
                want => diagonal && *want == c,
            };
            diagonal = above;
        }
    }
    fits[pattern.len()]
}
