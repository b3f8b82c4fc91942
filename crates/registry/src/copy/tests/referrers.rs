//! Signatures, SBOMs and attestations: after their subject, from registries that list them and those that do not.

use super::{at, made, pair, request};
use crate::{
    copy::{CopyError, CopyImage, CopyOptions, CopySummary},
    tests::{
        client,
        fake::FakeRegistry,
        image::{TestImage, artifact, image, index},
        serve::Fault,
    },
};
use shipgate_core::{digest::Digest, referrers::ReferrersPolicy};

async fn copied(
    from: &FakeRegistry,
    to: &FakeRegistry,
    digest: &Digest,
    referrers: ReferrersPolicy,
) -> Result<CopySummary, CopyError> {
    let (source, destination) = (client(from.address()), client(to.address()));
    let destinations = [at(&destination)];
    let mut request = request(&source, CopyImage::Digest(digest), &destinations);
    request.options = CopyOptions { referrers, ..CopyOptions::default() };
    made(&request).await.map(|mut summaries| summaries.remove(0))
}

/// The tag that clients keep for registries that do not list referrers.
fn tag_of(digest: &Digest) -> String {
    format!("sha256-{}", digest.hex())
}

/// An image with an SBOM, and a signature of the SBOM.
fn signed() -> (TestImage, TestImage, TestImage) {
    let image = image(&[100]);
    let sbom = artifact(&image.manifest);
    let signature = artifact(&sbom.manifest);
    (image, sbom, signature)
}

#[tokio::test]
async fn what_a_registry_lists_is_copied_with_what_refers_to_that() {
    let (from, to) = pair().await;
    let (image, sbom, signature) = signed();
    for held in [&image, &sbom, &signature] {
        from.hold(held);
    }
    from.list_referrers(true);
    to.list_referrers(true);
    for round in 0..2 {
        let summary = copied(&from, &to, &image.manifest.digest, ReferrersPolicy::Require).await.unwrap();
        assert!(to.has(&image) && to.has(&sbom) && to.has(&signature));
        assert_eq!((summary.referrers, summary.is_unchanged()), (2, round == 1), "{round}");
    }
    assert_eq!(to.digest_of(&tag_of(&image.manifest.digest)), None);
    to.assert_content();
    from.assert_content();
}

#[tokio::test]
async fn where_registries_keep_no_account_the_tag_is_read_and_kept() {
    let (from, to) = pair().await;
    let (image, sbom, _) = signed();
    from.hold(&image);
    from.hold(&sbom);
    let list = index(&[&sbom.manifest]);
    from.hold_manifest(&tag_of(&image.manifest.digest), &list);
    from.list_referrers(false);
    to.list_referrers(false);
    // Another's signature is on that list already.
    let other = artifact(&image.manifest);
    to.hold(&other);
    to.hold_manifest(&tag_of(&image.manifest.digest), &index(&[&other.manifest]));
    copied(&from, &to, &image.manifest.digest, ReferrersPolicy::Require).await.unwrap();
    assert!(to.has(&image) && to.has(&sbom));
    let destination = client(to.address());
    let listed = destination.tagged_referrers("shop/api", &image.manifest.digest).await.unwrap();
    let digests: Vec<_> = listed.all.iter().map(|referrer| &referrer.digest).collect();
    assert_eq!(digests, [&other.manifest.digest, &sbom.manifest.digest]);
    to.assert_content();
}

#[tokio::test]
async fn the_tags_of_cosign_come_along() {
    let (from, to) = pair().await;
    let (outer, member, signature) = {
        let member = image(&[100]);
        (index(&[&member.manifest]), member, image(&[10]))
    };
    from.hold(&member);
    from.hold_manifest(outer.digest.as_str(), &outer);
    from.hold(&signature);
    let tag = format!("{}.sig", tag_of(&outer.digest));
    let of_member = format!("{}.att", tag_of(&member.manifest.digest));
    from.hold_manifest(&tag, &signature.manifest);
    from.hold_manifest(&of_member, &signature.manifest);
    from.list_referrers(true);
    to.list_referrers(true);
    copied(&from, &to, &outer.digest, ReferrersPolicy::Require).await.unwrap();
    assert!(to.has(&member) && to.has(&signature));
    for tag in [&tag, &of_member] {
        assert_eq!(to.digest_of(tag), Some(signature.manifest.digest.clone()), "{tag}");
    }
    to.assert_content();
}

/// The signature's layer is gone at the source.
#[tokio::test]
async fn one_that_cannot_be_had_is_a_failure_or_a_warning_and_the_image_is_there() {
    for policy in [ReferrersPolicy::Require, ReferrersPolicy::BestEffort] {
        let (from, to) = pair().await;
        let (image, sbom, _) = signed();
        from.hold(&image);
        from.hold_manifest(sbom.manifest.digest.as_str(), &sbom.manifest);
        from.list_referrers(true);
        to.list_referrers(true);
        let ended = copied(&from, &to, &image.manifest.digest, policy).await;
        match policy {
            ReferrersPolicy::Require => assert!(matches!(ended, Err(CopyError::Referrers { .. })), "{ended:?}"),
            ReferrersPolicy::BestEffort | ReferrersPolicy::Skip => assert_eq!(ended.unwrap().referrers, 0),
        }
        assert!(to.has(&image) && !to.has(&sbom));
        assert_eq!(to.manifests(), 1);
        to.assert_content();
    }
}

#[tokio::test]
async fn a_destination_that_takes_the_image_and_not_its_signature_is_told() {
    for policy in [ReferrersPolicy::Require, ReferrersPolicy::BestEffort] {
        let (from, to) = pair().await;
        let (image, sbom, _) = signed();
        from.hold(&image);
        from.hold(&sbom);
        from.list_referrers(true);
        to.list_referrers(true);
        to.fault(format!("PUT /v2/shop/api/manifests/{}", sbom.manifest.digest), Fault::Answer(405, "", vec![]));
        let ended = copied(&from, &to, &image.manifest.digest, policy).await;
        assert_eq!(ended.is_err(), policy == ReferrersPolicy::Require, "{ended:?}");
        assert!(to.has(&image));
        to.assert_content();
    }
}

#[tokio::test]
async fn nobody_asks_for_referrers_unless_they_are_wanted() {
    let (from, to) = pair().await;
    let (image, sbom, _) = signed();
    from.hold(&image);
    from.hold(&sbom);
    copied(&from, &to, &image.manifest.digest, ReferrersPolicy::Skip).await.unwrap();
    assert!(to.has(&image) && !to.has(&sbom));
    from.assert_content();
    to.assert_content();
}
