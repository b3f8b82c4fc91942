"""The OCI distribution specification 1.1, requirement after requirement, against the registry in its plain manner: pull
and push. Where the specification leaves a choice the test says what the sandbox has chosen."""

import json

from registry import EMPTY, INDEX, MANIFEST, NOWHERE, Distribution, Registry, basic, descriptor
from sandbox import digest


class Pull(Distribution):
    def test_end_1_tells_that_the_specification_is_served(self):
        self.answers(200, "GET", "/v2/")
        self.refuses(401, "UNAUTHORIZED", self.ask("GET", "/v2/", token=False))
        self.refuses(401, "UNAUTHORIZED", self.ask("GET", "/v2/", headers=basic("AWS", "guessed")))

    def test_a_manifest_by_tag_and_by_digest_is_what_was_pushed(self):
        # Blanks and the order of members are part of a manifest.
        body = json.dumps(json.loads(self.repository.image("v1")), indent=3).encode()
        self.assertEqual(self.repository.put("v1", body).status_code, 201)
        for reference in ("v1", digest(body)):
            answer = self.pulls(f"manifests/{reference}", body)
            self.assertEqual(answer.headers["content-type"], MANIFEST)

    def test_a_manifest_that_is_not_there(self):
        for reference in ("v1", NOWHERE):
            self.refuses(404, "MANIFEST_UNKNOWN", self.ask("GET", f"manifests/{reference}"))
            self.absent(f"manifests/{reference}")

    def test_a_repository_that_is_not_there(self):
        for path in ("manifests/v1", f"blobs/{NOWHERE}", "tags/list"):
            self.refuses(404, "NAME_UNKNOWN", self.ask("GET", f"/v2/oci/nowhere/{path}"))

    def test_a_blob_is_what_was_pushed(self):
        data = bytes(range(256)) * 5000
        self.repository.push_blob(data)
        self.pulls(f"blobs/{digest(data)}", data)

    def test_a_blob_that_is_not_there(self):
        self.refuses(404, "BLOB_UNKNOWN", self.ask("GET", f"blobs/{NOWHERE}"))
        self.absent(f"blobs/{NOWHERE}")
        self.refuses(400, "DIGEST_INVALID", self.ask("GET", "blobs/sha256:short"))

    def test_a_blob_of_another_repository_is_not_there(self):
        blob = Registry(self.named("-2")).push_blob(b"elsewhere")
        self.absent(f"blobs/{blob['digest']}")

    def test_parts_of_a_blob(self):
        data = bytes(range(100))
        path = "blobs/" + self.repository.push_blob(data)["digest"]
        for wanted, first, last in (("0-9", 0, 9), ("90-", 90, 99), ("-5", 95, 99), ("50-1000", 50, 99)):
            part = self.answers(206, "GET", path, headers={"range": f"bytes={wanted}"})
            self.assertEqual(part.content, data[first : last + 1])
            self.assertEqual(part.headers["content-range"], f"bytes {first}-{last}/100")
        self.assertEqual(self.answers(416, "GET", path, headers={"range": "bytes=100-"}).headers["content-range"], "bytes */100")
        # A unit that nobody knows is to be passed over (RFC 9110, 14.2).
        self.assertEqual(self.answers(200, "GET", path, headers={"range": "lines=1-2"}).content, data)


class PushOfBlobs(Distribution):
    data = b"a blob in pieces, " * 100

    def pushed(self, answer, data):
        """The upload is done: its answer names where the blob is pulled."""
        self.assertEqual(answer.status_code, 201, answer.text)
        self.pulls(answer.headers["location"], data)
        self.pulls(f"blobs/{digest(data)}", data)

    def received(self, answer, status, size):
        self.assertEqual(answer.status_code, status, answer.text)
        self.assertEqual(answer.headers["range"], f"0-{size - 1}")
        return answer.headers["location"]

    def test_post_then_put(self):
        self.pushed(self.repository.finish(self.repository.start(), digest(self.data), self.data), self.data)

    def test_a_single_post(self):
        # 202 would be allowed, and leave the client to go on with PUT.
        self.pushed(self.ask("POST", f"blobs/uploads/?digest={digest(self.data)}", data=self.data), self.data)

    def test_an_empty_blob(self):
        self.pushed(self.repository.finish(self.repository.start(), digest(b"")), b"")
        self.pushed(self.ask("POST", f"blobs/uploads/?digest={digest(b'')}"), b"")

    def test_a_blob_that_is_there_already(self):
        for _ in range(2):
            self.pushed(self.repository.finish(self.repository.start(), digest(self.data), self.data), self.data)

    def test_chunks(self):
        location = self.received(self.repository.patch(self.repository.start(), self.data[:700], 0), 202, 700)
        location = self.received(self.ask("GET", location), 204, 700)
        location = self.received(self.repository.patch(location, self.data[700:900], 700), 202, 900)
        self.pushed(self.repository.finish(location, digest(self.data), self.data[900:], 900), self.data)
        self.refuses(404, "BLOB_UPLOAD_UNKNOWN", self.ask("GET", location))

    def test_chunks_with_an_empty_put_at_the_end(self):
        location = self.received(self.repository.patch(self.repository.start(), self.data, 0), 202, len(self.data))
        self.pushed(self.repository.finish(location, digest(self.data)), self.data)

    def test_a_stream_of_unknown_length(self):
        chunks = (self.data[at : at + 100] for at in range(0, len(self.data), 100))
        sent = self.ask("PATCH", self.repository.start(), data=chunks)
        self.pushed(self.repository.finish(self.received(sent, 202, len(self.data)), digest(self.data)), self.data)

    def test_chunks_out_of_order_are_refused_and_the_upload_goes_on(self):
        location = self.repository.start()
        self.refuses(416, "BLOB_UPLOAD_INVALID", self.repository.patch(location, self.data[10:], 10))
        location = self.received(self.repository.patch(location, self.data[:700], 0), 202, 700)
        for first in (0, 699, 701):
            refused = self.repository.patch(location, self.data[first:], first)
            self.refuses(416, "BLOB_UPLOAD_INVALID", refused)
            self.received(refused, 416, 700)
            self.received(self.ask("GET", location), 204, 700)
        self.refuses(416, "BLOB_UPLOAD_INVALID", self.repository.finish(location, digest(self.data), self.data, 0))
        self.pushed(self.repository.finish(location, digest(self.data), self.data[700:], 700), self.data)

    def test_another_digest_than_announced(self):
        location = self.repository.start()
        self.refuses(400, "DIGEST_INVALID", self.repository.finish(location, NOWHERE, self.data))
        self.refuses(400, "DIGEST_INVALID", self.ask("POST", f"blobs/uploads/?digest={NOWHERE}", data=self.data))
        for named in (NOWHERE, digest(self.data)):
            self.absent(f"blobs/{named}")

    def test_a_digest_that_is_none_is_refused_and_the_upload_goes_on(self):
        location = self.repository.start()
        for named in ("", "sha256:short", "md5:" + "0" * 32):
            self.refuses(400, "DIGEST_INVALID", self.repository.finish(location, named, self.data))
        self.pushed(self.repository.finish(location, digest(self.data), self.data), self.data)

    def test_an_upload_that_is_cancelled(self):
        location = self.received(self.repository.patch(self.repository.start(), self.data), 202, len(self.data))
        self.answers(204, "DELETE", location)
        for answer in (
            self.ask("GET", location),
            self.ask("DELETE", location),
            self.repository.patch(location, self.data),
            self.repository.finish(location, digest(self.data)),
        ):
            self.refuses(404, "BLOB_UPLOAD_UNKNOWN", answer)
        self.absent(f"blobs/{digest(self.data)}")

    def test_a_refusal_does_not_cost_the_connection(self):
        # A connection that is closed upon an unread body fails the next request on it, which clients do not send again.
        for _ in range(50):
            self.refuses(404, "BLOB_UPLOAD_UNKNOWN", self.repository.patch("blobs/uploads/nowhere", bytes(1000_000)))
            self.answers(200, "GET", "/v2/")

    def test_an_upload_belongs_to_its_repository(self):
        other = Registry(self.named("-2"))
        upload = self.repository.start().rsplit("/", 1)[1]
        self.refuses(404, "BLOB_UPLOAD_UNKNOWN", other.finish(f"blobs/uploads/{upload}", digest(self.data), self.data))

    def test_a_mount(self):
        blob = self.repository.push_blob(self.data)["digest"]
        other = Registry(self.named("-2"))
        mounted = other.ask("POST", f"blobs/uploads/?mount={blob}&from={self.repository.name}")
        self.assertEqual(mounted.status_code, 201, mounted.text)
        self.assertEqual(other.ask("GET", mounted.headers["location"]).content, self.data)

    def test_a_mount_that_is_not_possible_is_an_upload(self):
        for query in (f"mount={NOWHERE}&from=oci/nowhere", f"mount={NOWHERE}&from={self.repository.name}"):
            begun = self.answers(202, "POST", f"blobs/uploads/?{query}")
            self.pushed(self.repository.finish(begun.headers["location"], digest(self.data), self.data), self.data)
        # `from` may be left out; a registry that does not look everywhere starts an upload.
        self.answers(202, "POST", f"blobs/uploads/?mount={NOWHERE}")


class PushOfManifests(Distribution):
    def test_a_manifest_with_a_tag_and_by_its_digest(self):
        for reference, body in (("v1", self.repository.image("1")), (None, self.repository.image("2"))):
            done = self.repository.put(reference or digest(body), body)
            self.assertEqual(done.status_code, 201, done.text)
            self.assertEqual(done.headers["docker-content-digest"], digest(body))
            self.pulls(done.headers["location"], body)
        self.assertEqual(self.answers(200, "GET", "tags/list").json()["tags"], ["v1"])

    def test_a_tag_moves_and_what_it_named_stays(self):
        first, second = self.repository.push_image("v1"), self.repository.image("v2")
        self.assertEqual(self.repository.put("v1", second).status_code, 201)
        self.pulls("manifests/v1", second)
        self.pulls(f"manifests/{digest(first)}", first)

    def test_an_index(self):
        members = [descriptor(self.repository.push_image(tag)) for tag in ("a", "b")]
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": members}).encode()
        self.assertEqual(self.repository.put("both", body, INDEX).status_code, 201)
        self.assertEqual(self.pulls("manifests/both", body).headers["content-type"], INDEX)

    def test_a_manifest_of_another_digest_than_its_address(self):
        body = self.repository.image("v1")
        self.refuses(400, "DIGEST_INVALID", self.repository.put(NOWHERE, body))
        for named in (NOWHERE, digest(body)):
            self.absent(f"manifests/{named}")

    def test_a_manifest_that_is_none(self):
        kept = self.repository.push_image("v1")
        for body in (b"", b"no json", b"[]", b"{}", b'{"schemaVersion":2}'):
            self.refuses(400, "MANIFEST_INVALID", self.repository.put("v1", body))
        self.pulls("manifests/v1", kept)

    def test_a_manifest_whose_parts_are_missing(self):
        kept = self.repository.push_image("v1")
        missing = json.loads(kept)
        missing["layers"][0]["digest"] = NOWHERE
        # Either code is the specification's: of the blob, or of the manifest that wants it.
        self.refuses(404, "BLOB_UNKNOWN", self.repository.put("v1", missing))
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(b"?") | {"digest": NOWHERE}]}
        self.refuses(404, "MANIFEST_BLOB_UNKNOWN", self.repository.put("v1", index, INDEX))
        self.pulls("manifests/v1", kept)

    def test_manifests_up_to_four_mebibytes(self):
        room = 4 * 1024 * 1024 - len(self.repository.image("large", annotations={"room": ""}))
        body = self.repository.image("large", annotations={"room": "x" * room})
        self.assertEqual(len(body), 4 * 1024 * 1024)
        self.assertEqual(self.repository.put("large", body).status_code, 201)
        self.pulls("manifests/large", body)
        larger = self.repository.image("large", annotations={"room": "x" * (room + 1)})
        self.refuses(413, "SIZE_INVALID", self.repository.put("large", larger))
        self.pulls("manifests/large", body)

    def test_names_of_tags(self):
        body = self.repository.image("v1")
        for tag in ("A", "_", "1.2.3-rc.1", "x" * 128):
            self.assertEqual(self.repository.put(tag, body).status_code, 201, tag)
        for tag in (".a", "-a", "a+b", "x" * 129):
            self.refuses(400, "TAG_INVALID", self.repository.put(tag, body))

    def test_an_artifact_without_layers_of_a_file_system(self):
        empty = self.repository.push_blob(b"{}") | {"mediaType": EMPTY}
        document = {
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example",
            "config": empty, "layers": [empty],
        }  # fmt: skip
        self.assertEqual(self.repository.put("artifact", document).status_code, 201)
