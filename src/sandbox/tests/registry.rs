//! The OCI registry, with plain HTTP as the client.

use super::world::{DEPLOY, PULL, Plain, REGISTRY, WORKLOAD, answer_json, basic, code, manifest, sandbox};
use crate::{domain::digest::Digest, sandbox::seed::TagMutability};

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

#[tokio::test]
async fn chunks_add_up() {
    for (ecr_manners, patched) in [(true, 201), (false, 202)] {
        let sandbox = sandbox(|seed| seed.ecr_manners = ecr_manners).await;
        let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
        let start = plain.send("POST", "/v2/shop/api/blobs/uploads/").await;
        assert_eq!(start.status(), 202);
        let location = start.headers()["location"].to_str().unwrap().to_owned();
        let first =
            plain.request("PATCH", &location).header("content-range", "0-4").body("01234").send().await.unwrap();
        assert_eq!(first.status().as_u16(), patched);
        assert_eq!(first.headers()["range"], "0-4");
        let gap = plain.request("PATCH", &location).header("content-range", "9-9").body("9").send().await.unwrap();
        assert_eq!(gap.status(), 416);
        let digest = Digest::of(b"0123456789");
        let last = plain.request("PUT", &format!("{location}?digest={digest}")).body("56789").send().await.unwrap();
        assert_eq!(last.status(), 201);
        let head = plain.send("HEAD", &format!("/v2/shop/api/blobs/{digest}")).await;
        assert_eq!(head.headers()["content-length"], "10");
        sandbox.shutdown().await;
    }
}

#[tokio::test]
async fn a_wrong_digest_stores_nothing() {
    let sandbox = sandbox(|_| ()).await;
    let plain = Plain::login(&sandbox, PULL, REGISTRY).await;
    let announced = Digest::of(b"announced");
    let path = format!("/v2/shop/api/blobs/uploads/?digest={announced}");
    let answer = plain.request("POST", &path).body("sent").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(code(answer).await, "DIGEST_INVALID");
    for digest in [announced, Digest::of(b"sent")] {
        assert_eq!(plain.send("HEAD", &format!("/v2/shop/api/blobs/{digest}")).await.status(), 404);
    }
    sandbox.shutdown().await;
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
    assert_eq!(code(not_json).await, "MANIFEST_INVALID");
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
