//! Operations and records, and the versions they come to.

use std::collections::BTreeMap;

use super::{
    Attempt, AttemptEnd, Digest, History, OperationId, OperationKind, OperationStatus, PastOperation, WayBack, attempt,
    deployments, failed_deployments, history,
};

/// `KIND:STATUS` of operations, newest first: their ids count down to 1.
fn operations(words: &[&str]) -> Vec<PastOperation> {
    let one = |(at, word): (usize, &&str)| {
        let (kind, status) = word.split_once(':').unwrap();
        let kind = match kind {
            "create" => OperationKind::CreateService,
            "start" => OperationKind::StartDeployment,
            "update" => OperationKind::UpdateService,
            "resume" => OperationKind::ResumeService,
            "delete" => OperationKind::DeleteService,
            "pause" => OperationKind::Other,
            other => panic!("{other}"),
        };
        let id = OperationId::new((words.len() - at).to_string());
        PastOperation { id, kind, status: OperationStatus::from(status.to_owned()), started_at: None }
    };
    words.iter().enumerate().map(one).collect()
}

/// `TAG=VERSION`, the tag without `shipgate-` and the service's name: `next-create`, `next-1`, `was-2`.
fn record(words: &[&str]) -> BTreeMap<String, Digest> {
    let one = |word: &&str| {
        let (tag, version) = word.split_once('=').unwrap();
        let (kind, operation) = tag.split_once('-').unwrap();
        (format!("shipgate-{kind}-shop-{operation}"), version_of(version))
    };
    words.iter().map(one).collect()
}

fn version_of(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// `SERVING BEFORE`, and what is passed over.
fn said(history: &History) -> String {
    let name = |digest: &Option<Digest>| {
        let known = ["v1", "v2", "v3", "v4"].into_iter().find(|name| Some(version_of(name)) == *digest);
        known.unwrap_or("-").to_owned()
    };
    let over: Vec<&str> = history.unknown.iter().map(OperationId::as_str).collect();
    format!("{} {} {}", name(&history.serving), name(&history.before), over.join(",")).trim_end().to_owned()
}

#[test]
fn what_serves_and_what_served_before_it() {
    // Operations, newest first; record; what is to be read.
    let table: &[(&[&str], &[&str], &str)] = &[
        (&[], &[], "- -"),
        (&["create:SUCCEEDED"], &["next-create=v1"], "v1 -"),
        (&["create:FAILED"], &["next-create=v1"], "- -"),
        (&["start:SUCCEEDED", "create:SUCCEEDED"], &["next-create=v1", "next-1=v2"], "v2 v1"),
        // What did not succeed, and what deploys nothing, is no version.
        (&["start:ROLLBACK_SUCCEEDED", "create:SUCCEEDED"], &["next-create=v1", "next-1=v2"], "v1 -"),
        (
            &["start:FAILED", "start:SUCCEEDED", "create:SUCCEEDED"],
            &["next-create=v1", "next-1=v2", "next-2=v3"],
            "v2 v1",
        ),
        (
            &["start:SUCCEEDED", "start:ROLLBACK_FAILED", "create:SUCCEEDED"],
            &["next-create=v1", "next-1=v2", "next-2=v3"],
            "v3 v1",
        ),
        (
            &["start:SUCCEEDED", "resume:SUCCEEDED", "pause:SUCCEEDED", "create:SUCCEEDED"],
            &["next-create=v1", "next-1=v3", "next-3=v2"],
            "v2 v1",
        ),
        (&["update:SUCCEEDED", "create:FAILED"], &["next-create=v1", "next-1=v2"], "v2 -"),
        // What is under way serves not yet: a run that is cut off and begun again means the same versions.
        (
            &["start:IN_PROGRESS", "start:SUCCEEDED", "create:SUCCEEDED"],
            &["next-create=v1", "next-1=v2", "next-2=v1"],
            "v2 v1",
        ),
        (
            &["start:PENDING", "start:SUCCEEDED", "create:SUCCEEDED"],
            &["next-create=v1", "next-1=v2", "next-2=v1"],
            "v2 v1",
        ),
        // A record of what never began says nothing.
        (&["start:SUCCEEDED", "create:SUCCEEDED"], &["next-create=v1", "next-1=v2", "next-2=v3"], "v2 v1"),
        // The same image twice is one version.
        (
            &["start:SUCCEEDED", "start:SUCCEEDED", "create:SUCCEEDED"],
            &["next-create=v1", "next-1=v2", "next-2=v2"],
            "v2 v1",
        ),
        (&["start:SUCCEEDED", "create:SUCCEEDED"], &["next-create=v1", "next-1=v1"], "v1 -"),
        // There and back: the version before is the one that was left.
        (
            &["start:SUCCEEDED", "start:SUCCEEDED", "create:SUCCEEDED"],
            &["next-create=v1", "next-1=v2", "next-2=v1"],
            "v1 v2",
        ),
        // The record counts, then the note.
        (&["start:SUCCEEDED", "start:SUCCEEDED"], &["next-1=v2", "was-1=v1"], "v2 v1"),
        (&["start:SUCCEEDED", "create:SUCCEEDED"], &["next-1=v2", "was-1=v1", "next-create=v3"], "v2 v3"),
        (&["start:SUCCEEDED", "create:SUCCEEDED"], &["was-2=v2", "was-1=v1"], "v2 v1"),
        // Others deployed in between, and nobody knows what.
        (&["start:SUCCEEDED", "start:SUCCEEDED", "create:SUCCEEDED"], &["next-create=v1", "next-2=v3"], "v3 v1 2"),
        (&["start:SUCCEEDED", "create:SUCCEEDED"], &["next-1=v2"], "v2 - 1"),
        // Nobody knows what serves: so nobody knows what is before it.
        (&["start:SUCCEEDED", "create:SUCCEEDED"], &["next-create=v1"], "- -"),
        // The list is cut off: what its oldest deployed is not what the service was created with.
        (&["start:SUCCEEDED", "start:SUCCEEDED"], &["next-create=v1", "next-1=v2"], "v2 - 1"),
    ];
    for (listed, recorded, expected) in table {
        let deployments = deployments("shop", &operations(listed));
        assert_eq!(said(&history(&deployments, &record(recorded), None, None)), *expected, "{listed:?} {recorded:?}");
    }
}

#[test]
fn what_is_certain_counts_most_and_what_is_assumed_least() {
    let (second, third) = (version_of("v2"), version_of("v3"));
    let deployments = deployments("shop", &operations(&["start:SUCCEEDED", "start:SUCCEEDED", "create:SUCCEEDED"]));
    let both = record(&["next-create=v1", "next-1=v2", "next-2=v4"]);
    let newest_is_missing = record(&["next-create=v1", "next-1=v2"]);
    let read = |record, serving, assumed| said(&history(&deployments, record, serving, assumed));
    assert_eq!(read(&both, Some(&third), Some(&second)), "v3 v2");
    assert_eq!(read(&both, None, Some(&third)), "v4 v2");
    assert_eq!(read(&newest_is_missing, None, Some(&third)), "v3 v2");
    assert_eq!(read(&newest_is_missing, None, Some(&second)), "v2 v1");
    assert_eq!(said(&history(&[], &both, Some(&third), None)), "v3 -");
    // Where nothing ever succeeded, what a tag points at says nothing.
    assert_eq!(said(&history(&[], &both, None, Some(&third))), "- -");
}

/// The whole history, as it is read from tags: the last attempt with what the record says of it.
fn whole(listed: &[&str], recorded: &[&str]) -> History {
    let (operations, record) = (operations(listed), record(recorded));
    let attempt = attempt("shop", &operations).map(|(operation, end, tag)| Attempt {
        operation,
        end,
        digest: tag.and_then(|tag| record.get(&tag).cloned()),
    });
    History { attempt, ..history(&deployments("shop", &operations), &record, None, None) }
}

#[test]
fn rollback_goes_back_one_step() {
    const RECORD: &[&str] = &["next-create=v1", "next-1=v2", "next-2=v3", "next-3=v4"];
    let back: &[(&[&str], &[&str], &str)] = &[
        (&["start:SUCCEEDED", "create:SUCCEEDED"], RECORD, "v2 to v1"),
        (&["create:SUCCEEDED"], RECORD, "nowhere"),
        // App Runner went back: the way back leads to what serves, once and again.
        (&["start:ROLLBACK_SUCCEEDED", "start:SUCCEEDED", "create:SUCCEEDED"], RECORD, "v2, which serves"),
        (&["update:ROLLBACK_SUCCEEDED", "start:SUCCEEDED", "create:SUCCEEDED"], RECORD, "v2, which serves"),
        (
            &["start:ROLLBACK_SUCCEEDED", "start:ROLLBACK_SUCCEEDED", "start:SUCCEEDED", "create:SUCCEEDED"],
            RECORD,
            "v2, which serves",
        ),
        (&["start:ROLLBACK_SUCCEEDED", "create:SUCCEEDED"], RECORD, "v1, which serves"),
        (
            &["resume:SUCCEEDED", "pause:SUCCEEDED", "start:ROLLBACK_SUCCEEDED", "start:SUCCEEDED", "create:SUCCEEDED"],
            &["next-create=v1", "next-1=v2", "next-2=v3"],
            "v2, which serves",
        ),
        // Once something has succeeded again, that serves.
        (&["start:SUCCEEDED", "start:ROLLBACK_SUCCEEDED", "start:SUCCEEDED", "create:SUCCEEDED"], RECORD, "v4 to v2"),
        (
            &["start:SUCCEEDED", "start:ROLLBACK_SUCCEEDED", "create:SUCCEEDED"],
            &["next-create=v1", "next-1=v2", "next-2=v1"],
            "nowhere",
        ),
        // What serves is not certain then, and it is still the way back.
        (&["start:ROLLBACK_FAILED", "start:SUCCEEDED", "create:SUCCEEDED"], RECORD, "v2, which served"),
        (&["start:FAILED", "start:SUCCEEDED", "create:SUCCEEDED"], RECORD, "v2, which served"),
        (&["start:NEW_WORD", "start:SUCCEEDED", "create:SUCCEEDED"], RECORD, "v2, which served"),
        // A deployment that runs may end either way, and the way back is the same; one of our own is resumed.
        (&["start:IN_PROGRESS", "start:SUCCEEDED", "create:SUCCEEDED"], RECORD, "v2, which serves, while 3 runs"),
        (
            &["start:ROLLBACK_IN_PROGRESS", "start:SUCCEEDED", "create:SUCCEEDED"],
            RECORD,
            "v2, which serves, while 3 runs",
        ),
        (
            &["start:IN_PROGRESS", "start:SUCCEEDED", "create:SUCCEEDED"],
            &["next-create=v1", "next-1=v2"],
            "v2, which serves, while 3 runs",
        ),
        (
            &["start:IN_PROGRESS", "start:SUCCEEDED", "create:SUCCEEDED"],
            &["next-create=v1", "next-1=v2", "next-2=v1"],
            "v2 to v1",
        ),
        (
            &["start:PENDING", "start:SUCCEEDED", "create:SUCCEEDED"],
            &["next-create=v1", "next-1=v2", "next-2=v2"],
            "v2 to v1",
        ),
        // The record is gone, or was never there.
        (
            &["start:ROLLBACK_SUCCEEDED", "start:SUCCEEDED", "create:SUCCEEDED"],
            &["next-create=v1", "next-2=v3"],
            "nowhere",
        ),
        (&["start:ROLLBACK_SUCCEEDED", "start:SUCCEEDED", "create:SUCCEEDED"], &["was-2=v2"], "v2, which serves"),
        (&["start:ROLLBACK_SUCCEEDED", "create:SUCCEEDED"], &[], "nowhere"),
        (&["create:FAILED"], &["next-create=v1"], "nowhere"),
        (&[], &[], "nowhere"),
    ];
    for (listed, recorded, expected) in back {
        let history = whole(listed, recorded);
        let name =
            |digest: &Digest| ["v1", "v2", "v3", "v4"].into_iter().find(|name| version_of(name) == *digest).unwrap();
        let said = match history.way_back() {
            None => "nowhere".to_owned(),
            Some(WayBack::Previous { serving, before }) => format!("{} to {}", name(serving), name(before)),
            Some(WayBack::Serving(serving, attempt)) => match attempt.end {
                AttemptEnd::RolledBack => format!("{}, which serves", name(serving)),
                AttemptEnd::Failed => format!("{}, which served", name(serving)),
                AttemptEnd::Running => format!("{}, which serves, while {} runs", name(serving), attempt.operation),
            },
        };
        assert_eq!(said, *expected, "{listed:?} {recorded:?}");
        let serves_by_rollback = history.was_rolled_back_to(&version_of("v2"));
        assert_eq!(serves_by_rollback, *expected == "v2, which serves", "{listed:?} {recorded:?}");
    }
}

#[test]
fn failed_deployments_have_their_records() {
    let listed =
        operations(&["start:ROLLBACK_SUCCEEDED", "start:SUCCEEDED", "update:FAILED", "resume:FAILED", "create:FAILED"]);
    let failed: Vec<String> =
        failed_deployments("shop", &listed).iter().map(|(id, tag)| format!("{id} {tag}")).collect();
    assert_eq!(failed, ["5 shipgate-next-shop-4", "3 shipgate-next-shop-2", "1 shipgate-next-shop-create"]);
    let cut_off = operations(&["start:FAILED", "start:FAILED"]);
    assert_eq!(failed_deployments("shop", &cut_off).len(), 1, "of the oldest nothing is known");
}
