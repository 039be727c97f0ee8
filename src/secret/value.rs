//! One secret value.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A text that nobody may see: no `Display`, a `Debug` that says nothing, and overwritten in memory when the last copy goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(Arc::new(text))
    }

    /// The text itself, for whoever sends it to where it belongs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(Zeroizing::new(text.to_owned()))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}
