//! What a setting of pgbouncer or repmgr takes, and when two spellings of it are one value.

/// The values of one setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Any text of fewer bytes than this.
    Text(usize),
    /// A whole number, both bounds included.
    Whole(i64, i64),
    /// pgbouncer's switches are the numbers 0 and 1 (its `CF_INT`): it does not read `on`.
    Flag,
    /// Seconds, with a fraction if need be, and without a unit.
    Seconds,
    /// The mode of a file.
    Octal,
    /// repmgr's switches (`parse_bool` in its configfile.c).
    Switch,
    /// One of these words, in any case.
    Word(Vec<&'static str>),
    /// One of these words, in this very case.
    Exactly(Vec<&'static str>),
}

impl Kind {
    /// Reads what the tables say: `int:1..100`, `one:a|b`.
    pub(super) fn parse(text: &'static str) -> Option<Self> {
        let (word, rest) = text.split_once(':').unwrap_or((text, ""));
        let bounds = || {
            let (least, most) = rest.split_once("..").unwrap_or((rest, ""));
            let number = |text: &str, otherwise| match text {
                "" => Some(otherwise),
                text => text.parse().ok(),
            };
            Some(Self::Whole(
                number(least, 0)?,
                number(most, i64::from(i32::MAX))?,
            ))
        };
        match word {
            "text" if rest.is_empty() => Some(Self::Text(usize::MAX)),
            "text" => rest.parse().ok().map(Self::Text),
            "int" => bounds(),
            "flag" => Some(Self::Flag),
            "seconds" => Some(Self::Seconds),
            "octal" => Some(Self::Octal),
            "bool" => Some(Self::Switch),
            "one" => Some(Self::Word(rest.split('|').collect())),
            "exactly" => Some(Self::Exactly(rest.split('|').collect())),
            _ => None,
        }
    }

    /// What it takes, where `value` is nothing of that.
    pub fn fault(&self, value: &str) -> Option<String> {
        let fits = match self {
            Self::Text(most) => value.len() < *most,
            Self::Whole(least, most) => {
                whole(value).is_some_and(|number| (*least..=*most).contains(&number))
            }
            Self::Flag => whole(value).is_some_and(|number| number == 0 || number == 1),
            Self::Seconds => seconds(value).is_some(),
            Self::Octal => octal(value).is_some(),
            Self::Switch => switch(value).is_some(),
            Self::Word(words) => words.iter().any(|word| word.eq_ignore_ascii_case(value)),
            Self::Exactly(words) => words.contains(&value),
        };
        (!fits).then(|| self.expected())
    }

    fn expected(&self) -> String {
        match self {
            Self::Text(most) => format!("a text of fewer than {most} bytes"),
            Self::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Self::Flag => "`0` or `1`".to_owned(),
            Self::Seconds => "seconds, as a number without a unit: `0.5`".to_owned(),
            Self::Octal => "the mode of a file, in octal: `0770`".to_owned(),
            Self::Switch => "`yes` or `no`".to_owned(),
            Self::Word(words) | Self::Exactly(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                words.join(", ")
            }
        }
    }

    /// Whether two texts are one value.
    pub fn same(&self, one: &str, other: &str) -> bool {
        fn equal<T: PartialEq>(read: fn(&str) -> Option<T>, one: &str, other: &str) -> bool {
            matches!((read(one), read(other)), (Some(one), Some(other)) if one == other)
        }
        match self {
            Self::Text(_) | Self::Exactly(_) => one == other,
            Self::Whole(..) | Self::Flag => equal(whole, one, other),
            Self::Seconds => equal(seconds, one, other),
            Self::Octal => equal(octal, one, other),
            Self::Switch => equal(switch, one, other),
            Self::Word(_) => one.eq_ignore_ascii_case(other),
        }
    }

    /// The value as the program reads it, where `text` is a word for yes or no and the program takes a number.
    pub fn number_for(&self, text: &str) -> Option<&'static str> {
        match (self, switch(text)?) {
            (Self::Flag, true) => Some("1"),
            (Self::Flag, false) => Some("0"),
            _ => None,
        }
    }
}

/// As C's `strtol` with base 0: decimal, `0x64`, `0144`.
fn whole(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let number = match digits.get(..2) {
        Some("0x" | "0X") => i64::from_str_radix(&digits[2..], 16),
        _ if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8),
        _ if digits.starts_with(|c: char| c.is_ascii_digit()) => digits.parse(),
        _ => return None,
    };
    number.ok().map(|number| sign * number)
}

fn seconds(text: &str) -> Option<f64> {
    let is_number = text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|_| is_number)
}

fn octal(text: &str) -> Option<u32> {
    let mode = u32::from_str_radix(text, 8).ok()?;
    (mode <= 0o7777).then_some(mode)
}

fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "on" | "yes" => Some(true),
        "0" | "false" | "off" | "no" => Some(false),
        _ => None,
    }
}
