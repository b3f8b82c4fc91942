"""Reads what a run has left for a CI system as that system would, and prints it as JSON.

Knows GitHub's formats (documentation, "Workflow commands"; actions/runner), a shell's and GitLab's, and Markdown by
markdown-it-py. It knows nothing of shipgate.

    seen.py outputs FILE     what $GITHUB_OUTPUT holds
    seen.py log FILE         the commands of a log, which lines are shown outside of any group, and what is left open
    seen.py dotenv FILE      the variables of a dotenv report
    seen.py markdown FILE    what a page shows: its HTML, its code, its text, its links
"""

import json
import re
import sys


def outputs(text):
    """`name=value`, or `name<<delimiter`, lines, and the delimiter alone on a line."""
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if heredoc >= 0 and (equals < 0 or heredoc < equals):
            name, delimiter = line[:heredoc], line[heredoc + 2 :]
            if not name or not delimiter:
                raise ValueError(f"invalid format: {line}")
            value = []
            for inner in lines:
                if inner == delimiter:
                    break
                value.append(inner)
            else:
                raise ValueError(f"no matching delimiter: {delimiter}")
            found[name] = "\n".join(value)
        elif equals > 0:
            found[line[:equals]] = line[equals + 1 :]
        else:
            raise ValueError(f"invalid format: {line}")
    return found


COMMANDS = {
    "add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher",
    "save-state", "set-env", "set-output", "stop-commands", "warning",
}  # fmt: skip


def unescaped(text, property=False):
    if property:
        text = text.replace("%3A", ":").replace("%2C", ",")
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def command_of(line, resume):
    """The command in a line. The old form counts anywhere in it, the new one at its beginning, after blanks."""
    old = re.search(r"##\[([a-z-]+)([^\]]*)\](.*)", line)
    if old and old.group(1) in COMMANDS:
        return {"name": old.group(1), "properties": {}, "data": old.group(3), "old": True}
    new = re.match(r"\s*::([^:\s]+)(?:\s+(.*?))?::(.*)$", line)
    if not new or (new.group(1) not in COMMANDS and new.group(1) != resume):
        return None
    pairs = [pair.split("=", 1) for pair in (new.group(2) or "").split(",") if "=" in pair]
    properties = {key.strip(): unescaped(value, True) for key, value in pairs}
    return {"name": new.group(1), "properties": properties, "data": unescaped(new.group(3))}


def log(text):
    commands, outside, resume, group, shown_while_stopped = [], [], None, False, []
    for line in text.split("\n"):
        command = command_of(line, resume)
        if resume is not None:
            if command and command["name"] == resume:
                resume = None
            else:
                shown_while_stopped.append(line)
            continue
        if command is None:
            if not group:
                outside.append(line)
            continue
        commands.append(command)
        if command["name"] == "stop-commands":
            resume = command["data"]
        elif command["name"] == "group":
            if group:
                raise ValueError(f"a group in a group: {line}")
            group = True
        elif command["name"] == "endgroup":
            group = False
    return {
        "commands": commands,
        "outside": outside,
        "stopped": shown_while_stopped,
        "left_open": group or resume is not None,
    }


def dotenv(text):
    """GitLab: no blank lines, no comments, no quotes, no values of several lines; at most 5 KiB."""
    if len(text.encode()) > 5 * 1024:
        raise ValueError("larger than GitLab takes")
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z0-9_]+", name) or re.search(r"[\s'\"]", value):
            raise ValueError(f"invalid line: {line}")
        found[name] = value
    if len(found) > 20:
        raise ValueError("more variables than GitLab takes")
    return found


def markdown(text):
    from markdown_it import MarkdownIt

    # Of GitHub's extensions those that change the structure.
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    seen = {"html": [], "code": [], "text": [], "links": [], "headings": [], "images": []}

    def read(tokens):
        for index, token in enumerate(tokens):
            if token.type in ("html_block", "html_inline"):
                seen["html"].append(token.content)
            elif token.type in ("fence", "code_block", "code_inline"):
                seen["code"].append(token.content)
            elif token.type == "text":
                seen["text"].append(token.content)
            elif token.type == "link_open":
                seen["links"].append(token.attrs["href"])
            elif token.type == "image":
                seen["images"].append(token.attrs["src"])
            elif token.type == "heading_open":
                seen["headings"].append(tokens[index + 1].content)
            if token.children:
                read(token.children)

    read(parser.parse(text))
    seen["rendered"] = parser.render(text)
    return seen


if __name__ == "__main__":
    what, path = sys.argv[1:]
    with open(path, encoding="utf-8", newline="") as file:
        print(json.dumps({"outputs": outputs, "log": log, "dotenv": dotenv, "markdown": markdown}[what](file.read())))
