//! The OCI registry, with plain HTTP as the client.

use super::world::{DEPLOY, PULL, Plain, REGISTRY, WORKLOAD, answer_json, assumed, basic, code, manifest, sandbox};
use crate::seed::{RepositorySeed, TagMutability};
use shipgate_core::digest::Digest;

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    for authorization in [None, Some(basic("AWS", "wrong")), Some(basic("user", "password"))] {
        let mut request = plain.client.get(format!("{}/v2/", plain.base));
        if let Some(value) = authorization {
            request = request.header("authorization", format!("Basic {value}"));
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic realm="));
    }
    assert_eq!(plain.send("GET", "/v2/").await.status(), 200);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn what_is_pushed_is_pulled() {
    for ecr_manners in [true, false] {
        let sandbox = sandbox(|seed| seed.ecr_manners = ecr_manners).await;
        let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
        let digest = plain.push_image("shop/api", "v1", "the layer").await;
        let by_tag = plain.send("GET", "/v2/shop/api/manifests/v1").await;
        assert_eq!(by_tag.headers()["docker-content-digest"], digest.as_str());
        assert_eq!(by_tag.headers()["content-type"], super::world::MANIFEST);
        assert_eq!(Digest::of(&by_tag.bytes().await.unwrap()), digest);
        let head = plain.send("HEAD", &format!("/v2/shop/api/manifests/{digest}")).await;
        assert_eq!((head.status().as_u16(), head.headers().contains_key("content-length")), (200, true));
        let layer = Digest::of(b"the layer");
        let mut blob = plain.send("GET", &format!("/v2/shop/api/blobs/{layer}")).await;
        assert_eq!(blob.status(), if ecr_manners { 307 } else { 200 });
        if ecr_manners {
            let link = blob.headers()["location"].to_str().unwrap().to_owned();
            assert_eq!(plain.send("GET", &link).await.status(), 400, "an Authorization header is refused there");
            blob = plain.client.get(link).send().await.unwrap();
        }
        assert_eq!(blob.text().await.unwrap(), "the layer");
        let head = plain.send("HEAD", &format!("/v2/shop/api/blobs/{layer}")).await;
        assert_eq!(head.headers()["content-length"], "9");
        sandbox.shutdown().await;
    }
}

#[tokio::test]
async fn ranges_of_a_blob() {
    let sandbox = sandbox(|seed| seed.ecr_manners = false).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let blob = plain.push_blob("shop/api", b"0123456789").await;
    let path = format!("/v2/shop/api/blobs/{blob}");
    let part = plain.request("GET", &path).header("range", "bytes=4-6").send().await.unwrap();
    assert_eq!((part.status().as_u16(), part.headers()["content-range"].to_str().unwrap()), (206, "bytes 4-6/10"));
    assert_eq!(part.text().await.unwrap(), "456");
    let outside = plain.request("GET", &path).header("range", "bytes=10-").send().await.unwrap();
    assert_eq!(outside.status(), 416);
    sandbox.shutdown().await;
}

/// Uploads in chunks, and what the registry answers to each: status and `Range`.
async fn in_chunks(plain: &Plain, chunks: &[&[u8]]) -> Vec<(u16, String)> {
    let start = plain.send("POST", "/v2/shop/api/blobs/uploads/").await;
    assert_eq!(start.status(), 202);
    let location = start.headers()["location"].to_str().unwrap().to_owned();
    let (mut at, mut answers) = (0, Vec::new());
    for chunk in chunks {
        let range = format!("{at}-{}", at + chunk.len() - 1);
        let patch = plain.request("PATCH", &location).header("content-range", range).body(chunk.to_vec());
        let answer = patch.send().await.unwrap();
        let range = answer.headers().get("range").map(|range| range.to_str().unwrap().to_owned());
        answers.push((answer.status().as_u16(), range.unwrap_or_default()));
        at += chunk.len();
    }
    let digest = Digest::of(&chunks.concat());
    let last = plain.send("PUT", &format!("{location}?digest={digest}")).await;
    answers.push((last.status().as_u16(), String::new()));
    answers
}

#[tokio::test]
async fn chunks_add_up_as_the_specification_says() {
    let sandbox = sandbox(|seed| seed.ecr_manners = false).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let answers = in_chunks(&plain, &[b"01234", b"56789"]).await;
    let expected = [(202, "0-4"), (202, "0-9"), (201, "")];
    assert_eq!(answers, expected.map(|(status, range)| (status, range.to_owned())));
    let location = plain.send("POST", "/v2/shop/api/blobs/uploads/").await.headers()["location"].clone();
    let location = location.to_str().unwrap();
    let gap = plain.request("PATCH", location).header("content-range", "9-9").body("9").send().await.unwrap();
    assert_eq!(gap.status(), 416);
    assert_eq!(plain.send("GET", location).await.status(), 204);
    assert_eq!(plain.send("DELETE", location).await.status(), 204);
    assert_eq!(plain.send("GET", location).await.status(), 404);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn chunks_add_up_as_ecr_has_it() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let mib = vec![7_u8; 5 * 1024 * 1024];
    let answers = in_chunks(&plain, &[&mib, &mib, b"the end"]).await;
    let stuck = "0-5242879";
    let expected = [(201, stuck), (201, stuck), (201, stuck), (201, "")];
    assert_eq!(answers, expected.map(|(status, range)| (status, range.to_owned())));
    let answers = in_chunks(&plain, &[b"small", b"more"]).await;
    assert_eq!((answers[1].0, answers[2].0), (400, 400), "a small chunk can only be the last");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn ecr_wants_the_next_byte_and_tells_which_it_is() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let start = plain.send("POST", "/v2/shop/api/blobs/uploads/").await;
    let location = start.headers()["location"].to_str().unwrap().to_owned();
    plain.request("PATCH", &location).body("01234").send().await.unwrap();
    assert_eq!(plain.send("GET", &location).await.status(), 404);
    let digest = Digest::of(b"0123456789");
    let again = plain.request("PUT", &format!("{location}?digest={digest}")).body("0123456789").send().await.unwrap();
    assert_eq!(again.status(), 416);
    let body = answer_json(again).await;
    assert_eq!(body["errors"][0]["code"], "BLOB_UPLOAD_INVALID");
    assert_eq!(body["errors"][0]["message"], "First byte of the layer part is 0 instead of 5");
    assert_eq!(plain.send("HEAD", &format!("/v2/shop/api/blobs/{digest}")).await.status(), 404);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_blob_is_mounted_where_the_account_has_it_so() {
    let sandbox = sandbox(|seed| {
        let more = seed.repositories[0].clone();
        seed.repositories.push(RepositorySeed { name: "shop/web".to_owned(), ..more });
    })
    .await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    plain.push_image("shop/api", "v1", "in an image").await;
    let (used, loose) = (Digest::of(b"in an image"), plain.push_blob("shop/api", b"loose").await);
    let mount = async |blob: &Digest| {
        let path = format!("/v2/shop/web/blobs/uploads/?mount={blob}&from=shop/api");
        plain.send("POST", &path).await.status().as_u16()
    };
    assert_eq!(mount(&used).await, 202);
    let ecr = aws_sdk_ecr::Client::new(&assumed(&sandbox, PULL).await);
    ecr.put_account_setting().name("BLOB_MOUNTING").value("ENABLED").send().await.unwrap();
    assert_eq!((mount(&used).await, mount(&loose).await), (201, 202));
    assert_eq!(plain.send("HEAD", &format!("/v2/shop/web/blobs/{used}")).await.status(), 200);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_eleventh_manifest_in_a_moment_is_too_many() {
    for (ecr_manners, statuses) in [(true, [201, 429]), (false, [201, 201])] {
        let sandbox = sandbox(|seed| seed.ecr_manners = ecr_manners).await;
        let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
        let config = plain.push_blob("shop/api", b"{}").await;
        let text = manifest(&config, &[]);
        let puts =
            (0..100).map(|number| plain.put_manifest("shop/api", if number % 2 == 0 { "a" } else { "b" }, &text));
        let answers = futures_util::future::join_all(puts).await;
        let mut seen: Vec<u16> = answers.iter().map(|answer| answer.status().as_u16()).collect();
        seen.sort_unstable();
        assert_eq!([seen[0], seen[99]], statuses);
        sandbox.shutdown().await;
    }
}

#[tokio::test]
async fn a_wrong_digest_stores_nothing() {
    for (ecr_manners, expected) in [(true, "BLOB_UPLOAD_INVALID"), (false, "DIGEST_INVALID")] {
        let sandbox = sandbox(|seed| seed.ecr_manners = ecr_manners).await;
        let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
        let announced = Digest::of(b"announced");
        let path = format!("/v2/shop/api/blobs/uploads/?digest={announced}");
        let answer = plain.request("POST", &path).body("sent").send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert_eq!(code(answer).await, expected);
        for digest in [announced, Digest::of(b"sent")] {
            assert_eq!(plain.send("HEAD", &format!("/v2/shop/api/blobs/{digest}")).await.status(), 404);
        }
        sandbox.shutdown().await;
    }
}

#[tokio::test]
async fn a_manifest_without_its_blobs_moves_no_tag() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let before = plain.push_image("shop/api", "v1", "1").await;
    let incomplete = manifest(&Digest::of(b"absent"), &[]);
    let refused = plain.put_manifest("shop/api", "v1", &incomplete).await;
    assert_eq!(code(refused).await, "BLOB_UNKNOWN");
    let not_json = plain.put_manifest("shop/api", "v1", "{").await;
    assert_eq!((not_json.status().as_u16(), code(not_json).await.as_str()), (405, "UNSUPPORTED"));
    let other_digest = plain.put_manifest("shop/api", Digest::of(b"x").as_str(), &incomplete).await;
    assert_eq!(code(other_digest).await, "DIGEST_INVALID");
    let tag = plain.send("HEAD", "/v2/shop/api/manifests/v1").await;
    assert_eq!(tag.headers()["docker-content-digest"], before.as_str());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_repository_must_exist() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let answer = plain.send("POST", "/v2/no/such/blobs/uploads/").await;
    assert_eq!(answer.status(), 404);
    assert_eq!(code(answer).await, "NAME_UNKNOWN");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_immutable_tag_refuses_even_its_own_digest_on_ecr() {
    for (ecr_manners, same_digest) in [(true, 400), (false, 201)] {
        let sandbox = sandbox(|seed| {
            seed.ecr_manners = ecr_manners;
            seed.repositories[1].tag_mutability = TagMutability::Immutable;
        })
        .await;
        let plain = Plain::login(&sandbox, DEPLOY, WORKLOAD).await;
        let first = plain.push_image("shop/api", "v1", "1").await;
        let text = plain.send("GET", "/v2/shop/api/manifests/v1").await.text().await.unwrap();
        let again = plain.put_manifest("shop/api", "v1", &text).await;
        assert_eq!(again.status().as_u16(), same_digest);
        let other = manifest(&Digest::of(b"{}"), &[]);
        let refused = plain.put_manifest("shop/api", "v1", &other).await;
        assert_eq!(code(refused).await, "TAG_INVALID");
        let tag = plain.send("HEAD", "/v2/shop/api/manifests/v1").await;
        assert_eq!(tag.headers()["docker-content-digest"], first.as_str());
        sandbox.shutdown().await;
    }
}

#[tokio::test]
async fn tags_and_referrers_are_listed() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let subject = plain.push_image("shop/api", "v1", "1").await;
    plain.push_image("shop/api", "v2", "2").await;
    let first = plain.send("GET", "/v2/shop/api/tags/list?n=1").await;
    assert!(first.headers()["link"].to_str().unwrap().contains("last=v1"));
    assert_eq!(answer_json(first).await["tags"], serde_json::json!(["v1"]));
    let second = plain.send("GET", "/v2/shop/api/tags/list?n=1&last=v1").await;
    assert!(second.headers().get("link").is_none());
    assert_eq!(answer_json(second).await["tags"], serde_json::json!(["v2"]));
    let mut signature: serde_json::Value = serde_json::from_str(&manifest(&Digest::of(b"{}"), &[])).unwrap();
    signature["subject"] = serde_json::json!({"digest": subject, "size": 1});
    let signature = signature.to_string();
    let digest = Digest::of(signature.as_bytes());
    let pushed = plain.put_manifest("shop/api", digest.as_str(), &signature).await;
    assert_eq!(pushed.headers()["oci-subject"], subject.as_str());
    let referrers = answer_json(plain.send("GET", &format!("/v2/shop/api/referrers/{subject}")).await).await;
    assert_eq!(referrers["manifests"][0]["digest"], digest.as_str());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn referrers_come_fifty_at_a_time() {
    let sandbox = sandbox(|seed| seed.ecr_manners = false).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let subject = plain.push_image("shop/api", "v1", "1").await;
    let mut signature: serde_json::Value = serde_json::from_str(&manifest(&Digest::of(b"{}"), &[])).unwrap();
    signature["subject"] = serde_json::json!({"digest": subject, "size": 1});
    for number in 0..51 {
        signature["annotations"] = serde_json::json!({"number": number.to_string()});
        let text = signature.to_string();
        let pushed = plain.put_manifest("shop/api", Digest::of(text.as_bytes()).as_str(), &text).await;
        assert_eq!(pushed.status(), 201);
    }
    let first = plain.send("GET", &format!("/v2/shop/api/referrers/{subject}")).await;
    let link = first.headers()["link"].to_str().unwrap().to_owned();
    let next = link.trim_start_matches('<').split_once('>').unwrap().0;
    let second = plain.send("GET", next).await;
    assert!(second.headers().get("link").is_none());
    let count = async |answer| answer_json(answer).await["manifests"].as_array().unwrap().len();
    assert_eq!((count(first).await, count(second).await), (50, 1));
    sandbox.shutdown().await;
}
