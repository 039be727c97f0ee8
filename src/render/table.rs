//! Columns.

use console::{Alignment, measure_text_width, pad_str};

use super::style::{Paint, Tone, clean_line};

/// What stands in a cell.
pub(super) type Cell = (String, Option<Tone>);

/// Columns as wide as their widest cell, two spaces apart.
pub(super) fn table(header: &[&str], rows: &[Vec<Cell>], paint: Paint) -> Vec<String> {
    let heading = header
        .iter()
        .map(|name| ((*name).to_owned(), Some(Tone::Dim)));
    let rows: Vec<Vec<Cell>> = std::iter::once(heading.collect())
        .chain(rows.iter().cloned())
        .map(|row: Vec<Cell>| {
            row.into_iter()
                .map(|(text, tone)| (clean_line(&text), tone))
                .collect()
        })
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|(text, _)| measure_text_width(text))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    rows.iter()
        .map(|row| {
            let last = row.len().saturating_sub(1);
            let cells =
                row.iter()
                    .zip(&widths)
                    .enumerate()
                    .map(|(index, ((text, tone), width))| {
                        let painted =
                            tone.map_or_else(|| text.clone(), |tone| paint.paint(tone, text));
                        // The last column is not padded: no spaces at the ends of lines.
                        let width = if index == last { 0 } else { *width };
                        pad_str(&painted, width, Alignment::Left, None).into_owned()
                    });
            cells.collect::<Vec<_>>().join("  ")
        })
        .collect()
}

/// Nothing is shown as `-`.
pub(super) fn or_dash(value: Option<String>) -> String {
    value
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| "-".to_owned())
}
