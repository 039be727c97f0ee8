//! Ansible Vault's format, read and written: texts in, texts out. Whoever has the passwords hands them in as [`Keys`].
//!
//! Source of the format: <https://docs.ansible.com/ansible/latest/vault_guide/vault_using_encrypted_content.html>
//! (“Format of files encrypted with Ansible Vault”) and ansible-core's `ansible/parsing/vault/__init__.py`, whose own
//! output is what the tests read.

mod cipher;
mod envelope;
mod fault;
mod keys;

pub use cipher::SALT;
pub use envelope::is_vault;
pub use fault::Fault;
pub use keys::{DEFAULT_ID, Keys, Opened};

#[cfg(test)]
mod tests;
