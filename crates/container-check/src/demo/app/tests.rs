//! The behaviours on order, and the process that is the application in test images.

use std::time::Duration;

use super::{AppSettings, Failure, serve, status};

fn settings(variables: &[(&str, &str)]) -> Result<AppSettings, super::InvalidSetting> {
    AppSettings::from_lookup(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

/// What containers of the tests run: see `packing`. Ignored as a test; it is this process when it is one.
#[tokio::test]
#[ignore = "it is the application inside test containers, and serves until it is told to end"]
#[expect(clippy::exit, clippy::disallowed_methods, reason = "here the test process is the application")]
async fn the_application_in_a_test_image() {
    let settings = AppSettings::from_lookup(|name| std::env::var(name).ok()).unwrap();
    std::process::exit(i32::from(serve(settings).await));
}

#[test]
fn failures_on_order() {
    let table = [
        ("never-listen", Some(Failure::NeverListen)),
        ("listen-local", Some(Failure::ListenLocal)),
        ("exit:3", Some(Failure::Exit(3))),
        ("status:404", Some(Failure::Status(404))),
        ("eat-memory", Some(Failure::EatMemory)),
        ("print-environment", Some(Failure::PrintEnvironment)),
        ("print-encoded-environment", Some(Failure::PrintEncodedEnvironment)),
        ("slow:1500", Some(Failure::Slow(Duration::from_millis(1500)))),
        ("ignore-sigterm", Some(Failure::IgnoreSigterm)),
        ("flap", Some(Failure::Flap)),
        ("not-http", Some(Failure::NotHttp)),
        ("tls", Some(Failure::Tls)),
        ("http2", Some(Failure::Http2)),
        ("listen-ipv6", Some(Failure::ListenIpv6)),
        ("need-privileges", Some(Failure::NeedPrivileges)),
        ("sicken-after:9", Some(Failure::SickenAfter(Duration::from_millis(9)))),
        ("answer-after:9", Some(Failure::AnswerAfter(Duration::from_millis(9)))),
        ("crash-after:20", Some(Failure::CrashAfter(Duration::from_millis(20)))),
    ];
    for (text, failure) in table {
        assert_eq!(settings(&[("DEMO_FAIL", text)]).unwrap().failure, failure, "{text}");
    }
    for bad in ["exit", "exit:256", "status:99", "status:abc", "slow", "slow:-1", "never-listen:1", "explode"] {
        assert!(settings(&[("DEMO_FAIL", bad)]).is_err(), "{bad}");
    }
}

#[test]
fn defaults_and_port() {
    let plain = settings(&[]).unwrap();
    assert_eq!((plain.port, plain.version.as_str(), plain.failure), (8080, "v0", None));
    assert_eq!(settings(&[("PORT", "3000")]).unwrap().port, 3000);
    assert!(settings(&[("PORT", "many")]).is_err());
}

#[tokio::test]
async fn a_secret_is_fatal_only_where_it_is_set() {
    let named = ("DEMO_FAIL_WITH_SECRET", "DATABASE_URL");
    assert_eq!(settings(&[named]).unwrap().fatal_secret, None);
    let given = settings(&[named, ("DATABASE_URL", "x")]).unwrap();
    assert_eq!(given.fatal_secret.as_deref(), Some("DATABASE_URL"));
    let needed = ("DEMO_FAIL_WITHOUT_SECRET", "DATABASE_URL");
    assert_eq!(settings(&[needed]).unwrap().absent_secret.as_deref(), Some("DATABASE_URL"));
    assert_eq!(settings(&[needed, ("DATABASE_URL", "x")]).unwrap().absent_secret, None);
    assert_eq!(serve(given).await, 1);
}

#[test]
fn statuses_by_turns_and_by_time() {
    let (second, failure) = (Duration::from_secs(1), Some(Failure::Flap));
    let turns = [0, 1, 2].map(|number| status(failure, number, second).as_u16());
    assert_eq!(turns, [200, 500, 200]);
    let sick = Some(Failure::SickenAfter(second));
    assert_eq!([Duration::ZERO, second].map(|at| status(sick, 0, at).as_u16()), [200, 500]);
    assert_eq!(status(Some(Failure::Status(404)), 0, second).as_u16(), 404);
}

#[tokio::test]
async fn it_ends_with_the_code_it_is_told() {
    assert_eq!(serve(settings(&[("DEMO_FAIL", "exit:7")]).unwrap()).await, 7);
    let crash = settings(&[("DEMO_FAIL", "crash-after:1"), ("PORT", "0")]).unwrap();
    assert_eq!(serve(crash).await, 1);
}
