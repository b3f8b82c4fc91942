//! Which image of an index is for a platform.

use bytes::Bytes;

use super::{
    client,
    fake::FakeRegistry,
    image::{IMAGE, INDEX, TestImage, described, index_for},
};
use crate::{Selection, SelectionError};
use shipgate_core::{digest::Digest, manifest::RawManifest};

/// An image whose configuration is this text.
fn image_with(config: &str, config_type: &str) -> TestImage {
    let config = Bytes::from(config.to_owned());
    let json = format!(r#"{{"schemaVersion":2,"config":{},"layers":[]}}"#, described(config_type, &config));
    TestImage { manifest: RawManifest::new(IMAGE, json.into()), blobs: vec![config] }
}

fn image_for(os: &str, architecture: &str, note: &str) -> TestImage {
    let config = format!(r#"{{"os":"{os}","architecture":"{architecture}","comment":"{note}"}}"#);
    image_with(&config, "application/vnd.oci.image.config.v1+json")
}

/// An index of these entries: a manifest, and what follows in its descriptor.
fn index_of(entries: &[(&RawManifest, &str)]) -> RawManifest {
    let entries: Vec<String> = entries
        .iter()
        .map(|(raw, more)| described(&raw.media_type, &raw.bytes).trim_end_matches('}').to_owned() + more + "}")
        .collect();
    RawManifest::new(INDEX, format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, entries.join(",")).into())
}

/// A registry that has all of these, and what it selects of the last.
async fn selected(images: &[&TestImage], indexes: &[&RawManifest]) -> Result<Selection, SelectionError> {
    selected_for("linux/amd64", images, indexes).await
}

async fn selected_for(
    platform: &str,
    images: &[&TestImage],
    indexes: &[&RawManifest],
) -> Result<Selection, SelectionError> {
    let server = FakeRegistry::start().await;
    for image in images {
        server.hold(image);
    }
    for index in indexes {
        server.hold_manifest(index.digest.as_str(), index);
    }
    let root = indexes.last().copied().or(images.last().map(|image| &image.manifest)).unwrap();
    let selection = client(server.address()).select("shop/api", root, platform).await;
    server.assert_content();
    selection
}

async fn found(images: &[&TestImage], indexes: &[&RawManifest]) -> (Digest, bool) {
    match selected(images, indexes).await.unwrap() {
        Selection::Image(image) => (image.digest, image.is_obvious),
        Selection::Nothing { offered, instead } => panic!("nothing: {offered:?} {instead:?}"),
    }
}

async fn nothing(images: &[&TestImage], indexes: &[&RawManifest]) -> (String, String) {
    match selected(images, indexes).await.unwrap() {
        Selection::Image(image) => panic!("{}", image.digest),
        Selection::Nothing { offered, instead } => (offered.join(" "), instead.unwrap_or_default()),
    }
}

#[tokio::test]
async fn the_member_that_names_the_platform_is_found_without_reading_it() {
    let (arm, intel) = (image_for("linux", "arm64", ""), image_for("linux", "amd64", ""));
    let index = index_for(&[(&arm.manifest, "linux", "arm64"), (&intel.manifest, "linux", "amd64")]);
    // Its members are not even there.
    assert_eq!(found(&[], &[&index]).await, (intel.manifest.digest.clone(), true));
}

#[tokio::test]
async fn a_plain_member_is_preferred_to_a_variant() {
    let (v3, plain) = (image_for("linux", "amd64", "v3"), image_for("linux", "amd64", ""));
    let variant = r#","platform":{"os":"linux","architecture":"amd64","variant":"v3"}"#;
    let index =
        index_of(&[(&v3.manifest, variant), (&plain.manifest, r#","platform":{"os":"linux","architecture":"amd64"}"#)]);
    assert_eq!(found(&[], &[&index]).await.0, plain.manifest.digest);
    let only = index_of(&[(&v3.manifest, variant)]);
    assert_eq!(found(&[], &[&only]).await.0, v3.manifest.digest);
}

#[tokio::test]
async fn members_without_a_platform_are_asked_for_it() {
    let (arm, intel) = (image_for("linux", "arm64", ""), image_for("linux", "amd64", ""));
    for platform in ["", r#","platform":{}"#, r#","platform":null"#, r#","platform":{"os":"","architecture":""}"#] {
        let index = index_of(&[(&arm.manifest, platform), (&intel.manifest, platform)]);
        let expected = (intel.manifest.digest.clone(), false);
        assert_eq!(found(&[&arm, &intel], &[&index]).await, expected, "{platform}");
    }
    let untyped = RawManifest::new("", intel.manifest.bytes.clone());
    let index = index_of(&[(&arm.manifest, ""), (&untyped, "")]);
    assert_eq!(found(&[&arm, &intel], &[&index]).await, (intel.manifest.digest.clone(), false));
}

#[tokio::test]
async fn indexes_within_indexes_are_searched() {
    let (arm, intel) = (image_for("linux", "arm64", ""), image_for("linux", "amd64", ""));
    let inner = index_for(&[(&intel.manifest, "linux", "amd64")]);
    let middle = index_of(&[(&inner, ""), (&arm.manifest, r#","platform":{"os":"linux","architecture":"arm64"}"#)]);
    let outer = index_of(&[(&arm.manifest, ""), (&middle, r#","platform":{"os":"linux","architecture":"amd64"}"#)]);
    let expected = (intel.manifest.digest.clone(), false);
    assert_eq!(found(&[&arm, &intel], &[&inner, &middle, &outer]).await, expected);
    // One for another platform is not read: it is not there.
    let beside = index_of(&[(&arm.manifest, ""), (&inner, r#","platform":{"os":"linux","architecture":"arm64"}"#)]);
    assert_eq!(nothing(&[&arm], &[&beside]).await.0, "linux/arm64");
}

#[tokio::test]
async fn what_is_offered_instead_is_told() {
    let (arm, unknown) = (image_for("linux", "arm64", ""), image_for("unknown", "unknown", ""));
    let helm = image_with("{}", "application/vnd.cncf.helm.config.v1+json");
    let cache = image_with("[]", "application/vnd.buildkit.cacheconfig.v0");
    let attested = index_of(&[
        (&arm.manifest, r#","platform":{"os":"linux","architecture":"arm64"}"#),
        (&unknown.manifest, r#","platform":{"os":"unknown","architecture":"unknown"}"#),
    ]);
    assert_eq!(nothing(&[&unknown], &[&attested]).await, ("linux/arm64".to_owned(), String::new()));
    assert_eq!(nothing(&[&arm], &[]).await, ("linux/arm64".to_owned(), String::new()));
    assert_eq!(nothing(&[&cache], &[]).await, (String::new(), "a BuildKit cache".to_owned()));
    assert!(nothing(&[&helm], &[]).await.1.contains("helm"));
    assert_eq!(nothing(&[&unknown], &[]).await, (String::new(), String::new()));
    let layers = RawManifest::new("application/vnd.oci.image.layer.v1.tar+gzip", "layer".into());
    let config = RawManifest::new("application/vnd.buildkit.cacheconfig.v0", "{}".into());
    let index = index_of(&[(&layers, ""), (&config, "")]);
    assert_eq!(nothing(&[], &[&index]).await, (String::new(), "a BuildKit cache".to_owned()));
    let empty = "an empty index (it lists no image)".to_owned();
    assert_eq!(nothing(&[], &[&index_of(&[])]).await, (String::new(), empty));
}

/// The platform says more than a media type: helm's own type, and yet it says what it runs on.
#[tokio::test]
async fn a_configuration_of_any_type_may_name_the_platform() {
    for config_type in ["", "application/octet-stream", "application/vnd.example.config.v1+json"] {
        let image = image_with(r#"{"os":"linux","architecture":"amd64"}"#, config_type);
        assert_eq!(found(&[&image], &[]).await, (image.manifest.digest.clone(), true));
    }
}

#[tokio::test]
async fn searches_end() {
    let intel = image_for("linux", "amd64", "");
    let mut nest = vec![index_for(&[(&intel.manifest, "linux", "amd64")])];
    for _ in 0..4 {
        nest.push(index_of(&[(nest.last().unwrap(), "")]));
    }
    let all: Vec<&RawManifest> = nest.iter().collect();
    assert_eq!(found(&[&intel], &all[..4]).await.0, intel.manifest.digest);
    let error = selected(&[&intel], &all).await.unwrap_err();
    assert!(error.to_string().contains("more than 4 deep"), "{error}");

    let arms: Vec<TestImage> = (0..65).map(|number| image_for("linux", "arm64", &number.to_string())).collect();
    let entries: Vec<(&RawManifest, &str)> = arms.iter().map(|arm| (&arm.manifest, "")).collect();
    let images: Vec<&TestImage> = arms.iter().collect();
    let error = selected(&images, &[&index_of(&entries)]).await.unwrap_err();
    assert!(error.to_string().contains("more than 64 manifests"), "{error}");
}

#[tokio::test]
async fn a_member_that_is_missing_matters_only_where_nothing_else_is_found() {
    let (arm, intel) = (image_for("linux", "arm64", ""), image_for("linux", "amd64", ""));
    let index = index_of(&[(&arm.manifest, ""), (&intel.manifest, "")]);
    assert_eq!(found(&[&intel], &[&index]).await.0, intel.manifest.digest);
    assert_eq!(nothing(&[&arm], &[&index]).await.0, "linux/arm64");
    let error = selected(&[], &[&index]).await.unwrap_err();
    assert!(error.to_string().contains("it is not there"), "{error}");
}

/// An index of the image for linux/amd64, if there is one, and of these members.
fn index_with(image: Option<&TestImage>, members: &str) -> RawManifest {
    let platform = r#","platform":{"os":"linux","architecture":"amd64"}}"#;
    let image =
        image.map(|image| described(IMAGE, &image.manifest.bytes).trim_end_matches('}').to_owned() + platform + ",");
    RawManifest::new(INDEX, format!(r#"{{"manifests":[{}{members}]}}"#, image.unwrap_or_default()).into())
}

#[tokio::test]
async fn unusable_members_matter_only_if_needed() {
    let intel = image_for("linux", "amd64", "");
    let upper = Digest::of(b"").to_string().to_uppercase().replace("SHA256", "sha256");
    let descriptors = [
        "null".to_owned(),
        "[]".to_owned(),
        r#"{"size":1$P}"#.to_owned(),
        format!(r#"{{"digest":"sha512:{}","size":1$P}}"#, "0".repeat(128)),
        format!(r#"{{"digest":"{upper}","size":1$P}}"#),
        format!(r#"{{"digest":"{}","size":-1$P}}"#, Digest::of(b"")),
    ];
    let (arm, amd) = (
        r#","platform":{"os":"linux","architecture":"arm64"}"#,
        r#","platform":{"os":"linux","architecture":"amd64"}"#,
    );
    for descriptor in descriptors {
        for platform in [arm, amd, ""] {
            let index = index_with(Some(&intel), &descriptor.replace("$P", platform));
            assert_eq!(found(&[], &[&index]).await, (intel.manifest.digest.clone(), true), "{descriptor} {platform}");
        }
        for platform in [amd, ""] {
            let error = selected(&[], &[&index_with(None, &descriptor.replace("$P", platform))]).await.unwrap_err();
            assert!(error.to_string().contains("`manifests[0]`"), "{error}");
        }
        if descriptor.contains("$P") {
            let index = index_with(None, &descriptor.replace("$P", arm));
            assert_eq!(nothing(&[], &[&index]).await.0, "linux/arm64", "{descriptor}");
        }
    }
}

#[tokio::test]
async fn older_variants_are_selected_if_nothing_fits_better() {
    let images: Vec<TestImage> = ["v5", "v8", "v6", "v7"]
        .iter()
        .map(|variant| {
            let config = format!(r#"{{"os":"linux","architecture":"arm","variant":"{variant}"}}"#);
            image_with(&config, "application/vnd.oci.image.config.v1+json")
        })
        .collect();
    let named = ["v5", "v8", "v6", "v7"]
        .map(|variant| format!(r#","platform":{{"os":"linux","architecture":"arm","variant":"{variant}"}}"#));
    for names_platforms in [true, false] {
        for (count, best) in [(4, 3), (3, 2), (2, 0)] {
            let entries: Vec<(&RawManifest, &str)> = images[..count]
                .iter()
                .zip(&named)
                .map(|(image, named)| (&image.manifest, if names_platforms { named.as_str() } else { "" }))
                .collect();
            let held: Vec<&TestImage> = images.iter().collect();
            for wanted in ["linux/arm/v7", "linux/arm", "linux/armhf"] {
                let selection = selected_for(wanted, &held, &[&index_of(&entries)]).await.unwrap();
                let Selection::Image(image) = selection else { panic!("{wanted}: {selection:?}") };
                assert_eq!(image.digest, images[best].manifest.digest, "{wanted} {count}");
            }
        }
    }
}
