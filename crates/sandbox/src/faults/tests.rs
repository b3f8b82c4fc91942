//! Faults are counted, strike in their order, and are refused when they are misspelt.

use super::{Fault, Faults};
use shipgate_core::digest::Digest;

#[tokio::test]
async fn errors_are_counted_down_and_then_gone() {
    let digest = Digest::of(b"");
    let list = format!(
        r#"[{{"kind":"error","service":"ecr","action":"PutImage","status":500,"times":2}},
            {{"kind":"corrupt-blob","digest":"{digest}"}}]"#
    );
    let faults = Faults::default();
    faults.replace(serde_json::from_str(&list).unwrap());
    assert_eq!(faults.trouble("ecr", "ListImages", "1").begin().await, None);
    assert_eq!(faults.trouble("ecr", "PutImage", "1").begin().await.unwrap().code, "InternalFailure");
    assert!(faults.trouble("ecr", "PutImage", "1").begin().await.is_some());
    assert!(faults.trouble("ecr", "PutImage", "1").begin().await.is_none());
    assert!(faults.corrupts(&digest));
    assert!(!faults.corrupts(&Digest::of(b"x")));
}

#[tokio::test]
async fn of_two_errors_the_first_strikes_first() {
    let list = r#"[{"kind":"error","service":"ecr","status":500,"times":1},
                   {"kind":"error","service":"ecr","status":503,"account":"1"}]"#;
    let faults = Faults::new(serde_json::from_str(list).unwrap());
    let mut seen = Vec::new();
    for account in ["1", "1", "2"] {
        seen.push(faults.trouble("ecr", "PutImage", account).begin().await.map(|error| error.status));
    }
    assert_eq!(seen, [Some(500), Some(503), None]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_takes_its_time() {
    let faults = Faults::new(
        serde_json::from_str(r#"[{"kind":"delay","service":"sts","milliseconds":5000,"times":1}]"#).unwrap(),
    );
    let start = tokio::time::Instant::now();
    faults.trouble("sts", "AssumeRole", "").begin().await;
    faults.trouble("sts", "AssumeRole", "").begin().await;
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[test]
fn a_misspelt_fault_is_refused() {
    for bad in [
        r#"[{"kind":"corrupt"}]"#,
        r#"[{"kind":"error","service":"ecr","status":500,"tims":1}]"#,
        r#"[{"kind":"cut","service":"ecr"}]"#,
    ] {
        assert!(serde_json::from_str::<Vec<Fault>>(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn some_calls_pass_before_a_fault_strikes() {
    let list = r#"[{"kind":"error","service":"ecr","action":"PutImage","status":500,"skip":1,"times":1}]"#;
    let faults = Faults::new(serde_json::from_str(list).unwrap());
    let mut seen = Vec::new();
    for action in ["ListImages", "PutImage", "ListImages", "PutImage", "PutImage"] {
        seen.push(faults.trouble("ecr", action, "1").begin().await.is_some());
    }
    assert_eq!(seen, [false, false, false, true, false]);
}

#[tokio::test]
async fn a_lost_call_ends_its_task_before_it_is_done() {
    let faults = Faults::new(serde_json::from_str(r#"[{"kind":"lost","service":"sts","times":1}]"#).unwrap());
    let (lost, kept) = (faults.trouble("sts", "AssumeRole", ""), faults.trouble("sts", "AssumeRole", ""));
    assert!(tokio::spawn(async move { lost.begin().await }).await.is_err());
    assert_eq!(kept.begin().await, None);
}
