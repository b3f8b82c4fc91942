"""A layer of a gibibyte: boto3 uploads it in parts, and it is read back as plain HTTP."""

import hashlib
import json
import os

import requests

from registry import CONFIG, LAYER, MANIFEST, Distribution
from sandbox import digest

SIZE = 1024**3


def noise(size):
    """Bytes that are never all in memory: a block again and again, each time with its number in front."""
    block = os.urandom(1024**2)
    for at in range(0, size, len(block)):
        yield at.to_bytes(8, "big") + block[8:]


def gathered(chunks, size):
    """The chunks in larger ones."""
    part = bytearray()
    for chunk in chunks:
        part += chunk
        if len(part) >= size:
            yield bytes(part)
            part.clear()
    if part:
        yield bytes(part)


class Large(Distribution):
    def upload(self):
        ecr, name = self.repository.ecr, {"repositoryName": self.repository.name}
        begun = ecr.initiate_layer_upload(**name)
        upload, first, hashed = {**name, "uploadId": begun["uploadId"]}, 0, hashlib.sha256()
        for part in gathered(noise(SIZE), begun["partSize"]):
            last = first + len(part) - 1
            taken = ecr.upload_layer_part(**upload, partFirstByte=first, partLastByte=last, layerPartBlob=part)
            self.assertEqual(taken["lastByteReceived"], last)
            hashed.update(part)
            first = last + 1
        named = "sha256:" + hashed.hexdigest()
        self.assertEqual(ecr.complete_layer_upload(**upload, layerDigests=[named])["layerDigest"], named)
        return {"mediaType": LAYER, "digest": named, "size": SIZE}

    def reads(self, url, layer):
        """What is there is the layer."""
        hashed, size = hashlib.sha256(), 0
        with requests.get(url, stream=True, timeout=60) as answer:
            self.assertEqual((answer.status_code, answer.headers["content-length"]), (200, str(SIZE)))
            for chunk in answer.iter_content(1024**2):
                hashed.update(chunk)
                size += len(chunk)
        self.assertEqual(("sha256:" + hashed.hexdigest(), size), (layer["digest"], SIZE))

    def test_a_layer_of_one_gibibyte(self):
        layer = self.upload()
        config = self.repository.push_blob(b'{"architecture":"amd64","os":"linux"}') | {"mediaType": CONFIG}
        image = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
        body = json.dumps(image).encode()
        put = self.repository.ecr.put_image(
            repositoryName=self.repository.name, imageManifest=body.decode(), imageTag="large"
        )
        self.assertEqual(put["image"]["imageId"]["imageDigest"], digest(body))
        self.pulls("manifests/large", body)
        shown = self.repository.ecr.describe_images(repositoryName=self.repository.name)["imageDetails"]
        self.assertEqual(shown[0]["imageSizeInBytes"], SIZE + config["size"])
        self.reads(self.answers(307, "GET", f"blobs/{layer['digest']}").headers["location"], layer)
