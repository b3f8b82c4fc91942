"""Reads the tables of docs/sandbox-fidelity.md, which the tests hold against what they see."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "sandbox-fidelity.md"


def table(heading):
    """The rows of the table under a heading, as lists of cells; head and rule left out."""
    sections = re.split(r"^## ", DOCUMENT.read_text(), flags=re.MULTILINE)
    section = next(text for text in sections if text.startswith(heading + "\n"))
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def patterns_aws_breaks():
    """The names of shapes whose pattern real answers do not match."""
    return {row[0].strip("`") for row in table("Patterns that AWS itself does not keep to")}


def cell(value):
    """A value as a cell of a table has it."""
    return "`" + str(value).replace("|", "\\|").replace("\n", " ") + "`"


def differences():
    """What moto answers otherwise: (operation, place, the sandbox's value, moto's value), each as a cell."""
    rows = table("Differences from moto")
    unreasoned = [row for row in rows if len(row) != 5 or not row[4]]
    assert not unreasoned, f"differences without a reason: {unreasoned}"
    return {tuple(row[:4]) for row in rows}
