"""Run last: whatever the sandbox does not call unsupported has been called, and has answered well."""

import re
import unittest

from botocore.exceptions import ClientError

import shapes
from sandbox import CONFIG, answered, role

SERVICES = ("sts", "ecr", "apprunner", "logs", "secretsmanager", "ssm")
# The last is for AssumeRoleWithSAML, which the client does not sign: the sandbox asks for a signature first.
SAID = re.compile("not supported by the sandbox|has no operation|Could not find operation|missing Authentication Token")


class Supported(unittest.TestCase):
    def test_every_supported_operation_has_answered(self):
        """An operation is asked for with nothing in it: one that is supported misses its members, or lists what there is."""
        for service in SERVICES:
            client = role().client(service, config=CONFIG)
            supported = {name for name in client.meta.service_model.operation_names if self.is_supported(client, name)}
            self.assertTrue(supported, service)
            untested = supported - {name for of, name in answered if of == service}
            self.assertEqual(untested, set(), f"operations of {service} that no test has called")

    def test_what_is_forgiven_was_needed(self):
        self.assertEqual(shapes.forgiven, shapes.BROKEN_BY_AWS, "docs/sandbox-fidelity.md lists what is not so")

    def is_supported(self, client, name):
        call = getattr(client, next(method for method, of in client.meta.method_to_api_mapping.items() if of == name))
        try:
            call()
        except ClientError as error:
            return not SAID.search(error.response["Error"]["Message"])
        except Exception as error:  # the client itself cannot send it without its members
            self.fail(f"{name}: {error!r}")
        return True


if __name__ == "__main__":
    unittest.main()
