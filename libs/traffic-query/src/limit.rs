//! How much of an answer is wanted.

use crate::error::FilterError;

/// Takes a `limit` from 1 to `most`. One beyond is refused: an answer that was cut would look like a whole one.
///
/// # Errors
/// The field `limit`.
pub fn check_limit(limit: u32, most: u32) -> Result<(), FilterError> {
    if (1..=most).contains(&limit) {
        Ok(())
    } else {
        Err(FilterError::new("limit", format!("is not from 1 to {most}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_is_from_one_to_the_most_there_is() {
        for limit in [1, 7, 500] {
            assert_eq!(check_limit(limit, 500), Ok(()));
        }
        for limit in [0, 501, u32::MAX] {
            assert_eq!(check_limit(limit, 500).unwrap_err().to_string(), "limit is not from 1 to 500");
        }
    }
}
