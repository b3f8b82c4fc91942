"""CircleCI's orb: packed as `circleci orb pack` packs it, and a configuration that uses it processed as `circleci config process` does.

    orb.py pack FOLDER                     the orb, one file, on standard output
    orb.py process CONFIG FOLDER           the jobs and workflows without an orb, as JSON
    orb.py examples FOLDER                 the same of each of the orb's examples

Only what the orb and the examples use is known. What is not known is an error: nothing is guessed.
"""

import copy
import json
import pathlib
import re
import sys

import yaml

INCLUDE = re.compile(r"^<<\s*include\(([-\w/.]+)\)\s*>>$")
PARAMETER = re.compile(r"(?<!\\)<<\s*([\w.-]+)\s*>>")
KINDS = ["commands", "executors", "jobs", "examples"]
#: The steps that are CircleCI's own.
BUILT_IN = {"run", "checkout", "setup_remote_docker", "store_test_results", "store_artifacts"}


def include(value, folder):
    """A file's text in the place of `<<include(FILE)>>`; what looks like a parameter in it is none."""
    if isinstance(value, dict):
        return {key: include(inner, folder) for key, inner in value.items()}
    if isinstance(value, list):
        return [include(inner, folder) for inner in value]
    found = INCLUDE.match(value) if isinstance(value, str) else None
    if not found:
        return value
    return (folder / found[1]).read_text().replace("<<", "\\<<")


def pack(folder):
    folder = pathlib.Path(folder)
    orb = yaml.safe_load((folder / "@orb.yml").read_text())
    for kind in KINDS:
        for file in sorted((folder / kind).glob("*.yml")):
            orb.setdefault(kind, {})[file.stem] = yaml.safe_load(file.read_text())
    return include(orb, folder)


def fill(value, values):
    """Parameters in their places. One that is all of a text keeps its type."""
    if isinstance(value, dict):
        return {key: fill(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, values) for inner in value]
    if not isinstance(value, str):
        return value
    whole = PARAMETER.fullmatch(value)
    if whole:
        return copy.deepcopy(values[whole[1]])
    shown = lambda match: text(values[match[1]])
    return PARAMETER.sub(shown, value).replace("\\<<", "<<")


def text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_type(name, kind, value):
    kinds = {"string": (str, int, float), "env_var_name": str, "boolean": bool, "steps": list, "executor": (str, dict)}
    good = isinstance(value, kinds[kind])
    if kind == "env_var_name":
        good = good and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value)
    if not good:
        sys.exit(f"{name} must be {kind}: {value!r}")


def arguments(name, declared, given):
    """The values of an element's parameters: those given, and defaults for the others."""
    unknown = set(given) - set(declared)
    if unknown:
        sys.exit(f"{name} has no parameter {', '.join(sorted(unknown))}")
    values = {}
    for parameter, declaration in declared.items():
        if parameter not in given and "default" not in declaration:
            sys.exit(f"{name} needs {parameter}")
        value = given.get(parameter, declaration.get("default"))
        check_type(f"{name}: {parameter}", declaration["type"], value)
        values[f"parameters.{parameter}"] = value
    return values


def commands_of(orb, prefix):
    return {prefix + name: command for name, command in orb.get("commands", {}).items()}


def expand(steps, commands, local):
    """Steps with every command's own in its place. `local`: the names without a prefix are the orb's, too."""
    expanded = []
    for step in steps:
        name, given = (step, {}) if isinstance(step, str) else next(iter(step.items()))
        command = commands.get(name) or (local and commands.get("shipgate/" + name))
        if name == "steps":
            expanded += expand(given, commands, local)
        elif name == "when":
            if given["condition"] not in (True, False):
                sys.exit(f"a condition that is none: {given['condition']!r}")
            expanded += expand(given["steps"], commands, local) if given["condition"] else []
        elif command:
            values = arguments(name, command.get("parameters", {}), given or {})
            expanded += expand(fill(command["steps"], values), commands, True)
        elif name in BUILT_IN:
            expanded.append(step if name != "run" else {"run": run_of(given)})
        else:
            sys.exit(f"there is no step {name}")
    return expanded


def run_of(given):
    run = {"command": given} if isinstance(given, str) else dict(given)
    if "<<" in run["command"].replace("\\<<", "") and "<<parameters" in run["command"]:
        sys.exit(f"a parameter in a script is code that others write: {run['command']}")
    run["command"] = run["command"].replace("\\<<", "<<")
    run["environment"] = {key: text(value) for key, value in run.get("environment", {}).items()}
    return run


def executor_of(orb, named):
    given = {"name": named} if isinstance(named, str) else dict(named)
    name = given.pop("name").removeprefix("shipgate/")
    executor = orb["executors"][name]
    values = arguments(name, executor.get("parameters", {}), given)
    return fill({key: value for key, value in executor.items() if key not in ("parameters", "description")}, values)


def job_of(orb, job, commands, given):
    values = arguments("the job", job.get("parameters", {}), given)
    filled = fill({key: value for key, value in job.items() if key not in ("parameters", "description")}, values)
    executor = executor_of(orb, filled.pop("executor"))
    return {**executor, **filled, "steps": expand(filled["steps"], commands, True)}


#: What a workflow says of a job, and is no parameter of it.
OF_WORKFLOW = {"name", "requires", "context", "filters", "type", "matrix"}


def process(config, orb):
    """The configuration as CircleCI runs it: plain jobs, and workflows of them."""
    commands = commands_of(orb, "shipgate/")
    pipeline = {f"pipeline.parameters.{key}": value["default"] for key, value in config.get("parameters", {}).items()}
    jobs, workflows = {}, {}
    for workflow, described in config["workflows"].items():
        placed = []
        for entry in described["jobs"]:
            kind, given = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
            given = fill(given, pipeline)
            told = {key: given.pop(key) for key in list(given) if key in OF_WORKFLOW}
            name = told.pop("name", kind)
            if told.get("type") != "approval":
                local = kind.removeprefix("shipgate/")
                job = orb["jobs"][local] if kind != local else config["jobs"][kind]
                jobs[name] = job_of(orb, job, commands, given)
            placed.append({name: told} if told else name)
        workflows[workflow] = {"jobs": placed}
    return {"version": 2.1, "jobs": jobs, "workflows": workflows}


def block(dumper, value):
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


def main():
    yaml.SafeDumper.add_representer(str, block)
    what, *rest = sys.argv[1:]
    if what == "pack":
        orb = pack(rest[0])
        print("# Packed by tests/judges/orb.py from src/; a test holds it to that.")
        print(yaml.safe_dump(orb, sort_keys=False, width=1000, allow_unicode=True), end="")
    elif what == "process":
        config = yaml.safe_load(pathlib.Path(rest[0]).read_text())
        print(json.dumps(process(config, pack(rest[1])), indent=1))
    elif what == "examples":
        examples = pack(rest[0])["examples"]
        print(json.dumps({name: process(example["usage"], pack(rest[0])) for name, example in examples.items()}))


if __name__ == "__main__":
    main()
