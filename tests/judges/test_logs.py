"""CloudWatch Logs by boto3: groups of one's own, and the lines that App Runner writes."""

import time
import unittest

from sandbox import ACCOUNT, REGION, Judging, client, role
from services import never_created


class Logs(Judging):
    @classmethod
    def setUpClass(cls):
        service = never_created(client("apprunner", role()), "logs-of-a-failure")
        cls.written = f"/aws/apprunner/{service['ServiceName']}/{service['ServiceId']}/service"

    def setUp(self):
        self.logs = client("logs", role())
        self.name = "/judges/" + self.id().rsplit(".", 1)[1]

    def test_a_group_from_its_making_to_its_end(self):
        name = {"logGroupName": self.name}
        self.logs.create_log_group(**name)
        said = "The specified log group already exists"
        self.refused("ResourceAlreadyExistsException", said, self.logs.create_log_group, **name)
        group = self.logs.describe_log_groups(logGroupNamePrefix=self.name)["logGroups"][0]
        self.assertEqual(group["arn"], f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{self.name}:*")
        self.assertNotIn("retentionInDays", group)
        self.logs.put_retention_policy(retentionInDays=30, **name)
        group = self.logs.describe_log_groups(logGroupNamePrefix=self.name)["logGroups"][0]
        self.assertEqual(group["retentionInDays"], 30)
        self.refused("InvalidParameterException", "'retentionInDays'", self.logs.put_retention_policy, retentionInDays=31, **name)
        self.logs.delete_retention_policy(**name)
        self.assertNotIn("retentionInDays", self.logs.describe_log_groups(logGroupNamePrefix=self.name)["logGroups"][0])
        self.assertEqual(self.logs.describe_log_streams(**name)["logStreams"], [])
        self.logs.delete_log_group(**name)
        said = "The specified log group does not exist."
        for call in (self.logs.delete_log_group, self.logs.describe_log_streams, self.logs.filter_log_events):
            self.refused("ResourceNotFoundException", said, call, **name)
        self.refused("ResourceNotFoundException", said, self.logs.put_retention_policy, retentionInDays=30, **name)
        self.refused("InvalidParameterException", "'logGroupName'", self.logs.create_log_group, logGroupName="a b")

    def test_pages_of_groups(self):
        names = [f"{self.name}/{at}" for at in range(3)]
        for name in names:
            self.logs.create_log_group(logGroupName=name)
        pages = self.logs.get_paginator("describe_log_groups")
        found = pages.paginate(logGroupNamePrefix=self.name, PaginationConfig={"PageSize": 2}).build_full_result()
        self.assertEqual([group["logGroupName"] for group in found["logGroups"]], names)
        both = {"logGroupNamePrefix": "a", "logGroupNamePattern": "b"}
        self.refused("InvalidParameterException", "mutually exclusive", self.logs.describe_log_groups, **both)
        self.refused("InvalidParameterException", "'limit'", self.logs.describe_log_groups, limit=51)

    def test_the_lines_of_a_stream(self):
        streams = self.logs.describe_log_streams(logGroupName=self.written, orderBy="LastEventTime", descending=True)
        names = [stream["logStreamName"] for stream in streams["logStreams"]]
        self.assertIn("events", names)
        stream = {"logGroupName": self.written, "logStreamName": names[-1]}
        all_lines = self.logs.get_log_events(startFromHead=True, **stream)["events"]
        self.assertTrue(all_lines)
        seen, token = [], {}
        while lines := (page := self.logs.get_log_events(startFromHead=True, limit=1, **stream, **token))["events"]:
            seen += lines
            token = {"nextToken": page["nextForwardToken"]}
        self.assertEqual(seen, all_lines)
        self.assertEqual(page["nextForwardToken"], token["nextToken"], "the end of a stream answers its own token")
        last = self.logs.get_log_events(limit=1, **stream)["events"]
        self.assertEqual(last, all_lines[-1:])
        self.refused("InvalidParameterException", "nextToken", self.logs.get_log_events, nextToken="x", **stream)
        stream["logStreamName"] = "nowhere"
        said = "The specified log stream does not exist."
        self.refused("ResourceNotFoundException", said, self.logs.get_log_events, **stream)

    def test_lines_of_one_s_own(self):
        group, stream = {"logGroupName": self.name}, {"logGroupName": self.name, "logStreamName": "own"}
        self.logs.create_log_group(**group)
        self.logs.create_log_stream(**stream)
        said = "The specified log stream already exists"
        self.refused("ResourceAlreadyExistsException", said, self.logs.create_log_stream, **stream)
        now = int(time.time() * 1000)
        lines = [{"timestamp": now + at, "message": f"line {at}"} for at in range(3)]
        self.logs.put_log_events(logEvents=lines, **stream)
        read = self.logs.get_log_events(startFromHead=True, **stream)["events"]
        self.assertEqual([{key: one[key] for key in ("timestamp", "message")} for one in read], lines)
        put = self.logs.put_log_events
        self.refused("InvalidParameterException", "chronological", put, logEvents=lines[::-1], **stream)
        self.logs.delete_log_stream(**stream)
        said = "The specified log stream does not exist."
        self.refused("ResourceNotFoundException", said, self.logs.delete_log_stream, **stream)
        self.refused("ResourceNotFoundException", said, put, logEvents=lines, **stream)

    def test_lines_by_what_they_say(self):
        group = {"logGroupName": self.written}
        everything = self.logs.filter_log_events(**group)["events"]
        failed = self.logs.filter_log_events(filterPattern="failed", **group)["events"]
        self.assertEqual(failed, [event for event in everything if "failed" in event["message"]])
        self.assertTrue(0 < len(failed) < len(everything), everything)
        found = self.logs.get_paginator("filter_log_events").paginate(PaginationConfig={"PageSize": 1}, **group)
        self.assertEqual(found.build_full_result()["events"], everything)
        later = everything[-1]["timestamp"] + 1
        self.assertEqual(self.logs.filter_log_events(startTime=later, **group)["events"], [])


if __name__ == "__main__":
    unittest.main()
