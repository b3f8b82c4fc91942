//! Registries that do not list referrers as the specification says, and lists that are wrong.

use std::sync::{Arc, Mutex};

use super::{at, pair, request, told};
use crate::{
    copy::{CopyError, CopyImage, CopyOptions, CopySummary},
    tests::{
        client,
        fake::FakeRegistry,
        image::{INDEX, TestImage, artifact, described, image, index, index_for},
        serve::Fault,
    },
};
use shipgate_core::{
    digest::Digest,
    event::{Emitter, Event},
    manifest::RawManifest,
    referrers::ReferrersPolicy,
};

/// Copies with all referrers; what came of it, and the warnings.
async fn copied(
    from: &FakeRegistry,
    to: &FakeRegistry,
    digest: &Digest,
    referrers: ReferrersPolicy,
) -> (Result<CopySummary, CopyError>, Vec<String>) {
    let (source, destination) = (client(from.address()), client(to.address()));
    let destinations = [at(&destination)];
    let mut request = request(&source, CopyImage::Digest(digest), &destinations);
    request.options = CopyOptions { referrers, ..CopyOptions::default() };
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let log = warnings.clone();
    let events = Emitter::new(move |event| {
        if let Event::Warning { message } = event {
            log.lock().unwrap().push(message);
        }
    });
    let ended = told(&request, &events).await.map(|mut summaries| summaries.remove(0));
    let warnings = warnings.lock().unwrap().clone();
    (ended, warnings)
}

fn tag_of(digest: &Digest) -> String {
    format!("sha256-{}", digest.hex())
}

/// A request for the image's referrers meets this answer.
fn answer(registry: &FakeRegistry, image: &TestImage, status: u16, body: &str) {
    let body: &'static str = Box::leak(body.to_owned().into_boxed_str());
    registry
        .fault(format!("GET /v2/shop/api/referrers/{}", image.manifest.digest), Fault::Answer(status, body, vec![]));
}

const NO_LISTS: [(u16, &str); 17] = [
    (200, "<html><body>Sign in</body></html>"),
    (200, "null"),
    (200, ""),
    (200, "[]"),
    (200, "{}"),
    (200, r#"{"schemaVersion":2,"config":{},"layers":[]}"#),
    (200, r#"{"errors":[{"code":"UNSUPPORTED"}]}"#),
    (204, ""),
    (400, r#"{"errors":[{"code":"UNSUPPORTED","message":"no"}]}"#),
    (400, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]}"#),
    (403, r#"{"errors":[{"code":"DENIED","message":"no"}]}"#),
    (404, "404 page not found"),
    (404, r#"{"errors":[{"code":"NAME_UNKNOWN","message":"no"}]}"#),
    (405, ""),
    (406, "<html></html>"),
    (410, ""),
    (501, ""),
];

#[tokio::test]
async fn whatever_is_no_list_leads_to_the_tag() {
    for (status, body) in NO_LISTS {
        for has_tag in [true, false] {
            let (from, to) = pair().await;
            let image = image(&[100]);
            let sbom = artifact(&image.manifest);
            from.hold(&image);
            from.hold(&sbom);
            if has_tag {
                from.hold_manifest(&tag_of(&image.manifest.digest), &index(&[&sbom.manifest]));
            }
            from.list_referrers(true);
            to.list_referrers(true);
            answer(&from, &image, status, body);
            let (ended, warnings) = copied(&from, &to, &image.manifest.digest, ReferrersPolicy::Require).await;
            assert_eq!(ended.unwrap().referrers, u64::from(has_tag), "{status} {body}");
            assert_eq!((to.has(&sbom), warnings), (has_tag, Vec::new()), "{status} {body}");
            assert_eq!(to.digest_of(&tag_of(&image.manifest.digest)), None, "the destination lists them itself");
            from.assert_content();
            to.assert_content();
        }
    }
}

#[tokio::test]
async fn no_account_at_the_destination_is_kept_by_tag_and_only_of_what_there_is() {
    for (status, body) in NO_LISTS {
        for has_referrer in [true, false] {
            let (from, to) = pair().await;
            let image = image(&[100]);
            let sbom = artifact(&image.manifest);
            from.hold(&image);
            if has_referrer {
                from.hold(&sbom);
                answer(&to, &image, status, body);
            }
            from.list_referrers(true);
            copied(&from, &to, &image.manifest.digest, ReferrersPolicy::Require).await.0.unwrap();
            assert_eq!(to.digest_of(&tag_of(&image.manifest.digest)).is_some(), has_referrer, "{status} {body}");
            to.assert_content();
        }
    }
}

#[tokio::test]
async fn what_is_about_the_caller_or_passes_by_itself_is_no_answer() {
    for (status, times) in [(401, 1), (429, 9), (500, 5), (503, 5)] {
        let (from, to) = pair().await;
        let image = image(&[100]);
        from.hold(&image);
        from.list_referrers(true);
        to.list_referrers(true);
        (0..times).for_each(|_| answer(&from, &image, status, ""));
        let (ended, _) = copied(&from, &to, &image.manifest.digest, ReferrersPolicy::Require).await;
        assert!(matches!(ended, Err(CopyError::Referrers { .. })), "{status}: {ended:?}");
        assert!(to.has(&image));
        from.assert_content();
    }
}

/// Such as that of a pipeline that names an image by the commit or the digest of its source.
#[tokio::test]
async fn a_tag_of_that_name_with_an_image_is_no_list() {
    for is_index in [true, false] {
        let (from, to) = pair().await;
        let (image, other) = (image(&[100]), image(&[200]));
        for held in [&image, &other] {
            from.hold(held);
            to.hold(held);
        }
        let for_platforms = index_for(&[(&other.manifest, "linux", "amd64")]);
        let tagged = if is_index { &for_platforms } else { &other.manifest };
        let tag = tag_of(&image.manifest.digest);
        from.hold_manifest(&tag, tagged);
        from.list_referrers(false);
        to.list_referrers(false);
        let (ended, warnings) = copied(&from, &to, &image.manifest.digest, ReferrersPolicy::Require).await;
        assert_eq!((ended.unwrap().referrers, warnings), (0, Vec::new()));
        assert_eq!(to.digest_of(&tag), None);

        // And where the destination has it, it stays.
        let sbom = artifact(&image.manifest);
        from.hold(&sbom);
        from.hold_manifest(&tag, &index(&[&sbom.manifest]));
        to.hold_manifest(&tag, tagged);
        let (ended, _) = copied(&from, &to, &image.manifest.digest, ReferrersPolicy::Require).await;
        let error = ended.unwrap_err();
        assert!(error.chain().contains("not a list of referrers"), "{}", error.chain());
        assert_eq!(to.digest_of(&tag).as_ref(), Some(&tagged.digest));
        assert!(to.has(&sbom));
    }
}

#[tokio::test]
async fn entries_that_are_wrong_are_passed_over_and_the_others_copied() {
    for listed in [true, false] {
        let (from, to) = pair().await;
        let (image, other) = (image(&[100]), image(&[200]));
        let (sbom, of_other) = (artifact(&image.manifest), artifact(&other.manifest));
        for held in [&image, &sbom, &of_other] {
            from.hold(held);
        }
        let entry = |raw: &RawManifest| described(&raw.media_type, &raw.bytes);
        let entries = [&of_other, &image, &sbom, &sbom].map(|one| entry(&one.manifest)).join(",");
        let list = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{entries}]}}"#);
        if listed {
            from.list_referrers(true);
            answer(&from, &image, 200, &list);
        } else {
            from.list_referrers(false);
            from.hold_manifest(&tag_of(&image.manifest.digest), &RawManifest::new(INDEX, list.into()));
        }
        to.list_referrers(false);
        let (ended, warnings) = copied(&from, &to, &image.manifest.digest, ReferrersPolicy::Require).await;
        assert_eq!(ended.unwrap().referrers, 1);
        assert!(to.has(&sbom) && !to.has(&of_other));
        assert!(matches!(&warnings[..], [one] if one.contains("another subject")), "{warnings:?}");
        let kept = client(to.address()).tagged_referrers("shop/api", &image.manifest.digest).await.unwrap();
        assert_eq!(kept.all.iter().map(|one| &one.digest).collect::<Vec<_>>(), [&sbom.manifest.digest]);
        to.assert_content();
    }
}

#[tokio::test]
async fn missing_referrers_fail_or_are_reported() {
    for listed in [true, false] {
        for policy in [ReferrersPolicy::Require, ReferrersPolicy::BestEffort] {
            let (from, to) = pair().await;
            let image = image(&[100]);
            let (sbom, gone) = (artifact(&image.manifest), artifact(&image.manifest));
            from.hold(&image);
            from.hold(&sbom);
            let list = index(&[&gone.manifest, &sbom.manifest]);
            from.list_referrers(listed);
            to.list_referrers(true);
            if listed {
                answer(&from, &image, 200, std::str::from_utf8(&list.bytes).unwrap());
            } else {
                from.hold_manifest(&tag_of(&image.manifest.digest), &list);
            }
            let (ended, warnings) = copied(&from, &to, &image.manifest.digest, policy).await;
            let missing = gone.manifest.digest.as_str();
            if policy == ReferrersPolicy::Require {
                let error = ended.unwrap_err();
                assert!(error.chain().contains(missing) && warnings.is_empty(), "{}", error.chain());
            } else {
                assert_eq!(ended.unwrap().referrers, 1);
                assert!(to.has(&sbom) && matches!(&warnings[..], [one] if one.contains(missing)), "{warnings:?}");
            }
            to.assert_content();
        }
    }
}

/// A request for the image's referrers meets this answer, which its media type calls an index.
fn answer_index(registry: &FakeRegistry, image: &TestImage, body: &str) {
    let body: &'static str = Box::leak(body.to_owned().into_boxed_str());
    let headers = vec![("content-type", INDEX.to_owned())];
    registry.fault(format!("GET /v2/shop/api/referrers/{}", image.manifest.digest), Fault::Answer(200, body, headers));
}

#[tokio::test]
async fn a_cut_index_is_not_no_referrers() {
    for policy in [ReferrersPolicy::Require, ReferrersPolicy::BestEffort] {
        let (from, to) = pair().await;
        let image = image(&[100]);
        from.hold(&image);
        from.list_referrers(true);
        to.list_referrers(true);
        answer_index(&from, &image, r#"{"schemaVersion":2,"manifests":[{"dig"#);
        let (ended, warnings) = copied(&from, &to, &image.manifest.digest, policy).await;
        if policy == ReferrersPolicy::Require {
            let error = ended.unwrap_err();
            assert!(error.chain().contains("list of referrers cannot be read"), "{}", error.chain());
        } else {
            assert_eq!(ended.unwrap().referrers, 0);
            assert!(matches!(&warnings[..], [one] if one.contains("cannot be read")), "{warnings:?}");
        }
        to.assert_content();
    }
}

#[tokio::test]
async fn wrong_entries_of_an_index_are_skipped() {
    let (from, to) = pair().await;
    let image = image(&[100]);
    let sbom = artifact(&image.manifest);
    from.hold(&image);
    from.hold(&sbom);
    from.list_referrers(true);
    to.list_referrers(true);
    let entry = described(&sbom.manifest.media_type, &sbom.manifest.bytes);
    answer_index(
        &from,
        &image,
        &format!(r#"{{"annotations":{{"a":"\ud83d"}},"manifests":[null,{entry},{{"digest":7}}]}}"#),
    );
    let (ended, warnings) = copied(&from, &to, &image.manifest.digest, ReferrersPolicy::Require).await;
    assert_eq!(ended.unwrap().referrers, 1);
    assert!(to.has(&sbom) && matches!(&warnings[..], [one] if one.contains("2 entries")), "{warnings:?}");
    to.assert_content();
}

#[tokio::test]
async fn a_list_is_read_to_its_end_or_not_at_all() {
    let next = |query: &str| vec![("link", format!("<{query}>; rel=\"next\""))];
    let empty = r#"{"schemaVersion":2,"manifests":[]}"#;
    let table = [
        (vec![Fault::Answer(200, empty, next("?last=a")), Fault::Answer(200, empty, vec![])], None),
        (vec![Fault::Answer(200, empty, next("?last=a")), Fault::Answer(404, "", vec![])], Some("not an index")),
        (
            vec![Fault::Answer(200, empty, next("?last=a")), Fault::Answer(200, empty, next("?last=a"))],
            Some("does not end"),
        ),
    ];
    for (answers, said) in table {
        let (from, to) = pair().await;
        let image = image(&[100]);
        from.hold(&image);
        from.list_referrers(true);
        to.list_referrers(true);
        for answer in answers {
            from.fault("GET /v2/shop/api/referrers/", answer);
        }
        let (ended, _) = copied(&from, &to, &image.manifest.digest, ReferrersPolicy::Require).await;
        let error = ended.err().map(|error| error.chain()).unwrap_or_default();
        assert!(said.map_or(error.is_empty(), |said| error.contains(said)), "{said:?}: {error}");
        from.assert_content();
    }
}

/// Attestations of the images of an index that is in an index.
#[tokio::test]
async fn members_of_indexes_within_indexes_have_referrers_too() {
    let (from, to) = pair().await;
    let member = image(&[100]);
    let inner = index(&[&member.manifest]);
    let outer = index(&[&inner]);
    let sbom = artifact(&member.manifest);
    from.hold(&member);
    from.hold(&sbom);
    from.hold_manifest(inner.digest.as_str(), &inner);
    from.hold_manifest(outer.digest.as_str(), &outer);
    from.list_referrers(true);
    to.list_referrers(true);
    let (ended, _) = copied(&from, &to, &outer.digest, ReferrersPolicy::Require).await;
    assert_eq!(ended.unwrap().referrers, 1);
    assert!(to.has(&sbom));
    to.assert_content();
}
