"""YAML with line numbers: plain values only, duplicate keys refused, and every failure one clear message.

The words are resolved as YAML 1.2 does (``1e-3`` is a number, ``no`` and ``yes`` are words), because a column may be called ``no``
and a prior is often written ``1e-3``. Keys are always text. Tags, and so every way to make an object, are refused.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import yaml

from gibbs import paths
from gibbs.errors import SpecError
from gibbs.model import signatures
from gibbs.printable import printable

LARGEST_FILE = 1_000_000  # bytes; a spec is a page
MOST_NODES = 50_000  # after aliases are written out
DEEPEST = 20
LONGEST_NUMBER = 400  # characters

_INTEGER = re.compile(r"[-+]?\d+(?:_\d+)*")
_FLOAT = re.compile(r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", "+.inf", ".Inf", ".INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_TEXT, _MAP, _LIST = "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"


def read_text(path: Path) -> str:
    """The text of the spec file: UTF-8, with or without a byte order mark.

    Raises SpecError for a file that is missing (with the nearest name in its folder), a folder, unreadable, larger than 1 MB, or in
    another encoding (with the place of the first bad byte).
    """
    name = str(path)
    paths.require(path, SpecError)
    if path.is_dir():
        raise SpecError("this is a folder; a spec is one YAML file.", where=name)
    if not path.exists():
        raise SpecError(f"there is no such file.{nearest_file(path)}", where=name)
    if problem := paths.not_a_file(path):
        raise SpecError(f"{problem}.", where=name)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise SpecError(f"the file has {path.stat().st_size:,} bytes; a spec has at most {LARGEST_FILE:,}. Is it the data?", where=name)
        raw = path.read_bytes()
    except OSError as error:
        raise SpecError(f"the file cannot be read: {error.strerror or error}.", where=name) from None
    if encoding := signatures.encoding(raw[:64]):
        raise SpecError(f"the file is {encoding}; save it as UTF-8.", where=name)
    what, _ = signatures.kind(raw[:64])
    if what:
        raise SpecError(f"the file is {what}; a spec is a YAML file.", where=name)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = error.start + (len(raw) - len(error.object))  # the codec counts from behind a byte order mark
        line = raw.count(b"\n", 0, start) + 1
        raise SpecError(
            f"byte {start + 1} (0x{raw[start]:02X}) is not UTF-8; save the file as UTF-8.", where=f"{name}, line {line}"
        ) from None


def nearest_file(path: Path) -> str:
    """A hint at the file in the same folder whose name is nearest, or that the folder itself is missing."""
    folder = path.parent
    if not folder.is_dir():
        return f" The folder {folder} does not exist either."
    try:
        names = [p.name for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
    except OSError:
        return ""
    close = difflib.get_close_matches(path.name.lower(), [n.lower() for n in names], n=1, cutoff=0.6)
    found = next((n for n in names if close and n.lower() == close[0]), None)
    return f" Did you mean '{folder / found}'?" if found else ""


def parse(text: str, name: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The mapping that ``text`` holds, and the line of every key.

    Returns plain dicts, lists, text, numbers, True, False and None; and ``{"priors.sd[g]": 9, "level1": 3, "level1.0": 3}``: dotted
    keys (positions in lists count from 0) to 1-based lines.

    Raises SpecError for text that is not YAML, an empty file, anything but one mapping at the top, a key given twice, tags, and
    aliases that unfold to more than a spec can hold.
    """
    try:
        loader = _Loader(text)
        loader.name = name
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, name) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SpecError(f"the character U+{ord(text[error.position]):04X} is not allowed in YAML.", where=f"{name}, line {line}") from None
    except RecursionError:
        raise SpecError(f"brackets are nested deeper than {DEEPEST} levels.", where=name) from None
    if root is None or (isinstance(root, yaml.ScalarNode) and root.style is None and plain_value(root.value) is None):
        raise SpecError("the file is empty. A spec has at least data: and formula: (or outcome: and levels:).", where=name)
    if not isinstance(root, yaml.MappingNode):
        found = "a list" if isinstance(root, yaml.SequenceNode) else f"the text {root.value[:40]!r}"
        raise SpecError(
            f"a spec is a mapping of keys such as 'formula: y ~ x + (1 | g)'; found {found}.", where=f"{name}, line {_line(root)}"
        )
    walk = _Walk(name)
    return walk.mapping(root, "", 0), walk.lines


class _Loader(yaml.BaseLoader):
    """Nodes as they are written; stops at more of them than a spec can hold, before the rest of the file is looked at."""

    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            line = self.peek_event().start_mark.line + 1
            raise SpecError(f"this is no spec: it holds more than {MOST_NODES:,} values.", where=f"{self.name}, line {line}")
        return super().compose_node(parent, index)


def plain_value(word: str) -> Any:
    """What an unquoted word means: a number, True, False, None, or itself."""
    if word in _WORDS:
        return _WORDS[word]
    if len(word) > LONGEST_NUMBER:
        return word
    if _INTEGER.fullmatch(word):
        return int(word)
    if _FLOAT.fullmatch(word):
        return float(word.replace("_", ""))
    return word


class _Walk:
    """Turns nodes into values, and remembers the line of every key."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[str, int] = {}
        self.count = 0

    def value(self, node: yaml.Node, key: str, depth: int) -> Any:
        self.count += 1
        if self.count > MOST_NODES or depth > DEEPEST:
            what = (
                f"it unfolds to more than {MOST_NODES:,} values"
                if self.count > MOST_NODES
                else f"it is nested deeper than {DEEPEST} levels"
            )
            raise SpecError(f"this is no spec: {what}.", where=self.where(node))
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, key, depth)
        expected = _LIST if isinstance(node, yaml.SequenceNode) else _TEXT
        if node.tag != expected:
            self.refuse_tag(node)
        if isinstance(node, yaml.SequenceNode):
            for i, item in enumerate(node.value):
                self.lines.setdefault(f"{key}.{i}", _line(item))
            return [self.value(item, f"{key}.{i}", depth + 1) for i, item in enumerate(node.value)]
        return node.value if node.style else plain_value(node.value)

    def mapping(self, node: yaml.MappingNode, key: str, depth: int) -> dict[str, Any]:
        if node.tag != _MAP:
            self.refuse_tag(node)
        values: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise SpecError(
                    "a key must be text; found a list or a mapping. Put text that begins with [ or { in quotes.", where=self.where(key_node)
                )
            if key_node.tag != _TEXT:
                self.refuse_tag(key_node)
            word = key_node.value
            if word in values:
                raise SpecError(
                    f"the key '{word}' is given twice, on lines {first[word]} and {_line(key_node)}; keep one.", where=self.where(key_node)
                )
            path = f"{key}.{word}" if key else word
            first[word] = _line(key_node)
            self.lines.setdefault(path, first[word])
            values[word] = self.value(value_node, path, depth + 1)
        return values

    def where(self, node: yaml.Node) -> str:
        return f"{self.name}, line {_line(node)}"

    def refuse_tag(self, node: yaml.Node) -> None:
        raise SpecError(f"the tag '{node.tag}' is not accepted: a spec is plain text, numbers, lists and mappings.", where=self.where(node))


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _syntax_error(error: yaml.MarkedYAMLError, text: str, name: str) -> SpecError:
    """One message for a scanner's complaint: what is wrong in words, the line and column, and the line itself with a caret."""
    mark = error.problem_mark or error.context_mark
    problem = (error.problem or "").strip()
    line = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
    what = _in_our_words(error.context or "", problem, line[: mark.column + 1])
    shown = f"\n    {line}\n    {line[: mark.column].translate(_BLANK)}^" if line and len(line) < 200 else ""
    return SpecError(f"this is not YAML: {what}.{shown}", where=f"{name}, line {mark.line + 1}, column {mark.column + 1}")


def _in_our_words(context: str, problem: str, before: str) -> str:
    """What PyYAML complains of, ``before`` being the line up to the place, as a person would say it who has seen the spec."""
    if "'\\t'" in problem or "\t" in before:
        return "a tab stands where YAML wants spaces"
    if "cannot start any token" in problem:
        return f"text cannot begin with {problem.split(chr(39))[1]!r} here; put it in quotes"
    if "flow mapping" in context and "got '['" in problem:
        return "inside {…} a name with a bracket, such as 'b[x]', needs quotes; or write one key a line"
    for part, words in _COMPLAINTS:
        if part in problem or part in context:
            return words
    return "the words and signs here do not make a key with its value; text with signs in it may need quotes"


_COMPLAINTS = (
    (
        "mapping values are not allowed",
        "a colon is not allowed here; text with a colon and a space in it needs quotes, and every key its own line",
    ),
    ("undefined alias", "text that begins with * needs quotes"),
    ("alphabetic or numeric", "text that begins with *, & or % needs quotes"),
    ("duplicate anchor", "text that begins with & needs quotes; a mark of that name stands twice"),
    ("single document", "a spec is one document; take away the line of dashes '---' that begins another"),
    ("document start", "what follows the end of the spec, a line '...' or '---', does not belong to it"),
    ("could not find expected ':'", "a key without its colon"),
    ("sequence entries", "an entry of a list, '- ', does not stand here; put each on a line of its own below its key"),
    ("mapping keys are not allowed", "text that begins with '? ' needs quotes"),
    ("unexpected end of stream", "a quote is never closed"),
    ("document separator", "a quote is never closed before the line of dashes or dots"),
    ("escape", "a backslash in double quotes begins an escape, and this is none; put the text in single quotes"),
    ("block scalar", "text that begins with | or > needs quotes, unless it goes on below, indented"),
    ("flow sequence", "in a list […] a comma or the closing bracket is missing before this"),
    ("flow mapping", "in a mapping {…} a comma or the closing brace is missing before this"),
    ("block collection", "this is indented unlike the entries of the list above it"),
    ("block mapping", "this is indented unlike the keys above it, or follows a value whose quotes have ended"),
    ("directive", "text that begins with % needs quotes"),
    ("tag", "text that begins with ! needs quotes"),
    ("expected the node content", "a value is missing before this"),
)


class _Blank(dict):
    """Every character but a tab becomes a space, so that a caret stands under its place."""

    def __missing__(self, code: int) -> str:
        return "\t" if code == 9 else " "


_BLANK = _Blank()


class _Dumper(yaml.SafeDumper):
    """Writes text in quotes wherever ``plain_value`` would read something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if printable(text) != text else "'" if not isinstance(plain_value(text), str) else None
    return dumper.represent_scalar(_TEXT, text, style=style)


def _represent_float(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    word = repr(number)
    return dumper.represent_scalar("tag:yaml.org,2002:float", {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(word, word), style="")


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(float, _represent_float)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def dump(values: dict[str, Any]) -> str:
    """``values`` as YAML that ``parse`` reads back to equal values, keys in the order given.

    Letters that would act on a terminal are written as escapes, in double quotes, marks of direction too.
    """
    text = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=False)
    return printable(text, lines=True)
