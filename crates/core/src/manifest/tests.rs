//! Manifests as the world has them: what is read, and what is refused by name.

use super::{Manifest, ManifestError, MemberKind, RawManifest, is_platform, platform_of_config, platform_rank};
use crate::secret::Secret;

const A: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const INDEX: &str = super::OCI_INDEX;
const IMAGE: &str = super::OCI_IMAGE;

fn raw(media_type: &str, json: &str) -> RawManifest {
    RawManifest::new(media_type, json.as_bytes().to_vec().into())
}

/// What a manifest names, in a word a piece: `C` a configuration, `L` a layer (`l` without a size), `M` a member, and what is wrong
/// with members that cannot be read; or the start of the error.
fn read(media_type: &str, json: &str) -> String {
    match raw(media_type, &json.replace("$A", A)).parse() {
        Ok(Manifest::Image { config, layers }) => {
            let layers = layers.iter().map(|layer| if layer.size_bytes.is_some() { "L" } else { "l" });
            "C".repeat(config.iter().count()) + &layers.collect::<String>()
        }
        Ok(Manifest::Index { members, unusable }) => {
            let reasons: Vec<String> = unusable.into_iter().map(|member| member.reason).collect();
            "M".repeat(members.len()) + &reasons.join("; ")
        }
        Err(ManifestError::Schema1 { .. }) => "schema 1".to_owned(),
        Err(ManifestError::UnsupportedMediaType { .. }) => "unsupported".to_owned(),
        Err(ManifestError::Malformed { reason, .. }) => reason,
    }
}

#[test]
fn both_dialects_of_an_image() {
    for (image, config, layer) in [
        (
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ),
        (
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
    ] {
        let json = format!(
            r#"{{"schemaVersion":2,"mediaType":"{image}","config":{{"mediaType":"{config}","digest":"{A}","size":7}},
            "layers":[{{"mediaType":"{layer}","digest":"{A}","size":9}}]}}"#
        );
        let Manifest::Image { config, layers } = raw(image, &json).parse().unwrap() else { panic!("{image}") };
        assert_eq!(
            (config.unwrap().size_bytes, layers[0].size_bytes, layers[0].media_type.as_str()),
            (7, Some(9), layer)
        );
    }
}

#[test]
fn odd_images_are_read_by_what_they_name() {
    let table = [
        (r#"{"config":{"digest":"$A","size":1},"layers":[{"digest":"$A","size":2}]}"#, "CL"),
        (r#"{"schemaVersion":2,"config":{"digest":"$A","size":1}}"#, "C"),
        (r#"{"schemaVersion":2,"config":{"digest":"$A","size":1},"layers":null,"annotations":null}"#, "C"),
        (r#"{"config":{"digest":"$A","size":1},"layers":[],"manifests":null,"subject":null}"#, "C"),
        (r#"{"config":null,"layers":[{"digest":"$A","size":2}]}"#, "L"),
        (r#"{"layers":[]}"#, ""),
        (r#"{"schemaVersion":"2","config":{"digest":"$A","size":1},"layers":[],"manifests":[]}"#, "C"),
        (r#"{"schemaVersion":1,"config":{"digest":"$A","size":1},"layers":[]}"#, "C"),
        (r#"{"config":{"mediaType":null,"digest":"$A","size":1,"annotations":null,"data":"e30="},"layers":[]}"#, "C"),
        (r#"{"config":{"mediaType":7,"digest":"$A","size":0,"platform":"?","urls":[1]},"x":{"y":[1e999]}}"#, "C"),
        (
            r#"{"config":{"digest":"$A","size":18446744073709551615},"layers":[{"digest":"$A","size":9223372036854775808}]}"#,
            "CL",
        ),
        (r#"{"config":{"digest":"$A","size":1},"layers":[{"digest":"$A","size":2},{"digest":"$A","size":2}]}"#, "CLL"),
        (r#"{"artifactType":"x/y","blobs":[{"digest":"$A","size":2}]}"#, "L"),
        ("\n\t {\"config\":{\"digest\":\"$A\",\"size\":1}}\r\n", "C"),
        (r#"{"config":{"size":1},"layers":[]}"#, "`config` has no digest"),
        (r#"{"config":{"digest":"$A"},"layers":[]}"#, "`config` has no size"),
        (r#"{"layers":[{"digest":"$A","size":1},{"digest":"$A","size":-1}]}"#, "Ll"),
        (r#"{"layers":[{"digest":"$A"},{"digest":"$A","size":null},{"digest":"$A","size":-1e9}]}"#, "lll"),
        (r#"{"layers":[{"digest":"$A","size":1e999}]}"#, "l"),
        (r#"{"layers":[null]}"#, "`layers[0]` is not an object"),
        (r#"{"layers":{}}"#, "`layers` is not a list"),
        (r#"{"config":"$A","layers":[]}"#, "`config` is not an object"),
        (r#"{"config":{"digest":"x","digest":"$A","size":1},"layers":7,"layers":[]}"#, "C"),
        (r#"{"config":{"digest":"$A","size":1},"annotations":{"a":"\ud83d","n":1e400}}"#, "C"),
        ("\u{FEFF}{\"config\":{\"digest\":\"$A\",\"size\":1}}", "C"),
        (r#"{"layers":[{"digest":"$A","size":1.5}]}"#, "`layers[0]` has the impossible size 1.5"),
        (r#"{"layers":[{"digest":"$A","size":"1"}]}"#, "`layers[0]` has the impossible size \"1\""),
        (
            r#"{"layers":[{"digest":"$A","size":18446744073709551616}]}"#,
            "`layers[0]` has the impossible size 1.8446744073709552e+19",
        ),
        (
            r#"{"layers":[{"digest":"sha512:00","size":1}]}"#,
            "`layers[0]`: `sha512:00` is not a digest (sha256: and 64 lower-case hex digits)",
        ),
        (
            r#"{"config":{"digest":"$A","size":1},"manifests":[{"digest":"$A","size":1}]}"#,
            "it is ambiguous: it lists manifests, and a configuration or layers",
        ),
        (
            r#"{"manifests":[{"digest":"$A","size":1}]}"#,
            "its media type is application/vnd.oci.image.manifest.v1+json, and it lists manifests",
        ),
        (r#"{"schemaVersion":1,"fsLayers":[],"history":[],"signatures":[]}"#, "schema 1"),
        (r#"{"schemaVersion":1,"name":"a","tag":"b"}"#, "schema 1"),
        ("[]", "it is not a JSON object"),
        ("null", "it is not a JSON object"),
        ("<html></html>", "it is not a JSON object"),
    ];
    for (json, expected) in table {
        assert_eq!(read(IMAGE, json), expected, "{json}");
    }
}

#[test]
fn odd_indexes_are_read_by_what_they_name() {
    let table = [
        ("{}", ""),
        (r#"{"schemaVersion":2,"manifests":[]}"#, ""),
        (r#"{"manifests":null,"annotations":null}"#, ""),
        (r#"{"manifests":[{"digest":"$A"}]}"#, "M"),
        (r#"{"manifests":[{"digest":"$A","size":1},{"digest":"$A","size":1}]}"#, "MM"),
        (r#"{"manifests":[{"digest":"$A","size":1,"platform":{}},{"digest":"$A","size":1,"platform":null}]}"#, "MM"),
        (r#"{"manifests":[{"digest":"$A","size":1,"platform":"linux/amd64","annotations":[]}]}"#, "M"),
        (r#"{"manifests":[{"digest":"$A","size":1}],"layers":[],"config":null}"#, "M"),
        (r#"{"manifests":[{"digest":"$A","size":-1}]}"#, "`manifests[0]` has the impossible size -1"),
        (
            r#"{"manifests":[null,{"digest":"$A","size":1},{"digest":"sha512:0"},{"digest":"sha256:AB","size":1}]}"#,
            "M`manifests[0]` is not an object; `manifests[2]`: `sha512:0` is not a digest (sha256: and 64 lower-case hex digits); \
            `manifests[3]`: `sha256:AB` is not a digest (sha256: and 64 lower-case hex digits)",
        ),
        (r#"{"manifests":[{}]}"#, "`manifests[0]` has no digest"),
        (
            r#"{"config":{"digest":"$A","size":1}}"#,
            "its media type is application/vnd.oci.image.index.v1+json, and it lists a configuration or layers",
        ),
    ];
    for (json, expected) in table {
        assert_eq!(read(INDEX, json), expected, "{json}");
        assert_eq!(read(&format!("{}; charset=utf-8", INDEX.to_uppercase()), json), expected, "{json}");
    }
}

#[test]
fn content_of_an_unknown_type_is_read_by_its_structure() {
    let table = [
        (r#"{"manifests":[{"digest":"$A","size":1}]}"#, "M"),
        (r#"{"manifests":[]}"#, ""),
        (r#"{"config":{"digest":"$A","size":1},"layers":[{"digest":"$A","size":1}]}"#, "CL"),
        (r#"{"blobs":[{"digest":"$A","size":1}]}"#, "L"),
        (r#"{"schemaVersion":1,"fsLayers":[]}"#, "schema 1"),
        (r#"{"schemaVersion":2}"#, "unsupported"),
        ("{}", "unsupported"),
        ("<html></html>", "unsupported"),
        ("", "unsupported"),
    ];
    for (json, expected) in table {
        for media_type in ["application/vnd.example+json", "", "text/html"] {
            assert_eq!(read(media_type, json), expected, "{media_type}: {json}");
        }
    }
}

#[test]
fn the_type_is_the_manifests_own_then_the_headers_then_its_structures() {
    let docker = super::DOCKER_IMAGE;
    let typed = format!(r#"{{"mediaType":"{docker}","config":{{}}}}"#);
    let untyped = r#"{"config":{"mediaType":"application/vnd.docker.container.image.v1+json"},"layers":[]}"#;
    let table = [
        (IMAGE, typed.as_str(), docker),
        ("application/json", typed.as_str(), docker),
        (IMAGE, untyped, IMAGE),
        ("application/vnd.oci.image.manifest.v1+json; charset=utf-8", untyped, IMAGE),
        ("", untyped, docker),
        ("application/octet-stream", r#"{"layers":[]}"#, IMAGE),
        ("text/plain; charset=utf-8", r#"{"manifests":[]}"#, INDEX),
        (IMAGE, r#"{"mediaType":null,"layers":[]}"#, IMAGE),
        (IMAGE, r#"{"mediaType":"x\r\nhost: y/z","layers":[]}"#, IMAGE),
        (IMAGE, r#"{"mediaType":"","layers":[]}"#, IMAGE),
        ("text/html", "<html></html>", "text/html"),
        ("Application/Vnd.OCI.Image.Manifest.V1+JSON", untyped, IMAGE),
        ("Text/HTML; charset=utf-8", "<html></html>", "Text/HTML"),
        ("a/Secret&quot;7Fq2; charset=utf-8", "<html></html>", "a/…"),
        (IMAGE, r#"{"mediaType":"a/Secret\"7Fq2","layers":[]}"#, IMAGE),
    ];
    let _secret = Secret::new("Secret\"7Fq2");
    for (header, json, expected) in table {
        let received = RawManifest::received(header, json.as_bytes().to_vec().into());
        assert_eq!(received.media_type, expected, "{header}: {json}");
        assert_eq!(received.bytes, json.as_bytes(), "the bytes are not touched");
    }
}

#[test]
fn members_say_what_they_are_and_what_for() {
    let child = IMAGE;
    let platform = |text: &str| format!(r#"{{"mediaType":"{child}","digest":"{A}","size":1,"platform":{text}}}"#);
    let table = [
        (platform(r#"{"os":"linux","architecture":"arm64"}"#), Some("linux/arm64"), false, false),
        (platform(r#"{"os":"linux","architecture":"amd64"}"#), Some("linux/amd64"), true, false),
        (platform(r#"{"os":"Linux","architecture":"x86_64"}"#), Some("Linux/x86_64"), true, false),
        (platform(r#"{"os":"linux","architecture":"amd64","variant":"v3"}"#), Some("linux/amd64/v3"), true, false),
        (platform(r#"{"os":"unknown","architecture":"unknown"}"#), None, false, true),
        (platform("{}"), None, false, false),
        (platform("null"), None, false, false),
        (platform(r#"{"os":"","architecture":""}"#), None, false, false),
        (platform(r#"{"os":"linux"}"#), None, false, false),
        (platform(r#"{"os":1,"architecture":[]}"#), None, false, false),
        (
            format!(r#"{{"digest":"{A}","annotations":{{"vnd.docker.reference.type":"attestation-manifest"}}}}"#),
            None,
            false,
            true,
        ),
    ];
    for (member, platform, is_for_us, is_attestation) in table {
        let index = raw(INDEX, &format!(r#"{{"manifests":[{member}]}}"#));
        let Ok(Manifest::Index { members, .. }) = index.parse() else { panic!("{member}") };
        let [one] = members.as_slice() else { panic!("{member}") };
        assert_eq!((one.platform.as_deref(), one.is_for("linux/amd64")), (platform, is_for_us), "{member}");
        assert_eq!(one.is_attestation, is_attestation, "{member}");
    }
}

#[test]
fn kinds_of_members() {
    let table = [
        (INDEX, MemberKind::Index),
        ("application/vnd.docker.distribution.manifest.list.v2+json", MemberKind::Index),
        (IMAGE, MemberKind::Image),
        ("application/vnd.oci.artifact.manifest.v1+json", MemberKind::Image),
        ("application/vnd.oci.image.layer.v1.tar+zstd", MemberKind::Blob),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", MemberKind::Blob),
        ("application/vnd.buildkit.cacheconfig.v0", MemberKind::Blob),
        ("application/vnd.oci.image.config.v1+json", MemberKind::Blob),
        ("application/vnd.docker.container.image.v1+json", MemberKind::Blob),
        ("application/vnd.example.thing+json", MemberKind::Unknown),
        ("", MemberKind::Unknown),
    ];
    for (media_type, kind) in table {
        let json = format!(r#"{{"manifests":[{{"mediaType":"{media_type}","digest":"{A}","size":1}}]}}"#);
        let Ok(Manifest::Index { members, .. }) = raw(INDEX, &json).parse() else { panic!("{media_type}") };
        assert_eq!(members[0].kind(), kind, "{media_type}");
    }
}

#[test]
fn what_is_no_image_is_named() {
    let config = |kind: &str| format!(r#"{{"config":{{"mediaType":"{kind}","digest":"{A}","size":1}},"layers":[]}}"#);
    let cache = format!(
        r#"{{"manifests":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{A}","size":1}},
        {{"mediaType":"application/vnd.buildkit.cacheconfig.v0","digest":"{A}","size":1}}]}}"#
    );
    let table = [
        (cache, Some("a BuildKit cache")),
        (config("application/vnd.buildkit.cacheconfig.v0"), Some("a BuildKit cache")),
        (config("application/vnd.oci.image.config.v1+json"), None),
        (config("application/vnd.docker.container.image.v1+json"), None),
        (config(""), None),
        (
            config("application/vnd.cncf.helm.config.v1+json"),
            Some("an artifact (its configuration has media type application/vnd.cncf.helm.config.v1+json)"),
        ),
        (r#"{"layers":[]}"#.to_owned(), Some("an artifact without a configuration")),
        (r#"{"manifests":[]}"#.to_owned(), Some("an empty index (it lists no image)")),
        (r#"{"manifests":[null]}"#.to_owned(), None),
    ];
    for (json, what) in table {
        let received = RawManifest::received("", json.clone().into_bytes().into());
        assert_eq!(received.parse().unwrap().other_than_image().as_deref(), what, "{json}");
    }
}

#[test]
fn platforms_compare_as_containerd_does() {
    let table = [
        ("linux/amd64", "linux/amd64", Some(0)),
        ("linux/amd64/v1", "linux/amd64", Some(0)),
        ("Linux/x86_64", "linux/amd64/v1", Some(0)),
        ("linux/x86-64", "linux/amd64", Some(0)),
        ("linux/amd64/v3", "linux/amd64", Some(2)),
        ("linux/amd64/v2", "linux/amd64/v3", Some(1)),
        ("linux/amd64", "linux/amd64/v3", Some(2)),
        ("linux/amd64/v3", "linux/amd64/v2", None),
        ("linux/arm64/v8", "linux/arm64", Some(0)),
        ("linux/arm64", "linux/arm64/v8", Some(0)),
        ("linux/aarch64", "linux/arm64", Some(0)),
        ("linux/arm64/v9", "linux/arm64", Some(1)),
        ("linux/arm64/v9", "linux/arm64/v8", Some(1)),
        ("linux/arm64", "linux/arm64/v9", Some(1)),
        ("linux/arm64", "linux/arm", None),
        ("linux/arm", "linux/arm/v7", Some(0)),
        ("linux/arm/v7", "linux/arm", Some(0)),
        ("linux/armhf", "linux/arm/7", Some(0)),
        ("linux/armel", "linux/arm/v6", Some(0)),
        ("linux/arm/v6", "linux/arm/v7", Some(1)),
        ("linux/arm/v5", "linux/arm", Some(2)),
        ("linux/arm/v7", "linux/arm/v6", None),
        ("linux/arm/v8", "linux/arm/v7", None),
        ("linux/arm/v99999999999", "linux/arm/v7", None),
        ("linux/riscv64/rva22", "linux/riscv64", Some(u32::MAX)),
        ("linux/riscv64", "linux/riscv64/rva22", None),
        ("macos/arm64", "darwin/arm64", Some(0)),
        ("windows/amd64", "linux/amd64", None),
        ("linux/amd64", "linux", None),
    ];
    for (own, wanted, rank) in table {
        assert_eq!(platform_rank(own, wanted), rank, "{own} {wanted}");
        assert_eq!(is_platform(own, wanted), rank.is_some(), "{own} {wanted}");
    }
}

#[test]
fn foreign_layers_are_known_by_their_type() {
    let table = [
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true),
        ("application/vnd.OCI.image.layer.nondistributable.v1.tar+zstd", true),
        ("application/vnd.oci.image.layer.v1.tar+gzip", false),
        ("", false),
    ];
    for (media_type, is_foreign) in table {
        for (urls, has_urls) in [(r#","urls":["https://example.com/a"]"#, true), (r#","urls":[]"#, false), ("", false)]
        {
            let json = format!(r#"{{"layers":[{{"mediaType":"{media_type}","digest":"{A}","size":1{urls}}}]}}"#);
            let Ok(Manifest::Image { layers, .. }) = raw(IMAGE, &json).parse() else { panic!("{json}") };
            assert_eq!((layers[0].is_foreign(), layers[0].has_urls), (is_foreign, has_urls), "{json}");
        }
    }
}

#[test]
fn a_configuration_names_its_platform() {
    let table = [
        (r#"{"architecture":"arm64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#, Some("linux/arm64")),
        (r#"{"architecture":"arm","os":"linux","variant":"v7"}"#, Some("linux/arm/v7")),
        (r#"{"architecture":"aarch64","os":"Linux","variant":null}"#, Some("Linux/aarch64")),
        (r#"{"architecture":"","os":"linux"}"#, None),
        (r#"{"os":"linux","architecture":"s390x","architecture":"amd64","author":"\ud83d"}"#, Some("linux/amd64")),
        ("{}", None),
        ("[]", None),
        ("", None),
    ];
    for (config, platform) in table {
        assert_eq!(platform_of_config(config.as_bytes()).as_deref(), platform, "{config}");
    }
}

#[test]
fn anything_else_is_refused_by_name() {
    for schema1 in [
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json; charset=utf-8",
    ] {
        let error = raw(schema1, "{}").parse().unwrap_err();
        assert!(matches!(error, ManifestError::Schema1 { .. }) && error.hint().is_some(), "{error}");
        assert!(error.to_string().contains("schema 1"), "{error}");
    }
    for bad in
        ["", "[]", "{}", r#"{"schemaVersion":2,"config":{"mediaType":"x","digest":"md5:1","size":1},"layers":[]}"#]
    {
        assert!(matches!(raw(IMAGE, bad).parse(), Err(ManifestError::Malformed { .. })), "{bad}");
    }
    // serde would fill the fields of a structure from an array.
    let positions = format!(r#"{{"layers":[["x/y","{A}",1]]}}"#);
    assert!(matches!(raw(IMAGE, &positions).parse(), Err(ManifestError::Malformed { .. })));
}
