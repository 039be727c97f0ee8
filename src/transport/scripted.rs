//! A shell that is played by a closure, for tests of what stands above.

/// What a scripted shell answers, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The next step of the script ran.
    Step { out: String, err: String, code: i32 },
    /// The next step of the script printed this, and then the link dropped.
    Drop { out: String, err: String },
}
