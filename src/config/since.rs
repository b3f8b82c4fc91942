//! How far back to look: `--since` of `logs`.

use std::time::Duration;

use super::{
    problem::{ConfigError, Location, Problem},
    scalars::duration,
};

/// Reads it.
///
/// # Errors
/// [`ConfigError`] when it is no length of time.
pub fn read(text: Option<&str>) -> Result<Option<Duration>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    duration(text).filter(|length| !length.is_zero()).map(Some).ok_or_else(|| {
        let message = format!("`{text}` is not a length of time (such as 10m or 1h30m)");
        ConfigError::new(vec![Problem::new(&Location::Flag("--since"), message)])
    })
}

#[cfg(test)]
mod tests {
    use super::{Duration, read};

    #[test]
    fn lengths_of_time() {
        assert_eq!(read(None).unwrap(), None);
        assert_eq!(read(Some("1h30m")).unwrap(), Some(Duration::from_mins(90)));
        for wrong in ["", "0s", "10", "yesterday"] {
            assert!(read(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
