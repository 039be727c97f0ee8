//! Sizes and times in units for humans.

/// `0 B`, `1.5 KiB`, `16 MiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // In tenths of the unit, rounded down: a lag is never shown as the next unit before it is there.
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = "B";
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole} {unit}"),
        (whole, _) if whole >= 100 => format!("{whole} {unit}"),
        (whole, tenth) => format!("{whole}.{tenth} {unit}"),
    }
}

/// `120 ms`, `1.25 s`, `12.3 s`, `2 min 05 s`, `1 h 02 min`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..10 => format!("{seconds}.{:02} s", milliseconds % 1000 / 10),
        10..60 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Bytes from a number with an optional unit, as PostgreSQL's settings have it: `kB`, `MB`, `GB`, in steps of 1024.
///
/// # Errors
/// It is no such size.
pub fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    if number.is_empty() {
        return Err("a number of bytes, e.g. 16MB".to_owned());
    }
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "kB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        other => return Err(format!("`{other}` is no unit: write kB, MB or GB")),
    };
    // Digits alone: nothing else can be wrong with it.
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "that is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let shown = [0, 1, 1023, 1024, 1536, 16 << 20, (1 << 30) - 1, u64::MAX].map(bytes);
        assert_eq!(
            shown,
            [
                "0 B", "1 B", "1023 B", "1 KiB", "1.5 KiB", "16 MiB", "1023 MiB", "15.9 EiB"
            ]
        );
    }

    #[test]
    fn sizes_are_read_as_postgresql_reads_them() {
        for (text, wanted) in [
            ("0", 0),
            ("1024", 1024),
            ("5B", 5),
            ("8kB", 8 << 10),
            ("16MB", 16 << 20),
            (" 16 MB ", 16 << 20),
            ("2GB", 2 << 30),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_told() {
        let too_large = ["18446744073709551616", "17179869184GB"];
        for text in [
            "", "MB", "16mb", "16MiB", "-1", "1.5MB", "1e3", "0x10", "16MB 3", "١٦",
        ]
        .into_iter()
        .chain(too_large)
        {
            let told = parse(text).expect_err(text);
            assert!(!told.is_empty());
        }
        assert_eq!(
            parse("16mb"),
            Err("`mb` is no unit: write kB, MB or GB".to_owned())
        );
        assert_eq!(parse("-1"), Err("a number of bytes, e.g. 16MB".to_owned()));
        for text in too_large {
            assert_eq!(parse(text), Err("that is too large".to_owned()));
        }
    }

    #[test]
    fn durations() {
        let shown = [0, 125, 9_999, 12_345, 125_000, 3_725_000].map(duration);
        assert_eq!(
            shown,
            [
                "0 ms",
                "125 ms",
                "9.99 s",
                "12.3 s",
                "2 min 05 s",
                "1 h 02 min"
            ]
        );
    }
}
