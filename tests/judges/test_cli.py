"""The AWS CLI does a whole deployment, from a role to the last log line."""

import hashlib
import json
import os
import subprocess
import sys
import unittest
import urllib.request
from pathlib import Path

import services
from sandbox import ACCOUNT, REPOSITORY, ROLE, Image, eventually

AWS = Path(sys.executable).with_name("aws")


class Cli:
    """The `aws` command with an environment of its own."""

    def __init__(self, environment):
        self.environment = {**environment, "AWS_PAGER": "", "AWS_CONFIG_FILE": "/dev/null"}
        self.environment["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null"

    def run(self, *words):
        command = [sys.executable, str(AWS), *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)

    def text(self, *words):
        """What a command says; it must do what it is told."""
        ran = self.run(*words)
        assert ran.returncode == 0, f"aws {' '.join(words)}: {ran.stderr}"
        return ran.stdout.strip()

    def __call__(self, *words):
        text = self.text(*words, "--output", "json")
        return json.loads(text) if text else None


def as_role():
    """The CLI as the role, assumed by the environment's user."""
    user = Cli(dict(os.environ))
    given = user("sts", "assume-role", "--role-arn", ROLE, "--role-session-name", "cli")["Credentials"]
    keys = {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
    return Cli({**os.environ, **keys})


class Deployment(unittest.TestCase):
    def setUp(self):
        self.aws = as_role()

    def test_from_a_role_to_the_last_log_line(self):
        caller = self.aws("sts", "get-caller-identity")
        self.assertEqual(caller["Arn"], f"arn:aws:sts::{ACCOUNT}:assumed-role/judge/cli")
        self.log_in()
        self.push("v1", "live")
        self.create()
        self.assertEqual(self.answer(), "v1")
        self.push("v2", "live")
        self.deploy()
        self.assertEqual(self.answer(), "v2")
        self.change()
        self.read_logs()
        self.refused()
        self.delete()

    def log_in(self):
        """`docker login` would do this with the password: the registry lets it in, and nothing else."""
        password = self.aws.text("ecr", "get-login-password")
        manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        registry = self.aws("ecr", "get-authorization-token")["authorizationData"][0]["proxyEndpoint"]
        manager.add_password(None, registry, "AWS", password)
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
        with opener.open(registry + "/v2/", timeout=30) as answer:
            self.assertEqual(answer.status, 200)

    def push(self, version, tag):
        """By the layer upload of ECR's API, as the CLI has no push."""
        image, repository = Image(version), ("--repository-name", REPOSITORY)
        digests = list(image.blobs())
        there = self.aws("ecr", "batch-check-layer-availability", *repository, "--layer-digests", *digests)
        missing = [one["layerDigest"] for one in there["layers"] if one["layerAvailability"] == "UNAVAILABLE"]
        for digest in missing:
            self.upload(image.blobs()[digest], digest)
        manifest = ("--image-manifest", f"file://{image.folder / 'manifest.json'}", "--image-tag", tag)
        put = self.aws("ecr", "put-image", *repository, *manifest)["image"]
        self.assertEqual(put["imageId"], {"imageDigest": image.digest, "imageTag": tag})
        shown = self.aws("ecr", "describe-images", *repository, "--image-ids", f"imageTag={tag}")["imageDetails"]
        self.assertEqual(shown[0]["imageDigest"], image.digest)

    def upload(self, blob, digest):
        repository = ("--repository-name", REPOSITORY)
        started = self.aws("ecr", "initiate-layer-upload", *repository)
        upload, size = ("--upload-id", started["uploadId"]), started["partSize"]
        data, part = blob.read_bytes(), blob.with_name("part")
        self.assertEqual("sha256:" + hashlib.sha256(data).hexdigest(), digest)
        for first in range(0, len(data), size):
            part.write_bytes(data[first : first + size])
            last = first + part.stat().st_size - 1
            place = ("--part-first-byte", str(first), "--part-last-byte", str(last))
            told = self.aws(
                "ecr", "upload-layer-part", *repository, *upload, *place, "--layer-part-blob", f"fileb://{part}"
            )
            self.assertEqual(told["lastByteReceived"], last)
        part.unlink()
        done = self.aws("ecr", "complete-layer-upload", *repository, *upload, "--layer-digests", digest)
        self.assertEqual(done["layerDigest"], digest)

    def create(self):
        began = self.aws(
            "apprunner",
            "create-service",
            "--service-name",
            "by-cli",
            "--source-configuration",
            json.dumps(services.source("live")),
            "--health-check-configuration",
            json.dumps(services.HEALTH),
        )
        self.arn = ("--service-arn", began["Service"]["ServiceArn"])
        self.service = began["Service"]
        self.settle("RUNNING")
        self.succeeded(began, "CREATE_SERVICE")

    def status(self):
        return self.aws.text(
            "apprunner", "describe-service", *self.arn, "--query", "Service.Status", "--output", "text"
        )

    def settle(self, status):
        seen = eventually(self.status, lambda seen: seen != "OPERATION_IN_PROGRESS")
        self.assertEqual(seen, status)

    def succeeded(self, began, kind):
        listed = self.aws("apprunner", "list-operations", *self.arn)["OperationSummaryList"]
        first = listed[0]
        self.assertEqual((first["Id"], first["Type"], first["Status"]), (began["OperationId"], kind, "SUCCEEDED"))

    def answer(self):
        with urllib.request.urlopen("http://" + self.service["ServiceUrl"], timeout=10) as got:
            return got.read().decode().strip()

    def deploy(self):
        began = self.aws("apprunner", "start-deployment", *self.arn)
        self.settle("RUNNING")
        self.succeeded(began, "START_DEPLOYMENT")

    def change(self):
        for verb, more, status in (
            ("update", ("--instance-configuration", "Cpu=0.5 vCPU,Memory=1 GB"), "RUNNING"),
            ("pause", (), "PAUSED"),
            ("resume", (), "RUNNING"),
        ):
            began = self.aws("apprunner", f"{verb}-service", *self.arn, *more)
            self.settle(status)
            self.succeeded(began, f"{verb.upper()}_SERVICE")
        self.assertEqual(self.answer(), "v2")

    def read_logs(self):
        name = f"/aws/apprunner/by-cli/{self.service['ServiceId']}/service"
        groups = self.aws("logs", "describe-log-groups", "--log-group-name-prefix", "/aws/apprunner/by-cli/")
        self.assertEqual(groups["logGroups"][0]["logGroupName"].rsplit("/", 1)[1], "application")
        self.aws("logs", "put-retention-policy", "--log-group-name", name, "--retention-in-days", "30")
        lines = self.aws("logs", "filter-log-events", "--log-group-name", name, "--filter-pattern", "SERVICE_DEPLOY")
        self.assertEqual(len(lines["events"]), 1, lines)
        stream = ("--log-group-name", name, "--log-stream-name", lines["events"][0]["logStreamName"])
        told = self.aws("logs", "get-log-events", *stream, "--start-from-head")["events"]
        self.assertIn("[AppRunner] Successfully routed incoming traffic to application.", [line["message"] for line in told])

    def refused(self):
        for words, said in (
            (("apprunner", "resume-service", "--service-arn", self.arn[1] + "0"), "(ResourceNotFoundException)"),
            (("ecr", "describe-images", "--repository-name", "nowhere"), "(RepositoryNotFoundException)"),
            (("apprunner", "list-connections"), "not supported by the sandbox"),
        ):
            ran = self.aws.run(*words)
            self.assertNotEqual(ran.returncode, 0)
            self.assertIn(said, ran.stderr)

    def delete(self):
        began = self.aws("apprunner", "delete-service", *self.arn)
        self.settle("DELETED")
        self.succeeded(began, "DELETE_SERVICE")
        self.assertEqual(self.aws("apprunner", "list-services")["ServiceSummaryList"], [])


if __name__ == "__main__":
    unittest.main()
