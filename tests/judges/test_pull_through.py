"""ECR in several regions and its pull-through cache, by boto3 and plain HTTP."""

import json
import unittest
import urllib.error
import urllib.request

import boto3

from sandbox import ACCOUNT, CONFIG, HOST, REGION, ROLE, Judging, client, digest, role, small_image, upload, watched

OTHER = "us-east-1"
WORKLOAD = "222222222222"
CACHER = f"arn:aws:iam::{WORKLOAD}:role/cacher"
READER = f"arn:aws:iam::{WORKLOAD}:role/cache-reader"
MANIFESTS = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
OPEN = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{WORKLOAD}:root"},
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchImportUpstreamImage", "ecr:GetImageCopyStatus"],
    }],
})


def in_region(region, arn=ROLE):
    """A watched client of ECR in a region, as a role."""
    keys = role(arn).get_credentials()
    return watched(boto3.client(
        "ecr",
        region_name=region,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        aws_session_token=keys.token,
        config=CONFIG,
    ))


def put(ecr, repository, note, tag):
    """Pushes a small image, and gives its digest and its layer."""
    manifest, blobs = small_image(note)
    there = ecr.batch_check_layer_availability(repositoryName=repository, layerDigests=[digest(one) for one in blobs])
    missing = {layer["layerDigest"] for layer in there["layers"] if layer["layerAvailability"] == "UNAVAILABLE"}
    for blob in blobs:
        if digest(blob) in missing:
            upload(ecr, blob, repository)
    ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)
    return digest(manifest.encode()), blobs[1]


def login(ecr):
    """Address and header of the registry of the client's account and region."""
    data = ecr.get_authorization_token()["authorizationData"][0]
    return data["proxyEndpoint"], {"Authorization": "Basic " + data["authorizationToken"], "Accept": MANIFESTS}


def get(address, headers, method="GET"):
    """Status, digest and body of an answer."""
    request = urllib.request.Request(address, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers["docker-content-digest"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None, error.read()


class Regions(Judging):
    def test_one_name_two_contents(self):
        name = "judges/regions"
        seen = {}
        for region in (REGION, OTHER):
            ecr = in_region(region)
            made = ecr.create_repository(repositoryName=name)["repository"]
            self.assertEqual(made["repositoryUri"], f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com/{name}")
            put(ecr, name, f"of {region}", "v1")
            address, headers = login(ecr)
            status, named, body = get(f"{address}/v2/{name}/manifests/v1", headers)
            self.assertEqual((status, named), (200, digest(small_image(f"of {region}")[0].encode())))
            seen[region] = (address, headers, body)
        self.assertNotEqual(seen[REGION][2], seen[OTHER][2])
        for of, at in ((REGION, OTHER), (OTHER, REGION)):
            status, _, body = get(f"{seen[at][0]}/v2/{name}/manifests/v1", seen[of][1])
            self.assertEqual((status, json.loads(body)["errors"][0]["code"]), (403, "DENIED"), f"{of} at {at}")


class PullThrough(Judging):
    def setUp(self):
        self.upstream = client("ecr", role())
        self.cache = in_region(REGION, CACHER)
        self.name = self.id().rsplit(".", 1)[1].replace("_", "-")[:24]
        self.rule = {"ecrRepositoryPrefix": self.name}
        self.of_ecr = {"upstreamRegistryUrl": HOST, "upstreamRegistry": "ecr"}

    def begin(self, **more):
        made = self.cache.create_pull_through_cache_rule(**self.rule, **self.of_ecr, customRoleArn=READER, **more)
        self.addCleanup(self.cache.delete_pull_through_cache_rule, **self.rule)
        return made

    def open(self):
        self.upstream.create_repository(repositoryName=f"judges/{self.name}")
        self.upstream.set_repository_policy(repositoryName=f"judges/{self.name}", policyText=OPEN)

    def test_a_rule_from_its_making_to_its_end(self):
        made = self.begin(upstreamRepositoryPrefix="judges")
        shown = {key: made[key] for key in ("ecrRepositoryPrefix", "upstreamRegistryUrl", "customRoleArn")}
        self.assertEqual(shown, {"ecrRepositoryPrefix": self.name, "upstreamRegistryUrl": HOST, "customRoleArn": READER})
        create = self.cache.create_pull_through_cache_rule
        again = {**self.rule, **self.of_ecr, "customRoleArn": READER}
        self.refused("PullThroughCacheRuleAlreadyExistsException", self.name, create, **again)
        described = self.cache.describe_pull_through_cache_rules(ecrRepositoryPrefixes=[self.name])
        rule = described["pullThroughCacheRules"][0]
        self.assertEqual((rule["upstreamRepositoryPrefix"], rule["upstreamRegistry"]), ("judges", "ecr"))
        page = self.cache.describe_pull_through_cache_rules(maxResults=1)
        self.assertEqual(page["pullThroughCacheRules"], [rule])
        self.assertTrue(self.cache.validate_pull_through_cache_rule(**self.rule)["isValid"])
        other = READER.replace("cache-reader", "nobody")
        updated = self.cache.update_pull_through_cache_rule(customRoleArn=other, **self.rule)
        self.assertEqual(updated["customRoleArn"], other)
        invalid = self.cache.validate_pull_through_cache_rule(**self.rule)
        self.assertFalse(invalid["isValid"])
        self.assertIn("cannot be assumed", invalid["failure"])

    def test_rules_that_are_none(self):
        create = self.cache.create_pull_through_cache_rule
        for wrong, code, said in (
            ({"customRoleArn": None}, "InvalidParameterException", "needs a role"),
            ({"customRoleArn": ROLE}, "InvalidParameterException", "customRoleArn"),
            ({"ecrRepositoryPrefix": "Big"}, "InvalidParameterException", "ecrRepositoryPrefix"),
            ({"ecrRepositoryPrefix": "a"}, "InvalidParameterException", "between 2 and 30"),
            ({"ecrRepositoryPrefix": "ROOT", "upstreamRepositoryPrefix": "x1"}, "InvalidParameterException", "ROOT"),
            ({"upstreamRegistryUrl": "quay.io"}, "UnsupportedUpstreamRegistryException", "quay.io"),
            ({"upstreamRegistry": "quay"}, "UnsupportedUpstreamRegistryException", "not supported"),
            ({"upstreamRegistryUrl": HOST.replace(ACCOUNT, WORKLOAD)}, "InvalidParameterException", "another registry"),
            ({"ecrRepositoryPrefix": None}, "InvalidParameterException", "ecrRepositoryPrefix"),
        ):
            with self.subTest(wrong):
                whole = {**self.rule, **self.of_ecr, "customRoleArn": READER, **wrong}
                given = {name: value for name, value in whole.items() if value is not None}
                self.refused(code, said, create, **given)
        self.assertEqual(self.cache.describe_pull_through_cache_rules()["pullThroughCacheRules"], [])
        ecr = self.cache
        many = {"ecrRepositoryPrefixes": [self.name]}
        self.refused("PullThroughCacheRuleNotFoundException", self.name, ecr.describe_pull_through_cache_rules, **many)
        update = {**self.rule, "customRoleArn": READER}
        self.refused("PullThroughCacheRuleNotFoundException", self.name, ecr.update_pull_through_cache_rule, **update)
        for call in (ecr.validate_pull_through_cache_rule, ecr.delete_pull_through_cache_rule):
            self.refused("PullThroughCacheRuleNotFoundException", self.name, call, **self.rule)
        reader = client("ecr", role(f"arn:aws:iam::{ACCOUNT}:role/reader"))
        denied = "is not authorized to perform: ecr:CreatePullThroughCacheRule on resource: *"
        call = reader.create_pull_through_cache_rule
        self.refused("AccessDeniedException", denied, call, **self.rule, **self.of_ecr)

    def test_a_pull(self):
        self.open()
        self.begin()
        named, layer = put(self.upstream, f"judges/{self.name}", self.name, "v1")
        cached = f"{self.name}/judges/{self.name}"
        there = self.cache.describe_repositories
        self.refused("RepositoryNotFoundException", cached, there, repositoryNames=[cached])
        address, headers = login(self.cache)
        self.assertEqual(get(f"{address}/v2/{cached}/manifests/v9", headers)[0], 404)
        self.refused("RepositoryNotFoundException", cached, there, repositoryNames=[cached])
        self.assertEqual(get(f"{address}/v2/{cached}/manifests/v1", headers, "HEAD")[:2], (200, named))
        self.assertEqual(len(there(repositoryNames=[cached])["repositories"]), 1)
        link = self.cache.get_download_url_for_layer(repositoryName=cached, layerDigest=digest(layer))["downloadUrl"]
        self.assertEqual(get(link, {})[2], layer)
        moved, _ = put(self.upstream, f"judges/{self.name}", self.name + " 2", "v1")
        self.assertEqual(get(f"{address}/v2/{cached}/manifests/v1", headers)[1], moved)
        self.assertEqual(get(f"{address}/v2/{cached}/manifests/{named}", headers)[1], named)
        wanted = {"repositoryName": cached, "imageIds": [{"imageDigest": moved}, {"imageTag": "v9"}]}
        answer = self.cache.batch_get_image(**wanted)
        self.assertEqual([image["imageId"]["imageDigest"] for image in answer["images"]], [moved])
        self.assertEqual([failure["failureCode"] for failure in answer["failures"]], ["ImageNotFound"])

    def test_an_upstream_that_is_closed(self):
        self.open()
        self.upstream.delete_repository_policy(repositoryName=f"judges/{self.name}")
        put(self.upstream, f"judges/{self.name}", self.name, "v1")
        self.begin()
        cached = {"repositoryName": f"{self.name}/judges/{self.name}", "imageIds": [{"imageTag": "v1"}]}
        said = "assumed-role/cache-reader/ecr-pull-through-cache is not authorized to perform: ecr:BatchGetImage"
        self.refused("UnableToGetUpstreamImageException", said, self.cache.batch_get_image, **cached)
        missing = {"repositoryNames": [cached["repositoryName"]]}
        self.refused("RepositoryNotFoundException", "", self.cache.describe_repositories, **missing)


if __name__ == "__main__":
    unittest.main()
