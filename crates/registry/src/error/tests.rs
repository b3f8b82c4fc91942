//! What a refusal means, and what it says.

use super::{Action, Answer, RegistryError};

fn refused(status: u16, redirected_to: Option<&str>) -> RegistryError {
    let action = Box::new(Action {
        verb: "read blob",
        subject: "sha256:0".to_owned(),
        host: "registry.example.com".to_owned(),
        repository: "shop/api".to_owned(),
    });
    let answer = Box::new(Answer {
        status,
        code: Some("X".to_owned()),
        message: "m".to_owned(),
        redirected_to: redirected_to.map(str::to_owned),
        token_service: None,
        retry_after: None,
        received_bytes: None,
    });
    match status {
        401 | 403 => RegistryError::Denied { action, answer },
        _ => RegistryError::Refused { action, answer },
    }
}

#[test]
fn what_may_succeed_a_moment_later() {
    let table = [
        (400, None, false),
        (401, None, false),
        (403, None, false),
        (403, Some("s3.example.com"), true),
        (401, Some("s3.example.com"), false),
        (405, None, false),
        (408, None, true),
        (416, None, false),
        (429, None, true),
        (500, None, true),
        (501, None, false),
        (504, None, true),
        (503, Some("s3.example.com"), true),
    ];
    for (status, redirected_to, transient) in table {
        assert_eq!(refused(status, redirected_to).is_transient(), transient, "{status} {redirected_to:?}");
    }
}

#[test]
fn the_message_says_what_where_and_why() {
    assert_eq!(
        refused(500, None).to_string(),
        "could not read blob sha256:0 of registry.example.com/shop/api: the registry answered 500 X: m"
    );
    let denied = refused(403, Some("s3.example.com"));
    assert!(denied.is_refused_link() && !denied.is_denied(), "the caller's permissions do not matter");
    assert!(refused(403, None).is_denied());
    assert!(denied.to_string().contains("s3.example.com, where the registry redirects to, answered 403"));
}

#[test]
fn refused_download_blames_storage() {
    let RegistryError::Denied { mut action, mut answer } = refused(403, Some("bucket.s3.eu-west-1.amazonaws.com"))
    else {
        unreachable!()
    };
    "111111111111.dkr.ecr.eu-west-1.amazonaws.com".clone_into(&mut action.host);
    answer.message.clear();
    let error = RegistryError::Denied { action, answer };
    let hint = error.hint().unwrap();
    assert!(!error.to_string().contains("ecr:") && !hint.contains("ecr:"), "{error}: {hint}");
    assert!(hint.contains("s3:GetObject on arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*"), "{hint}");
}

#[test]
fn the_permission_is_named_where_ecr_does_not_say_it() {
    let denied = |host: &str, message: &str| {
        let RegistryError::Denied { mut action, mut answer } = refused(403, None) else { unreachable!() };
        host.clone_into(&mut action.host);
        message.clone_into(&mut answer.message);
        RegistryError::Denied { action, answer }.to_string()
    };
    let ecr = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
    for (host, message, named) in [
        (ecr, "", true),
        (ecr, "not authorized to perform: ecr:GetDownloadUrlForLayer on resource", false),
        ("registry.example.com", "", false),
    ] {
        assert_eq!(denied(host, message).contains("(ecr:GetDownloadUrlForLayer)"), named, "{host} {message}");
    }
}

#[test]
fn long_subjects_are_masked_and_cut() {
    let held = shipgate_core::secret::Secret::new("s3cret-within-a-scope");
    let action = |subject: String| Action {
        verb: "get token",
        subject,
        host: "registry.example.com".to_owned(),
        repository: "shop/api".to_owned(),
    };
    let shown = action(format!("{}{} {}", "x".repeat(190), held.reveal(), "é".repeat(500))).to_string();
    assert!(shown.contains("x…") && !shown.contains("s3c"), "{shown}");
    assert!(shown.len() < 260 && shown.ends_with("… of registry.example.com/shop/api"), "{shown}");
    let short = action("repository:shop/api:pull".to_owned()).to_string();
    assert_eq!(short, "get token repository:shop/api:pull of registry.example.com/shop/api");
}
