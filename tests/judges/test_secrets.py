"""Secrets Manager and SSM's parameters by boto3: every operation there is, and the refusals of each."""

import unittest

from sandbox import ACCOUNT, REGION, Judging, client, role


class Secrets(Judging):
    def setUp(self):
        self.secrets = client("secretsmanager", role())
        self.name = "judges/" + self.id().rsplit(".", 1)[1]

    def test_a_secret_from_its_making_to_its_end(self):
        named = {"SecretId": self.name}
        made = self.secrets.create_secret(Name=self.name, SecretString="one", Description="of a test", Tags=[{"Key": "a", "Value": "b"}])
        self.assertRegex(made["ARN"], f"^arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{self.name}-[A-Za-z0-9]{{6}}$")
        said = f"the secret {self.name} already exists"
        self.refused("ResourceExistsException", said, self.secrets.create_secret, Name=self.name, SecretString="one")
        put = self.secrets.put_secret_value(SecretString="two", **named)
        self.assertEqual(put["VersionStages"], ["AWSCURRENT"])
        for which, value in (({}, "two"), ({"VersionStage": "AWSPREVIOUS"}, "one"), ({"VersionId": made["VersionId"]}, "one")):
            self.assertEqual(self.secrets.get_secret_value(**named, **which)["SecretString"], value)
        self.secrets.put_secret_value(SecretBinary=b"\x00\xff", VersionStages=["BYTES"], **named)
        self.assertEqual(self.secrets.get_secret_value(VersionStage="BYTES", **named)["SecretBinary"], b"\x00\xff")
        described = self.secrets.describe_secret(SecretId=made["ARN"])
        self.assertEqual(described["Tags"], [{"Key": "a", "Value": "b"}])
        self.assertEqual(described["VersionIdsToStages"][made["VersionId"]], ["AWSPREVIOUS"])
        self.refused("ResourceNotFoundException", "staging label: NEVER", self.secrets.get_secret_value, VersionStage="NEVER", **named)
        self.secrets.delete_secret(RecoveryWindowInDays=7, **named)
        self.assertIn("DeletedDate", self.secrets.describe_secret(**named))
        said = "marked for deletion"
        self.refused("InvalidRequestException", said, self.secrets.get_secret_value, **named)
        self.refused("InvalidRequestException", said, self.secrets.put_secret_value, SecretString="three", **named)
        said = "already scheduled for deletion"
        self.refused("InvalidRequestException", said, self.secrets.create_secret, Name=self.name)
        self.secrets.delete_secret(ForceDeleteWithoutRecovery=True, **named)
        said = "Secrets Manager can't find the specified secret."
        for call in (self.secrets.get_secret_value, self.secrets.describe_secret, self.secrets.delete_secret):
            self.refused("ResourceNotFoundException", said, call, **named)

    def test_what_makes_no_sense(self):
        create, put = self.secrets.create_secret, self.secrets.put_secret_value
        self.refused("InvalidParameterException", "Invalid name", create, Name="a b")
        self.refused("InvalidParameterException", "both a binary", create, Name=self.name, SecretString="a", SecretBinary=b"a")
        self.refused("InvalidParameterException", "32-64", create, Name=self.name, ClientRequestToken="short")
        self.refused("ValidationException", "'secretId'", self.secrets.get_secret_value)
        self.secrets.create_secret(Name=self.name)
        said = "staging label: AWSCURRENT"
        self.refused("ResourceNotFoundException", said, self.secrets.get_secret_value, SecretId=self.name)
        self.refused("InvalidRequestException", "either SecretString or", put, SecretId=self.name)
        token = "0123456789abcdef0123456789abcdef"
        for _ in range(2):
            put(SecretId=self.name, SecretString="one", ClientRequestToken=token)
        self.refused("ResourceExistsException", token, put, SecretId=self.name, SecretString="two", ClientRequestToken=token)
        delete = self.secrets.delete_secret
        self.refused("InvalidParameterException", "between 7 and 30", delete, SecretId=self.name, RecoveryWindowInDays=3)
        both = {"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}
        self.refused("InvalidParameterException", "in conjunction", delete, SecretId=self.name, **both)

    def test_pages_and_filters(self):
        names = [f"{self.name}/{at}" for at in range(3)]
        for name in names:
            self.secrets.create_secret(Name=name, SecretString=name, Description=f"about {name}")
        wanted = [{"Key": "name", "Values": [self.name]}]
        pages = self.secrets.get_paginator("list_secrets")
        found = pages.paginate(Filters=wanted, PaginationConfig={"PageSize": 2}).build_full_result()["SecretList"]
        self.assertEqual([secret["Name"] for secret in found], names)
        self.assertTrue(all(len(secret["SecretVersionsToStages"]) == 1 for secret in found))
        found = self.secrets.list_secrets(Filters=wanted, SortOrder="desc")["SecretList"]
        self.assertEqual([secret["Name"] for secret in found], names[::-1])
        found = self.secrets.list_secrets(Filters=[{"Key": "description", "Values": [f"about {names[1]}"]}])["SecretList"]
        self.assertEqual([secret["Name"] for secret in found], names[1:2])
        self.secrets.delete_secret(SecretId=names[0])
        self.assertEqual(len(self.secrets.list_secrets(Filters=wanted)["SecretList"]), 2)
        self.assertEqual(len(self.secrets.list_secrets(Filters=wanted, IncludePlannedDeletion=True)["SecretList"]), 3)
        self.refused("InvalidParameterException", "MaxResults", self.secrets.list_secrets, MaxResults=101)
        self.refused("InvalidNextTokenException", "NextToken", self.secrets.list_secrets, NextToken="x")

    def test_nobody_reads_without_permission(self):
        made = self.secrets.create_secret(Name=self.name, SecretString="one")
        reader = client("secretsmanager", role(f"arn:aws:iam::{ACCOUNT}:role/reader"))
        said = f"is not authorized to perform: secretsmanager:GetSecretValue on resource: {made['ARN']}"
        self.refused("AccessDeniedException", said, reader.get_secret_value, SecretId=self.name)


class Parameters(Judging):
    def setUp(self):
        self.ssm = client("ssm", role())
        self.path = "/judges/" + self.id().rsplit(".", 1)[1]

    def test_a_parameter_from_its_making_to_its_end(self):
        name = {"Name": self.path}
        put = self.ssm.put_parameter
        self.refused("ValidationException", "type is required", put, Value="one", **name)
        self.assertEqual(put(Value="one", Type="SecureString", **name)["Version"], 1)
        self.refused("ParameterAlreadyExists", "set the overwrite option", put, Value="two", Type="String", **name)
        self.assertEqual(put(Value="two", Overwrite=True, **name)["Version"], 2)
        found = self.ssm.get_parameter(WithDecryption=True, **name)["Parameter"]
        self.assertEqual((found["Value"], found["Type"], found["Version"]), ("two", "SecureString", 2))
        self.assertEqual(found["ARN"], f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{self.path}")
        self.assertNotIn("two", self.ssm.get_parameter(**name)["Parameter"]["Value"])
        older = self.ssm.get_parameter(Name=self.path + ":1", WithDecryption=True)["Parameter"]
        self.assertEqual((older["Value"], older["Selector"]), ("one", ":1"))
        self.refused("ParameterVersionNotFound", "could not find version 7", self.ssm.get_parameter, Name=self.path + ":7")
        many = self.ssm.get_parameters(Names=[found["ARN"], "/judges/none"], WithDecryption=True)
        self.assertEqual([one["Value"] for one in many["Parameters"]], ["two"])
        self.assertEqual(many["InvalidParameters"], ["/judges/none"])
        self.ssm.delete_parameter(**name)
        for call in (self.ssm.get_parameter, self.ssm.delete_parameter):
            self.refused("ParameterNotFound", "", call, **name)

    def test_pages_of_a_path(self):
        for at in range(12):
            self.ssm.put_parameter(Name=f"{self.path}/{at:02}", Value=str(at), Type="String")
        self.ssm.put_parameter(Name=f"{self.path}/deep/er", Value="deep", Type="StringList")
        pages = self.ssm.get_paginator("get_parameters_by_path")
        found = pages.paginate(Path=self.path).build_full_result()["Parameters"]
        self.assertEqual([one["Value"] for one in found], [str(at) for at in range(12)])
        found = pages.paginate(Path=self.path, Recursive=True, PaginationConfig={"PageSize": 5}).build_full_result()["Parameters"]
        self.assertEqual(len(found), 13)
        self.refused("ValidationException", "must begin with a forward slash", self.ssm.get_parameters_by_path, Path="judges")
        self.refused("ValidationException", "'maxResults'", self.ssm.get_parameters_by_path, Path=self.path, MaxResults=11)

    def test_what_makes_no_sense(self):
        put = self.ssm.put_parameter
        for name in ("aws/x", "ssm-x", "/a b", "a/b"):
            self.refused("ValidationException", "Parameter name", put, Name=name, Value="one", Type="String")
        self.refused("ValidationException", "'type'", put, Name=self.path, Value="one", Type="Odd")
        self.refused("ValidationException", "4096", put, Name=self.path, Value="x" * 4097, Type="String")
        self.refused("ValidationException", "'names'", self.ssm.get_parameters, Names=[f"/judges/{at}" for at in range(11)])

    def test_nobody_reads_without_permission(self):
        reader = client("ssm", role(f"arn:aws:iam::{ACCOUNT}:role/reader"))
        said = f"ssm:GetParameters on resource: arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{self.path}"
        self.refused("AccessDeniedException", said, reader.get_parameters, Names=[self.path])


if __name__ == "__main__":
    unittest.main()
