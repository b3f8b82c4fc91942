//! Who may use the control interface: programs send a token, and browsers a cookie that only lets them look.
//!
//! The cookie holds another secret than the token. Browsers send the cookies of `127.0.0.1` to every port of it, so the
//! services that run in the sandbox see them too.

use axum::http::HeaderMap;

use super::{
    digesting::{equal_in_constant_time, hex, hmac_sha256, sha256_hex},
    percent,
};
use crate::random;

/// The secrets of the control interface. No `Debug`.
pub(crate) struct ControlToken {
    token: String,
    view_key: String,
    /// Whether anyone who reaches the sandbox may look: it is then only reachable from this machine.
    is_open_to_view: bool,
}

impl ControlToken {
    /// With this token.
    pub(crate) fn new(token: String, is_open_to_view: bool) -> Self {
        let view_key = hex(&hmac_sha256(token.as_bytes(), b"view"))[..40].to_owned();
        Self { token, view_key, is_open_to_view }
    }

    /// A new token.
    pub(crate) fn generate() -> String {
        random::alphanumeric(40)
    }

    /// What programs send as `Authorization: Bearer TOKEN`.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The path of the page, with the key that makes a browser keep the cookie.
    pub(crate) fn page(&self) -> String {
        format!("/?view={}", self.view_key)
    }

    /// Whether the request carries the token.
    pub(crate) fn may_control(&self, headers: &HeaderMap) -> bool {
        bearer(headers).is_some_and(|sent| equal_in_constant_time(sent.as_bytes(), self.token.as_bytes()))
    }

    /// Whether the request may read what the sandbox's page shows.
    pub(crate) fn may_view(&self, headers: &HeaderMap) -> bool {
        let is_ours = |(name, value): (&str, &str)| name == self.cookie_name() && self.is_view_key(value);
        self.is_open_to_view || self.may_control(headers) || cookies(headers).any(is_ours)
    }

    /// The cookie for a browser that opened the page by the printed address.
    pub(crate) fn cookie_for(&self, query: &str) -> Option<String> {
        let key = percent::pairs(query, true).into_iter().find(|(name, _)| name == "view")?.1;
        let cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie_name(), self.view_key);
        self.is_view_key(&key).then_some(cookie)
    }

    fn is_view_key(&self, text: &str) -> bool {
        equal_in_constant_time(text.as_bytes(), self.view_key.as_bytes())
    }

    /// Each sandbox has its own: cookies do not distinguish ports.
    fn cookie_name(&self) -> String {
        format!("shipgate-sandbox-{}", &sha256_hex(self.view_key.as_bytes())[..8])
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, sent) = headers.get("authorization")?.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(sent.trim())
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let all = headers.get_all("cookie").iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::ControlToken;

    fn sent(name: &'static str, value: &str) -> HeaderMap {
        let pair = (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        HeaderMap::from_iter([pair])
    }

    #[test]
    fn only_the_token_controls() {
        let control = ControlToken::new("abc".to_owned(), false);
        for (value, may) in [
            ("Bearer abc", true),
            ("bearer  abc ", true),
            ("Bearer abcd", false),
            ("Bearer ", false),
            ("Basic abc", false),
            ("abc", false),
        ] {
            assert_eq!(control.may_control(&sent("authorization", value)), may, "{value}");
        }
        assert!(!control.may_control(&HeaderMap::new()));
    }

    #[test]
    fn the_cookie_views_and_does_not_control() {
        let control = ControlToken::new("abc".to_owned(), false);
        assert!(!control.may_view(&HeaderMap::new()));
        let query = control.page().trim_start_matches("/?").to_owned();
        let cookie = control.cookie_for(&query).unwrap();
        assert!(
            !cookie.contains("abc") && cookie.contains("SameSite=Strict") && cookie.contains("HttpOnly"),
            "{cookie}"
        );
        let kept = cookie.split(';').next().unwrap();
        let headers = sent("cookie", &format!("other=1; {kept}"));
        assert!(control.may_view(&headers) && !control.may_control(&headers));
        let as_token = sent("authorization", &format!("Bearer {}", kept.split_once('=').unwrap().1));
        assert!(!control.may_control(&as_token));
        assert_eq!(control.cookie_for("view=guessed"), None);
        assert!(!ControlToken::new("other".to_owned(), false).may_view(&headers));
        assert!(ControlToken::new("abc".to_owned(), true).may_view(&HeaderMap::new()));
    }
}
