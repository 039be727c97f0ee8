//! The templates that are being rendered, the innermost last. Each learns what was used while it was rendered.

use std::cell::RefCell;
use std::sync::Arc;

use super::failure::Failure;
use super::{Evaluator, Grade};
use crate::problem::Span;

thread_local! {
    /// The engine calls back without saying for whom; a thread renders one template after the other, each inside its caller.
    static STACK: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Where a template of one host stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    host: usize,
    source: usize,
    start: usize,
}

impl Place {
    pub fn new(host: usize, span: &Span) -> Self {
        Self {
            host,
            source: Arc::as_ptr(&span.source) as usize,
            start: span.start,
        }
    }
}

pub struct Frame {
    pub evaluator: Arc<Evaluator>,
    place: Place,
    text: String,
    /// The variable that the template belongs to.
    pub name: Arc<str>,
    pub span: Span,
    pub grade: Grade,
    pub needs: Vec<(Arc<str>, Span)>,
    /// Why the last value that was undefined is.
    pub unknown: Option<Failure>,
}

impl Frame {
    pub fn new(
        evaluator: &Arc<Evaluator>,
        place: Place,
        text: &str,
        name: &Arc<str>,
        span: &Span,
    ) -> Self {
        Self {
            evaluator: Arc::clone(evaluator),
            place,
            text: text.to_owned(),
            name: Arc::clone(name),
            span: span.clone(),
            grade: Grade::Open,
            needs: Vec::new(),
            unknown: None,
        }
    }

    pub fn host(&self) -> usize {
        self.place.host
    }
}

/// Begins a template.
///
/// # Errors
/// It is being rendered already: it needs itself.
pub fn enter(frame: Frame) -> Result<(), Failure> {
    STACK.with_borrow_mut(|stack| {
        let is_same = |other: &Frame| {
            other.place == frame.place
                && other.text == frame.text
                && Arc::ptr_eq(&other.evaluator, &frame.evaluator)
        };
        if let Some(first) = stack.iter().position(is_same) {
            return Err(Failure::cycle(&stack[first..]));
        }
        stack.push(frame);
        Ok(())
    })
}

/// Ends the innermost template.
pub fn leave() -> Frame {
    let frame = STACK.with_borrow_mut(Vec::pop);
    frame.expect("every template that ends began")
}

/// Says that something so secret was used.
pub fn note(grade: Grade) {
    inside(|frame| frame.grade = frame.grade.max(grade));
}

/// Says that a variable was used.
pub fn need(name: &Arc<str>, key: &Span) {
    inside(|frame| frame.needs.push((Arc::clone(name), key.clone())));
}

/// Says why a value that was used is undefined.
pub fn unknown(failure: Failure) {
    inside(|frame| frame.unknown = Some(failure));
}

/// What `of` gives of the innermost template; `None` outside of any.
pub fn inside<T>(of: impl FnOnce(&mut Frame) -> T) -> Option<T> {
    STACK.with_borrow_mut(|stack| stack.last_mut().map(of))
}
