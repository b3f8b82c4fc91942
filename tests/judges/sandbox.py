"""The sandbox under judgement: clients that hold every answer against the model, and a few things to do with them."""

import functools
import hashlib
import json
import os
import time
import unittest
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import shapes

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
CONTROL_TOKEN = os.environ["SHIPGATE_SANDBOX_TOKEN"]
ACCOUNT = "111111111111"
REGION = os.environ["AWS_REGION"]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/judge"
ACCESS_ROLE = f"arn:aws:iam::{ACCOUNT}:role/apprunner-access"
REPOSITORY = "shop/api"
HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"

# Nothing is sent twice, so that an answer which is wrong at first is seen; and what the client would refuse itself is sent.
CONFIG = Config(retries={"total_max_attempts": 1}, parameter_validation=False, inject_host_prefix=False)

# The operations that have answered well, as (service, operation).
answered = set()


class NotAsTheModelSays(AssertionError):
    """An answer is not of the shape that botocore's model gives it."""


def watched(client):
    """The client, every answer to which is held against the model of its service."""
    service = client.meta.service_model
    for name in service.operation_names:
        event = f"response-received.{service.service_id.hyphenize()}.{name}"
        client.meta.events.register(event, functools.partial(_judge, service.operation_model(name)))
    return client


def _judge(operation, response_dict, parsed_response, **_):
    service = operation.service_model.service_name
    if response_dict is None:
        raise NotAsTheModelSays(f"{service} {operation.name}: no answer")
    problems = shapes.of_response(operation, response_dict)
    if response_dict["status_code"] < 300:
        problems += shapes.of_parsed(operation.output_shape, parsed_response)
        answered.add((service, operation.name))
    if problems:
        raise NotAsTheModelSays(f"{service} {operation.name}: " + "; ".join(problems))


def session_of(credentials):
    """A session with the credentials that STS has given."""
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=REGION,
    )


@functools.cache
def role(arn=ROLE):
    """A session of a role."""
    return session_of(client("sts").assume_role(RoleArn=arn, RoleSessionName="judge")["Credentials"])


def client(service, session=None):
    """A watched client of a service; without a session that of the environment's user."""
    return watched((session or boto3).client(service, config=CONFIG))


def control(path, body=None):
    """Asks the sandbox's control interface."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {CONTROL_TOKEN}"}
    request = urllib.request.Request(ENDPOINT + path, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def eventually(look, wanted, seconds=90):
    """Looks until what is seen is wanted."""
    deadline = time.monotonic() + seconds
    while not wanted(seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {seen} after {seconds} s")
        time.sleep(0.2)
    return seen


class Image:
    """An image of the demonstration's application that has been packed for these tests."""

    def __init__(self, version):
        self.folder = Path(os.environ["JUDGES_IMAGES"], version)
        self.manifest = (self.folder / "manifest.json").read_text()
        self.digest = digest(self.manifest.encode())

    def blobs(self):
        """The files of its blobs by digest."""
        return {"sha256:" + path.name: path for path in sorted((self.folder / "blobs").iterdir())}


def digest(data):
    """The digest of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def upload(ecr, data, repository=REPOSITORY):
    """Uploads a layer in parts as large as ECR proposes."""
    started = ecr.initiate_layer_upload(repositoryName=repository)
    size = started["partSize"]
    for first in range(0, len(data), size):
        part = data[first : first + size]
        ecr.upload_layer_part(
            repositoryName=repository,
            uploadId=started["uploadId"],
            partFirstByte=first,
            partLastByte=first + len(part) - 1,
            layerPartBlob=part,
        )
    named = digest(data)
    ecr.complete_layer_upload(repositoryName=repository, uploadId=started["uploadId"], layerDigests=[named])
    return named


def push(ecr, image, tag):
    """Pushes a packed image."""
    there = ecr.batch_check_layer_availability(repositoryName=REPOSITORY, layerDigests=list(image.blobs()))
    missing = {layer["layerDigest"] for layer in there["layers"] if layer["layerAvailability"] == "UNAVAILABLE"}
    for name in missing:
        upload(ecr, image.blobs()[name].read_bytes())
    return ecr.put_image(repositoryName=REPOSITORY, imageManifest=image.manifest, imageTag=tag)["image"]


def small_image(note):
    """A manifest, and the blobs it names, of an image that nobody will run."""
    layer = f"the layer of {note}".encode()
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": {"note": note}}}).encode()
    kind = "application/vnd.oci.image"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": {"mediaType": f"{kind}.config.v1+json", "digest": digest(config), "size": len(config)},
        "layers": [{"mediaType": f"{kind}.layer.v1.tar+gzip", "digest": digest(layer), "size": len(layer)}],
    }
    return json.dumps(manifest), [config, layer]


class Judging(unittest.TestCase):
    """A test with typed refusals."""

    maxDiff = None

    def refused(self, code, part, call, status=400, **parameters):
        """The call is refused with botocore's exception of this code where the model has one, and with this message."""
        exceptions = call.__self__.exceptions
        typed = getattr(exceptions, code) if code in dir(exceptions) else ClientError
        try:
            call(**parameters)
        except typed as error:
            answer = error.response
        except ClientError as error:
            self.fail(f"{code} was expected instead of {error!r}")
        else:
            self.fail(f"{code} was expected, and the call has answered")
        self.assertEqual(answer["Error"]["Code"], code)
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], status)
        self.assertIn(part, answer["Error"]["Message"])
        return answer
