//! Where a data directory and its parts are on a host, and on which filesystems.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where the data directory that was asked about leads, and what leads out of it. Known also where there is none, or none yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Places {
    /// The path with links resolved, as far as it is there.
    pub real: String,
    /// Whether the path itself is a link, not one of the folders that it is in.
    pub link: bool,
    /// A whole data directory is half moved up from the folder in which it was built, below a mount point.
    pub half: bool,
    /// Where `pg_wal` leads, if it is a link, with all links resolved.
    pub wal: Option<String>,
    /// Where each tablespace's link leads, by the tablespace's OID.
    pub tablespaces: BTreeMap<String, String>,
    /// The same with all links resolved.
    pub tablespaces_real: BTreeMap<String, String>,
}

/// What a copy is called until it is in its place: `PLACE.pgha-new` beside a folder, `pgha-new` below one.
const NEW: &str = "pgha-new";

impl Places {
    /// Whether a link still leads to where a copy was made, and not to its place.
    pub fn unsettled(&self) -> bool {
        let mut targets = self.wal.iter().chain(self.tablespaces.values());
        targets.any(|target| target.ends_with(NEW))
    }

    /// Where `pg_wal` is, or was before a copy was made of it.
    pub fn wal_place(&self) -> Option<&str> {
        let wal = self.wal.as_deref()?;
        let beside = |name: &str| name == NEW || is_kept(name);
        match wal.rsplit_once('.') {
            Some((place, name)) if beside(name) => Some(place),
            _ => Some(wal),
        }
    }

    /// Where the tablespace of that OID is, or was before a copy was made of it.
    pub fn tablespace_place(&self, oid: &str) -> Option<&str> {
        self.tablespaces
            .get(oid)
            .map(|target| Self::without_copy(target))
    }

    /// The place of a tablespace whose link leads to `target`.
    pub fn without_copy(target: &str) -> &str {
        match target.rsplit_once('/') {
            Some((place, name)) if name == NEW || is_kept(name) => place,
            _ => target,
        }
    }
}

/// `kept-20261125T093109Z`: what was there before, and is kept.
fn is_kept(name: &str) -> bool {
    let is_time = |time: &str| {
        time.len() == 16
            && time.char_indices().all(|(at, c)| match at {
                8 => c == 'T',
                15 => c == 'Z',
                _ => c.is_ascii_digit(),
            })
    };
    name.strip_prefix("kept-").is_some_and(is_time)
}

/// A mounted filesystem.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Filesystem {
    /// The same for all mounts of the same filesystem.
    pub device: String,
    /// Bytes that are free to everybody.
    pub free: u64,
}

/// The mounted filesystems of a host by mount point; empty where nobody asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Filesystems(pub BTreeMap<String, Filesystem>);

impl Filesystems {
    /// Whether a path without links is where a filesystem is mounted: it can be neither renamed nor removed.
    pub fn is_mount(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// The filesystem that a path without links is on, or would be.
    pub fn of(&self, path: &str) -> Option<&Filesystem> {
        let mut at = path;
        loop {
            if let Some(found) = self.0.get(at) {
                return Some(found);
            }
            at = match at.rsplit_once('/')? {
                ("", "") => return None,
                ("", _) => "/",
                (parent, _) => parent,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_point_counts() {
        let mounts = ["/", "/srv", "/srv/pg"];
        let filesystems = Filesystems(
            mounts
                .map(|mount| {
                    let device = mount.to_owned();
                    (mount.to_owned(), Filesystem { device, free: 1 })
                })
                .into(),
        );
        for (path, mount) in [
            ("/", "/"),
            ("/srvx", "/"),
            ("/srv", "/srv"),
            ("/srv/pgx/15", "/srv"),
            ("/srv/pg/15/main", "/srv/pg"),
        ] {
            let found = filesystems.of(path).map(|found| found.device.as_str());
            assert_eq!(found, Some(mount), "{path}");
        }
        assert_eq!(Filesystems::default().of("/srv"), None);
    }

    #[test]
    fn a_copy_is_known_by_its_name() {
        let places = |wal: &str, tablespace: &str| Places {
            wal: Some(wal.to_owned()),
            tablespaces: [("1".to_owned(), tablespace.to_owned())].into(),
            ..Places::default()
        };
        for (wal, tablespace, unsettled) in [
            ("/wal", "/ts", false),
            ("/wal.pgha-new", "/ts", true),
            ("/wal", "/ts/pgha-new", true),
            (
                "/wal.kept-20261125T093109Z",
                "/ts/kept-20261125T093109Z",
                false,
            ),
        ] {
            let places = places(wal, tablespace);
            assert_eq!(places.wal_place(), Some("/wal"), "{wal}");
            assert_eq!(places.tablespace_place("1"), Some("/ts"), "{tablespace}");
            assert_eq!(places.unsettled(), unsettled, "{wal} {tablespace}");
        }
        // Names of others that look alike.
        let places = places("/a.kept-2026/wal.kept-x", "/ts/kept-2026");
        assert_eq!(places.wal_place(), Some("/a.kept-2026/wal.kept-x"));
        assert_eq!(places.tablespace_place("1"), Some("/ts/kept-2026"));
    }
}
