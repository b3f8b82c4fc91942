"""A report's page: whether it is well-formed HTML, and whether anything in it leads out of it.

    page.py FILE...        what is wrong, as JSON: a list of lines, empty when nothing is

html5lib reads as browsers do, and here refuses what browsers would mend.
"""

import json
import pathlib
import re
import sys

import html5lib

HTML = "{http://www.w3.org/1999/xhtml}"
#: Attributes whose value is an address, wherever they are.
ADDRESSES = {"href", "src", "srcset", "action", "formaction", "data", "poster", "cite", "background", "ping", "manifest", "codebase"}
#: Elements that run or fetch something.
FORBIDDEN = {"script", "link", "img", "iframe", "object", "embed", "form", "base", "video", "audio", "source", "image", "foreignObject", "use", "a"}
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def local(tag):
    return tag.rsplit("}", 1)[-1]


def leads_out(text):
    """The addresses in a style that are no place in the page itself."""
    found = re.findall(r"url\(\s*['\"]?([^)'\"]*)", text) + re.findall(r"@import\s*([^;]*)", text)
    return [address for address in found if not address.startswith("#")]


def attribute(element, name, value):
    name = local(name)
    if name.startswith("on"):
        yield f"<{local(element.tag)} {name}> would run"
    if name in ADDRESSES and not value.startswith("#"):
        yield f"<{local(element.tag)} {name}={value!r}> leads out"
    if name not in ("content", "title") and leads_out(value):
        yield f"<{local(element.tag)} {name}={value!r}> leads out"


def complaints(text):
    parser = html5lib.HTMLParser(strict=False)
    root = parser.parse(text)
    yield from (f"{place}: {code} {about}" for place, code, about in parser.errors)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    yield from sorted({f"the id {name} is there twice" for name in ids if ids.count(name) > 1})
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        if local(element.tag) in FORBIDDEN:
            yield f"there is a <{local(element.tag)}>"
        if element.tag == HTML + "style":
            yield from (f"the style leads to {address}" for address in leads_out(element.text))
        for name, value in element.attrib.items():
            yield from attribute(element, name, value)
        for name in ("aria-labelledby", "aria-describedby"):
            yield from (f"nothing has the id {id}" for id in element.get(name, "").split() if id not in ids)
    policies = [m.get("content") for m in root.iter(HTML + "meta") if m.get("http-equiv") == "Content-Security-Policy"]
    if len(policies) != 1 or not policies[0].startswith(POLICY):
        yield f"its policies are {policies}"


if __name__ == "__main__":
    print(json.dumps([line for file in sys.argv[1:] for line in complaints(pathlib.Path(file).read_text(encoding="utf-8"))]))
