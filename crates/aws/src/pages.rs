//! Lists that come in pages. A page may be short, or empty, and still carry a token: only a missing token ends a list.

use std::collections::BTreeSet;

use super::fault::AwsFault;

/// The tokens of one list.
#[derive(Debug)]
pub struct Pages {
    action: &'static str,
    seen: BTreeSet<String>,
}

impl Pages {
    /// Of a list that this action answers.
    #[must_use]
    pub fn of(action: &'static str) -> Self {
        Self { action, seen: BTreeSet::new() }
    }

    /// The token to request the next page with; `None` at the end of the list.
    ///
    /// # Errors
    /// [`AwsFault`] when a token comes a second time: such a list has no end.
    pub fn next(&mut self, token: Option<&str>) -> Result<Option<String>, AwsFault> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        if self.seen.insert(token.to_owned()) {
            return Ok(Some(token.to_owned()));
        }
        let message = "the list has no end: the service sent a page token for the second time".to_owned();
        Err(AwsFault::unusable(self.action, message))
    }
}

#[cfg(test)]
mod tests {
    use super::Pages;

    #[test]
    fn only_a_missing_token_ends_a_list() {
        let mut pages = Pages::of("apprunner:ListOperations");
        assert_eq!(pages.next(Some("a")), Ok(Some("a".to_owned())));
        assert_eq!(pages.next(Some("b")), Ok(Some("b".to_owned())));
        assert_eq!(pages.next(Some("")), Ok(None));
        assert_eq!(pages.next(None), Ok(None));
    }

    #[test]
    fn repeated_token_is_an_error() {
        let mut pages = Pages::of("apprunner:ListOperations");
        for token in ["a", "b"] {
            pages.next(Some(token)).unwrap();
        }
        let fault = pages.next(Some("a")).unwrap_err();
        assert_eq!((fault.action, fault.code), ("apprunner:ListOperations", None));
    }
}
