"""One play in two theatres: the same calls to the sandbox and to moto, and what differs between the answers."""

import datetime
import re

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from sandbox import REGION

CONFIG = Config(retries={"total_max_attempts": 1}, parameter_validation=False)

# Members whose values are given out anew by each: that they are there, and of what type, is compared.
GIVEN_OUT = {
    "AccessKeyId",
    "AssumedRoleId",
    "SecretAccessKey",
    "SessionToken",
    "authorizationToken",
    "downloadUrl",
    "eventId",
    "nextBackwardToken",
    "nextForwardToken",
    "nextToken",
    "proxyEndpoint",
    "uploadId",
}
# In messages and ARNs.
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Milliseconds that are a clock's; those of log lines are the same in both and are compared.
CLOCKS = {"creationTime", "ingestionTime", "lastIngestionTime"}
ABSENT = "(absent)"


class Theatre:
    """One of the two: where it is, and as whom it is called."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.session = boto3.Session(
            aws_access_key_id="AKIASANDBOXCI0000000",
            aws_secret_access_key="sandbox/secret/of/the/ci/user/0000000000",
            region_name=REGION,
        )
        self.clients = {}

    def become(self, credentials):
        """Calls as the session of these credentials from now on."""
        self.session = boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=REGION,
        )
        self.clients = {}

    def call(self, service, method, parameters):
        """The parsed answer, be it an error."""
        client = self.clients.get(service)
        if client is None:
            client = self.session.client(service, endpoint_url=self.endpoint, config=CONFIG)
            self.clients[service] = client
        try:
            answer = getattr(client, method)(**parameters)
        except ClientError as error:
            answer = error.response
        except ResponseParserError:
            return {"status": "no answer of AWS's making"}
        status = answer.pop("ResponseMetadata")["HTTPStatusCode"]
        if "Error" in answer:
            said = {name: answer["Error"].get(name, ABSENT) for name in ("Code", "Message")}
            return {"status": status, "Error": said}
        return {"status": status, **answer}


class Stage:
    """Plays calls in both and gathers the differences."""

    def __init__(self, sandbox, moto):
        self.sandbox, self.moto = sandbox, moto
        # (operation, place, the sandbox's value, moto's value): the numbers of list members are left out.
        self.differences = set()

    def call(self, service, method, **parameters):
        """Calls both with the same, or with what a function of the theatre gives; gives both answers."""
        named = f"{service}:{''.join(word.capitalize() for word in method.split('_'))}"
        answers = []
        for theatre in (self.sandbox, self.moto):
            given = {name: value(theatre) if callable(value) else value for name, value in parameters.items()}
            answers.append(theatre.call(service, method, given))
        ours, theirs = (dict(leaves(answer)) for answer in answers)
        for place in sorted(ours.keys() | theirs.keys()):
            mine, other = ours.get(place, ABSENT), theirs.get(place, ABSENT)
            if mine != other:
                self.differences.add((named, re.sub(r"\[\d+\]", "[]", place), mine, other))
        return answers


def leaves(value, place="", name=""):
    """Every place of an answer with its value, ids, times and tokens made alike."""
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from leaves(one, f"{place}.{key}".lstrip("."), key)
    elif isinstance(value, list) and value:
        for at, one in enumerate(value):
            yield from leaves(one, f"{place}[{at}]", name)
    elif name in GIVEN_OUT or name in CLOCKS:
        yield place, f"({type(value).__name__})"
    elif isinstance(value, datetime.datetime):
        yield place, "(time)"
    elif isinstance(value, str):
        yield place, IDS.sub("(id)", value)
    else:
        yield place, str(value)
