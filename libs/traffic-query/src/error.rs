//! What is wrong with a question, and where.

/// A field and what is wrong with it, in words for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct FilterError {
    /// Name of the field, as it was given.
    pub field: String,
    /// What is wrong; reads on after the name.
    pub reason: String,
}

impl FilterError {
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}
