//! A position in the write-ahead log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A log sequence number, in bytes since the cluster was created; written as PostgreSQL writes it, `16/B374D848`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lsn(pub u64);

impl Lsn {
    /// How many bytes `self` is behind `other`; 0 when it is not.
    pub fn behind(self, other: Self) -> u64 {
        other.0.saturating_sub(self.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// The text was not of the form `16/B374D848`.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no log sequence number")]
pub struct ParseLsnError(String);

impl FromStr for Lsn {
    type Err = ParseLsnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
        // `from_str_radix` would take a sign, and any number of zeros.
        let is_part = |part: &&str| part.len() <= 8 && part.bytes().all(is_digit);
        let parse = |part: &str| u32::from_str_radix(Some(part).filter(is_part)?, 16).ok();
        text.split_once('/')
            .and_then(|(high, low)| {
                Some(Self(u64::from(parse(high)?) << 32 | u64::from(parse(low)?)))
            })
            .ok_or_else(|| ParseLsnError(text.to_owned()))
    }
}

impl TryFrom<String> for Lsn {
    type Error = ParseLsnError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Lsn> for String {
    fn from(lsn: Lsn) -> Self {
        lsn.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_as_postgresql_does() {
        let lsn: Lsn = "16/B374D848".parse().unwrap();
        assert_eq!(lsn.to_string(), "16/B374D848");
        assert_eq!(Lsn(lsn.0 - 8).behind(lsn), 8);
        assert_eq!(lsn.behind(Lsn(0)), 0);
        for wrong in [
            "16B374D848",
            "16/b374d848",
            "+1/1",
            "1/",
            "1/000000001",
            "1/ 1",
            "1/1/1",
        ] {
            assert!(wrong.parse::<Lsn>().is_err(), "{wrong}");
        }
    }
}
