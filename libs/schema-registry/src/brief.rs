//! Errors of the Avro library, cut to what a person can read: some print whole schemas.

/// The longest reason that is kept, characters.
const LENGTH_MAX: usize = 200;

/// The beginning of an error's text, in one line.
pub(crate) fn brief(error: &apache_avro::Error) -> String {
    error.to_string().chars().map(|char| if char.is_control() { ' ' } else { char }).take(LENGTH_MAX).collect()
}
