"""The Stan export: what can be said of it without CmdStan, and what its own parser says where that is at hand."""

from __future__ import annotations

import ast
import csv
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gibbs.posterior import parameters
from tests.export import against_jags, models
from tests.export.conftest import Written
from tests.table import table

BLOCK = re.compile(r"^(data|parameters|transformed parameters|model) \{\n(.*?)^\}", re.DOTALL | re.MULTILINE)
DECLARED = re.compile(
    r"^  (array\[[^\]]*\] )?(int|real|vector|matrix|cov_matrix|ordered|cholesky_factor_corr)(<[^>]*>)?(\[[^\]]*\])? (\w+);"
)


def blocks(text: str) -> dict[str, str]:
    return {name: body for name, body in BLOCK.findall(text)}


def declared(body: str) -> dict[str, tuple[str, ...]]:
    """Every variable that a block declares → its sizes."""
    found = {}
    for line in body.splitlines():
        match = DECLARED.match(line)
        if match:
            array, kind, _, size, name = match.groups()
            sizes = re.findall(r"\[([^\]]*)\]", f"{array or ''}{size or ''}")
            of = [entry.strip() for part in sizes for entry in part.split(",")]
            found[name] = tuple(of * 2 if kind == "cov_matrix" else of)
    return found


@table("name", models.MODELS)
def test_every_name_of_the_data_block_has_its_data_and_shape(written: dict[str, Written], name: str) -> None:
    text = (written[name].stan / "model.stan").read_text()
    found, data = blocks(text), json.loads((written[name].stan / "data.json").read_text())
    assert set(found) == {"data", "parameters", "transformed parameters", "model"} - (
        {"transformed parameters"} if name == "gaussian_alone" else set()
    )
    variables = declared(found["data"])
    assert set(variables) == set(data)
    size: dict[str, int] = {key: value for key, value in data.items() if isinstance(value, int)}
    for variable, sizes in variables.items():
        shape = tuple(size[s] if s in size else int(s) for s in sizes)
        assert np.shape(data[variable]) == shape, variable
        line = next(line for line in found["data"].splitlines() if line.endswith(f" {variable};") or f" {variable}; " in line)
        for bound, inside in (("lower", np.greater_equal), ("upper", np.less_equal)):
            limit = re.search(rf"{bound}=(\w+)", line)
            if limit:
                assert np.all(inside(data[variable], size.get(limit[1], 0) if limit[1] in size else int(limit[1]))), variable


@table("name", models.MODELS)
def test_every_parameter_is_declared_where_its_name_says(written: dict[str, Written], name: str) -> None:
    w = written[name]
    found = blocks((w.stan / "model.stan").read_text())
    made = declared(found["parameters"]) | declared(found.get("transformed parameters", ""))
    data = json.loads((w.stan / "data.json").read_text())
    with open(w.stan / "names.csv", encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert sorted(row["parameter"] for row in table) == sorted(parameters.all_names(w.fit.arrays, w.fit.outline))
    for row in table:
        variable, _, index = row["stan"].rstrip("]").partition("[")
        places = [int(i) for i in index.split(",")] if index else []
        sizes = [entries_of(s, data) for s in made[variable]]
        assert len(places) == len(sizes) and all(1 <= i <= n for i, n in zip(places, sizes, strict=True)), row


def entries_of(words: str, data: dict[str, Any]) -> int:
    return data["C"] - 1 if words == "C - 1" else int(data.get(words, words))


def test_the_data_are_those_of_the_design_to_the_last_bit(written: dict[str, Written]) -> None:
    w = written["binomial_probit"]
    data, design = json.loads((w.stan / "data.json").read_text()), w.fit.design
    for key, expected in (
        ("y", design.y),
        ("trials", design.trials),
        ("X", design.X),
        ("g_g", design.factors[0].codes + 1),
        ("Z_g", design.factors[0].Z),
        ("W", np.array([row.weights for row in design.coefficient_priors])),
    ):
        np.testing.assert_array_equal(np.array(data[key]), expected)


def test_rows_without_outcome_are_left_out_and_weights_are_rows(written: dict[str, Written]) -> None:
    missing, weighted = (json.loads((written[n].stan / "data.json").read_text()) for n in ("gaussian_missing", "gaussian_weights"))
    design = written["gaussian_missing"].fit.design
    assert missing["N"] == int((~design.missing_outcome).sum()) < len(design.y)
    np.testing.assert_array_equal(missing["y"], design.y[~design.missing_outcome])
    design = written["gaussian_weights"].fit.design
    assert weighted["N"] == design.weights.sum()
    np.testing.assert_array_equal(weighted["y"], np.repeat(design.y, design.weights))


def test_statements_of_the_likelihood(written: dict[str, Written]) -> None:
    """The parametrisations, from Stan's functions reference: sds and not precisions, P(y ≤ k) = F(c_k − η), variance μ + μ²/shape."""
    expected = {
        "gaussian": "y ~ normal(eta, sigma);",
        "gaussian_known_se": "y ~ normal(eta, se);",
        "student": "y ~ student_t(nu, eta, sigma);",
        "logit_nested": "y ~ bernoulli_logit(eta);",
        "binomial": "y ~ binomial_logit(trials, eta);",
        "binomial_cloglog": "y ~ binomial(trials, inv_cloglog(eta));",
        "poisson_offset": "y ~ poisson_log(eta);",
        "negative_binomial": "y ~ neg_binomial_2_log(eta, shape);",
        "ordinal": "y ~ ordered_logistic(eta, cut);",
        "ordinal_probit": "y ~ ordered_probit(eta, cut);",
    }
    for name, statement in expected.items():
        assert f"  {statement}\n" in (written[name].stan / "model.stan").read_text()


def test_a_flat_prior_stays_flat(written: dict[str, Written]) -> None:
    body = blocks((written["gaussian_flat"].stan / "model.stan").read_text())["model"]
    assert "b[2] ~" not in body and "b[1] ~" not in body and "dot_product" not in body and "b[3] ~ normal(" in body
    assert "cut ~" not in (written["ordinal_flat"].stan / "model.stan").read_text()


def test_the_scripts_parse(written: dict[str, Written]) -> None:
    folder = written["gaussian"].stan
    ast.parse((folder / "run.py").read_text())
    if against_jags.has():
        done = subprocess.run(["Rscript", "-e", "invisible(parse('run.R'))"], cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


def stanc() -> str | None:
    """Stan's parser: on the path, or the one inside the package httpstan."""
    from importlib.util import find_spec

    found = shutil.which("stanc")
    package = find_spec("httpstan")
    inside = Path(package.submodule_search_locations[0]) / "stanc" if package and package.submodule_search_locations else None
    return found or (str(inside) if inside and inside.exists() else None)


def test_stans_own_parser_takes_every_model(written: dict[str, Written], tmp_path: Path) -> None:
    parser = stanc()
    if parser is None:
        pytest.skip("Stan's parser, stanc, is not here (it comes with CmdStan, and with the Python package httpstan)")
    for name, w in written.items():
        done = subprocess.run([parser, str(w.stan / "model.stan"), f"--o={tmp_path / 'x.hpp'}"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, (name, done.stderr)


def test_priors_in_stan_have_sds(written: dict[str, Written]) -> None:
    text = (written["gaussian_as_written"].stan / "model.stan").read_text()
    for line in (
        "b[1] ~ normal(0, 5);",
        "b[2] ~ student_t(1, 0, 1);",
        "sd_g ~ cauchy(0, 1);",
        "real<lower=0> var_sigma;",
        "var_sigma ~ inv_gamma(2, 1);",
        "sigma = sqrt(var_sigma);",
    ):
        assert f"  {line}" in text
    assert "L_g ~ lkj_corr_cholesky(2);" in (written["gaussian_correlated"].stan / "model.stan").read_text()


def test_student_effects_and_groups_in_stan(written: dict[str, Written]) -> None:
    """A scale mixture, λ_j of each level shared by its columns; the levels of each group filled from their own sds."""
    found = {name: blocks((written[name].stan / "model.stan").read_text()) for name in models.MODELS if name.startswith("effects_")}
    slopes = found["effects_student_slopes"]
    assert "  real<lower=1> df_g;" in slopes["parameters"] and "  vector<lower=0>[J_g] lambda_g;" in slopes["parameters"]
    assert "  lambda_g ~ gamma(df_g / 2, df_g / 2);" in slopes["model"] and "  df_g ~ exponential(0.2);" in slopes["model"]
    assert "u_g = diag_pre_multiply(inv_sqrt(lambda_g), (root_g * z_g)');" in slopes["transformed parameters"]
    assert "root_g = A_g * diag_pre_multiply(sd_g_c, L_g);" in slopes["transformed parameters"]
    assert "  df_g = 4;" in found["effects_student_fixed"]["transformed parameters"]
    assert "real<lower=2, upper=20> df_g;" in found["effects_student_terms"]["parameters"]
    terms = found["effects_student_terms"]["transformed parameters"]
    assert "u_g = sd_g * z_g ./ sqrt(lambda_g);" in terms and "u_g_2 = sd_g_2 * z_g_2 ./ sqrt(lambda_g);" in terms
    by = found["effects_by"]
    assert by["transformed parameters"].count("vector[J_g] u_g;") == 1
    for group in ("R0", "R1", "R2"):
        assert f"u_g[in_g_region{group}] = sd_g_region{group} * z_g_region{group};" in by["transformed parameters"]
    assert by["model"].count("u_g[g_g]") == 1


def test_the_levels_of_the_groups_are_all_levels_once(written: dict[str, Written]) -> None:
    data = json.loads((written["effects_by_student"].stan / "data.json").read_text())
    g = written["effects_by_student"].fit.design.factors[0]
    listed = [data[f"in_g_{group}"] for group in g.groups]
    assert sorted(j for of in listed for j in of) == list(range(1, len(g.levels) + 1))
    assert [[g.group[j - 1] for j in of] for of in listed] == [[k] * len(of) for k, of in enumerate(listed)]
