"""STS by boto3."""

import base64
import json
import unittest
import urllib.request
from datetime import datetime, timedelta, timezone

import boto3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from sandbox import ACCOUNT, CONFIG, ENDPOINT, ROLE, Judging, client, control, session_of, watched

TRUSTED = f"arn:aws:iam::{ACCOUNT}:role/pipeline"


def decoded(text):
    """The bytes of a part of a token."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(claims):
    """Claims as a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def header_of(token):
    """The first part of a token, as it is."""
    return token.partition(".")[0]


class Sts(Judging):
    def setUp(self):
        self.sts = client("sts")

    def test_the_user_of_the_environment(self):
        caller = self.sts.get_caller_identity()
        self.assertEqual((caller["Account"], caller["Arn"]), ("333333333333", "arn:aws:iam::333333333333:user/ci"))

    def test_a_session_is_somebody(self):
        given = self.sts.assume_role(RoleArn=ROLE, RoleSessionName="somebody", DurationSeconds=900)
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/judge/somebody"
        self.assertEqual(given["AssumedRoleUser"]["Arn"], arn)
        caller = client("sts", session_of(given["Credentials"])).get_caller_identity()
        self.assertEqual((caller["Arn"], caller["UserId"]), (arn, given["AssumedRoleUser"]["AssumedRoleId"]))
        left = given["Credentials"]["Expiration"] - datetime.now(timezone.utc)
        self.assertTrue(timedelta(0) < left <= timedelta(seconds=900), left)

    def test_a_session_is_not_who_began_it(self):
        session = session_of(self.sts.assume_role(RoleArn=ROLE, RoleSessionName="first")["Credentials"])
        call = client("sts", session).assume_role
        said = f"User: arn:aws:sts::{ACCOUNT}:assumed-role/judge/first is not authorized"
        self.refused("AccessDenied", said, call, 403, RoleArn=ROLE, RoleSessionName="second")

    def test_who_may_assume(self):
        for role in ("closed", "nowhere"):
            arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
            said = f"is not authorized to perform: sts:AssumeRole on resource: {arn}"
            self.refused("AccessDenied", said, self.sts.assume_role, 403, RoleArn=arn, RoleSessionName="judge")

    def test_the_external_id(self):
        arn = f"arn:aws:iam::{ACCOUNT}:role/guarded"
        name = {"RoleArn": arn, "RoleSessionName": "judge"}
        self.refused("AccessDenied", "sts:AssumeRole", self.sts.assume_role, 403, **name)
        self.refused("AccessDenied", "sts:AssumeRole", self.sts.assume_role, 403, ExternalId="wrong", **name)
        self.sts.assume_role(ExternalId="open-sesame", **name)

    def test_the_model_is_kept_to(self):
        for wrong, said in (
            ({"RoleSessionName": "a"}, "length greater than or equal to 2"),
            ({"RoleSessionName": "a b"}, "regular expression"),
            ({"RoleSessionName": "judge", "DurationSeconds": 899}, "greater than or equal to 900"),
            ({"RoleSessionName": "judge", "DurationSeconds": 7201}, "MaxSessionDuration"),
            ({}, "'roleSessionName'"),
        ):
            with self.subTest(wrong):
                self.refused("ValidationError", said, self.sts.assume_role, RoleArn=ROLE, **wrong)

    def test_a_session_policy_narrows(self):
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:List*", "Resource": "*"}]}
        name = {"RoleArn": ROLE, "RoleSessionName": "narrow"}
        given = self.sts.assume_role(Policy=json.dumps(policy), **name)
        ecr = client("ecr", session_of(given["Credentials"]))
        ecr.list_images(repositoryName="shop/api")
        said = "is not authorized to perform: ecr:DescribeRepositories on resource"
        self.refused("AccessDeniedException", said, ecr.describe_repositories)
        self.refused("MalformedPolicyDocument", "", self.sts.assume_role, Policy="{", **name)

    def test_a_web_identity_needs_no_signature(self):
        token = control("/_sandbox/oidc/token", {"sub": "repo:shop/api:ref:refs/heads/main"})["value"]
        name = {"RoleArn": TRUSTED, "RoleSessionName": "run-1"}
        given = self.sts.assume_role_with_web_identity(WebIdentityToken=token, **name)
        self.assertEqual(given["Audience"], "sts.amazonaws.com")
        self.assertEqual(given["SubjectFromWebIdentityToken"], "repo:shop/api:ref:refs/heads/main")
        call = self.sts.assume_role_with_web_identity
        other = control("/_sandbox/oidc/token", {"sub": "repo:other/api"})["value"]
        said = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
        self.refused("AccessDenied", said, call, 403, WebIdentityToken=other, **name)
        self.refused("InvalidIdentityToken", "", call, WebIdentityToken="none.of.yours", **name)
        old = control("/_sandbox/oidc/token", {"sub": "repo:shop/api", "exp": 1_600_000_000})["value"]
        self.refused("ExpiredTokenException", "", call, WebIdentityToken=old, **name)

    def test_anybody_can_verify_a_token(self):
        said = control("/.well-known/openid-configuration")
        self.assertEqual(said["issuer"], ENDPOINT)
        self.assertEqual(said["id_token_signing_alg_values_supported"], ["ES256"])
        with urllib.request.urlopen(said["jwks_uri"], timeout=30) as answer:
            keys = {key["kid"]: key for key in json.load(answer)["keys"]}
        token = control("/_sandbox/oidc/token", {"iss": ENDPOINT, "sub": "anybody"})["value"]
        signed, _, signature = token.rpartition(".")
        header, claims = (json.loads(decoded(part)) for part in signed.split("."))
        self.assertEqual((header["alg"], claims["iss"], claims["sub"]), ("ES256", ENDPOINT, "anybody"))
        x, y = (int.from_bytes(decoded(keys[header["kid"]][half]), "big") for half in "xy")
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        raw = decoded(signature)
        halves = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key.verify(halves, signed.encode(), ec.ECDSA(hashes.SHA256()))
        with self.assertRaises(InvalidSignature):
            key.verify(halves, signed.encode() + b"x", ec.ECDSA(hashes.SHA256()))
        name = {"RoleArn": TRUSTED, "RoleSessionName": "run-1"}
        early = control("/_sandbox/oidc/token", {"nbf": 4_000_000_000})["value"]
        call = self.sts.assume_role_with_web_identity
        self.refused("InvalidIdentityToken", "not yet valid", call, WebIdentityToken=early, **name)
        tampered = ".".join((header_of(token), encoded({**claims, "sub": "repo:shop/api:x"}), signature))
        self.refused("InvalidIdentityToken", "verification key", call, WebIdentityToken=tampered, **name)

    def test_a_wrong_key_and_a_wrong_secret(self):
        for key, secret, code in (
            ("AKIANOBODY0000000000", "x", "InvalidClientTokenId"),
            ("AKIASANDBOXCI0000000", "not the secret", "SignatureDoesNotMatch"),
        ):
            session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret)
            sts = watched(session.client("sts", config=CONFIG))
            self.refused(code, "", sts.get_caller_identity, 403)


if __name__ == "__main__":
    unittest.main()
