//! The parameters of a request, checked against the ranges and patterns of the STS service model.

use crate::answer::ApiError;

/// The parameters of one request.
pub(crate) struct Form<'a>(pub(crate) &'a [(String, String)]);

impl<'a> Form<'a> {
    /// The parameter, when it is there.
    pub(crate) fn optional(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(named, _)| named == name).map(|(_, value)| value.as_str())
    }

    /// The parameter, or the answer to its absence.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, ApiError> {
        self.optional(name).ok_or_else(|| {
            invalid(&format!("Value null at '{}' failed to satisfy constraint: Member must not be null", camel(name)))
        })
    }

    /// `RoleSessionName`, 2 to 64 characters of `[\w+=,.@-]`.
    pub(crate) fn session_name(&self) -> Result<&'a str, ApiError> {
        let name = self.required("RoleSessionName")?;
        let complaint = if name.len() < 2 {
            "Member must have length greater than or equal to 2"
        } else if name.len() > 64 {
            "Member must have length less than or equal to 64"
        } else if name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)) {
            return Ok(name);
        } else {
            "Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        };
        Err(invalid(&format!("Value '{name}' at 'roleSessionName' failed to satisfy constraint: {complaint}")))
    }

    /// `DurationSeconds`, 900 to 43200.
    pub(crate) fn duration_seconds(&self) -> Result<Option<u32>, ApiError> {
        let Some(text) = self.optional("DurationSeconds") else { return Ok(None) };
        let complaint = match text.parse::<u32>() {
            Ok(seconds @ 900..=43_200) => return Ok(Some(seconds)),
            Ok(0..900) => "Member must have value greater than or equal to 900",
            Ok(43_201..) => "Member must have value less than or equal to 43200",
            Err(_) => "Member must be an integer",
        };
        Err(invalid(&format!("Value '{text}' at 'durationSeconds' failed to satisfy constraint: {complaint}")))
    }
}

fn invalid(detail: &str) -> ApiError {
    ApiError::new(400, "ValidationError", format!("1 validation error detected: {detail}"))
}

/// `RoleArn` as the messages have it: `roleArn`.
fn camel(name: &str) -> String {
    name.chars().enumerate().map(|(at, c)| if at == 0 { c.to_ascii_lowercase() } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn ranges_of_the_model() {
        for (name, value, good) in [
            ("DurationSeconds", "900", true),
            ("DurationSeconds", "899", false),
            ("DurationSeconds", "43200", true),
            ("DurationSeconds", "43201", false),
            ("DurationSeconds", "an hour", false),
        ] {
            let pairs = [(name.to_owned(), value.to_owned())];
            assert_eq!(Form(&pairs).duration_seconds().is_ok(), good, "{value}");
        }
        for (value, good) in
            [("ab", true), ("a", false), ("run@42,x=y", true), ("a b", false), (&*"x".repeat(65), false)]
        {
            let pairs = [("RoleSessionName".to_owned(), value.to_owned())];
            assert_eq!(Form(&pairs).session_name().is_ok(), good, "{value}");
        }
        let missing = Form(&[]).required("RoleArn").unwrap_err();
        assert!(missing.message.contains("'roleArn'"), "{missing}");
    }
}
