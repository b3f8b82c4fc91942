"""The control plane of ECR by boto3, and the registry behind it as far as a token opens it."""

import base64
import json
import unittest
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

from sandbox import ACCOUNT, HOST, REGION, Judging, client, digest, role, small_image, upload

EVERYBODY = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "pull", "Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}],
}
LIFECYCLE = json.dumps({
    "rules": [{
        "rulePriority": 1,
        "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1},
        "action": {"type": "expire"},
    }]
})
NOWHERE = "sha256:" + "0" * 64


class Ecr(Judging):
    def setUp(self):
        self.ecr = client("ecr", role())
        self.name = "judges/" + self.id().rsplit(".", 1)[1].replace("_", "-")

    def create(self, **settings):
        return self.ecr.create_repository(repositoryName=self.name, **settings)["repository"]

    def put(self, note, **named):
        manifest, blobs = small_image(note)
        for blob in blobs:
            there = self.ecr.batch_check_layer_availability(repositoryName=self.name, layerDigests=[digest(blob)])
            if there["layers"][0]["layerAvailability"] != "AVAILABLE":
                upload(self.ecr, blob, self.name)
        return self.ecr.put_image(repositoryName=self.name, imageManifest=manifest, **named)["image"]

    def test_a_repository_from_its_making_to_its_end(self):
        made = self.create()
        self.assertEqual(made["repositoryUri"], f"{HOST}/{self.name}")
        self.assertEqual(made["repositoryArn"], f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{self.name}")
        shown = self.ecr.describe_repositories(repositoryNames=[self.name])["repositories"]
        self.assertEqual(shown, [made])
        self.refused("RepositoryAlreadyExistsException", self.name, self.ecr.create_repository, repositoryName=self.name)
        self.put("v1", imageTag="v1")
        delete = {"call": self.ecr.delete_repository, "repositoryName": self.name}
        self.refused("RepositoryNotEmptyException", "still contains images", **delete)
        self.assertEqual(self.ecr.delete_repository(repositoryName=self.name, force=True)["repository"], made)
        self.refused("RepositoryNotFoundException", f"'{self.name}' does not exist in the registry", **delete)

    def test_pages_of_repositories(self):
        for at in range(3):
            self.ecr.create_repository(repositoryName=f"{self.name}/{at}")
        seen, answer = [], {"nextToken": None}
        while "nextToken" in answer:
            more = {"nextToken": answer["nextToken"]} if answer["nextToken"] else {}
            answer = self.ecr.describe_repositories(maxResults=2, **more)
            seen += [repository["repositoryName"] for repository in answer["repositories"]]
        self.assertEqual(len(seen), len(set(seen)))
        self.assertLessEqual({f"{self.name}/{at}" for at in range(3)}, set(seen))
        call = self.ecr.describe_repositories
        self.refused("InvalidParameterException", "", call, repositoryNames=[self.name], maxResults=1)
        self.refused("InvalidParameterException", "repositoryName", self.ecr.create_repository, repositoryName="Big")

    def test_tags_that_may_not_move(self):
        self.create(imageTagMutability="IMMUTABLE")
        self.put("v1", imageTag="v1")
        manifest, _ = small_image("v2")
        with self.assertRaises(self.ecr.exceptions.ImageTagAlreadyExistsException) as caught:
            self.put("v2", imageTag="v1")
        self.assertIn("tag is immutable", caught.exception.response["Error"]["Message"])
        listed = self.ecr.list_images(repositoryName=self.name)["imageIds"]
        self.assertEqual([image["imageTag"] for image in listed], ["v1"], "what was there is there")
        excluded = [{"filterType": "WILDCARD", "filter": "latest*"}]
        answer = self.ecr.put_image_tag_mutability(
            repositoryName=self.name,
            imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
            imageTagMutabilityExclusionFilters=excluded,
        )
        self.assertEqual(answer["imageTagMutabilityExclusionFilters"], excluded)
        shown = self.ecr.describe_repositories(repositoryNames=[self.name])["repositories"][0]
        self.assertEqual(shown["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION")
        self.put("v2", imageTag="latest-v2")
        self.ecr.put_image_tag_mutability(repositoryName=self.name, imageTagMutability="MUTABLE")
        self.ecr.put_image(repositoryName=self.name, imageManifest=manifest, imageTag="v1")

    def test_the_policy_of_a_repository(self):
        self.create()
        name = {"repositoryName": self.name}
        for call in (self.ecr.get_repository_policy, self.ecr.delete_repository_policy):
            self.refused("RepositoryPolicyNotFoundException", "Repository policy does not exist", call, **name)
        set_policy = self.ecr.set_repository_policy
        set_policy(policyText=json.dumps(EVERYBODY), **name)
        self.assertEqual(json.loads(self.ecr.get_repository_policy(**name)["policyText"]), EVERYBODY)
        self.refused("InvalidParameterException", "PolicyText", set_policy, policyText='{"Version": 1}', **name)
        self.assertEqual(json.loads(self.ecr.delete_repository_policy(**name)["policyText"]), EVERYBODY)

    def test_what_hangs_on_a_repository(self):
        arn = {"resourceArn": self.create(tags=[{"Key": "team", "Value": "shop"}])["repositoryArn"]}
        self.ecr.tag_resource(tags=[{"Key": "a", "Value": "1"}], **arn)
        self.ecr.untag_resource(tagKeys=["team"], **arn)
        self.assertEqual(self.ecr.list_tags_for_resource(**arn)["tags"], [{"Key": "a", "Value": "1"}])
        name = {"repositoryName": self.name}
        self.ecr.put_image_scanning_configuration(imageScanningConfiguration={"scanOnPush": True}, **name)
        shown = self.ecr.describe_repositories(repositoryNames=[self.name])["repositories"][0]
        self.assertTrue(shown["imageScanningConfiguration"]["scanOnPush"])
        for call in (self.ecr.get_lifecycle_policy, self.ecr.delete_lifecycle_policy):
            self.refused("LifecyclePolicyNotFoundException", "Lifecycle policy does not exist", call, **name)
        put = self.ecr.put_lifecycle_policy
        put(lifecyclePolicyText=LIFECYCLE, **name)
        self.assertEqual(self.ecr.get_lifecycle_policy(**name)["lifecyclePolicyText"], LIFECYCLE)
        self.refused("InvalidParameterException", "LifecyclePolicyText", put, lifecyclePolicyText="{}", **name)
        self.assertEqual(self.ecr.delete_lifecycle_policy(**name)["lifecyclePolicyText"], LIFECYCLE)
        arn["resourceArn"] += "-nowhere"
        self.refused("RepositoryNotFoundException", "-nowhere", self.ecr.list_tags_for_resource, **arn)

    def test_images_and_tags(self):
        self.create()
        image = self.put("one", imageTag="one")
        manifest, blobs = small_image("one")
        self.assertEqual(image["imageId"], {"imageDigest": digest(manifest.encode()), "imageTag": "one"})
        name = {"repositoryName": self.name}
        again = {"imageManifest": manifest, "imageTag": "one"}
        self.refused("ImageAlreadyExistsException", "already exists", self.ecr.put_image, **name, **again)
        self.ecr.put_image(imageManifest=manifest, imageTag="uno", **name)
        self.put("two")

        ids = self.ecr.list_images(**name)["imageIds"]
        self.assertEqual({one.get("imageTag") for one in ids}, {"one", "uno", None})
        tagged = self.ecr.list_images(filter={"tagStatus": "TAGGED"}, **name)["imageIds"]
        self.assertEqual({one["imageTag"] for one in tagged}, {"one", "uno"})
        page = self.ecr.list_images(maxResults=2, **name)
        rest = self.ecr.list_images(maxResults=2, nextToken=page["nextToken"], **name)
        self.assertEqual(page["imageIds"] + rest["imageIds"], ids)
        self.assertNotIn("nextToken", rest)

        detail = self.ecr.describe_images(imageIds=[{"imageTag": "uno"}], **name)["imageDetails"][0]
        self.assertEqual(sorted(detail["imageTags"]), ["one", "uno"])
        self.assertEqual(detail["imageSizeInBytes"], sum(map(len, blobs)))
        self.assertEqual(len(self.ecr.describe_images(**name)["imageDetails"]), 2)
        missing = {"imageIds": [{"imageTag": "three"}]}
        said = f"imageTag:'three'}} does not exist within the repository with name '{self.name}'"
        self.refused("ImageNotFoundException", said, self.ecr.describe_images, **name, **missing)

        wanted = [{"imageTag": "one"}, {"imageDigest": NOWHERE}, {"imageDigest": "sha256:1"}, {}]
        answer = self.ecr.batch_get_image(imageIds=wanted, **name)
        self.assertEqual([one["imageManifest"] for one in answer["images"]], [manifest])
        codes = [failure["failureCode"] for failure in answer["failures"]]
        self.assertEqual(codes, ["ImageNotFound", "InvalidImageDigest", "MissingDigestAndTag"])

        gone = self.ecr.batch_delete_image(imageIds=[{"imageTag": "uno"}, {"imageTag": "three"}], **name)
        self.assertEqual([one["imageTag"] for one in gone["imageIds"]], ["uno"])
        self.assertEqual([failure["failureCode"] for failure in gone["failures"]], ["ImageNotFound"])
        self.ecr.describe_images(imageIds=[{"imageTag": "one"}], **name)

    def test_a_manifest_that_cannot_be(self):
        self.create()
        manifest, _ = small_image("nothing of it is there")
        put = {"call": self.ecr.put_image, "repositoryName": self.name}
        self.refused("LayersNotFoundException", "do not exist", imageManifest=manifest, imageTag="v1", **put)
        self.refused("InvalidParameterException", "ImageManifest", imageManifest="{", imageTag="v1", **put)
        wrong = {"imageManifest": manifest, "imageDigest": NOWHERE}
        self.refused("ImageDigestDoesNotMatchException", "does not match", **put, **wrong)
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": NOWHERE, "size": 2}],
        }
        self.refused("ReferencedImagesNotFoundException", NOWHERE, imageManifest=json.dumps(index), **put)
        self.assertEqual(self.ecr.list_images(repositoryName=self.name)["imageIds"], [])

    def test_the_upload_of_a_layer(self):
        self.create()
        name = {"repositoryName": self.name}
        data = bytes(range(256)) * 256 * 82  # 5.1 MiB, so that a first part may be followed by another
        named = upload(self.ecr, data, self.name)
        answer = self.ecr.batch_check_layer_availability(layerDigests=[named, NOWHERE, "sha256:1"], **name)
        found = [layer["layerAvailability"] for layer in answer["layers"]]
        self.assertEqual((found, len(answer["failures"])), (["AVAILABLE", "UNAVAILABLE"], 1))
        link = self.ecr.get_download_url_for_layer
        self.refused("LayerInaccessibleException", "not associated with an image", link, layerDigest=named, **name)
        self.refused("LayersNotFoundException", NOWHERE, link, layerDigest=NOWHERE, **name)
        self.put("linked", imageTag="linked")
        used = digest(small_image("linked")[1][1])
        with urllib.request.urlopen(link(layerDigest=used, **name)["downloadUrl"], timeout=30) as stored:
            self.assertEqual(digest(stored.read()), used)

        started = self.ecr.initiate_layer_upload(**name)["uploadId"]
        complete = {"call": self.ecr.complete_layer_upload, "uploadId": started, **name}
        self.refused("EmptyUploadException", "", layerDigests=[named], **complete)
        part = {"uploadId": started, "layerPartBlob": data, **name}
        call = self.ecr.upload_layer_part
        self.refused("InvalidLayerPartException", "", call, partFirstByte=1, partLastByte=len(data), **part)
        received = self.ecr.upload_layer_part(partFirstByte=0, partLastByte=len(data) - 1, **part)
        self.assertEqual(received["lastByteReceived"], len(data) - 1)
        self.refused("LayerAlreadyExistsException", named, layerDigests=[named], **complete)

        other = self.ecr.initiate_layer_upload(**name)["uploadId"]
        complete["uploadId"] = part["uploadId"] = other
        part["layerPartBlob"] = b"short"
        self.ecr.upload_layer_part(partFirstByte=0, partLastByte=4, **part)
        self.ecr.upload_layer_part(partFirstByte=5, partLastByte=9, **part)
        twice = [digest(b"shortshort")]
        self.refused("LayerPartTooSmallException", "5242880", layerDigests=twice, **complete)

        complete["uploadId"] = part["uploadId"] = other = self.ecr.initiate_layer_upload(**name)["uploadId"]
        self.ecr.upload_layer_part(partFirstByte=0, partLastByte=4, **part)
        self.refused("InvalidLayerException", "", layerDigests=[NOWHERE], **complete)
        self.refused("UploadNotFoundException", other, layerDigests=[NOWHERE], **complete)

    def test_a_token_opens_the_registry(self):
        data = self.ecr.get_authorization_token()["authorizationData"][0]
        left = data["expiresAt"] - datetime.now(timezone.utc)
        self.assertTrue(timedelta(hours=11) < left <= timedelta(hours=12), left)
        self.assertTrue(base64.b64decode(data["authorizationToken"]).startswith(b"AWS:"))
        address = data["proxyEndpoint"] + "/v2/"
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address, timeout=30)
        self.assertEqual(refused.exception.code, 401)
        refused.exception.close()
        header = {"Authorization": "Basic " + data["authorizationToken"]}
        with urllib.request.urlopen(urllib.request.Request(address, headers=header), timeout=30) as answer:
            self.assertEqual(answer.status, 200)

    def test_the_settings_of_an_account(self):
        name = {"name": "BLOB_MOUNTING"}
        before = self.ecr.get_account_setting(**name)["value"]
        self.assertEqual(self.ecr.put_account_setting(value="ENABLED", **name)["value"], "ENABLED")
        self.assertEqual(self.ecr.get_account_setting(**name)["value"], "ENABLED")
        self.ecr.put_account_setting(value=before, **name)
        self.refused("InvalidParameterException", "", self.ecr.put_account_setting, name="SPEED", value="ENABLED")

    def test_a_role_that_may_only_read(self):
        ecr = client("ecr", role(f"arn:aws:iam::{ACCOUNT}:role/reader"))
        ecr.describe_repositories()
        said = (
            f"User: arn:aws:sts::{ACCOUNT}:assumed-role/reader/judge is not authorized to perform: ecr:CreateRepository on "
            f"resource: arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{self.name}"
        )
        self.refused("AccessDeniedException", said, ecr.create_repository, repositoryName=self.name)

    def test_another_account(self):
        call = self.ecr.describe_images
        self.refused("AccessDeniedException", "", call, registryId="222222222222", repositoryName="shop/api")


if __name__ == "__main__":
    unittest.main()
