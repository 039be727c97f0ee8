//! How a problem is drawn on stderr.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::style::{self, Paint, Tone, clean, clean_line};
use crate::problem::{Problem, Problems, Span};

/// Columns where no terminal tells.
const WIDTH: usize = 120;

/// Prints each problem on stderr: what, where (with an excerpt and a caret), why, and the hint.
pub fn print(problems: &Problems) {
    // Narrower than this an excerpt shows nothing.
    let width = style::stderr_width().clamp(40, WIDTH);
    eprint!(
        "{}",
        draw(&problems.0, &Level::ERROR, style::stderr_colours(), width)
    );
}

/// Prints on stderr, in the same way, what does not forbid to go on.
pub fn warn(warnings: &[Problem]) {
    let width = style::stderr_width().clamp(40, WIDTH);
    let colours = style::stderr_colours();
    eprint!("{}", draw(warnings, &Level::WARNING, colours, width));
}

/// What [`print`] prints, 120 columns wide.
pub fn text(problems: &Problems, colours: bool) -> String {
    draw(&problems.0, &Level::ERROR, colours, WIDTH)
}

fn draw(problems: &[Problem], level: &Level<'_>, colours: bool, width: usize) -> String {
    problems
        .iter()
        .map(|problem| one(problem, level, colours, width))
        .collect::<Vec<_>>()
        .join("\n")
}

fn one(problem: &Problem, level: &Level<'_>, colours: bool, width: usize) -> String {
    let paint = Paint::new(colours);
    let renderer = if colours {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut out = excerpt(problem, level, &renderer.term_width(width));
    out.push('\n');
    if let Some(step) = &problem.step {
        out.push_str(&format!("  in step `{}`\n", clean_line(step)));
    }
    if let Some(cause) = &problem.cause {
        for line in clean(cause).trim_matches('\n').lines() {
            out.push_str(format!("    {line}").trim_end());
            out.push('\n');
        }
    }
    if let Some(hint) = &problem.hint {
        out.push_str(&format!(
            "{} {}\n",
            paint.paint(Tone::Hint, "hint:"),
            clean_line(hint)
        ));
    }
    out
}

/// The title, the place and the caret.
fn excerpt(problem: &Problem, level: &Level<'_>, renderer: &Renderer) -> String {
    let what = match &problem.host {
        Some(host) => format!("{host}: {}", problem.what),
        None => problem.what.clone(),
    };
    let title = level.clone().primary_title(clean(&what));
    let Some(span) = &problem.span else {
        return renderer.render(&[annotate_snippets::Group::with_title(title)]);
    };
    if span.source.vaulted {
        let title = level
            .clone()
            .primary_title(clean(&format!("{span}: {what}")));
        return renderer.render(&[annotate_snippets::Group::with_title(title)]);
    }
    let snippet = Snippet::source(&span.source.text)
        .path(clean_line(&span.source.name))
        .annotation(AnnotationKind::Primary.span(range(span)));
    renderer.render(&[title.element(snippet)])
}

/// The span's part on its first line, inside the text and on character boundaries.
fn range(span: &Span) -> std::ops::Range<usize> {
    let text = &span.source.text;
    let start = text.floor_char_boundary(span.start);
    let end = text.ceil_char_boundary(span.start.saturating_add(span.len));
    let line_end = text[start..]
        .find(['\r', '\n'])
        .map_or(text.len(), |at| start + at);
    start..end.clamp(start, line_end)
}
