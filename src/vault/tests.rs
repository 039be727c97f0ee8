//! The files in `tests/vault/` were written by ansible-core 2.19.14.

use super::*;
use zeroize::Zeroizing;

const PLAIN: &str = include_str!("../../tests/vault/plain.vault");
const LABELLED: &str = include_str!("../../tests/vault/labelled.vault");
const EMPTY: &str = include_str!("../../tests/vault/empty.vault");
const BYTES: &str = include_str!("../../tests/vault/bytes.vault");
/// `ANSIBLE_VAULT_ENCRYPT_SALT` of the first two.
const FIXED: &[u8; SALT] = b"0123456789abcdef0123456789abcdef";

fn keys(pairs: &[(&str, &str)]) -> Keys {
    let mut keys = Keys::default();
    for (id, password) in pairs {
        keys.add(*id, Zeroizing::new(password.as_bytes().to_vec()));
    }
    keys
}

fn fault(keys: &Keys, text: &str) -> Fault {
    keys.open(text).err().expect("it does not open")
}

#[test]
fn what_ansible_wrote_is_read() {
    let keys = keys(&[("default", "correct horse"), ("prod", "pässwörd")]);
    let opened = |text| keys.open(text).map(|opened| opened.text.to_string());
    assert_eq!(opened(PLAIN), Ok("role: s3cret\n".to_owned()));
    assert_eq!(opened(LABELLED), Ok("sixteen bytes ok".to_owned()));
    // Its id is another password's: all are tried.
    assert_eq!(opened(EMPTY), Ok(String::new()));
    let indented = PLAIN.replace('\n', "\r\n          ");
    assert_eq!(opened(&indented), Ok("role: s3cret\n".to_owned()));
}

#[test]
fn what_is_written_is_what_ansible_writes() {
    let keys = keys(&[("default", "correct horse"), ("prod", "pässwörd")]);
    for text in [PLAIN, LABELLED] {
        let opened = keys.open(text).ok().unwrap();
        assert_eq!(keys.seal(&opened.text, &opened, FIXED), text);
    }
}

#[test]
fn what_does_not_open_says_why() {
    assert_eq!(fault(&keys(&[]), PLAIN), Fault::NoPassword { id: None });
    let wrong = keys(&[("default", "wrong")]);
    let tried = vec!["default".to_owned()];
    assert_eq!(
        fault(&wrong, PLAIN),
        Fault::WrongPassword {
            tried: tried.clone()
        }
    );
    let id = "prod".to_owned();
    assert_eq!(
        fault(&wrong, LABELLED),
        Fault::MissingId { id, known: tried }
    );
    let prod = keys(&[("prod", "wrong")]);
    assert!(matches!(
        fault(&prod, LABELLED),
        Fault::WrongPassword { .. }
    ));
    assert_eq!(
        fault(&keys(&[("a", "correct horse")]), BYTES),
        Fault::NoText
    );
}

#[test]
fn what_is_damaged_is_told() {
    let keys = keys(&[("default", "correct horse")]);
    let cut = PLAIN.lines().take(2).collect::<Vec<_>>().join("\n");
    for (text, what) in [
        (cut.as_str(), "salt, digest and ciphertext"),
        ("$ANSIBLE_VAULT;1.0;AES\n00", "version `1.0`"),
        ("$ANSIBLE_VAULT;1.1;AES\n00", "cipher `AES`"),
        ("$ANSIBLE_VAULT\n00", "no header"),
        ("$ANSIBLE_VAULT;1.1;AES256\nzz", "hexadecimal"),
        ("$ANSIBLE_VAULT;1.1;AES256\n", "salt, digest and ciphertext"),
    ] {
        let Fault::Format(found) = fault(&keys, text) else {
            panic!("{text}");
        };
        assert!(found.contains(what), "{found}");
    }
    // One bit of the ciphertext, or of what authenticates it.
    let mut changed = PLAIN.trim_end().to_owned();
    let last = if changed.pop() == Some('0') { '1' } else { '0' };
    changed.push(last);
    assert!(matches!(
        fault(&keys, &changed),
        Fault::WrongPassword { .. } | Fault::Format(_)
    ));
}

#[test]
fn keys_show_their_ids_alone() {
    assert_eq!(format!("{:?}", keys(&[("prod", "pw")])), r#"["prod"]"#);
}
