//! What tells one kind of lab from another: two labs of the same kind are the same cluster, whoever builds it.

use sha2::{Digest, Sha256};

use super::up::Request;
use crate::words::hex;

/// A kind of lab, by all that makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Twelve hexadecimal digits, over everything that makes such a lab.
    pub hash: String,
    /// The options, as they are told: `debian-12, 3 nodes, 1 pooler, root`.
    pub options: String,
}

impl Kind {
    /// The kind of a lab. `made_by` tells programs apart that build clusters, `image` is the id of the image that the hosts start from.
    pub fn of(request: &Request, made_by: &str, image: &str) -> Self {
        let options = options(request);
        let hash = digest([made_by, image, &options]);
        Self { hash, options }
    }
}

/// Twelve hexadecimal digits over all parts.
pub(super) fn digest<const N: usize>(parts: [&str; N]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
        digest.update([0]);
    }
    hex(&digest.finalize()[..6])
}

fn options(request: &Request) -> String {
    let mut words = vec![
        request
            .image
            .clone()
            .unwrap_or_else(|| request.os.to_string()),
        crate::words::count(usize::from(request.nodes), "node"),
        crate::words::count(usize::from(request.poolers), "pooler"),
    ];
    if request.witness {
        words.push("witness".to_owned());
    }
    words.push(request.login.name().to_owned());
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::{Login, Os};
    use super::*;

    fn request() -> Request {
        Request {
            nodes: 3,
            poolers: 1,
            witness: false,
            os: Os::Debian12,
            login: Login::Root,
            dir: "/lab".into(),
            image: None,
        }
    }

    #[test]
    fn whatever_makes_a_lab_makes_another_kind() {
        let kind = Kind::of(&request(), "playbooks", "sha256:1");
        assert_eq!(kind.options, "debian-12, 3 nodes, 1 pooler, root");
        let elsewhere = Request {
            dir: "/other".into(),
            ..request()
        };
        assert_eq!(Kind::of(&elsewhere, "playbooks", "sha256:1"), kind);
        let witness = Request {
            witness: true,
            ..request()
        };
        for other in [
            Kind::of(&request(), "changed", "sha256:1"),
            Kind::of(&request(), "playbooks", "sha256:2"),
            Kind::of(&witness, "playbooks", "sha256:1"),
        ] {
            assert_ne!(other.hash, kind.hash);
        }
    }
}
