"""What CloudFormation would make of a template: its roles and repositories, as the sandbox's seed has them,
and services and log groups as they are declared.

    cloudformation.py TEMPLATE ACCOUNT REGION [NAME=VALUE …]

Only the functions that the examples use are known. What is not known is an error: nothing is guessed.
"""

import json
import pathlib
import re
import sys

import yaml


class Loader(yaml.SafeLoader):
    """YAML with the short forms of functions."""


def function(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    kinds = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: lambda inner: loader.construct_sequence(inner, deep=True),
        yaml.MappingNode: lambda inner: loader.construct_mapping(inner, deep=True),
    }
    return {name: kinds[type(node)](node)}


Loader.add_multi_constructor("!", function)


class Stack:
    def __init__(self, template, account, region, given):
        self.template = template
        self.values = {
            "AWS::AccountId": account,
            "AWS::Region": region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
        }
        declared = template["Parameters"]
        unknown = set(given) - set(declared)
        if unknown:
            sys.exit(f"there is no parameter {', '.join(sorted(unknown))}")
        for name, parameter in declared.items():
            value = str(given.get(name, parameter.get("Default")))
            self.values[name] = value.split(",") if parameter["Type"] == "CommaDelimitedList" else value

    def resource(self, name):
        return self.template["Resources"][name]

    def name_of(self, resource):
        properties = self.resource(resource)["Properties"]
        return self.resolve(properties.get("RoleName") or properties.get("RepositoryName"))

    def arn(self, resource):
        account, region = self.values["AWS::AccountId"], self.values["AWS::Region"]
        kinds = {
            "AWS::IAM::Role": f"arn:aws:iam::{account}:role/",
            "AWS::ECR::Repository": f"arn:aws:ecr:{region}:{account}:repository/",
        }
        return kinds[self.resource(resource)["Type"]] + self.name_of(resource)

    def substitute(self, text, more):
        values = {**self.values, **more}
        return re.sub(r"\$\{([\w:.]+)\}", lambda match: values[match[1]], text)

    def holds(self, condition):
        return self.resolve(self.template["Conditions"][condition])

    def resolve(self, value):
        if isinstance(value, list):
            return [self.resolve(inner) for inner in value if inner != {"Ref": "AWS::NoValue"}]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, inner = next(iter(value.items()))
            call = self.FUNCTIONS.get(name)
            if call:
                return call(self, inner)
            if name.startswith("Fn::"):
                sys.exit(f"{name} is not known here")
        pairs = {key: self.resolve(inner) for key, inner in value.items()}
        return {key: inner for key, inner in pairs.items() if inner is not None}

    def sub(self, inner):
        text, more = (inner, {}) if isinstance(inner, str) else inner
        return self.substitute(text, {key: self.resolve(value) for key, value in more.items()})

    def if_(self, inner):
        condition, then, other = inner
        return self.resolve(then if self.holds(condition) else other)

    def get_att(self, inner):
        resource, attribute = inner.split(".") if isinstance(inner, str) else inner
        if attribute != "Arn":
            sys.exit(f"{attribute} of {resource} is not known here")
        return self.arn(resource)

    FUNCTIONS = {
        "Ref": lambda self, name: None if name == "AWS::NoValue" else self.values[name],
        "Fn::Sub": sub,
        "Fn::If": if_,
        "Fn::GetAtt": get_att,
        "Fn::Join": lambda self, inner: inner[0].join(self.resolve(inner[1])),
        "Fn::Equals": lambda self, inner: self.resolve(inner[0]) == self.resolve(inner[1]),
        "Fn::Not": lambda self, inner: not self.resolve(inner[0]),
    }

    def seed(self):
        roles, repositories = [], []
        for name, resource in self.template["Resources"].items():
            properties = self.resolve(resource["Properties"])
            if resource["Type"] == "AWS::IAM::Role":
                trust = properties["AssumeRolePolicyDocument"]
                roles.append({
                    "arn": self.arn(name),
                    "trust_policy": json.loads(trust) if isinstance(trust, str) else trust,
                    "policies": [policy["PolicyDocument"] for policy in properties["Policies"]],
                })
            elif resource["Type"] == "AWS::ECR::Repository":
                repositories.append({
                    "account": self.values["AWS::AccountId"],
                    "name": self.name_of(name),
                    "tag_mutability": properties["ImageTagMutability"],
                    **({"policy": properties["RepositoryPolicyText"]} if "RepositoryPolicyText" in properties else {}),
                })
        others = ("AWS::AppRunner::Service", "AWS::Logs::LogGroup")
        declared = {
            name: self.resolve(resource["Properties"])
            for name, resource in self.template["Resources"].items()
            if resource["Type"] in others
        }
        return {"roles": roles, "repositories": repositories, "declared": declared}


def main():
    path, account, region, *pairs = sys.argv[1:]
    template = yaml.load(pathlib.Path(path).read_text(), Loader)
    given = dict(pair.split("=", 1) for pair in pairs)
    print(json.dumps(Stack(template, account, region, given).seed()))


if __name__ == "__main__":
    main()
