"""The page of every key of a spec, from its JSON Schema."""

from __future__ import annotations

import json
from typing import Any

from gibbs.model.schema import schema
from gibbs.reference.markdown import code, table

_SECTIONS = {
    "": "The top of a spec",
    "DataKeys": "Under `data:`",
    "JoinKeys": "Under `data: join:`",
    "SamplingKeys": "Under `sampling:`",
    "UntilKeys": "Under `sampling: until:`",
    "WeightsKeys": "Under `weights:`",
    "DesignKeys": "Under `design:`",
    "ReplicatesKeys": "Under `replicates:`",
    "EffectsKeys": "Under `effects: {g: …}`",
    "OutcomeKeys": "Under `outcome:`",
    "MissingKeys": "Under `data: na:`",
}


def page(made: dict[str, Any] | None = None) -> str:
    """Every key, section by section: what it may hold, its default, what it says, an example."""
    made = schema() if made is None else made
    parts = {"": made, **made["$defs"]}
    lines = [
        "# Keys of a spec",
        "",
        "A spec is a YAML file. It needs `data`, and a `formula` or the two-level form (`outcome`, `level1`, `levels`); all else has",
        "defaults. An unknown key is an error that names the nearest one. `gibbs schema` prints the same for editors, `gibbs check` what",
        "holds.",
    ]
    for name in [*[n for n in _SECTIONS if n in parts], *[n for n in parts if n not in _SECTIONS]]:
        rows = [
            [code(key), _holds(rule, made), _default(rule), rule.get("description", _below(rule, made)), _example(rule)]
            for key, rule in parts[name].get("properties", {}).items()
        ]
        title = _SECTIONS.get(name, f"Under `{name.removesuffix('Keys').lower()}:`")
        lines += ["", f"## {title}", "", table(["key", "holds", "default", "what it says", "example"], rows).rstrip()]
    return "\n".join(lines) + "\n"


def _holds(rule: dict[str, Any], made: dict[str, Any]) -> str:
    """What may stand behind a key, in words."""
    if "$ref" in rule:
        return "a mapping"
    if "enum" in rule:
        return ", ".join(map(str, rule["enum"]))
    if "anyOf" in rule:
        words = list(dict.fromkeys(w for part in rule["anyOf"] if (w := _holds(part, made)) and part.get("type") != "null"))
        many = len(words) > 6
        return "a word of its list" if many else " or ".join(words)
    kinds = rule.get("type", "anything")
    names = {
        "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false", "array": "a list",
        "object": "a mapping", "null": "nothing", "anything": "anything",
    }  # fmt: skip
    words = " or ".join(names[kind] for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind != "null")
    limits = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most"}
    bounds = [f"{said} {rule[key]:,}" for key, said in limits.items() if key in rule and abs(rule[key]) < 10**12]
    return ", ".join([words, *bounds])


def _default(rule: dict[str, Any]) -> str:
    if "default" not in rule or rule["default"] in (None, "", [], {}):
        return ""
    return code(_flow(rule["default"]))


def _example(rule: dict[str, Any]) -> str:
    found = rule.get("examples", [])
    return code(_flow(found[-1] if isinstance(found[-1], dict) else found[0])) if found else ""


def _below(rule: dict[str, Any], made: dict[str, Any]) -> str:
    """What the mapping behind a reference says of itself."""
    name = rule.get("$ref", "").rsplit("/", 1)[-1]
    return made["$defs"][name].get("description", "") if name else ""


def _flow(value: Any) -> str:
    """A value as YAML writes it in a line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_word(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _word(value)


def _word(value: Any) -> str:
    text = str(value) if isinstance(value, str) else json.dumps(value)
    return json.dumps(text) if isinstance(value, str) and any(c in text for c in '{}[],:#&*!|>%@"') and "::" not in text else text
