//! The lines around the encrypted bytes.
//!
//! `$ANSIBLE_VAULT;1.1;AES256` or `$ANSIBLE_VAULT;1.2;AES256;ID`, then hexadecimal digits in lines of 80, which spell three
//! more words of hexadecimal digits, one per line: salt, HMAC, ciphertext.

use super::cipher::Sealed;

const MAGIC: &str = "$ANSIBLE_VAULT";
const CIPHER: &str = "AES256";
const WIDTH: usize = 80;

/// Whether a text (a whole file, or a value tagged `!vault`) says that it is encrypted.
pub fn is_vault(text: &str) -> bool {
    text.trim_start().starts_with(MAGIC)
}

/// What stands in a vault text.
pub struct Envelope {
    /// The vault id, which only format 1.2 has.
    pub id: Option<String>,
    pub sealed: Sealed,
}

impl Envelope {
    /// Reads a vault text; white space around its lines, as in an indented block, means nothing.
    ///
    /// # Errors
    /// What is wrong with it, as a fragment.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let header: Vec<&str> = lines.next().unwrap_or_default().split(';').collect();
        let (version, cipher, id) = match header[..] {
            [MAGIC, version, cipher] => (version, cipher, None),
            [MAGIC, version, cipher, id] => (version, cipher, Some(id.trim())),
            _ => {
                return Err(format!(
                    "its first line is no header like `{MAGIC};1.1;{CIPHER}`"
                ));
            }
        };
        if !matches!(version.trim(), "1.1" | "1.2") {
            return Err(format!(
                "it has the version `{version}`; 1.1 and 1.2 are read"
            ));
        }
        if cipher.trim() != CIPHER {
            return Err(format!("it has the cipher `{cipher}`; {CIPHER} is read"));
        }
        let outer = lines.collect::<String>();
        let inner = unhex(&outer)?;
        let words: Vec<&[u8]> = inner.split(|byte| *byte == b'\n').collect();
        let [salt, digest, ciphertext] = words[..] else {
            return Err("it does not hold salt, digest and ciphertext".to_owned());
        };
        let word = |bytes: &[u8]| unhex(&String::from_utf8_lossy(bytes));
        Ok(Self {
            id: id.filter(|id| !id.is_empty()).map(str::to_owned),
            sealed: Sealed {
                salt: word(salt)?,
                digest: word(digest)?,
                ciphertext: word(ciphertext)?,
            },
        })
    }

    /// The text, with a line break at its end.
    pub fn write(&self) -> String {
        let sealed = &self.sealed;
        let words = [&sealed.salt, &sealed.digest, &sealed.ciphertext].map(|word| hex(word));
        let digits = hex(words.join("\n").as_bytes());
        let mut text = match &self.id {
            None => format!("{MAGIC};1.1;{CIPHER}\n"),
            Some(id) => format!("{MAGIC};1.2;{CIPHER};{id}\n"),
        };
        let mut rest = digits.as_str();
        while !rest.is_empty() {
            let (line, behind) = rest.split_at(rest.len().min(WIDTH));
            text.push_str(line);
            text.push('\n');
            rest = behind;
        }
        text
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = digits.as_bytes();
    let pairs = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    });
    pairs
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(|| "a part of it is missing or is no hexadecimal digit".to_owned())
}
