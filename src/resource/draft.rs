//! A change in the making: what a resource gives, before the plan adds host, step and place.

use crate::plan::{Action, Field, FileDiff, Guard, Op, Shown};

/// What comparing a resource with the facts gives.
#[derive(Debug)]
pub enum Verdict {
    AsDeclared,
    Change(Draft),
    /// Due, but not allowed now.
    Held {
        what: String,
        hint: String,
    },
}

/// The difference, and what makes it go away.
#[derive(Debug)]
pub struct Draft {
    pub action: Action,
    pub fields: Vec<Field>,
    pub diff: Option<FileDiff>,
    pub guards: Vec<Guard>,
    pub ops: Vec<Op>,
    /// Hosts whose earlier changes must be done first.
    pub after: Vec<String>,
}

impl Draft {
    pub fn new(action: Action) -> Self {
        Self {
            action,
            fields: Vec::new(),
            diff: None,
            guards: Vec::new(),
            ops: Vec::new(),
            after: Vec::new(),
        }
    }

    /// Notes that a field goes from `before` to `after`.
    #[must_use]
    pub fn field(mut self, name: &str, before: impl Into<Shown>, after: impl Into<Shown>) -> Self {
        self.fields.push(Field {
            name: name.to_owned(),
            before: before.into(),
            after: after.into(),
        });
        self
    }

    #[must_use]
    pub fn op(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }

    #[must_use]
    pub fn guard(mut self, guard: Guard) -> Self {
        self.guards.push(guard);
        self
    }

    #[must_use]
    pub fn guards(mut self, guards: impl IntoIterator<Item = Guard>) -> Self {
        self.guards.extend(guards);
        self
    }

    #[must_use]
    pub fn after(mut self, hosts: impl IntoIterator<Item = String>) -> Self {
        self.after.extend(hosts);
        self
    }

    /// Runs a command as a user, without a shell between.
    #[must_use]
    pub fn run<S: Into<String>>(self, user: &str, argv: impl IntoIterator<Item = S>) -> Self {
        self.op(Op::Run {
            argv: argv.into_iter().map(Into::into).collect(),
            user: user.to_owned(),
            stdin: None,
            environment: Vec::new(),
        })
    }
}

impl From<Draft> for Verdict {
    fn from(draft: Draft) -> Self {
        Self::Change(draft)
    }
}

impl From<&str> for Shown {
    fn from(value: &str) -> Self {
        Self::Value(value.to_owned())
    }
}

impl From<String> for Shown {
    fn from(value: String) -> Self {
        Self::Value(value)
    }
}

impl From<Option<String>> for Shown {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }
}
