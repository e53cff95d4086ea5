"""What editors are told of a spec: every example is one that a spec may hold, every word one that is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gibbs.model import editors, first_spec, schema, spec
from gibbs.model.families import FAMILIES

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "specs").glob("*.yaml"))


def _placed(key: str, value: Any) -> dict[str, Any]:
    """A spec that holds ``value`` under ``key``, and what else it then needs."""
    top, _, inner = key.partition(".")
    if top == "until":
        return {"formula": "y ~ x", "sampling": {"until": {inner: value}}}
    if top == "join":
        return {"formula": "y ~ x", "data": {"file": "d.csv", "join": {"file": "s.csv", "on": "state", inner: value}}}
    if top == "disclosure":
        return {"formula": "y ~ x", "data": {"ibis": "postgres://server/survey", "table": "answers", "disclosure": {inner: value}}}
    made: dict[str, Any] = {"formula": "y ~ x + (1 | g)"}
    if key == "formula":
        return {"formula": value, "family": "binomial" if "cbind" in value else "gaussian"}
    if key == "outcome.plausible":
        return {"outcome": {inner: value}, "formula": "~ x"}
    if top == "outcome":
        named = not isinstance(value, dict) if not inner else inner == "column"
        two_level = named or (isinstance(value, dict) and "column" in value)
        made = {"outcome": value if not inner else {inner: value}, "family": "logit"}
        return made | ({"level1": ["x"]} if two_level else {"formula": "y ~ x"})
    if top in ("level1", "levels"):
        return {"outcome": "y", top: value} | ({"level1": ["x"]} if top == "levels" else {})
    if top == "categories":
        made["family"] = "ordinal"
    if top == "link":
        made["family"] = "binomial"
    if top == "effects" and inner:
        return made | {"effects": {"g": {inner: value} | ({"structure": "icar"} if inner == "graph" else {})}}
    if top == "weights" and inner:
        kind = "sampling" if inner in ("scale", "within") else "frequency"
        return made | {"weights": {"column": "n", "type": kind, inner: value}}
    if top == "design" and inner:
        return made | {"design": {"psu": "school", inner: value}}
    if top == "replicates" and inner:
        return made | {"replicates": {"columns": "rw*", "method": "fay" if inner == "factor" else "jkn", "scale": 0.5, inner: value}}
    return made | ({top: {inner: value}} if inner else {top: value})


@pytest.mark.parametrize("key", sorted(editors.EXAMPLES))
def test_every_example_is_read(key: str) -> None:
    """And written out, with every default filled in, it is read as the same spec."""
    assert editors.EXAMPLES[key]
    for value in editors.EXAMPLES[key]:
        found = spec.build(_placed(key, value))
        assert spec.build(yaml.safe_load(spec.to_yaml(found))) == found


def test_every_key_has_an_example_or_the_words_it_may_hold() -> None:
    made = schema.schema()
    for name, part in (("", made), *made["$defs"].items()):
        for key, rule in part["properties"].items():
            inner = rule if "$ref" not in rule else made["$defs"][rule["$ref"].rsplit("/", 1)[1]]
            assert "examples" in rule or "enum" in rule or inner.get("properties") or "anyOf" in rule, (name, key)
            assert "title" not in rule, (name, key)
    assert {e["enum"][0] for e in made["properties"]["family"]["anyOf"] if "enum" in e} >= set(FAMILIES)


def test_every_word_for_a_family_or_a_link_is_one() -> None:
    made = schema.schema()["properties"]
    for choice in made["family"]["anyOf"]:
        if "enum" in choice:
            assert choice["description"]
            spec.build({"formula": "cbind(s, f) ~ x" if choice["enum"] == ["binomial"] else "y ~ x", "family": choice["enum"][0]})
    links = {word for choice in made["link"]["anyOf"] for word in choice.get("enum", ())}
    assert {"identity", "log", "logit", "probit", "cloglog"} == links


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_spec_tells_editors_where_its_schema_is(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={first_spec.SCHEMA_NAME}"


def test_the_schema_beside_the_specs_is_the_one_that_is_printed() -> None:
    """``python -m gibbs schema > specs/gibbs-schema.json`` makes it again."""
    assert json.loads((ROOT / "specs" / first_spec.SCHEMA_NAME).read_text(encoding="utf-8")) == schema.schema()
