//! Images as they are: indexes, shared blobs, and what is refused by name.

use super::{at, copy_over, made, pair, request};
use crate::{
    copy::{CopyDestination, CopyError, CopyImage, CopyPool},
    tests::{
        client,
        fake::FakeRegistry,
        image::{LAYER, TestImage, image, image_of, index, index_for, random_bytes},
    },
};
use shipgate_core::{digest::Digest, manifest::RawManifest};

#[tokio::test]
async fn an_index_comes_with_all_its_platforms_and_after_them() {
    let (from, to) = pair().await;
    let shared = random_bytes(5000);
    let members: Vec<TestImage> = (0..3).map(|_| image_of(LAYER, vec![shared.clone(), random_bytes(300)])).collect();
    let inner = index(&[&members[2].manifest]);
    let outer = index(&[&members[0].manifest, &members[1].manifest, &inner]);
    for member in &members {
        from.hold(member);
    }
    from.hold_manifest(inner.digest.as_str(), &inner);
    from.hold_manifest(outer.digest.as_str(), &outer);
    to.hold(&members[1]);

    let summary = copy_over(&from, &to, &outer.digest).await.unwrap();
    // The shared layer and all of member 1 are there; config and own layer of two others are not.
    assert_eq!((summary.blobs_copied, summary.bytes_sent), (4, 800));
    assert!(members.iter().all(|member| to.has(member)));
    assert_eq!(to.manifests(), 5);
    let written: Vec<_> =
        to.requests().into_iter().filter(|line| line.starts_with("PUT /v2/shop/api/manifests")).collect();
    assert_eq!(written.len(), 4);
    assert!(written[3].ends_with(outer.digest.as_str()));
    from.assert_content();
    to.assert_content();
}

#[tokio::test]
async fn images_side_by_side_send_what_they_share_once() {
    let (from, to) = pair().await;
    let shared = random_bytes(400_000);
    let images: Vec<TestImage> = (0..4).map(|_| image_of(LAYER, vec![shared.clone(), random_bytes(300)])).collect();
    for image in &images {
        from.hold(image);
    }
    let (here, there) = (client(from.address()), client(to.address()));
    let destinations = [at(&there)];
    let pool = CopyPool::default();
    let copies = images.iter().map(|image| {
        let mut request = request(&here, CopyImage::Digest(&image.manifest.digest), &destinations);
        request.options.pool = pool.clone();
        async move { made(&request).await.unwrap().remove(0) }
    });
    let summaries = futures_util::future::join_all(copies).await;
    assert!(images.iter().all(|image| to.has(image)));
    // A configuration and a layer of its own each, and the one that all have.
    assert_eq!(summaries.iter().map(|summary| summary.bytes_sent).sum::<u64>(), 4 * 400 + 400_000);
    let uploads = to.requests().iter().filter(|line| line.starts_with("PUT /v2/shop/api/blobs/uploads/")).count();
    assert_eq!(uploads, 2 * 4 + 1);
    from.assert_content();
    to.assert_content();
}

#[tokio::test]
async fn a_member_that_is_missing_at_the_source_leaves_nothing_behind() {
    let (from, to) = pair().await;
    let member = image(&[100]);
    let outer = index(&[&member.manifest]);
    from.hold_manifest(outer.digest.as_str(), &outer);
    let error = copy_over(&from, &to, &outer.digest).await.unwrap_err();
    assert!(
        matches!(&error, CopyError::SourceMissing { reference, .. } if *reference == member.manifest.digest.as_str()),
        "{error}"
    );
    assert!(to.is_empty());
    to.assert_content();
}

#[tokio::test]
async fn the_same_blob_twice_is_moved_once() {
    let (from, to) = pair().await;
    let layer = random_bytes(1000);
    let image = image_of(LAYER, vec![layer.clone(), layer]);
    from.hold(&image);
    let summary = copy_over(&from, &to, &image.manifest.digest).await.unwrap();
    assert_eq!((summary.blobs_copied, summary.bytes_sent), (2, 1100));
    to.assert_content();
}

const FOREIGN: [&str; 2] = [
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
];

/// An image with a layer of this type, which may be elsewhere too.
fn foreign_image(media_type: &str, urls: &str) -> TestImage {
    let mut image = image_of(media_type, vec![random_bytes(10)]);
    let text = String::from_utf8(image.manifest.bytes.to_vec()).unwrap();
    let text = text.replace(r#""size":10}"#, &format!(r#""size":10{urls}}}"#));
    image.manifest = RawManifest::new(image.manifest.media_type, text.into());
    image
}

#[tokio::test]
async fn absent_foreign_layers_are_refused_by_name() {
    for media_type in FOREIGN {
        let (from, to) = pair().await;
        let image = foreign_image(media_type, r#","urls":["https://example.com/layer"]"#);
        from.hold_blob(Digest::of(&image.blobs[0]).as_str(), image.blobs[0].clone());
        from.hold_manifest(image.manifest.digest.as_str(), &image.manifest);
        let error = copy_over(&from, &to, &image.manifest.digest).await.unwrap_err();
        assert!(matches!(&error, CopyError::ForeignLayer { .. }), "{error}");
        assert!(
            error.to_string().contains(media_type) && error.to_string().contains(Digest::of(&image.blobs[1]).as_str())
        );
        assert!(to.is_empty());
    }
}

#[tokio::test]
async fn foreign_layers_in_the_registry_are_copied() {
    for media_type in FOREIGN {
        for urls in ["", r#","urls":[]"#, r#","urls":null"#, r#","urls":["https://example.com/layer"]"#] {
            let (from, to) = pair().await;
            let image = foreign_image(media_type, urls);
            from.hold(&image);
            copy_over(&from, &to, &image.manifest.digest).await.unwrap();
            assert!(to.has(&image), "{media_type} {urls}");
            to.assert_content();
        }
    }
}

#[tokio::test]
async fn schema_1_is_refused_by_name() {
    let (from, to) = pair().await;
    let old =
        RawManifest::new("application/vnd.docker.distribution.manifest.v1+prettyjws", r#"{"schemaVersion":1}"#.into());
    from.hold_manifest(old.digest.as_str(), &old);
    let error = copy_over(&from, &to, &old.digest).await.unwrap_err();
    assert!(matches!(&error, CopyError::Manifest { .. }), "{error}");
    let chain = format!("{error}: {}", std::error::Error::source(&error).unwrap());
    assert!(chain.contains("manifest.v1+prettyjws") && error.hint().is_some(), "{chain}");
    assert!(to.is_empty());
}

#[tokio::test]
async fn indexes_without_end_are_refused() {
    let (from, to) = pair().await;
    let mut outer = index(&[]);
    for _ in 0..5 {
        from.hold_manifest(outer.digest.as_str(), &outer);
        outer = index(&[&outer]);
    }
    from.hold_manifest(outer.digest.as_str(), &outer);
    let error = copy_over(&from, &to, &outer.digest).await.unwrap_err();
    assert!(matches!(&error, CopyError::TooDeep { .. }), "{error}");
    assert!(to.is_empty());
}

#[tokio::test]
async fn within_a_registry_blobs_are_mounted_or_else_uploaded_to_the_session_that_comes_instead() {
    for mounts in [true, false] {
        let server = FakeRegistry::start().await;
        server.add_repository("shop/web", mounts);
        let image = image(&[1000, 2000]);
        server.hold(&image);
        let registry = client(server.address());
        let summaries = made(&request(
            &registry,
            CopyImage::Digest(&image.manifest.digest),
            &[CopyDestination { repository: "shop/web", ..at(&registry) }],
        ))
        .await
        .unwrap();
        assert!(server.has_in("shop/web", &image));
        let summary = &summaries[0];
        let expected = if mounts { (0, 3, 0) } else { (3, 0, 3100) };
        assert_eq!((summary.blobs_copied, summary.blobs_mounted, summary.bytes_sent), expected);
        // HEAD and POST a blob, and GET and PUT where it is not mounted.
        assert_eq!(summaries[0].requests, if mounts { 2 } else { 4 } * 3 + 3);
        server.assert_content();
    }
}

async fn for_platform(
    from: &FakeRegistry,
    to: &FakeRegistry,
    digest: &Digest,
    platform: &str,
) -> Result<(), CopyError> {
    let (source, destination) = (client(from.address()), client(to.address()));
    let destinations = [at(&destination)];
    let mut request = request(&source, CopyImage::Digest(digest), &destinations);
    request.options.platform = Some(platform.to_owned());
    made(&request).await.map(drop)
}

/// Never an index that names what is not there.
#[tokio::test]
async fn one_platform_is_copied_under_its_own_digest() {
    let (from, to) = pair().await;
    let (intel, arm) = (image(&[100]), image(&[200]));
    let outer = index_for(&[(&arm.manifest, "linux", "arm64"), (&intel.manifest, "linux", "amd64")]);
    from.hold(&intel);
    from.hold(&arm);
    from.hold_manifest(outer.digest.as_str(), &outer);
    for_platform(&from, &to, &outer.digest, "linux/amd64").await.unwrap();
    assert!(to.has(&intel) && !to.has(&arm));
    assert_eq!(to.manifests(), 1);
    to.assert_content();

    let error = for_platform(&from, &to, &outer.digest, "windows/amd64").await.unwrap_err();
    assert!(matches!(&error, CopyError::NoSuchPlatform { .. }), "{error}");
    assert!(error.to_string().contains("linux/arm64, linux/amd64") && error.hint().is_some(), "{error}");
    assert_eq!(to.manifests(), 1);
}

#[tokio::test]
async fn empty_indexes_are_named_as_such() {
    let (from, to) = pair().await;
    let empty = index(&[]);
    from.hold_manifest(empty.digest.as_str(), &empty);
    let error = for_platform(&from, &to, &empty.digest, "linux/amd64").await.unwrap_err();
    assert!(
        error.to_string().ends_with("has nothing for linux/amd64: it is an empty index (it lists no image)"),
        "{error}"
    );
    assert_eq!(error.hint(), None);
}

/// Its configuration, which is random here, names no platform at all.
#[tokio::test]
async fn a_single_image_is_taken_for_no_other_platform_than_its_own() {
    let (from, to) = pair().await;
    let image = image(&[100]);
    from.hold(&image);
    let error = for_platform(&from, &to, &image.manifest.digest, "linux/amd64").await.unwrap_err();
    assert!(matches!(&error, CopyError::NoSuchPlatform { .. }), "{error}");
    assert!(to.is_empty());
}
