"""The OCI distribution specification 1.1, requirement after requirement, against the registry in its plain manner: content
discovery and management."""

import json
from urllib.parse import parse_qs, urlsplit

from registry import CONFIG, EMPTY, INDEX, MANIFEST, NOWHERE, Distribution, Registry, descriptor
from sandbox import digest


class Discovery(Distribution):
    def tags(self, query=""):
        answer = self.answers(200, "GET", f"tags/list{query}")
        body = answer.json()
        self.assertEqual(body["name"], self.repository.name)
        return body["tags"], answer.links.get("next", {}).get("url")

    def test_tags_in_their_order_page_after_page(self):
        self.assertEqual(self.tags(), ([], None))
        body, tags = self.repository.image("v1"), ["a", "B", "b.1", "c", "_"]
        for tag in tags:
            self.repository.put(tag, body)
        tags.sort()
        self.assertEqual(self.tags(), (tags, None))
        self.assertEqual(self.tags("?n=5"), (tags, None))
        self.assertEqual(self.tags("?n=0"), ([], None))
        self.assertEqual(self.tags("?last=_"), (["a", "b.1", "c"], None))
        self.assertEqual(self.tags("?last=b&n=1")[0], ["b.1"])
        self.assertEqual(self.tags("?last=zzz"), ([], None))
        seen, page = [], "?n=2"
        while page:
            more, link = self.tags(page)
            self.assertLessEqual(len(more), 2)
            seen += more
            page = link and "?" + urlsplit(link).query
        self.assertEqual(seen, tags)
        self.refuses(400, "PAGINATION_NUMBER_INVALID", self.ask("GET", "tags/list?n=few"))

    def refer(self, subject, kind, note):
        """Pushes an artifact about a manifest, which need not be there."""
        config = self.repository.push_blob(b"{}") | {"mediaType": EMPTY}
        document = {
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": config, "layers": [config],
            "subject": subject, "annotations": {"note": note},
        }  # fmt: skip
        body = json.dumps(document).encode()
        done = self.repository.put(digest(body), body)
        self.assertEqual((done.status_code, done.headers["oci-subject"]), (201, subject["digest"]))
        return descriptor(body) | {"artifactType": kind, "annotations": {"note": note}}

    def referrers(self, subject, query=""):
        answer = self.answers(200, "GET", f"referrers/{subject}{query}")
        self.assertEqual(answer.headers["content-type"], INDEX)
        index = answer.json()
        self.assertEqual((index["schemaVersion"], index["mediaType"]), (2, INDEX))
        return sorted(index["manifests"], key=lambda one: one["digest"]), answer

    def test_referrers_with_their_type_and_annotations(self):
        body = self.repository.push_image("v1")
        self.assertEqual(self.referrers(digest(body))[0], [])
        sbom = self.refer(descriptor(body), "application/vnd.sbom", "1")
        signed = self.refer(descriptor(body), "application/vnd.signature+json", "2")
        both = sorted([sbom, signed], key=lambda one: one["digest"])
        found, answer = self.referrers(digest(body))
        self.assertEqual(found, both)
        self.assertNotIn("oci-filters-applied", answer.headers)
        for kind, expected in ((sbom["artifactType"], [sbom]), ("application/vnd.signature%2Bjson", [signed]), ("none", [])):
            found, answer = self.referrers(digest(body), f"?artifactType={kind}")
            self.assertEqual(found, expected)
            self.assertEqual(answer.headers["oci-filters-applied"], "artifactType")

    def test_the_type_of_a_referrer_that_names_none(self):
        subject = descriptor(self.repository.push_image("v1"))
        self.repository.push_image("image", subject=subject)
        members = [descriptor(self.repository.push_image("member"))]
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": members, "subject": subject}).encode()
        self.assertEqual(self.repository.put("index", index, INDEX).headers["oci-subject"], subject["digest"])
        found = {one["mediaType"]: one.get("artifactType") for one in self.referrers(subject["digest"])[0]}
        # That of the configuration; and an index has none.
        self.assertEqual(found, {MANIFEST: CONFIG, INDEX: None})

    def test_referrers_of_what_is_not_there(self):
        self.assertEqual(self.referrers(NOWHERE)[0], [])
        early = self.refer({"mediaType": MANIFEST, "digest": NOWHERE, "size": 7}, "application/vnd.early", "1")
        self.assertEqual(self.referrers(NOWHERE)[0], [early])
        self.refuses(400, "DIGEST_INVALID", self.ask("GET", "referrers/v1"))

    def test_a_referrer_that_is_deleted_is_not_listed(self):
        body = self.repository.push_image("v1")
        gone, kept = (self.refer(descriptor(body), "application/vnd.sbom", note) for note in "12")
        self.answers(202, "DELETE", f"manifests/{gone['digest']}")
        self.assertEqual(self.referrers(digest(body))[0], [kept])

    def test_the_link_of_a_page_of_referrers_keeps_the_filter(self):
        body = self.repository.push_image("v1")
        for at in range(51):
            self.refer(descriptor(body), "application/vnd.a+b", str(at))
        first, answer = self.referrers(digest(body), "?artifactType=application/vnd.a%2Bb")
        link = answer.links["next"]["url"]
        self.assertEqual(parse_qs(urlsplit(link).query)["artifactType"], ["application/vnd.a+b"])
        rest = self.answers(200, "GET", link).json()["manifests"]
        self.assertEqual(len({one["digest"] for one in first + rest}), 51)


class Management(Distribution):
    def test_a_tag_that_is_deleted_leaves_the_manifest(self):
        body = self.repository.push_image("v1")
        self.repository.put("v2", body)
        self.answers(202, "DELETE", "manifests/v1")
        self.absent("manifests/v1")
        self.pulls("manifests/v2", body)
        self.pulls(f"manifests/{digest(body)}", body)
        self.refuses(404, "MANIFEST_UNKNOWN", self.ask("DELETE", "manifests/v1"))

    def test_a_manifest_that_is_deleted_takes_its_tags(self):
        body, other = self.repository.push_image("v1"), self.repository.push_image("other")
        self.repository.put("v2", body)
        self.answers(202, "DELETE", f"manifests/{digest(body)}")
        for reference in ("v1", "v2", digest(body)):
            self.absent(f"manifests/{reference}")
        self.assertEqual(self.ask("GET", "tags/list").json()["tags"], ["other"])
        self.pulls("manifests/other", other)
        self.refuses(404, "MANIFEST_UNKNOWN", self.ask("DELETE", f"manifests/{digest(body)}"))

    def test_a_blob_that_is_deleted(self):
        data, other = b"to be deleted", Registry(self.named("-2"))
        for repository in (self.repository, other):
            repository.push_blob(data)
        path = f"blobs/{digest(data)}"
        self.answers(202, "DELETE", path)
        self.absent(path)
        self.refuses(404, "BLOB_UNKNOWN", self.ask("DELETE", path))
        self.assertEqual(other.ask("GET", path).content, data, "another repository has it still")
        self.repository.push_blob(data)
        self.pulls(path, data)

    def test_what_the_specification_does_not_know(self):
        self.refuses(405, "UNSUPPORTED", self.ask("POST", "manifests/v1"))
        self.refuses(405, "UNSUPPORTED", self.ask("DELETE", "tags/list"))
        self.refuses(404, "NAME_INVALID", self.ask("GET", "/v2/oci/anything"))
