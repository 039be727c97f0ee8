//! A host on which nothing was done yet: what `validate` plans against, and the source of the questions a probe asks.

use super::{Facts, Release, System};

/// An imaginary bare host of a release.
pub fn bare(release: Release) -> Facts {
    Facts {
        system: System {
            release: Some(release),
            release_name: release.name().to_owned(),
            memory: 4 << 30,
            processors: 2,
            host_keys: vec!["ssh-ed25519 AAAA".to_owned()],
        },
        ..Facts::default()
    }
}
