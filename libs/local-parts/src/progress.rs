//! What a person sees while parts are fetched and started.

/// Told about steps and bytes; called often, so it has to be cheap.
pub trait Progress: Send + Sync {
    /// A step of a part begins.
    fn step(&self, part: &str, what: &str);
    /// Bytes of a download that are there.
    fn bytes(&self, part: &str, done: u64, total: u64);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _part: &str, _what: &str) {}

    fn bytes(&self, _part: &str, _done: u64, _total: u64) {}
}
