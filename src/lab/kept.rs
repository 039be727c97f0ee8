//! Clusters that are kept: one image for each host of a lab, from which the next lab of the same kind starts.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::engine::Engine;
use crate::problem::{Problem, Problems};

/// The repository of the images; a tag is `HASH-COPY-HOST`, where the copy is another one each time that the same is kept.
pub const REPOSITORY: &str = "pgha-lab-kept";

/// Days after which a cluster that was kept is built anew: its packages may have got updates.
const DAYS: i64 = 7;

/// How many clusters are kept at most.
const AT_MOST: usize = 8;

/// A cluster that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its kind.
    pub hash: String,
    /// Tells copies of the same kind apart: hosts of two are never mixed.
    pub copy: String,
    /// The options of its lab: `debian-12, 3 nodes, 1 pooler, root`.
    pub options: String,
    /// The packages of the database, with their versions.
    pub packages: String,
    /// When it was kept.
    pub created: Timestamp,
    /// What the images take beside the base image that they share, in bytes.
    pub bytes: u64,
    /// The beginning of all addresses in it: `172.30.7.`.
    pub network: String,
    /// The names of its hosts.
    pub hosts: Vec<String>,
    /// Whether an image for each host is there: it is named when all are, so a copy that was broken off is not.
    pub whole: bool,
}

impl Kept {
    /// The image of one of its hosts.
    pub fn image(&self, host: &str) -> String {
        image(&self.hash, &self.copy, host)
    }
}

/// The name of the image of a host.
pub fn image(hash: &str, copy: &str, host: &str) -> String {
    format!("{REPOSITORY}:{hash}-{copy}-{host}")
}

/// The labels of an image, by which it is found again.
pub const LABELS: [&str; 4] = [
    "pgha.kept.options",
    "pgha.kept.packages",
    "pgha.kept.network",
    "pgha.kept.hosts",
];

/// All clusters that are kept, the newest first.
///
/// # Errors
/// The engine does not answer.
pub async fn kept() -> Result<Vec<Kept>, Problems> {
    Ok(list(&Engine::connect().await?).await?)
}

/// As [`kept`], of an engine that answered.
pub async fn list(engine: &Engine) -> Result<Vec<Kept>, Problem> {
    let tags = engine
        .ask(["image", "ls", "--format", "{{.Tag}}", REPOSITORY])
        .await?;
    let names: Vec<String> = tags
        .lines()
        .map(|tag| format!("{REPOSITORY}:{tag}"))
        .collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let label = |name: &&str| format!("{{{{index .Config.Labels \"{name}\"}}}}");
    let labels: Vec<String> = LABELS.iter().map(label).collect();
    let format = format!(
        "{{{{index .RepoTags 0}}}}\t{{{{.Created}}}}\t{{{{.Size}}}}\t{}",
        labels.join("\t")
    );
    let arguments = ["image", "inspect", "-f", &format];
    let arguments = arguments
        .into_iter()
        .chain(names.iter().map(String::as_str));
    Ok(parse(&engine.ask(arguments).await?))
}

fn parse(inspected: &str) -> Vec<Kept> {
    let mut found: BTreeMap<String, (Kept, Vec<String>)> = BTreeMap::new();
    for line in inspected.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        let &[name, created, size, options, packages, network, hosts] = words.as_slice() else {
            continue;
        };
        let tag = name.rsplit_once(':').map_or(name, |(_, tag)| tag);
        let mut words = tag.splitn(3, '-');
        let (Some(hash), Some(copy), Some(host)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let key = format!("{hash}-{copy}");
        let (kept, there) = found.entry(key).or_insert_with(|| {
            (
                Kept {
                    hash: hash.to_owned(),
                    copy: copy.to_owned(),
                    options: options.to_owned(),
                    packages: String::new(),
                    created: Timestamp::UNIX_EPOCH,
                    bytes: 0,
                    network: network.to_owned(),
                    hosts: hosts.split_whitespace().map(str::to_owned).collect(),
                    whole: false,
                },
                Vec::new(),
            )
        });
        kept.created = kept.created.max(created.parse().unwrap_or_default());
        kept.bytes += size.parse::<u64>().unwrap_or_default();
        if kept.packages.len() < packages.len() {
            kept.packages = packages.to_owned();
        }
        there.push(host.to_owned());
    }
    let mut all: Vec<Kept> = found
        .into_values()
        .map(|(mut kept, there)| {
            kept.whole = kept.hosts.iter().all(|host| there.contains(host));
            kept
        })
        .collect();
    all.sort_by_key(|kept| std::cmp::Reverse(kept.created));
    all
}

/// The one of this kind that the next lab can start from.
pub fn usable<'k>(all: &'k [Kept], hash: &str, now: Timestamp) -> Option<&'k Kept> {
    all.iter()
        .find(|kept| kept.hash == hash && kept.whole && !is_old(kept, now))
}

fn is_old(kept: &Kept, now: Timestamp) -> bool {
    now.duration_since(kept.created) > SignedDuration::from_hours(24 * DAYS)
}

/// Those that are of no use any more once `newest` is kept: broken off, old, replaced by it (of its options, whatever made
/// them), and the oldest of too many.
pub fn useless<'k>(all: &'k [Kept], newest: &Kept, now: Timestamp) -> Vec<&'k Kept> {
    let is_newest = |kept: &Kept| kept.hash == newest.hash && kept.copy == newest.copy;
    let mut left = 0;
    all.iter()
        .filter(|kept| {
            let is_replaced = !is_newest(kept) && kept.options == newest.options;
            let is_useless = !kept.whole || is_old(kept, now) || is_replaced || left == AT_MOST;
            left += usize::from(!is_useless);
            is_useless
        })
        .collect()
}

/// Removes the images of these, and those that were broken off before they got a name; gives the names of the ones that are gone.
/// What a lab that is up still uses stays, and is removed another time.
///
/// # Errors
/// The engine does not answer.
pub async fn remove(engine: &Engine, gone: &[&Kept]) -> Result<Vec<String>, Problem> {
    let mut names: Vec<String> = gone
        .iter()
        .flat_map(|kept| kept.hosts.iter().map(|host| kept.image(host)))
        .collect();
    let dangling = "--filter=dangling=true";
    let ours = format!("--filter=label={}", LABELS[0]);
    let unnamed = engine.ask(["image", "ls", "-q", dangling, &ours]).await?;
    names.extend(unnamed.lines().map(str::to_owned));
    let mut removed = Vec::new();
    for name in names {
        if engine.act(["rmi", &name]).await.is_ok() {
            removed.push(name);
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(hash: &str, host: &str, created: &str, options: &str) -> String {
        format!(
            "{REPOSITORY}:{hash}-{host}\t{created}\t100\t{options}\tpostgresql-15 15.1\t172.30.7.\tnode1 node2\n"
        )
    }

    #[test]
    fn one_that_was_broken_off_is_not_whole() {
        let day = "2026-11-20T10:00:00Z";
        let all = parse(
            &(line("aa", "node1", day, "x")
                + &line("aa", "node2", day, "x")
                + &line("bb", "node1", day, "y")),
        );
        let whole: Vec<(&str, bool, u64)> = all
            .iter()
            .map(|kept| (kept.hash.as_str(), kept.whole, kept.bytes))
            .collect();
        assert_eq!(whole, [("aa", true, 200), ("bb", false, 100)]);
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        assert!(usable(&all, "aa", now).is_some());
        assert!(usable(&all, "bb", now).is_none());
        assert!(usable(&all, "aa", "2026-12-01T10:00:00Z".parse().unwrap()).is_none());
        let gone: Vec<&str> = useless(&all, &all[0], now)
            .iter()
            .map(|kept| kept.hash.as_str())
            .collect();
        assert_eq!(gone, ["bb"]);
    }

    #[test]
    fn nothing_grows_without_bound() {
        let mut text = String::new();
        for number in 10..22 {
            let created = format!("2026-11-20T10:00:{number}Z");
            for host in ["node1", "node2"] {
                text += &line(
                    &format!("k{number}"),
                    host,
                    &created,
                    &format!("kind {}", number % 11),
                );
            }
        }
        let all = parse(&text);
        let now = "2026-11-20T11:00:00Z".parse().unwrap();
        let mut gone: Vec<&str> = useless(&all, &all[0], now)
            .iter()
            .map(|kept| kept.hash.as_str())
            .collect();
        gone.sort_unstable();
        // k10 is of the newest one's options; of the eleven that are left the three oldest go.
        assert_eq!(gone, ["k10", "k11", "k12", "k13"]);
    }
}
