"""Holds an answer against the shapes of botocore's own service models.

The raw body is walked, as the client drops members that it does not know; and what the client made of it. Each function
gives a list of problems, empty when the answer is as the model says.
"""

import base64
import binascii
import datetime
import json
import re
import xml.etree.ElementTree as xml

import fidelity

# Shapes whose pattern AWS itself does not keep to, and those that have been forgiven for it.
BROKEN_BY_AWS = fidelity.patterns_aws_breaks()
forgiven = set()

# Errors of AWS's front end, which no operation declares (Common Errors of each API reference).
COMMON_ERRORS = {
    "AccessDeniedException",
    "ExpiredTokenException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "SerializationException",
    "ThrottlingException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationException",
    # Of the query protocol.
    "AccessDenied",
    "InvalidAction",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "ValidationError",
}


def of_response(operation, response):
    """Problems of a raw answer: `headers`, `status_code` and `body`, as botocore has received them."""
    query = operation.service_model.metadata["protocol"] == "query"
    problems = _headers(operation, response["headers"])
    if query:
        return problems + _xml_document(operation, response)
    return problems + _json_document(operation, response)


def _headers(operation, headers):
    metadata = operation.service_model.metadata
    expected = "text/xml" if metadata["protocol"] == "query" else f"application/x-amz-json-{metadata['jsonVersion']}"
    problems = []
    if headers.get("content-type") != expected:
        problems.append(f"content-type is {headers.get('content-type')!r} instead of {expected!r}")
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers.get("x-amzn-requestid", "")):
        problems.append(f"x-amzn-requestid is {headers.get('x-amzn-requestid')!r}")
    return problems


def _json_document(operation, response):
    body = response["body"]
    if response["status_code"] >= 300:
        return _json_error(operation, json.loads(body))
    if operation.output_shape is None:
        return [f"a body where the model has no output: {body!r}"] if body.strip() not in (b"", b"{}") else []
    return _json(operation.output_shape, json.loads(body), "$")


def _json_error(operation, body):
    code = body.pop("__type", None)
    declared = {shape.error_code: shape for shape in operation.error_shapes}
    if code in declared:
        shape = declared[code]
        # CloudWatch Logs has exceptions without members, which come with a message all the same.
        if not any(name.lower() == "message" for name in shape.members) and isinstance(body.get("message"), str):
            body.pop("message")
        return _json(shape, body, code)
    problems = [] if code in COMMON_ERRORS else [f"{operation.name} declares no error {code}"]
    if sorted(name.lower() for name in body) != ["message"]:
        problems.append(f"{code} has the members {sorted(body)} instead of a message alone")
    return problems


def _json(shape, value, path):
    if value is None:
        return [f"{path} is null"]
    if shape.type_name == "structure":
        return _json_structure(shape, value, path)
    if shape.type_name == "list":
        if not isinstance(value, list):
            return [f"{path} is no list: {value!r}"]
        each = [_json(shape.member, one, f"{path}[{at}]") for at, one in enumerate(value)]
        # The least of a list is a rule of requests: ECR itself answers `imageIds: []`, of which the model wants one.
        most = shape.metadata.get("max", len(value))
        return sum(each, [] if len(value) <= most else [f"{path} has more than {most} members"])
    if shape.type_name == "map":
        if not isinstance(value, dict):
            return [f"{path} is no map: {value!r}"]
        keys = [_scalar(shape.key, key, f"{path} key") for key in value]
        return sum(keys + [_json(shape.value, one, f"{path}.{key}") for key, one in value.items()], [])
    return _scalar(shape, value, path)


def _json_structure(shape, value, path):
    if not isinstance(value, dict):
        return [f"{path} is no structure: {value!r}"]
    members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    required = [shape.members[name].serialization.get("name", name) for name in shape.required_members]
    problems = [f"{path}.{name} is not in the model" for name in value if name not in members]
    problems += [f"{path}.{name} is missing" for name in required if name not in value]
    known = [(name, one) for name, one in value.items() if name in members]
    return sum([_json(members[name], one, f"{path}.{name}") for name, one in known], problems)


def _range(shape, size, path):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    problems = []
    if least is not None and size < least:
        problems.append(f"{path}: {size} is less than {least}")
    if most is not None and size > most:
        problems.append(f"{path}: {size} is more than {most}")
    return problems


def _scalar(shape, value, path):
    kind = shape.type_name
    if kind in ("string", "character"):
        return _string(shape, value, path)
    if kind in ("integer", "long"):
        if not isinstance(value, int) or isinstance(value, bool):
            return [f"{path} is no integer: {value!r}"]
        return _range(shape, value, path)
    if kind in ("float", "double"):
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
    elif kind == "boolean":
        good = isinstance(value, bool)
    elif kind == "timestamp":
        # Seconds since 1970, in this millennium and not in milliseconds.
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and 1e9 < value < 1e10
    elif kind == "blob":
        good = isinstance(value, str) and _is_base64(value)
    else:
        raise AssertionError(f"{path}: the model has the type {kind}, which is not judged")
    return [] if good else [f"{path} is no {kind}: {value!r}"]


def _is_base64(text):
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    return True


def _string(shape, value, path):
    if not isinstance(value, str):
        return [f"{path} is no string: {value!r}"]
    problems = _range(shape, len(value), path)
    if shape.enum and value not in shape.enum:
        problems.append(f"{path}: {value!r} is none of {shape.enum}")
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(_of_java(pattern), value):
        if shape.name in BROKEN_BY_AWS:
            forgiven.add(shape.name)
            return problems
        problems.append(f"{path}: {value!r} does not match {pattern}")
    return problems


def _of_java(pattern):
    """The models' patterns are Java's: what Python writes differently."""
    return pattern.replace(r"\p{L}\p{Z}\p{N}", r"\w\s").replace(r"\p{Print}", "\x20-\x7e")


# --- The query protocol ---------------------------------------------------------------------------------------------


def _xml_document(operation, response):
    root = xml.fromstring(response["body"])
    namespace = "{" + operation.service_model.metadata["xmlNamespace"] + "}"
    strange = sorted({element.tag for element in root.iter() if not element.tag.startswith(namespace)})
    problems = [f"{tag} is not of the namespace {namespace}" for tag in strange]
    for element in root.iter():
        element.tag = element.tag.removeprefix(namespace)
    if response["status_code"] >= 300:
        return problems + _xml_error(operation, root)
    problems += _children(root, f"{operation.name}Response", [f"{operation.name}Result", "ResponseMetadata"])
    result = root.find(f"{operation.name}Result")
    problems += _xml_structure(operation.output_shape, result, "$")
    return problems + _children(root.find("ResponseMetadata"), "ResponseMetadata", ["RequestId"])


def _children(element, name, expected):
    found = [child.tag for child in element]
    problems = [] if element.tag == name else [f"{element.tag} instead of {name}"]
    return problems if found == expected else [*problems, f"{name} has {found} instead of {expected}"]


def _xml_error(operation, root):
    problems = _children(root, "ErrorResponse", ["Error", "RequestId"])
    error = root.find("Error")
    problems += _children(error, "Error", ["Type", "Code", "Message"])
    code = error.findtext("Code")
    declared = {shape.error_code for shape in operation.error_shapes}
    if code not in declared | COMMON_ERRORS:
        problems.append(f"{operation.name} declares no error {code}")
    return problems


def _xml_structure(shape, element, path):
    members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    required = [shape.members[name].serialization.get("name", name) for name in shape.required_members]
    tags = [child.tag for child in element]
    problems = [f"{path}.{tag} is not in the model" for tag in tags if tag not in members]
    problems += [f"{path}.{tag} comes twice" for tag in {tag for tag in tags if tags.count(tag) > 1}]
    problems += [f"{path}.{name} is missing" for name in required if name not in tags]
    known = [child for child in element if child.tag in members]
    return sum([_xml(members[child.tag], child, f"{path}.{child.tag}") for child in known], problems)


def _xml(shape, element, path):
    if shape.type_name == "structure":
        return _xml_structure(shape, element, path)
    text = element.text or ""
    if shape.type_name in ("integer", "long"):
        return _scalar(shape, int(text), path) if re.fullmatch("-?[0-9]+", text) else [f"{path} is no integer: {text!r}"]
    if shape.type_name == "timestamp":
        good = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text)
        return [] if good else [f"{path} is no timestamp: {text!r}"]
    if shape.type_name == "string":
        return _string(shape, text, path)
    raise AssertionError(f"{path}: the model has the type {shape.type_name}, which is not judged")


# --- What the client made of it -------------------------------------------------------------------------------------


def of_parsed(shape, value, path="$"):
    """Problems of a parsed answer."""
    if shape is None:
        return []
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            return [f"{path} is parsed as {value!r}"]
        value = {name: one for name, one in value.items() if name != "ResponseMetadata"}
        problems = [f"{path}.{name} is parsed and not in the model" for name in value if name not in shape.members]
        problems += [f"{path}.{name} is not parsed" for name in shape.required_members if name not in value]
        known = [(name, one) for name, one in value.items() if name in shape.members]
        return sum([of_parsed(shape.members[name], one, f"{path}.{name}") for name, one in known], problems)
    if shape.type_name == "list":
        return sum([of_parsed(shape.member, one, f"{path}[{at}]") for at, one in enumerate(value)], [])
    if shape.type_name == "map":
        return sum([of_parsed(shape.value, one, f"{path}.{key}") for key, one in value.items()], [])
    if shape.type_name == "timestamp":
        return [] if isinstance(value, datetime.datetime) else [f"{path} is parsed as {value!r}"]
    if shape.type_name == "blob":
        return [] if isinstance(value, bytes) else [f"{path} is parsed as {value!r}"]
    return _scalar(shape, value, path)
