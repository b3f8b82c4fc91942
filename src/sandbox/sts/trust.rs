//! Whether a role trusts a principal.

use crate::sandbox::{identities::Principal, seed::Role};

/// Whether the role may be assumed by the principal with this external id.
pub(crate) fn admits(role: &Role, principal: &Principal, external_id: Option<&str>) -> bool {
    let external_id_fits = role.external_id.as_deref().is_none_or(|wanted| external_id == Some(wanted));
    external_id_fits && role.assumed_by.iter().any(|trusted| names(trusted, principal))
}

fn names(trusted: &str, principal: &Principal) -> bool {
    let account = principal.account.as_str();
    trusted == "*"
        || trusted == account
        || trusted == principal.arn
        || trusted == format!("arn:aws:iam::{account}:root")
        || principal.role.as_ref().is_some_and(|role| role.as_str() == trusted)
}

#[cfg(test)]
mod tests {
    use super::{Principal, Role, admits};

    fn role(assumed_by: &str, external_id: Option<&str>) -> Role {
        Role {
            arn: "arn:aws:iam::111111111111:role/r".parse().unwrap(),
            assumed_by: vec![assumed_by.to_owned()],
            external_id: external_id.map(str::to_owned),
            web_identities: Vec::new(),
            max_session_seconds: 3600,
        }
    }

    #[test]
    fn who_is_trusted() {
        let session = Principal {
            account: "333333333333".parse().unwrap(),
            arn: "arn:aws:sts::333333333333:assumed-role/runner/job".to_owned(),
            user_id: String::new(),
            role: Some("arn:aws:iam::333333333333:role/runner".parse().unwrap()),
        };
        for (trusted, admitted) in [
            ("*", true),
            ("333333333333", true),
            ("arn:aws:iam::333333333333:root", true),
            ("arn:aws:iam::333333333333:role/runner", true),
            ("arn:aws:sts::333333333333:assumed-role/runner/job", true),
            ("arn:aws:sts::333333333333:assumed-role/runner/other", false),
            ("arn:aws:iam::111111111111:root", false),
            ("arn:aws:iam::333333333333:role/other", false),
        ] {
            assert_eq!(admits(&role(trusted, None), &session, None), admitted, "{trusted}");
        }
    }

    #[test]
    fn the_external_id_must_be_the_one() {
        let user = Principal {
            account: "333333333333".parse().unwrap(),
            arn: "arn:aws:iam::333333333333:user/ci".to_owned(),
            user_id: String::new(),
            role: None,
        };
        let guarded = role("*", Some("secret-handshake"));
        assert!(admits(&guarded, &user, Some("secret-handshake")));
        assert!(!admits(&guarded, &user, Some("other")));
        assert!(!admits(&guarded, &user, None));
        assert!(admits(&role("*", None), &user, Some("not asked for")));
    }
}
