//! AES-256 in counter mode, with an HMAC-SHA256 over what it gives; the keys are derived from a password by PBKDF2.

use aes::Aes256;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a salt.
pub const SALT: usize = 32;
const ROUNDS: u32 = 10_000;
const KEY: usize = 32;
const BLOCK: usize = 16;

/// What a password opens.
pub struct Sealed {
    pub salt: Vec<u8>,
    pub digest: Vec<u8>,
    pub ciphertext: Vec<u8>,
}

impl Sealed {
    /// Encrypts `plain`. The salt must never have been used with this password, since the counter begins at what is derived from both.
    pub fn new(plain: &[u8], password: &[u8], salt: &[u8; SALT]) -> Self {
        let derived = Derived::new(password, salt);
        let mut ciphertext = Zeroizing::new(plain.to_vec());
        let padding = BLOCK - plain.len() % BLOCK;
        // At most 16.
        ciphertext.extend(std::iter::repeat_n(padding as u8, padding));
        derived.apply(&mut ciphertext);
        Self {
            salt: salt.to_vec(),
            digest: derived.mac(&ciphertext).finalize().into_bytes().to_vec(),
            ciphertext: ciphertext.to_vec(),
        }
    }

    /// Decrypts it; `None` with the wrong password. Takes the time of 10000 rounds.
    pub fn open(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let derived = Derived::new(password, &self.salt);
        derived
            .mac(&self.ciphertext)
            .verify_slice(&self.digest)
            .ok()?;
        let mut plain = Zeroizing::new(self.ciphertext.clone());
        derived.apply(&mut plain);
        let padding = usize::from(*plain.last()?);
        let length = plain.len().checked_sub(padding)?;
        plain.truncate(length);
        Some(plain)
    }
}

/// Two keys and the counter's first value.
struct Derived(Zeroizing<[u8; 2 * KEY + BLOCK]>);

impl Derived {
    fn new(password: &[u8], salt: &[u8]) -> Self {
        let mut derived = Zeroizing::new([0; 2 * KEY + BLOCK]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, ROUNDS, derived.as_mut_slice());
        Self(derived)
    }

    /// Encrypts, or decrypts: it is the same.
    fn apply(&self, bytes: &mut [u8]) {
        let (key, counter) = (&self.0[..KEY], &self.0[2 * KEY..]);
        let cipher = ctr::Ctr128BE::<Aes256>::new_from_slices(key, counter);
        cipher
            .expect("the lengths are the cipher's")
            .apply_keystream(bytes);
    }

    fn mac(&self, ciphertext: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::new_from_slice(&self.0[KEY..2 * KEY]);
        let mut mac: Hmac<Sha256> = mac.expect("any length is a key's");
        mac.update(ciphertext);
        mac
    }
}
