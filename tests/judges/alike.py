"""One play in two theatres: the same calls to the sandbox and to moto, and what differs between the answers."""

import datetime
import re

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from sandbox import REGION

CONFIG = Config(retries={"total_max_attempts": 1}, parameter_validation=False)

# Members whose values each gives out anew: that they are there, and of what type, is compared.
GIVEN_OUT = {
    "AccessKeyId",
    "AssumedRoleId",
    "NextToken",
    "SecretAccessKey",
    "SessionToken",
    "UserId",
    "authorizationToken",
    "creationTime",
    "downloadUrl",
    "eventId",
    "ingestionTime",
    "lastIngestionTime",
    "nextBackwardToken",
    "nextForwardToken",
    "nextSequenceToken",
    "nextToken",
    "proxyEndpoint",
    "uploadId",
}
# Members whose values are compared, and shown only as what they are.
COUNTED = {"storedBytes", "timestamp", "firstEventTimestamp", "lastEventTimestamp"}
# Lists whose order is nobody's promise where times are equal.
UNORDERED = {"Parameters", "SecretList", "events", "imageDetails", "imageIds", "imageTags", "logStreams"}
# Ids within texts: of operations, and of services.
IDS = re.compile(r"\b([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})\b")
# The luck at the end of a secret's ARN.
LUCK = re.compile(r"(:secret:[\w/+=.@-]+)-[A-Za-z0-9]{6}\b")
ABSENT = "(absent)"


class Theatre:
    """One of the two: where it is, and as whom it is called."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.clients = {}
        self.session = boto3

    def become(self, credentials):
        """Calls as the session of these credentials from now on."""
        self.session = boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=REGION,
        )
        self.clients = {}

    def client(self, service):
        if service not in self.clients:
            self.clients[service] = self.session.client(service, endpoint_url=self.endpoint, config=CONFIG)
        return self.clients[service]

    def call(self, service, method, parameters):
        """The parsed answer; of a refusal its status, code and message."""
        try:
            answer = getattr(self.client(service), method)(**parameters)
        except ResponseParserError:
            return {"refused": "500 without an answer of AWS's making"}
        except ClientError as error:
            told = error.response["Error"]
            if told["Code"] == "500":
                return {"refused": "500 without an answer of AWS's making"}
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return {"refused": f"{status} {told['Code']}", "message": told.get("Message", ABSENT)}
        answer.pop("ResponseMetadata")
        return answer


class Stage:
    """Plays calls in both and gathers the differences."""

    def __init__(self, sandbox, moto):
        self.sandbox, self.moto = sandbox, moto
        # (operation, place, the sandbox's value, moto's value); the numbers of list members are left out.
        self.differences = set()
        # What moto calls otherwise, and that has been told once.
        self.renamed = {}

    def call(self, service, method, **parameters):
        """Calls both, with the same or with what `each` has for them; gives both answers."""
        named = f"{service}:{''.join(word.capitalize() for word in method.split('_'))}"
        answers = []
        for theatre in (self.sandbox, self.moto):
            given = {name: value(theatre) if callable(value) else value for name, value in parameters.items()}
            answers.append(theatre.call(service, method, given))
        ours, theirs = answers[0], self.by_our_names(answers[1])
        outcome = [answer.get("refused", "(answers)") for answer in (ours, theirs)]
        if outcome[0] != outcome[1]:
            self.differences.add((named, "the outcome", *outcome))
        else:
            self.differences |= {(named, *difference) for difference in compare(ours, theirs, "", "")}
        return answers

    def by_our_names(self, value):
        if isinstance(value, dict):
            return {name: self.by_our_names(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.by_our_names(one) for one in value]
        if isinstance(value, str):
            for theirs, ours in self.renamed.items():
                value = value.replace(theirs, ours)
        return value


def compare(ours, theirs, place, name):
    """The places where two values differ, with what is there."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for member in sorted(ours.keys() | theirs.keys()):
            pair = ours.get(member, ABSENT), theirs.get(member, ABSENT)
            yield from compare(*pair, f"{place}.{member}".lstrip("."), member)
    elif isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            told = ("(fewer)", "(more)") if len(ours) < len(theirs) else ("(more)", "(fewer)")
            yield place, *told
            return
        if name in UNORDERED:
            ours, theirs = sorted(ours, key=sorting), sorted(theirs, key=sorting)
        for one, other in zip(ours, theirs):
            yield from compare(one, other, f"{place}[]", name)
    elif alike(ours, name) != alike(theirs, name):
        yield place, shown(ours, name), shown(theirs, name, "another ")


def sorting(value):
    """What members of a list are put in order by, whatever is given out anew among them."""
    if isinstance(value, dict):
        return [str(value.get(name)) for name in ("Name", "timestamp", "logStreamName", "message", "imageDigest", "imageTag")]
    return [value]


def alike(value, name):
    """A value with ids, times and tokens made alike."""
    if value == ABSENT:
        return value
    if name in GIVEN_OUT or isinstance(value, datetime.datetime):
        return f"({type(value).__name__})"
    return LUCK.sub(r"\1-(luck)", IDS.sub("(id)", value)) if isinstance(value, str) else value


def shown(value, name, another=""):
    """How the table has a value."""
    if value == ABSENT:
        return ABSENT
    if name in COUNTED and value:
        return f"({another}number)"
    if isinstance(value, (dict, list)) and value:
        return "(there)"
    return str(alike(value, name))
