//! Manifests as the world has them: copied byte for byte, with all they name, or refused by name.

use bytes::Bytes;

use super::{copy_over, pair};
use crate::tests::{
    client,
    fake::FakeRegistry,
    image::{IMAGE, INDEX, described, random_bytes},
    serve::Fault,
};
use shipgate_core::{digest::Digest, manifest::RawManifest};

/// A manifest of this text, in which `$C` and `$L` are descriptors of the blobs, without their closing braces.
fn filled(text: &str, config: &Bytes, layer: &Bytes) -> Bytes {
    let open = |media_type: &str, blob: &Bytes| described(media_type, blob).trim_end_matches('}').to_owned();
    let config = open("application/vnd.oci.image.config.v1+json", config);
    let layer = open("application/vnd.oci.image.layer.v1.tar+gzip", layer);
    text.replace("$C", &config).replace("$L", &layer).into()
}

/// Copies a manifest of this media type between two registries, of which the first has both blobs.
async fn copied(media_type: &str, text: &str) -> Result<(FakeRegistry, RawManifest), String> {
    let (from, to) = pair().await;
    let (config, layer) = (random_bytes(50), random_bytes(500));
    let raw = RawManifest::new(media_type, filled(text, &config, &layer));
    for blob in [&config, &layer] {
        from.hold_blob(Digest::of(blob).as_str(), blob.clone());
    }
    from.hold_manifest(raw.digest.as_str(), &raw);
    let ended = copy_over(&from, &to, &raw.digest).await;
    to.assert_content();
    match ended {
        Ok(_) => Ok((to, raw)),
        Err(error) => {
            assert!(to.is_empty(), "{text}");
            Err(error.chain())
        }
    }
}

#[tokio::test]
async fn odd_manifests_are_copied_byte_for_byte() {
    let artifact = "application/vnd.oci.artifact.manifest.v1+json";
    // What is read, what is written with which type, and how many blobs come along.
    let table = [
        (IMAGE, r#"{"config":$C},"layers":[$L}]}"#, IMAGE, 2),
        (IMAGE, r#"{"schemaVersion":2,"config":$C}}"#, IMAGE, 1),
        (IMAGE, r#"{"schemaVersion":2,"config":$C},"layers":null,"annotations":null,"subject":null}"#, IMAGE, 1),
        (IMAGE, r#"{"schemaVersion":3.5,"config":$C,"annotations":null},"layers":[$L},$L}]}"#, IMAGE, 2),
        (IMAGE, r#"{"config":$C,"data":"AAAA","platform":{}},"layers":[],"unknown":{"field":[1e999,null]}}"#, IMAGE, 1),
        (IMAGE, " \n{\"layers\":[$L}]}\n\n", IMAGE, 1),
        (IMAGE, r#"{"config":$C},"layers":[]} "#, IMAGE, 1),
        ("application/vnd.oci.image.manifest.v1+json; charset=utf-8", r#"{"config":$C}}"#, IMAGE, 1),
        (
            IMAGE,
            r#"{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":$C}}"#,
            "application/vnd.docker.distribution.manifest.v2+json",
            1,
        ),
        ("application/octet-stream", r#"{"config":$C},"layers":[$L}]}"#, IMAGE, 2),
        (artifact, r#"{"artifactType":"x/y","blobs":[$L}]}"#, artifact, 1),
        ("application/vnd.example.v9+json", r#"{"config":$C},"layers":[$L}]}"#, "application/vnd.example.v9+json", 2),
        // A size that the manifest does not name is the one that the registry announces.
        (IMAGE, r#"{"config":$C},"layers":[$L,"size":-1},$L,"size":null}]}"#, IMAGE, 2),
        (INDEX, r#"{"manifests":[$L,"size":null}]}"#, INDEX, 1),
        (IMAGE, r#"{"config":null,"config":$C},"annotations":{"a":"\ud83d","b":1e400},"layers":[]}"#, IMAGE, 1),
        (INDEX, r#"{"schemaVersion":2,"manifests":[]}"#, INDEX, 0),
        (INDEX, r#"{"manifests":null}"#, INDEX, 0),
        (INDEX, r#"{"manifests":[$L},$C}]}"#, INDEX, 2),
        (INDEX, r#"{"manifests":[$L},$L,"platform":{}}]}"#, INDEX, 1),
    ];
    for (media_type, text, written_as, blobs) in table {
        let (to, raw) = copied(media_type, text).await.unwrap_or_else(|error| panic!("{text}: {error}"));
        let written = client(to.address()).manifest("shop/api", raw.digest.as_str()).await.unwrap().unwrap();
        assert_eq!((&written.bytes, written.media_type.as_str()), (&raw.bytes, written_as), "{text}");
        let blobs_there = to.requests().iter().filter(|line| line.contains("PUT /v2/shop/api/blobs/uploads/")).count();
        assert_eq!(blobs_there, blobs, "{text}");
    }
}

#[tokio::test]
async fn what_cannot_be_copied_whole_is_refused_by_name() {
    let list = r#"{"manifests":[$L,"size":7}]}"#;
    let table = [
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", "{}", "schema 1"),
        ("application/json", r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#, "schema 1"),
        (IMAGE, r#"{"config":$C},"layers":[$L}],"manifests":[$L}]}"#, "ambiguous"),
        (IMAGE, r#"{"manifests":[$L}]}"#, "it lists manifests"),
        (INDEX, r#"{"config":$C},"layers":[$L}]}"#, "it lists a configuration or layers"),
        (IMAGE, r#"{"layers":[{"digest":"sha256:00","size":1}]}"#, "`layers[0]`: `sha256:00` is not a digest"),
        (INDEX, r#"{"manifests":[$C},{"size":7}]}"#, "`manifests[1]` has no digest"),
        (INDEX, r#"{"manifests":[$C},null]}"#, "`manifests[1]` is not an object"),
        (INDEX, r#"{"manifests":[{"digest":"sha512:00","size":1}]}"#, "`manifests[0]`: `sha512:00` is not a digest"),
        (INDEX, r#"{"manifests":[$L,"size":-1}]}"#, "`manifests[0]` has the impossible size -1"),
        (IMAGE, r#"{"layers":[$L},$L,"size":9223372036854775807}]}"#, "is said to have"),
        (IMAGE, r#"{"layers":[$L,"size":18446744073709551615}]}"#, "18446744073709551615"),
        (INDEX, list, "7"),
        (IMAGE, "<html>not a registry</html>", "it is not a JSON object"),
        ("text/html", "<html>not a registry</html>", "media type `text/html`, which is not supported"),
        (IMAGE, "{}", "neither a configuration nor layers"),
    ];
    for (media_type, text, said) in table {
        let error = copied(media_type, text).await.map(|_| ()).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}

/// Some registries answer HEAD without a length, or announce no byte.
#[tokio::test]
async fn sizes_are_found_by_get_where_head_lacks_them() {
    let text = r#"{"layers":[$L,"size":-1}]}"#;
    for length in [vec![], vec![("content-length", "0".to_owned())]] {
        let (from, to) = pair().await;
        let layer = random_bytes(500);
        let raw = RawManifest::new(IMAGE, filled(text, &layer, &layer));
        from.hold_blob(Digest::of(&layer).as_str(), layer.clone());
        from.hold_manifest(raw.digest.as_str(), &raw);
        from.fault("HEAD /v2/shop/api/blobs/", Fault::Answer(200, "", length));
        copy_over(&from, &to, &raw.digest).await.unwrap();
        assert_eq!(to.any_blob(Digest::of(&layer).as_str()), Some(layer));
        from.assert_content();
        to.assert_content();
    }
}

/// A member whose type is not known is a manifest if the registry has it as one, else a blob.
#[tokio::test]
async fn members_of_unknown_types_are_what_the_registry_has() {
    let (from, to) = pair().await;
    let (config, chart) = (random_bytes(50), random_bytes(500));
    let helm = RawManifest::new(IMAGE, filled(r#"{"config":$C}}"#, &config, &chart));
    let untyped = described("", &helm.bytes);
    let blob = described("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &chart);
    let index = RawManifest::new(INDEX, format!(r#"{{"manifests":[{untyped},{blob},{untyped}]}}"#).into());
    from.hold_blob(Digest::of(&config).as_str(), config.clone());
    from.hold_blob(Digest::of(&chart).as_str(), chart.clone());
    from.hold_manifest(helm.digest.as_str(), &helm);
    from.hold_manifest(index.digest.as_str(), &index);
    for round in 0..2 {
        let summary = copy_over(&from, &to, &index.digest).await.unwrap();
        assert_eq!(summary.is_unchanged(), round == 1);
    }
    assert_eq!(to.manifests(), 2);
    assert_eq!(to.any_blob(Digest::of(&chart).as_str()), Some(chart));
    to.assert_content();
}

/// A blob that is missing leaves nothing behind, as it does with an image.
#[tokio::test]
async fn a_cache_whose_layer_is_gone_leaves_no_index_behind() {
    let (from, to) = pair().await;
    let layer = random_bytes(100);
    let entry = described("application/vnd.oci.image.layer.v1.tar+gzip", &layer);
    let index = RawManifest::new(INDEX, format!(r#"{{"manifests":[{entry}]}}"#).into());
    from.hold_manifest(index.digest.as_str(), &index);
    from.fault("GET /v2/shop/api/blobs/", Fault::Answer(404, r#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#, vec![]));
    copy_over(&from, &to, &index.digest).await.unwrap_err();
    assert_eq!(to.manifests(), 0);
}
