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
