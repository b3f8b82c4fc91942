"""A registry of the sandbox as plain HTTP: nothing between a test and the wire. Redirects are not followed."""

import base64
import http.client
import json
import time
import unittest
from urllib.parse import urljoin, urlsplit

import requests

from sandbox import client, digest, role

OCI = "application/vnd.oci"
MANIFEST = f"{OCI}.image.manifest.v1+json"
INDEX = f"{OCI}.image.index.v1+json"
CONFIG = f"{OCI}.image.config.v1+json"
LAYER = f"{OCI}.image.layer.v1.tar"
EMPTY = f"{OCI}.empty.v1+json"
NOWHERE = "sha256:" + "0" * 64
# The errors that the specification knows, and the four of docker's registry that it has not taken over.
CODES = {
    "BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED", "DENIED",
    "UNSUPPORTED", "TOOMANYREQUESTS", "TAG_INVALID", "RANGE_INVALID", "PAGINATION_NUMBER_INVALID", "UNKNOWN",
}  # fmt: skip


class Registry:
    """One repository, of the judges' account unless a client of another is given, and what its registry answers."""

    def __init__(self, name, ecr=None, **settings):
        self.name = name
        self.ecr = ecr or client("ecr", role())
        self.ecr.create_repository(repositoryName=name, **settings)
        login = self.ecr.get_authorization_token()["authorizationData"][0]
        self.endpoint = login["proxyEndpoint"]
        self.token = login["authorizationToken"]
        self.session = requests.Session()
        self.session.trust_env = False

    def ask(self, method, path, token=True, **more):
        """Asks about the repository, or about an address that an answer has named."""
        absolute = path.startswith(("/", "http://"))
        url = urljoin(self.endpoint, path if absolute else f"/v2/{self.name}/{path}")
        headers = ({"authorization": f"Basic {self.token}"} if token else {}) | more.pop("headers", {})
        return self.session.request(method, url, headers=headers, allow_redirects=False, timeout=60, **more)

    def start(self):
        """Begins an upload; where it goes on."""
        begun = self.ask("POST", "blobs/uploads/")
        assert begun.status_code == 202, begun.text
        return begun.headers["location"]

    def patch(self, location, data, first=None):
        """Sends a chunk, which says where it begins if that is given."""
        headers = {"content-type": "application/octet-stream"}
        if first is not None:
            headers["content-range"] = f"{first}-{first + len(data) - 1}"
        return self.ask("PATCH", location, data=data, headers=headers)

    def break_off(self, location, data, first):
        """Begins to send a chunk, and hangs up in its middle."""
        address = urlsplit(urljoin(self.endpoint, location))
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        connection.putrequest("PATCH", f"{address.path}?{address.query}" if address.query else address.path)
        connection.putheader("authorization", f"Basic {self.token}")
        connection.putheader("content-range", f"{first}-{first + len(data) - 1}")
        connection.putheader("content-length", str(len(data)))
        connection.endheaders()
        connection.send(data[: len(data) // 2])
        connection.close()

    def finish(self, location, named, data=b"", first=None):
        """Ends an upload."""
        headers = {} if first is None else {"content-range": f"{first}-{first + len(data) - 1}"}
        joint = "&" if "?" in location else "?"
        return self.ask("PUT", f"{location}{joint}digest={named}", data=data, headers=headers)

    def push_blob(self, data):
        """Pushes a blob; its descriptor."""
        done = self.finish(self.start(), digest(data), data)
        assert done.status_code == 201, done.text
        return {"mediaType": LAYER, "digest": digest(data), "size": len(data)}

    def put(self, reference, document, kind=MANIFEST):
        """Puts a manifest, once more when there are too many a second."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        while (answer := self.put_once(reference, body, kind)).status_code == 429:
            time.sleep(0.1)
        return answer

    def put_once(self, reference, body, kind=MANIFEST):
        """Puts a manifest."""
        return self.ask("PUT", f"manifests/{reference}", data=body, headers={"content-type": kind})

    def image(self, note, **members):
        """The bytes of a manifest whose blobs are there."""
        config = self.push_blob(json.dumps({"architecture": "amd64", "os": "linux", "note": note}).encode())
        layer = self.push_blob(f"the layer of {note}".encode())
        image = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config | {"mediaType": CONFIG}, "layers": [layer]}
        return json.dumps(image | members).encode()

    def push_image(self, tag, **members):
        """Pushes an image; the bytes of its manifest."""
        body = self.image(tag, **members)
        done = self.put(tag, body)
        assert done.status_code == 201, done.text
        return body


def descriptor(body, kind=MANIFEST):
    """The descriptor of a manifest."""
    return {"mediaType": kind, "digest": digest(body), "size": len(body)}


def basic(name, password):
    """An Authorization header."""
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def code(answer):
    """The code of a refusal, which must be one that clients know, in the body that the specification describes."""
    assert answer.headers["content-type"].startswith("application/json"), answer.headers
    errors = answer.json()["errors"]
    assert len(errors) == 1 and errors[0]["message"] and errors[0]["code"] in CODES, errors
    return errors[0]["code"]


class Distribution(unittest.TestCase):
    """A test with a repository of its own."""

    maxDiff = None

    def setUp(self):
        self.repository = Registry(self.named())

    def named(self, suffix=""):
        return "oci/" + self.id().rsplit(".", 1)[1].replace("_", "-") + suffix

    def ask(self, *arguments, **more):
        return self.repository.ask(*arguments, **more)

    def answers(self, status, *arguments, **more):
        answer = self.ask(*arguments, **more)
        self.assertEqual(answer.status_code, status, answer.text)
        return answer

    def refuses(self, status, expected, answer):
        self.assertEqual((answer.status_code, code(answer)), (status, expected), answer.text)

    def absent(self, path):
        self.assertEqual(self.ask("HEAD", path).status_code, 404)

    def pulls(self, path, data):
        """What is pulled, and what HEAD tells of it, are these bytes."""
        answer = self.answers(200, "GET", path)
        self.assertEqual(answer.content, data)
        head = self.answers(200, "HEAD", path)
        self.assertEqual(head.content, b"")
        for each in (answer, head):
            self.assertEqual(each.headers["content-length"], str(len(data)))
            self.assertEqual(each.headers["docker-content-digest"], digest(data))
        return answer
