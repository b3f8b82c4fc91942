"""ECR's manners, where it is no plain registry: what users report of it, against the registry in the manner of ECR."""

import base64
import json
import time

from botocore.exceptions import ClientError

from registry import INDEX, MANIFEST, NOWHERE, Distribution, Registry, basic, descriptor
from sandbox import CONFIG, client, digest, eventually, role

MEBIBYTE = 1024 * 1024
# As large as a part must be to be followed by another.
PART = bytes(5 * MEBIBYTE)


class Login(Distribution):
    def test_the_token_is_sent_as_basic_and_nothing_is_exchanged(self):
        refused = self.ask("GET", "/v2/", token=False)
        self.refuses(401, "UNAUTHORIZED", refused)
        challenge = f'Basic realm="{self.repository.endpoint}/",service="ecr.amazonaws.com"'
        self.assertEqual(refused.headers["www-authenticate"], challenge)
        self.answers(200, "GET", "/v2/")
        name, password = base64.b64decode(self.repository.token).decode().split(":")
        self.assertEqual(name, "AWS")
        for headers in (
            basic("somebody", password),
            basic("AWS", password + "x"),
            {"authorization": f"Bearer {self.repository.token}"},
        ):
            self.refuses(401, "UNAUTHORIZED", self.ask("GET", "/v2/", headers=headers))

    def test_addresses_are_whole(self):
        self.assertTrue(self.repository.start().startswith(self.repository.endpoint))
        done = self.repository.put("v1", self.repository.image("v1"))
        self.assertTrue(done.headers["location"].startswith(self.repository.endpoint))


class Download(Distribution):
    data = b"bytes of a layer"

    def link(self):
        answer = self.answers(307, "GET", f"blobs/{digest(self.data)}")
        self.assertEqual(answer.content, b"")
        return answer.headers["location"]

    def test_a_blob_is_sent_to_an_address_that_wants_no_login(self):
        self.repository.push_blob(self.data)
        link = self.link()
        self.assertFalse(link.startswith(self.repository.endpoint))
        self.assertEqual(self.answers(200, "GET", link, token=False).content, self.data)
        part = self.answers(206, "GET", link, token=False, headers={"range": "bytes=6-"})
        self.assertEqual(part.content, self.data[6:])
        head = self.answers(200, "HEAD", f"blobs/{digest(self.data)}")
        self.assertEqual(head.headers["content-length"], str(len(self.data)), "HEAD is answered at once")

    def test_credentials_that_are_sent_along_are_refused(self):
        self.repository.push_blob(self.data)
        refused = self.answers(400, "GET", self.link())
        self.assertIn("<Code>InvalidArgument</Code>", refused.text)
        self.assertNotIn(self.data, refused.content)

    def test_an_address_that_was_changed_is_refused(self):
        self.repository.push_blob(self.data)
        link = self.link()
        forged = self.answers(403, "GET", link[:-1] + ("0" if link[-1] != "0" else "1"), token=False)
        self.assertIn("<Code>SignatureDoesNotMatch</Code>", forged.text)

    def test_addresses_expire_and_are_given_again(self):
        self.repository.push_blob(self.data)
        link = self.link()
        expired = eventually(lambda: self.ask("GET", link, token=False), lambda seen: seen.status_code != 200)
        self.assertEqual(expired.status_code, 403)
        self.assertIn("<Message>Request has expired</Message>", expired.text)
        self.assertEqual(self.answers(200, "GET", self.link(), token=False).content, self.data)


class Upload(Distribution):
    def there(self, data):
        self.assertEqual(self.answers(200, "HEAD", f"blobs/{digest(data)}").headers["content-length"], str(len(data)))

    def test_patch_answers_201_and_its_range_sticks_at_the_first_chunk(self):
        data = PART + PART + b"the rest"
        location = self.repository.start()
        for first in (0, len(PART)):
            answer = self.repository.patch(location, PART, first)
            self.assertEqual(answer.status_code, 201, answer.text)
            self.assertEqual(answer.headers["range"], f"0-{len(PART) - 1}")
            location = answer.headers["location"]
        self.assertEqual(self.repository.finish(location, digest(data), b"the rest", 2 * len(PART)).status_code, 201)
        self.there(data)

    def test_how_far_an_upload_is_is_not_told(self):
        location = self.repository.start()
        self.repository.patch(location, PART, 0)
        self.refuses(404, "BLOB_UPLOAD_UNKNOWN", self.ask("GET", location))

    def test_a_put_on_a_used_upload_is_refused_with_the_offset(self):
        location = self.repository.start()
        self.assertEqual(self.repository.patch(location, PART).status_code, 201)
        refused = self.repository.finish(location, digest(PART), PART)
        self.refuses(416, "BLOB_UPLOAD_INVALID", refused)
        self.assertIn(f"is 0 instead of {len(PART)}", refused.json()["errors"][0]["message"])
        self.absent(f"blobs/{digest(PART)}")
        self.assertEqual(self.repository.finish(location, digest(PART)).status_code, 201, "the upload has survived")
        self.there(PART)

    def test_a_part_of_less_than_five_mebibytes_can_only_be_the_last(self):
        small = PART[1:]
        location = self.repository.start()
        self.assertEqual(self.repository.patch(location, small, 0).status_code, 201)
        refused = self.repository.finish(location, digest(small + b"more"), b"more", len(small))
        self.refuses(400, "BLOB_UPLOAD_INVALID", refused)
        self.assertIn("5242880", refused.json()["errors"][0]["message"])
        self.absent(f"blobs/{digest(small + b'more')}")
        self.assertEqual(self.repository.finish(location, digest(small)).status_code, 201)
        self.there(small)

    def test_a_part_that_breaks_off_is_forgotten(self):
        location = self.repository.start()
        self.assertEqual(self.repository.patch(location, PART, 0).status_code, 201)
        self.repository.break_off(location, PART, len(PART))
        # The registry finds out in its own time that nothing more will come; until then the upload is busy.
        data = PART + b"the rest"
        self.assertEqual(self.repository.patch(location, b"the rest", len(PART)).status_code, 201)
        self.assertEqual(self.repository.finish(location, digest(data)).status_code, 201)
        self.there(data)

    def test_another_digest_than_announced(self):
        refused = self.repository.finish(self.repository.start(), NOWHERE, b"bytes")
        self.refuses(400, "BLOB_UPLOAD_INVALID", refused)
        for named in (NOWHERE, digest(b"bytes")):
            self.absent(f"blobs/{named}")

    def test_blobs_are_not_deleted(self):
        self.repository.push_blob(b"kept")
        self.refuses(405, "UNSUPPORTED", self.ask("DELETE", f"blobs/{digest(b'kept')}"))
        self.there(b"kept")


class Mount(Distribution):
    def setUp(self):
        super().setUp()
        self.other = Registry(self.named("-2"))
        self.switch("ENABLED")
        self.addCleanup(self.switch, "DISABLED")

    def switch(self, value):
        self.repository.ecr.put_account_setting(name="BLOB_MOUNTING", value=value)

    def mount(self, blob, source=None):
        source = source or self.repository
        return self.other.ask("POST", f"blobs/uploads/?mount={blob}&from={source.name}")

    def is_an_upload(self, answer, blob):
        self.assertEqual(answer.status_code, 202, answer.text)
        self.assertEqual(self.other.ask("HEAD", f"blobs/{blob}").status_code, 404)
        done = self.other.finish(answer.headers["location"], digest(b"instead"), b"instead")
        self.assertEqual(done.status_code, 201, done.text)

    def layer(self):
        return json.loads(self.repository.push_image("v1"))["layers"][0]["digest"]

    def test_a_blob_of_an_image_in_the_account(self):
        blob = self.layer()
        self.assertEqual(self.mount(blob).status_code, 201)
        self.assertEqual(self.other.ask("HEAD", f"blobs/{blob}").status_code, 200)

    def test_only_where_it_is_switched_on(self):
        blob = self.layer()
        self.switch("DISABLED")
        self.is_an_upload(self.mount(blob), blob)

    def test_only_within_an_account(self):
        elsewhere = Registry(self.named("-3"), client("ecr"))
        elsewhere.ecr.put_account_setting(name="BLOB_MOUNTING", value="ENABLED")
        blob = json.loads(elsewhere.push_image("v1"))["layers"][0]["digest"]
        self.assertNotEqual(elsewhere.endpoint, self.other.endpoint)
        self.is_an_upload(self.mount(blob, elsewhere), blob)

    def test_only_what_a_manifest_refers_to(self):
        blob = self.repository.push_blob(b"of no image")["digest"]
        self.is_an_upload(self.mount(blob), blob)


class Manifests(Distribution):
    immutable = {"imageTagMutability": "IMMUTABLE"}

    def test_an_immutable_tag_is_not_even_pushed_again(self):
        self.repository = Registry(self.named("-2"), **self.immutable)
        body, other = self.repository.push_image("v1"), self.repository.image("v2")
        for refused in (self.repository.put("v1", body), self.repository.put("v1", other)):
            self.refuses(400, "TAG_INVALID", refused)
            self.assertIn("immutable", refused.json()["errors"][0]["message"])
        self.pulls("manifests/v1", body)
        self.absent(f"manifests/{digest(other)}")
        self.assertEqual(self.repository.put(digest(body), body).status_code, 201, "without a tag nothing moves")

    def test_an_index_before_its_members(self):
        missing = {"mediaType": MANIFEST, "digest": NOWHERE, "size": 2}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [missing]}
        refused = self.repository.put("v1", index, INDEX)
        self.refuses(404, "MANIFEST_BLOB_UNKNOWN", refused)
        self.assertIn(f"'[{NOWHERE}]' required", refused.json()["errors"][0]["message"])
        self.absent("manifests/v1")

    def test_referrers_come_in_pages_of_fifty(self):
        body = self.repository.push_image("v1")
        for at in range(51):
            artifact = self.repository.image("artifact", subject=descriptor(body), annotations={"number": str(at)})
            self.repository.put(digest(artifact), artifact)
        answer = self.answers(200, "GET", f"referrers/{digest(body)}")
        self.assertEqual(len(answer.json()["manifests"]), 50)
        rest = self.answers(200, "GET", answer.links["next"]["url"])
        self.assertEqual(len(rest.json()["manifests"]), 1)
        self.assertNotIn("link", rest.headers)

    def too_many(self, put):
        """Puts until it is refused; how often it was not."""
        for taken in range(2000):
            if (refused := put(taken)) is not None:
                return taken, refused
        self.fail("2000 times in a row are not too many")

    def test_images_are_put_ten_a_second_by_whichever_door(self):
        body = self.repository.push_image("v1")

        def by_the_registry(_):
            answer = self.repository.put_once("v1", body)
            return answer if answer.status_code != 201 else None

        def by_the_control_plane(at):
            try:
                ecr.put_image(repositoryName=self.repository.name, imageManifest=body.decode(), imageTag=f"t{at}")
            except ClientError as error:
                return error.response["Error"]["Code"]

        ecr = role().client("ecr", config=CONFIG)
        # The bucket fills up.
        time.sleep(1)
        taken, refused = self.too_many(by_the_registry)
        self.assertGreaterEqual(taken, 10)
        self.refuses(429, "TOOMANYREQUESTS", refused)
        self.assertEqual(self.too_many(by_the_control_plane)[1], "ThrottlingException")
        # Nothing else is held up, and in a moment there is room again.
        self.pulls("manifests/v1", body)
        eventually(lambda: self.repository.put_once("v2", body).status_code, lambda status: status == 201)
        self.pulls("manifests/v2", body)
