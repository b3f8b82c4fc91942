//! The tags that a deployment would write, in the order in which `releasing` writes them. Pure.

use super::{Plan, forecast::Known};
use crate::stages::observe::Observation;
use shipgate_core::{
    digest::Digest,
    forecast::TagWrite,
    release::{self, Course, Preparation, RECORD_PREFIX, ReleaseVerb},
};

/// Every tag that would be written.
pub(super) fn writes(
    service: &str,
    digest: &Digest,
    seen: &Observation,
    plan: &Plan,
    course: &Course,
    known: &Known,
) -> Vec<TagWrite> {
    if course.first.is_none() && matches!(course.verb, ReleaseVerb::Nothing | ReleaseVerb::Follow(_)) {
        return Vec::new();
    }
    let mut writes = Vec::new();
    let gone = course.first == Some(Preparation::Delete);
    if let (Some((operation, _)), Some(note), false) = (release::serving(&seen.operations), &known.note, gone) {
        let (tag, digest) = (release::note_tag(service, &operation.id), note.clone());
        writes.push(TagWrite { tag, kind: "note", digest, operation: Some(operation.id.clone()) });
    }
    writes.extend(correction(service, digest, seen, plan).filter(|_| course.first.is_none()));
    let moved = plan.tag().filter(|_| plan.points_at.as_ref() != Some(digest));
    let deployment =
        moved.map(|tag| TagWrite { tag: tag.to_owned(), kind: "deployment", digest: digest.clone(), operation: None });
    let record = record(service, digest, seen, course);
    // Where the push deploys, the record comes first.
    if course.verb == ReleaseVerb::FollowPush {
        writes.push(record);
        writes.extend(deployment);
    } else {
        writes.extend(deployment);
        writes.push(record);
    }
    writes
}

/// A record of the newest operation that must not be believed any more: others have moved the tag since.
fn correction(service: &str, digest: &Digest, seen: &Observation, plan: &Plan) -> Option<TagWrite> {
    let found = seen.points_at.as_ref().filter(|found| plan.tag().is_some() && *found != digest)?;
    let tag = seen.record_of_newest(service).filter(|_| seen.recorded.as_ref() == Some(digest))?;
    let operation = seen.newest().map(|newest| newest.id.clone());
    Some(TagWrite { tag, kind: "record", digest: found.clone(), operation })
}

/// What the next operation deploys is recorded under the operation before it: one that has not begun has no id yet.
fn record(service: &str, digest: &Digest, seen: &Observation, course: &Course) -> TagWrite {
    let of = |tag: String, operation| TagWrite { tag, kind: "record", digest: digest.clone(), operation };
    let after = |what: &str| of(format!("{RECORD_PREFIX}{service}-<operation of {what}>"), None);
    match course.first {
        Some(Preparation::Resume) => after("ResumeService"),
        Some(Preparation::TurnOffAutoDeployments) => after("UpdateService"),
        Some(Preparation::Delete) => of(release::record_tag(service, None), None),
        Some(Preparation::Wait) | None => {
            let newest = seen.newest().map(|newest| &newest.id);
            of(release::record_tag(service, newest), newest.cloned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, RECORD_PREFIX, writes};
    use crate::{pipeline::plan::Plan, stages::observe::Observation};
    use shipgate_core::{
        digest::Digest,
        forecast::TagWrite,
        mutability::TagMutability,
        operation::{OperationId, OperationStatus},
        release::{Course, Identifier, OperationKind, PastOperation, Preparation, ReleaseVerb},
        service::RunSettings,
    };

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    /// v1 serves by operation `a2`; v2 is to be deployed.
    fn seen(points_at: &str, recorded: Option<&str>) -> Observation {
        let past = |id: &str, kind| {
            let (id, status) = (OperationId::new(id), OperationStatus::Succeeded);
            PastOperation { id, kind, status, started_at: None }
        };
        Observation {
            live: None,
            operations: vec![past("a2", OperationKind::StartDeployment), past("a1", OperationKind::CreateService)],
            repository: Ok(Some(TagMutability::default())),
            points_at: Some(digest(points_at)),
            recorded: recorded.map(digest),
            serving: None,
            claimed: None,
            began: jiff::Timestamp::now(),
        }
    }

    fn plan(seen: &Observation) -> Plan {
        let reference = "222222222222.dkr.ecr.eu-west-1.amazonaws.com/shop/api:live".parse().unwrap();
        Plan {
            identifier: Identifier::Tag(reference),
            taken_by: None,
            points_at: seen.points_at.clone(),
            course: Ok(Course { first: None, verb: ReleaseVerb::StartDeployment }),
            anew: None,
            settings: RunSettings::default(),
        }
    }

    fn said(seen: &Observation, first: Option<Preparation>, verb: ReleaseVerb, note: Option<&str>) -> Vec<String> {
        let known = Known { note: note.map(digest), ..Known::default() };
        let course = Course { first, verb };
        let name = |write: TagWrite| {
            let version = if write.digest == digest("v1") { "v1" } else { "v2" };
            format!("{} {} {version}", write.kind, write.tag)
        };
        writes("shop", &digest("v2"), seen, &plan(seen), &course, &known).into_iter().map(name).collect()
    }

    #[test]
    fn every_tag_is_listed_in_order() {
        use ReleaseVerb::{CreateService, FollowPush, Nothing, StartDeployment};
        let (moved, in_place) = (seen("v1", None), seen("v2", None));
        let (tag, record) = ("deployment live v2", "record shipgate-next-shop-a2 v2");
        assert_eq!(said(&moved, None, StartDeployment, None), [tag, record]);
        assert_eq!(said(&moved, Some(Preparation::Wait), StartDeployment, None), [tag, record]);
        assert_eq!(said(&in_place, None, StartDeployment, None), [record]);
        assert_eq!(said(&moved, None, FollowPush, None), [record, tag], "the push deploys");
        let note = "note shipgate-was-shop-a2 v1";
        assert_eq!(said(&moved, None, StartDeployment, Some("v1")), [note, tag, record]);
        // Others have moved the tag since this image was deployed: that record is corrected.
        let doubtful = seen("v1", Some("v2"));
        assert_eq!(said(&doubtful, None, StartDeployment, None), ["record shipgate-next-shop-a1 v1", tag, record]);
        let later = format!("record {RECORD_PREFIX}shop-<operation of ResumeService> v2");
        assert_eq!(said(&moved, Some(Preparation::Resume), StartDeployment, None), [tag, later.as_str()]);
        let created = "record shipgate-next-shop-create v2";
        assert_eq!(said(&moved, Some(Preparation::Delete), CreateService, None), [tag, created]);
        assert_eq!(said(&moved, None, Nothing, None), [""; 0]);
    }
}
