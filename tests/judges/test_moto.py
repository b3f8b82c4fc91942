"""The same calls of STS, ECR, CloudWatch Logs, Secrets Manager and SSM to moto and to the sandbox: the answers differ as docs/sandbox-fidelity.md
lists, and in nothing else. moto has no App Runner."""

import json
import logging
import os
import time
import unittest

# moto reads it when it is imported.
os.environ["MOTO_ACCOUNT_ID"] = "111111111111"

from moto.server import ThreadedMotoServer

import fidelity
from alike import Stage, Theatre
from sandbox import ACCOUNT, ENDPOINT, REGION, ROLE, control, digest, small_image

LINES = "/judges/lines"
NOWHERE = "sha256:" + "0" * 64
LIFECYCLE = json.dumps({
    "rules": [{
        "rulePriority": 1,
        "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1},
        "action": {"type": "expire"},
    }]
})
POLICY = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Sid": "pull", "Effect": "Allow", "Principal": "*", "Action": ["ecr:BatchGetImage"]}],
})


class Moto(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        cls.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        cls.server.start()
        host, port = cls.server.get_host_and_port()
        cls.stage = Stage(Theatre(ENDPOINT), Theatre(f"http://{host}:{port}"))

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_answers_differ_as_listed(self):
        call = self.stage.call
        play_sts(self.stage, call)
        play_repositories(call)
        play_layers(call)
        play_images(self.stage, call)
        play_groups(call)
        play_lines(call, play_streams(call))
        play_secrets(call)
        play_parameters(call)
        cells = {tuple(fidelity.cell(one) for one in difference) for difference in self.stage.differences}
        listed = fidelity.differences()
        lines = lambda rows: "\n".join(sorted("| " + " | ".join(row) + " | |" for row in rows))
        unlisted, gone = lines(cells - listed), lines(listed - cells)
        if unlisted:
            self.fail(f"mend the sandbox, or list with a reason in {fidelity.DOCUMENT.name}:\n{unlisted}\n")
        if gone:
            self.fail(f"listed in {fidelity.DOCUMENT.name} and not so:\n{gone}\n")


def each(ours, theirs):
    """A parameter that each has its own value of."""
    return lambda theatre: ours if theatre.endpoint == ENDPOINT else theirs


def play_sts(stage, call):
    call("sts", "get_caller_identity")
    name = {"RoleArn": ROLE, "RoleSessionName": "judge"}
    token = control("/_sandbox/oidc/token", {"sub": "repo:shop/api:ref:refs/heads/main"})["value"]
    web = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/pipeline", "RoleSessionName": "run-1"}
    call("sts", "assume_role_with_web_identity", WebIdentityToken=token, **web)
    call("sts", "assume_role_with_web_identity", WebIdentityToken="no.token.ofyours", **web)
    call("sts", "assume_role", RoleArn=f"arn:aws:iam::{ACCOUNT}:role/nowhere", RoleSessionName="judge")
    call("sts", "assume_role", RoleArn=ROLE, RoleSessionName="a b")
    call("sts", "assume_role", DurationSeconds=100, **name)
    call("sts", "assume_role", Policy="{", **name)
    ours, theirs = call("sts", "assume_role", **name)
    stage.sandbox.become(ours["Credentials"])
    stage.moto.become(theirs["Credentials"])
    call("sts", "get_caller_identity")


def play_repositories(call):
    name = {"repositoryName": "judges/moto"}
    call("ecr", "describe_repositories", repositoryNames=["judges/moto"])
    call("ecr", "create_repository", **name)
    call("ecr", "create_repository", **name)
    call("ecr", "create_repository", repositoryName="Not A Name")
    call("ecr", "create_repository", repositoryName="judges/fixed", imageTagMutability="IMMUTABLE")
    call("ecr", "create_repository", repositoryName="judges/odd", imageTagMutability="SOMETIMES")
    call("ecr", "describe_repositories", repositoryNames=["judges/moto"])
    call("ecr", "put_image_tag_mutability", imageTagMutability="IMMUTABLE", **name)
    call("ecr", "put_image_tag_mutability", imageTagMutability="MUTABLE", **name)
    call("ecr", "put_image_tag_mutability", imageTagMutability="SOMETIMES", **name)
    call("ecr", "get_repository_policy", **name)
    call("ecr", "delete_repository_policy", **name)
    call("ecr", "set_repository_policy", policyText=POLICY, **name)
    call("ecr", "set_repository_policy", policyText='{"Version": "2012-10-17"}', **name)
    call("ecr", "delete_repository_policy", **name)
    arn = {"resourceArn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/judges/moto"}
    call("ecr", "tag_resource", tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}], **arn)
    call("ecr", "untag_resource", tagKeys=["a"], **arn)
    call("ecr", "list_tags_for_resource", **arn)
    call("ecr", "list_tags_for_resource", resourceArn=arn["resourceArn"] + "-nowhere")
    call("ecr", "put_image_scanning_configuration", imageScanningConfiguration={"scanOnPush": True}, **name)
    call("ecr", "get_lifecycle_policy", **name)
    call("ecr", "delete_lifecycle_policy", **name)
    call("ecr", "put_lifecycle_policy", lifecyclePolicyText=LIFECYCLE, **name)
    call("ecr", "put_lifecycle_policy", lifecyclePolicyText="{}", **name)
    call("ecr", "get_lifecycle_policy", **name)
    call("ecr", "delete_lifecycle_policy", **name)
    call("ecr", "describe_repositories", repositoryNames=["judges/moto"])
    call("ecr", "get_authorization_token")
    call("ecr", "get_authorization_token", registryIds=[ACCOUNT])
    for method in ("delete_repository", "get_repository_policy", "list_images", "describe_images"):
        call("ecr", method, repositoryName="judges/nowhere")


def play_layers(call):
    name = {"repositoryName": "judges/moto"}
    call("ecr", "initiate_layer_upload", repositoryName="judges/nowhere")
    for blob in small_image("one")[1] + small_image("two")[1]:
        ours, theirs = call("ecr", "initiate_layer_upload", **name)
        which = each(ours["uploadId"], theirs["uploadId"])
        part = {"uploadId": which, "partFirstByte": 0, "partLastByte": len(blob) - 1, "layerPartBlob": blob}
        call("ecr", "upload_layer_part", **name, **part)
        call("ecr", "complete_layer_upload", uploadId=which, layerDigests=[digest(blob)], **name)
    call("ecr", "upload_layer_part", **name, **{**part, "uploadId": "00000000-0000-0000-0000-000000000000"})
    there = [digest(small_image("one")[1][1]), NOWHERE]
    for asked in (*there, "sha256:1"):
        call("ecr", "batch_check_layer_availability", layerDigests=[asked], **name)
    call("ecr", "get_download_url_for_layer", layerDigest=there[0], **name)
    call("ecr", "get_download_url_for_layer", layerDigest=NOWHERE, **name)


def play_images(stage, call):
    name = {"repositoryName": "judges/moto"}
    one, two = small_image("one")[0], small_image("two")[0]
    call("ecr", "list_images", **name)
    put(stage, imageManifest=one, imageTag="one", **name)
    both = put(stage, imageManifest=two, **name)
    two_is = each(*(answer["image"]["imageId"]["imageDigest"] for answer in both))
    untagged = lambda theatre: [{"imageDigest": two_is(theatre)}]
    call("ecr", "put_image", imageManifest=one, imageTag="one", **name)
    call("ecr", "put_image", imageManifest=one, imageTag="uno", **name)
    call("ecr", "put_image", imageManifest=one, imageTag="one", imageDigest=NOWHERE, **name)
    call("ecr", "put_image", imageManifest="{", imageTag="bad", **name)
    call("ecr", "get_download_url_for_layer", layerDigest=digest(small_image("one")[1][1]), **name)
    call("ecr", "list_images", **name)
    call("ecr", "list_images", filter={"tagStatus": "UNTAGGED"}, **name)
    call("ecr", "describe_images", **name)
    call("ecr", "describe_images", imageIds=[{"imageTag": "uno"}], **name)
    call("ecr", "describe_images", imageIds=untagged, **name)
    call("ecr", "describe_images", imageIds=[{"imageTag": "three"}], **name)
    call("ecr", "describe_images", imageIds=[{}], **name)
    mixed = lambda theatre: [{"imageTag": "one", "imageDigest": two_is(theatre)}]
    strange = ([{"imageTag": "three"}], [{"imageDigest": NOWHERE}], [{}], mixed)
    for wanted in ([{"imageTag": "one"}], untagged, *strange):
        call("ecr", "batch_get_image", imageIds=wanted, **name)
    call("ecr", "delete_repository", **name)
    for wanted in ([{"imageTag": "uno"}], *strange, untagged):
        call("ecr", "batch_delete_image", imageIds=wanted, **name)
    call("ecr", "list_images", **name)
    call("ecr", "delete_repository", force=True, **name)
    call("ecr", "get_account_setting", name="BLOB_MOUNTING")


def put(stage, **parameters):
    """Puts an image. From here on, what moto calls it is taken for its digest."""
    ours, theirs = both = stage.call("ecr", "put_image", **parameters)
    stage.renamed[theirs["image"]["imageId"]["imageDigest"]] = ours["image"]["imageId"]["imageDigest"]
    return both


def play_groups(call):
    name = {"logGroupName": "/judges/moto"}
    call("logs", "create_log_group", **name)
    call("logs", "create_log_group", **name)
    call("logs", "create_log_group", logGroupName="a b")
    call("logs", "create_log_group", logGroupName="/judges/moto/2")
    call("logs", "describe_log_groups", logGroupNamePrefix="/judges/moto")
    call("logs", "describe_log_groups", logGroupNamePrefix="/judges/moto", limit=1)
    call("logs", "describe_log_groups", limit=51)
    call("logs", "describe_log_groups", logGroupNamePrefix="a", logGroupNamePattern="b")
    call("logs", "put_retention_policy", retentionInDays=31, **name)
    call("logs", "put_retention_policy", retentionInDays=30, **name)
    call("logs", "describe_log_groups", logGroupNamePattern="moto")
    call("logs", "delete_retention_policy", **name)
    call("logs", "describe_log_streams", **name)
    call("logs", "delete_log_group", **name)
    for method in ("delete_log_group", "describe_log_streams", "filter_log_events", "delete_retention_policy"):
        call("logs", method, **name)
    call("logs", "put_retention_policy", retentionInDays=30, **name)


def play_streams(call):
    group, stream = {"logGroupName": LINES}, {"logGroupName": LINES, "logStreamName": "a"}
    call("logs", "create_log_stream", **stream)
    call("logs", "create_log_group", **group)
    for name in ("a", "a", "b", "b:c"):
        call("logs", "create_log_stream", logStreamName=name, **group)
    now = int(time.time() * 1000)
    lines = [{"timestamp": now + at, "message": f"{'ERROR' if at % 2 else 'INFO'} {at}"} for at in range(6)]
    call("logs", "put_log_events", logEvents=lines[::2], **stream)
    call("logs", "put_log_events", logEvents=lines[1::2], **{**stream, "logStreamName": "b"})
    call("logs", "put_log_events", logEvents=lines, **{**stream, "logStreamName": "nowhere"})
    call("logs", "put_log_events", logEvents=lines[::-1], **stream)
    for more in ({}, {"orderBy": "LastEventTime", "descending": True}, {"limit": 1}, {"logStreamNamePrefix": "b"}):
        call("logs", "describe_log_streams", **group, **more)
    call("logs", "describe_log_streams", orderBy="LastEventTime", logStreamNamePrefix="a", **group)
    call("logs", "describe_log_groups", logGroupNamePrefix=LINES)
    return lines


def play_lines(call, lines):
    group, stream = {"logGroupName": LINES}, {"logGroupName": LINES, "logStreamName": "a"}
    first, last = lines[0]["timestamp"], lines[-1]["timestamp"]
    for more in ({}, {"limit": 1}, {"startFromHead": True}, {"startTime": first, "endTime": last + 1}, {"endTime": first}):
        call("logs", "get_log_events", **stream, **more)
    page = call("logs", "get_log_events", startFromHead=True, limit=2, **stream)
    for _ in range(2):
        token = each(*(answer["nextForwardToken"] for answer in page))
        page = call("logs", "get_log_events", startFromHead=True, limit=2, nextToken=token, **stream)
    call("logs", "get_log_events", nextToken="x", **stream)
    call("logs", "get_log_events", **{**stream, "logStreamName": "nowhere"})
    both = {"logStreamNames": ["a"], "logStreamNamePrefix": "a"}
    choices = ({"filterPattern": "ERROR"}, {"filterPattern": "ERROR 3"}, {"startTime": first + 1, "endTime": last - 1}, both)
    for more in ({}, {"limit": 2}, {"logStreamNames": ["b"]}, {"logStreamNamePrefix": "b"}, *choices):
        call("logs", "filter_log_events", **group, **more)
    call("logs", "delete_log_stream", **stream)
    call("logs", "delete_log_stream", **stream)


def play_secrets(call):
    name = {"SecretId": "judges/moto"}
    for method in ("get_secret_value", "describe_secret", "delete_secret"):
        call("secretsmanager", method, **name)
    call("secretsmanager", "put_secret_value", SecretString="one", **name)
    call("secretsmanager", "list_secrets")
    tokens = ["0123456789abcdef0123456789abcde" + str(at) for at in range(3)]
    made = {"Name": "judges/moto", "Description": "a secret", "Tags": [{"Key": "team", "Value": "shop"}]}
    call("secretsmanager", "create_secret", SecretString="one", ClientRequestToken=tokens[0], **made)
    call("secretsmanager", "create_secret", SecretString="one", **made)
    call("secretsmanager", "create_secret", Name="judges/empty")
    call("secretsmanager", "get_secret_value", SecretId="judges/empty")
    call("secretsmanager", "get_secret_value", **name)
    call("secretsmanager", "put_secret_value", SecretString="two", ClientRequestToken=tokens[1], **name)
    call("secretsmanager", "put_secret_value", ClientRequestToken=tokens[2], **name)
    call("secretsmanager", "put_secret_value", SecretBinary=b"three", VersionStages=["TRIED"], ClientRequestToken=tokens[2], **name)
    choices = ({}, {"VersionStage": "AWSPREVIOUS"}, {"VersionStage": "TRIED"}, {"VersionId": tokens[0]})
    for which in (*choices, {"VersionStage": "NEVER"}, {"VersionId": "f" * 32}):
        call("secretsmanager", "get_secret_value", **name, **which)
    call("secretsmanager", "describe_secret", **name)
    for filters in ([], [{"Key": "name", "Values": ["judges/m"]}], [{"Key": "tag-value", "Values": ["shop"]}]):
        call("secretsmanager", "list_secrets", Filters=filters)
    call("secretsmanager", "list_secrets", MaxResults=1)
    call("secretsmanager", "delete_secret", RecoveryWindowInDays=3, **name)
    call("secretsmanager", "delete_secret", RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True, **name)
    call("secretsmanager", "delete_secret", RecoveryWindowInDays=7, **name)
    call("secretsmanager", "get_secret_value", **name)
    call("secretsmanager", "create_secret", **made)
    call("secretsmanager", "list_secrets", IncludePlannedDeletion=True)
    call("secretsmanager", "delete_secret", ForceDeleteWithoutRecovery=True, **name)
    call("secretsmanager", "describe_secret", **name)


def play_parameters(call):
    call("ssm", "get_parameter", Name="/judges/a")
    call("ssm", "delete_parameter", Name="/judges/a")
    call("ssm", "put_parameter", Name="/judges/a", Value="one")
    call("ssm", "put_parameter", Name="/judges/a", Value="one", Type="String")
    call("ssm", "put_parameter", Name="/judges/a", Value="two", Type="String")
    call("ssm", "put_parameter", Name="/judges/a", Value="two", Overwrite=True)
    call("ssm", "put_parameter", Name="/judges/b/c", Value="a,b", Type="StringList")
    call("ssm", "put_parameter", Name="judges", Value="sealed", Type="SecureString")
    call("ssm", "put_parameter", Name="aws-judges", Value="one", Type="String")
    call("ssm", "put_parameter", Name="odd", Value="one", Type="Odd")
    for name in ("/judges/a", "/judges/a:1", "/judges/a:7", "/judges/b/c", "judges"):
        call("ssm", "get_parameter", Name=name)
    call("ssm", "get_parameter", Name="judges", WithDecryption=True)
    call("ssm", "get_parameters", Names=["/judges/a", "judges", "/judges/none"], WithDecryption=True)
    call("ssm", "get_parameters", Names=[f"/judges/{at}" for at in range(11)])
    for more in ({}, {"Recursive": True}, {"Recursive": True, "MaxResults": 1}, {"MaxResults": 11}):
        call("ssm", "get_parameters_by_path", Path="/judges", **more)
    call("ssm", "get_parameters_by_path", Path="judges")
    call("ssm", "delete_parameter", Name="/judges/a")
    call("ssm", "get_parameter", Name="/judges/a")


if __name__ == "__main__":
    unittest.main()
