"""The JSON schema judges specs as ``load`` does."""

from __future__ import annotations

import re
import textwrap

import pytest
import yaml

from gibbs.model import schema, spec
from gibbs.model.families import PARAMETERS
from gibbs.model.priors import CLASSES
from gibbs.model.records import DataSource, Sampling, Until
from tests.model.written import FULL, refused


def _allows(node: dict, value: object, root: dict) -> bool:
    """A small judge of JSON Schema: enough of draft 2020-12 for the keywords that our schema uses."""
    if "$ref" in node:
        return _allows(root["$defs"][node["$ref"].rsplit("/", 1)[1]], value, root)
    if "anyOf" in node and not any(_allows(n, value, root) for n in node["anyOf"]):
        return False
    if "oneOf" in node and sum(_allows(n, value, root) for n in node["oneOf"]) != 1:
        return False
    kinds = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None), "array": list, "object": dict}
    if "type" in node:
        allowed = node["type"] if isinstance(node["type"], list) else [node["type"]]
        if not any(isinstance(value, kinds[k]) and (k == "boolean" or not isinstance(value, bool)) for k in allowed):
            return False
    if "enum" in node and value not in node["enum"]:
        return False
    if isinstance(value, dict):
        if not all(re.search(node.get("propertyNames", {}).get("pattern", ""), key) for key in value):
            return False
        if any(r not in value for r in node.get("required", [])):
            return False
        for key, inner in value.items():
            rule = node.get("properties", {}).get(key, node.get("additionalProperties", True))
            if rule is False or (isinstance(rule, dict) and not _allows(rule, inner, root)):
                return False
    if isinstance(value, list) and "items" in node and not all(_allows(node["items"], v, root) for v in value):
        return False
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return node.get("minimum", value) <= value <= node.get("maximum", value) and value > node.get("exclusiveMinimum", value - 1)
    return True


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (textwrap.dedent(FULL), True),
        ("data: d.csv\nformula: y ~ x", True),
        ("outcome: y\nlevel1: [x]\nlevels: {g: {intercept: [z], x: [], correlated: false}, h: }", True),
        ("formula: y ~ x\noutcome: y", False),
        ("formula: y ~ x\nfamily: logit\noutcome: {one: 2}\nbase: {x: 2000, z: true}", True),
        ("outcome: {column: y, one: YES}\nfamily: probit\nlevel1: [x]", True),
        ("formula: y ~ x\nfamily: logit\noutcome: {two: 2}", False),
        ("formula: y ~ x\nbase: {x: [1]}", False),
        ("data: d.csv", False),
        ("formula: y ~ x\nsampling: {chains: 0}", False),
        ("formula: y ~ x\nsampling: {cores: 0}", False),
        ("formula: y ~ x\nsampling: {seed: -1}", False),
        ("formula: y ~ x\nsampling: {sheme: auto}", False),
        ("formula: y ~ x\nsampling: {scheme: fast}", False),
        ("formula: y ~ x\nfamly: logit", False),
        ("formula: y ~ x\npriors: {b: [0, 1]}", False),
        ("formula: y ~ x\npriors: {'sd[g,x]': 'half_t(3, 0, 1)', intercept: 'normal(0, 1)', ' b [x]': 'normal(0, 1)'}", True),
        ("formula: y ~ x\npriors: {sdg: 'half_t(3, 0, 1)'}", False),
        ("formula: s | trials(n) ~ x\nfamily: beta_binomial\npriors: {phi: 'lognormal(2, 1)'}", True),
        ("formula: y ~ x\ndata: {file: a.csv, missing: omit}", False),
    ],
)
def test_schema_judges_as_load_does(write, text: str, good: bool) -> None:
    made = schema.schema()
    assert _allows(made, yaml.safe_load(text), made) is good
    if good:
        spec.load(write(text))
    else:
        refused(write(text))


def test_schema_knows_everything_that_may_have_a_prior() -> None:
    pattern = schema.schema()["properties"]["priors"]["propertyNames"]["pattern"]
    for name in (*CLASSES, *PARAMETERS):
        assert re.search(pattern, name) and re.search(pattern, f"{name}[g]") and not re.search(pattern, f"{name}s"), name


def test_schema_knows_every_key_and_says_what_it_is() -> None:
    made = schema.schema()
    assert made["$schema"].endswith("2020-12/schema")
    assert set(made["properties"]) == set(schema.SpecKeys.model_fields)
    assert set(made["$defs"]["SamplingKeys"]["properties"]) == set(vars(Sampling()))
    assert set(made["$defs"]["UntilKeys"]["properties"]) == set(vars(Until()))
    assert set(made["$defs"]["DataKeys"]["properties"]) == set(vars(DataSource())) - {"na_by", "na_keep"}
    for part in (made, *made["$defs"].values()):
        for key, rule in part["properties"].items():
            assert rule.get("description") or "$ref" in rule, key
    for name, value in (vars(Sampling()) | {"draws": None}).items():  # where none are asked for the run is one to precision
        assert made["$defs"]["SamplingKeys"]["properties"][name]["default"] == value
