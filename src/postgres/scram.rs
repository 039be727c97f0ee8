//! SCRAM-SHA-256 verifiers, as PostgreSQL stores them in `pg_authid.rolpassword`
//! (<https://www.postgresql.org/docs/current/catalog-pg-authid.html>).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// What PostgreSQL uses when `scram_iterations` is left alone.
const ITERATIONS: u32 = 4096;

/// The verifier of `password`: `SCRAM-SHA-256$4096:salt$stored:server`.
///
/// The salt is derived from the password, so one password has one verifier: a plan stays a pure function, and a pooler's
/// `userlist.txt` and the catalog agree without asking each other, which SCRAM pass-through needs (same salt and
/// iterations on both sides, pgbouncer's documentation of `auth_file`).
///
/// It takes thousands of rounds, and a plan asks for the same ones again and again: each is computed once.
pub fn verifier(password: &str) -> String {
    static KNOWN: Mutex<BTreeMap<[u8; 32], String>> = Mutex::new(BTreeMap::new());
    let salt = hmac(password.as_bytes(), b"pgha scram salt");
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known
        .entry(salt)
        .or_insert_with(|| format_verifier(password, &salt[..16], ITERATIONS))
        .clone()
}

/// Whether `text` is such a verifier, which PostgreSQL stores as it is, in the place of a password that it would hash
/// (`get_password_type`, src/backend/libpq/crypt.c).
pub fn is_verifier(text: &str) -> bool {
    let parts = || {
        let (iterations, rest) = text.strip_prefix("SCRAM-SHA-256$")?.split_once(':')?;
        let (salt, keys) = rest.split_once('$')?;
        let (stored, server) = keys.split_once(':')?;
        Some((iterations, salt, stored, server))
    };
    let is_key = |key: &str| STANDARD.decode(key).is_ok_and(|key| key.len() == 32);
    parts().is_some_and(|(iterations, salt, stored, server)| {
        iterations.parse::<u32>().is_ok_and(|count| count > 0)
            && STANDARD.decode(salt).is_ok()
            && is_key(stored)
            && is_key(server)
    })
}

/// Password, prepared as RFC 5802 asks; what cannot be prepared is used as it is, as PostgreSQL does.
fn prepared(password: &str) -> Vec<u8> {
    stringprep::saslprep(password).map_or_else(
        |_| password.as_bytes().to_vec(),
        |text| text.as_bytes().to_vec(),
    )
}

fn format_verifier(password: &str, salt: &[u8], iterations: u32) -> String {
    let mut salted = [0_u8; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(&prepared(password), salt, iterations, &mut salted);
    let stored_key = Sha256::digest(hmac(&salted, b"Client Key"));
    let server_key = hmac(&salted, b"Server Key");
    format!(
        "SCRAM-SHA-256${iterations}:{}${}:{}",
        STANDARD.encode(salt),
        STANDARD.encode(stored_key),
        STANDARD.encode(server_key),
    )
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677's example: user `user`, password `pencil`; its server key is what PostgreSQL stores for that salt.
    #[test]
    fn the_verifier_of_the_rfc() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        assert_eq!(
            format_verifier("pencil", &salt, 4096),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }

    #[test]
    fn a_verifier_is_told_from_a_password() {
        let whole = verifier("pencil");
        assert!(is_verifier(&whole));
        for text in [
            "pencil",
            "SCRAM-SHA-256$4096:salt$stored:server",
            "md5c45a6ba0ad07f4ccdf7fa8c4d5a5b8e3",
            &whole[1..],
            &whole[..whole.len() - 4],
            &whole.replace("4096", "0"),
        ] {
            assert!(!is_verifier(text), "{text}");
        }
    }

    #[test]
    fn one_password_has_one_verifier() {
        assert_eq!(verifier("a"), verifier("a"));
        assert_ne!(verifier("a"), verifier("b"));
    }
}
