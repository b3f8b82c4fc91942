"""App Runner services to judge with."""

import functools

from sandbox import ACCESS_ROLE, HOST, REPOSITORY, Image, client, eventually, push, role


@functools.cache
def image(version):
    """The image of a version of the demonstration's application, pushed under that tag."""
    packed = Image(version)
    push(client("ecr", role()), packed, version)
    return packed


def source(tag, **configuration):
    """A `SourceConfiguration` of an image that is not deployed by itself."""
    return {
        "ImageRepository": {
            "ImageIdentifier": f"{HOST}/{REPOSITORY}:{tag}",
            "ImageRepositoryType": "ECR",
            "ImageConfiguration": {"Port": "8080", **configuration},
        },
        "AutoDeploymentsEnabled": False,
        "AuthenticationConfiguration": {"AccessRoleArn": ACCESS_ROLE},
    }


# The quickest check that App Runner takes.
HEALTH = {"Protocol": "HTTP", "Path": "/", "Interval": 1, "Timeout": 1, "HealthyThreshold": 1, "UnhealthyThreshold": 2}


def settled(apprunner, arn):
    """The status of a service once nothing is under way."""
    look = lambda: apprunner.describe_service(ServiceArn=arn)["Service"]["Status"]
    return eventually(look, lambda status: status != "OPERATION_IN_PROGRESS")


def operation(apprunner, arn, named):
    """An operation of a service, by its id."""
    listed = apprunner.list_operations(ServiceArn=arn)["OperationSummaryList"]
    return next(one for one in listed if one["Id"] == named)


def never_created(apprunner, name):
    """A service whose image does not exist: it takes no container to have one, and leaves log lines."""
    made = apprunner.create_service(ServiceName=name, SourceConfiguration=source("no-such-tag"))
    arn = made["Service"]["ServiceArn"]
    status = settled(apprunner, arn)
    assert status == "CREATE_FAILED", status
    return made["Service"]
