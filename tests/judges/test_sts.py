"""STS by boto3."""

import json
import unittest
from datetime import datetime, timedelta, timezone

import boto3

from sandbox import ACCOUNT, CONFIG, ROLE, Judging, client, control, session_of, watched

TRUSTED = f"arn:aws:iam::{ACCOUNT}:role/pipeline"


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
