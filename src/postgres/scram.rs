//! SCRAM-SHA-256 verifiers, as PostgreSQL stores them in `pg_authid.rolpassword`
//! (<https://www.postgresql.org/docs/current/catalog-pg-authid.html>).

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
pub fn verifier(password: &str) -> String {
    let salt = hmac(password.as_bytes(), b"pgha scram salt");
    format_verifier(password, &salt[..16], ITERATIONS)
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
    fn one_password_has_one_verifier() {
        assert_eq!(verifier("a"), verifier("a"));
        assert_ne!(verifier("a"), verifier("b"));
    }
}
