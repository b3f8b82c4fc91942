"""App Runner by boto3, with services that run."""

import unittest
import urllib.request

from sandbox import ACCESS_ROLE, ACCOUNT, HOST, REGION, REPOSITORY, Judging, client, push, role
from services import HEALTH, image, never_created, operation, settled, source

NOWHERE = f"arn:aws:apprunner:{REGION}:{ACCOUNT}:service/nowhere/{'0' * 32}"
NOT_RUNNING = "Can't start a deployment on the specified service, because it isn't in RUNNING state"


def answer(service):
    """What the service's URL answers."""
    with urllib.request.urlopen("http://" + service["ServiceUrl"], timeout=10) as got:
        return got.read().decode().strip()


class AppRunner(Judging):
    def setUp(self):
        self.apprunner = client("apprunner", role())

    def described(self, arn):
        return self.apprunner.describe_service(ServiceArn=arn)["Service"]

    def follow(self, arn, began, kind, status):
        """An operation to its end, and the status it leaves."""
        if "Service" in began:
            self.assertEqual(began["Service"]["Status"], "OPERATION_IN_PROGRESS")
        self.assertEqual(settled(self.apprunner, arn), status)
        done = operation(self.apprunner, arn, began["OperationId"])
        self.assertEqual((done["Type"], done["Status"], done["TargetArn"]), (kind, "SUCCEEDED", arn))
        self.assertLessEqual(done["StartedAt"], done["EndedAt"])

    def test_a_service_from_its_making_to_its_end(self):
        first = image("v1")
        push(client("ecr", role()), first, "live")
        began = self.apprunner.create_service(
            ServiceName="whole-life",
            SourceConfiguration=source("live", RuntimeEnvironmentVariables={"GREETING": "hello"}),
            InstanceConfiguration={"Cpu": "0.25 vCPU", "Memory": "0.5 GB"},
            HealthCheckConfiguration=HEALTH,
            Tags=[{"Key": "team", "Value": "shop"}],
        )
        arn = {"ServiceArn": began["Service"]["ServiceArn"]}
        self.assertRegex(arn["ServiceArn"], f"^arn:aws:apprunner:{REGION}:{ACCOUNT}:service/whole-life/[0-9a-f]{{32}}$")
        self.busy(arn)
        self.follow(arn["ServiceArn"], began, "CREATE_SERVICE", "RUNNING")
        service = self.described(arn["ServiceArn"])
        self.assertEqual(service["InstanceConfiguration"], {"Cpu": "256", "Memory": "512"})
        self.assertEqual(answer(service), "v1")

        push(client("ecr", role()), image("v2"), "live")
        self.follow(arn["ServiceArn"], self.apprunner.start_deployment(**arn), "START_DEPLOYMENT", "RUNNING")
        self.assertEqual(answer(service), "v2")

        began = self.apprunner.update_service(SourceConfiguration=source("v1"), **arn)
        self.follow(arn["ServiceArn"], began, "UPDATE_SERVICE", "RUNNING")
        service = self.described(arn["ServiceArn"])
        self.assertEqual(answer(service), "v1")
        kept = service["SourceConfiguration"]["ImageRepository"]["ImageConfiguration"]
        self.assertEqual(kept["RuntimeEnvironmentVariables"], {"GREETING": "hello"}, "an update merges")

        self.follow(arn["ServiceArn"], self.apprunner.pause_service(**arn), "PAUSE_SERVICE", "PAUSED")
        self.refused("InvalidRequestException", NOT_RUNNING, self.apprunner.start_deployment, **arn)
        said = "Service cannot be updated in the current state: PAUSED."
        self.refused("InvalidStateException", said, self.apprunner.update_service, HealthCheckConfiguration=HEALTH, **arn)
        self.follow(arn["ServiceArn"], self.apprunner.resume_service(**arn), "RESUME_SERVICE", "RUNNING")
        self.assertNotIn("OperationId", self.apprunner.resume_service(**arn))
        self.pages_of_operations(arn)
        self.tags(arn["ServiceArn"])

        began = self.apprunner.delete_service(**arn)
        self.follow(arn["ServiceArn"], began, "DELETE_SERVICE", "DELETED")
        self.assertIn("DeletedAt", self.described(arn["ServiceArn"]))
        listed = self.apprunner.list_services()["ServiceSummaryList"]
        self.assertNotIn(arn["ServiceArn"], [one["ServiceArn"] for one in listed])

    def busy(self, arn):
        """Nothing that would change a service in OPERATION_IN_PROGRESS is taken."""
        self.refused("InvalidRequestException", NOT_RUNNING, self.apprunner.start_deployment, **arn)
        for call in (self.apprunner.pause_service, self.apprunner.resume_service, self.apprunner.delete_service):
            self.refused("InvalidStateException", "OPERATION_IN_PROGRESS", call, **arn)

    def pages_of_operations(self, arn):
        listed = self.apprunner.list_operations(**arn)["OperationSummaryList"]
        kinds = [one["Type"].split("_")[0] for one in listed]
        self.assertEqual(kinds, ["RESUME", "PAUSE", "UPDATE", "START", "CREATE"], "newest first")
        page = self.apprunner.list_operations(MaxResults=3, **arn)
        rest = self.apprunner.list_operations(MaxResults=3, NextToken=page["NextToken"], **arn)
        self.assertEqual(page["OperationSummaryList"] + rest["OperationSummaryList"], listed)
        self.assertNotIn("NextToken", rest)

    def test_a_service_that_was_never_created(self):
        failed = never_created(self.apprunner, "never-created")
        arn = {"ServiceArn": failed["ServiceArn"]}
        listed = self.apprunner.list_operations(**arn)["OperationSummaryList"]
        self.assertEqual([(one["Type"], one["Status"]) for one in listed], [("CREATE_SERVICE", "FAILED")])
        self.refused("InvalidRequestException", NOT_RUNNING, self.apprunner.start_deployment, **arn)
        self.refused("InvalidStateException", "CREATE_FAILED", self.apprunner.pause_service, **arn)
        tag = {"ResourceArn": failed["ServiceArn"], "Tags": [{"Key": "a", "Value": "1"}]}
        self.refused("InvalidStateException", "CREATE_FAILED", self.apprunner.tag_resource, **tag)
        create = {"ServiceName": "never-created", "SourceConfiguration": source("v1")}
        said = "Service with the provided name already exists: never-created"
        self.refused("InvalidRequestException", said, self.apprunner.create_service, **create)
        self.follow(arn["ServiceArn"], self.apprunner.delete_service(**arn), "DELETE_SERVICE", "DELETED")

    def tags(self, arn):
        resource = {"ResourceArn": arn}
        self.assertEqual(self.apprunner.list_tags_for_resource(**resource)["Tags"], [{"Key": "team", "Value": "shop"}])
        self.apprunner.tag_resource(Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}], **resource)
        self.apprunner.untag_resource(TagKeys=["a", "team"], **resource)
        self.assertEqual(self.apprunner.list_tags_for_resource(**resource)["Tags"], [{"Key": "b", "Value": "2"}])

    def test_scaling_and_domains(self):
        service = never_created(self.apprunner, "scaled")
        domains = self.apprunner.describe_custom_domains(ServiceArn=service["ServiceArn"])
        self.assertEqual((domains["CustomDomains"], domains["VpcDNSTargets"]), ([], []))
        arn = service["AutoScalingConfigurationSummary"]["AutoScalingConfigurationArn"]
        describe = self.apprunner.describe_auto_scaling_configuration
        scaling = describe(AutoScalingConfigurationArn=arn)["AutoScalingConfiguration"]
        self.assertEqual((scaling["MinSize"], scaling["MaxSize"], scaling["MaxConcurrency"]), (1, 25, 100))
        self.refused("ResourceNotFoundException", "", describe, AutoScalingConfigurationArn=arn.replace("Default", "My"))

    def test_pages_of_services(self):
        for at in range(3):
            never_created(self.apprunner, f"page-{at}")
        seen, token = [], {}
        while True:
            page = self.apprunner.list_services(MaxResults=1, **token)
            seen += [one["ServiceName"] for one in page["ServiceSummaryList"]]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        self.assertEqual([name for name in seen if name.startswith("page-")], ["page-2", "page-1", "page-0"])
        self.assertEqual(len(seen), len(set(seen)))

    def test_who_is_not_there(self):
        said = f"Resource with ARN '{NOWHERE}' doesn't exist."
        calls = ("describe", "pause", "resume", "delete", "update")
        for call in [getattr(self.apprunner, f"{name}_service") for name in calls]:
            self.refused("ResourceNotFoundException", said, call, ServiceArn=NOWHERE)
        for call in (self.apprunner.list_operations, self.apprunner.describe_custom_domains):
            self.refused("ResourceNotFoundException", said, call, ServiceArn=NOWHERE)
        self.refused("ResourceNotFoundException", said, self.apprunner.list_tags_for_resource, ResourceArn=NOWHERE)

    def test_the_model_is_kept_to(self):
        create = {"call": self.apprunner.create_service, "ServiceName": "refused", "SourceConfiguration": source("v1")}
        for code, said, wrong in (
            ("ValidationException", "'serviceName'", {"ServiceName": "abc"}),
            ("ValidationException", "'serviceName'", {"ServiceName": None}),
            ("ValidationException", "'healthCheckConfiguration.interval'", {"HealthCheckConfiguration": {"Interval": 21}}),
            ("ValidationException", "'healthCheckConfiguration.protocol'", {"HealthCheckConfiguration": {"Protocol": "UDP"}}),
            ("InvalidRequestException", "combination", {"InstanceConfiguration": {"Cpu": "256", "Memory": "4096"}}),
            ("InvalidRequestException", "assuming access role", {"SourceConfiguration": self.strange_role()}),
        ):
            with self.subTest(said):
                given = {name: value for name, value in {**create, **wrong}.items() if value is not None}
                self.refused(code, said, **given)
        self.assertNotIn("refused", [one["ServiceName"] for one in self.apprunner.list_services()["ServiceSummaryList"]])

    def strange_role(self):
        given = source("v1")
        given["AuthenticationConfiguration"]["AccessRoleArn"] = ACCESS_ROLE.replace("access", "nobody")
        return given

    def test_a_role_that_may_only_list(self):
        apprunner = client("apprunner", role(f"arn:aws:iam::{ACCOUNT}:role/reader"))
        apprunner.list_services()
        said = f"assumed-role/reader/judge is not authorized to perform: apprunner:DescribeService on resource: {NOWHERE}"
        self.refused("AccessDeniedException", said, apprunner.describe_service, ServiceArn=NOWHERE)


if __name__ == "__main__":
    unittest.main()
