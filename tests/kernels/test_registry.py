"""No kernel without its test, and no kernel compiled twice."""

from __future__ import annotations

import ast
import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.dispatcher import Dispatcher

import gibbs.kernels

HERE = Path(__file__).parent

REGISTRY = {
    "draw_coefficients": "test_one_at_a_time.py::test_coefficients_given_all_effects",
    "draw_coefficients_and_sds": "test_row_moves.py::test_law_of_coefficients_and_sds",
    "draw_core": "test_elimination.py::test_one_draw_is_the_mean_plus_a_square_root_of_the_covariance",
    "draw_core_and_unit": "test_sweep.py::test_core_and_unit_given_the_other_units",
    "draw_covariance_ancillary": "test_covariance.py::test_ancillary_law_of_two_columns",
    "draw_covariance_sufficient": "test_covariance.py::test_sufficient_law_under_an_inverse_wishart_is_an_inverse_wishart",
    "draw_given_effects": "test_neighbours.py::test_given_the_effects_rho_has_the_density_of_the_law",
    "draw_degrees_of_freedom": "test_level_scales.py::test_law_of_df_and_of_an_sd_given_the_effects",
    "draw_effects": "test_one_at_a_time.py::test_equations_5_and_6",
    "draw_family": "test_second_order.py::test_law_of_the_size_and_of_the_cutpoints",
    "draw_jointly": "test_sweep.py::test_sweeps_of_one_coefficient",
    "draw_hyper": "test_hyper.py::test_moves_leave_the_law_of_sd_and_sigma",
    "draw_latents": "test_sweep.py::test_draw_latents_leaves_the_cross_products_of_what_it_drew",
    "draw_level_scales": "test_level_scales.py::test_law_of_the_multipliers_given_the_effects",
    "draw_logit_latents": "test_latent.py::test_logit_latents",
    "draw_multipliers": "test_level_scales.py::test_density_of_a_multiplier_given_v_is_that_of_the_joint",
    "draw_prior_scales": "test_sweep.py::test_prior_scales_of_t_priors",
    "draw_probit_latents": "test_latent.py::test_probit_latents",
    "draw_residual_sd": "test_gaussian.py::test_law_of_the_residual_sd",
    "draw_scales": "test_sweep.py::test_log_likelihood_of_a_sweep",
    "draw_sds": "test_level_scales.py::test_law_of_df_and_of_an_sd_given_the_effects",
    "draw_student_latents": "test_latent.py::test_student_latents",
    "draw_student_scales": "test_latent.py::test_student_scales",
    "draw_unit": "test_elimination.py::test_covariance_of_draws",
}
"""Every full conditional and the test of its law. A new ``draw_…`` goes here with its test."""

VERSIONS = {"_series_accepts": 2}
"""Kernels that may be compiled more than once: the two series of the Pólya–Gamma sampler, each without the other's branch. A constant
passed as an argument also makes a version: Numba keeps literals."""


def kernels() -> dict[str, str]:
    """Every compiled function of the package → its module."""
    found = {}
    for info in pkgutil.iter_modules(gibbs.kernels.__path__):
        module = importlib.import_module(f"gibbs.kernels.{info.name}")
        for name, value in vars(module).items():
            if isinstance(value, Dispatcher) and value.py_func.__module__ == module.__name__:
                assert name not in found, f"two kernels are called {name}"
                found[name] = info.name
    return found


def returned(node: ast.expr) -> list[ast.expr]:
    """What a function gives back as it is: itself, in a tuple, or in a record."""
    if isinstance(node, ast.Tuple):
        return [found for element in node.elts for found in returned(element)]
    if isinstance(node, ast.IfExp):
        return returned(node.body) + returned(node.orelse)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id[0].isupper():
        return [found for argument in node.args for found in returned(argument)]
    return [node]


def is_part(node: ast.expr) -> bool:
    """Whether it is a slice, or an array in another shape."""
    if isinstance(node, ast.Subscript):
        return any(isinstance(part, ast.Slice) for part in ast.walk(node.slice))
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reshape"


def parts_returned(function: ast.FunctionDef) -> bool:
    """Whether it returns a part of an array, under a name or without one."""
    names = set()
    for made in ast.walk(function):
        if isinstance(made, ast.Assign):
            for target in made.targets:
                several = isinstance(target, ast.Tuple) and isinstance(made.value, ast.Tuple)
                pairs = zip(target.elts, made.value.elts, strict=True) if several else [(target, made.value)]
                names |= {name.id for name, value in pairs if isinstance(name, ast.Name) and is_part(value)}
    given = [found for end in ast.walk(function) if isinstance(end, ast.Return) and end.value is not None for found in returned(end.value)]
    return any(is_part(node) or (isinstance(node, ast.Name) and node.id in names) for node in given)


def test_what_returns_parts_of_arrays_is_python_to_python():
    """Compiled without reference counts it would give Python the whole array for a part: tests that run a kernel as Python then wrote
    beyond the ends of others."""
    wrong, right = [], []
    for path in sorted(Path(gibbs.kernels.__file__).parent.glob("*.py")):
        for function in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(function, ast.FunctionDef) and parts_returned(function):
                decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
                (right if "parts" in decorators else wrong if decorators else []).append(function.name)
    assert not wrong and {"without_rows", "view_of_unit"} <= set(right)


def test_every_draw_is_registered_with_a_test_that_exists():
    draws = {name for name in kernels() if name.startswith("draw_")}
    assert draws == set(REGISTRY)
    for name, place in REGISTRY.items():
        file, function = place.split("::")
        text = (HERE / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {function}\(", text, flags=re.MULTILINE), f"{name}: {place} is not there"
        sources = text + (HERE / "loops.py").read_text(encoding="utf-8") + (HERE / "bench.py").read_text(encoding="utf-8")
        assert re.search(rf"\b{name}\b", sources), f"{place} does not call {name}"


def test_every_public_kernel_is_called_by_a_test_of_this_folder():
    sources = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("*.py") if path.name != Path(__file__).name)
    called = {name for name in kernels() if re.search(rf"\b{name}\b", sources)}
    indirect = {"run_chunk", "run_second_order", "run_factorised"}  # through Chain
    indirect |= {"newton_steps", "newton_step"}  # through ``start_near_mode``
    indirect |= {
        "whiten_shifted_core",
        "propose_core",
        "move_levels",
        "move_covariances",
        "move_family",
        "refresh_predictor",
    }  # by the loop
    indirect |= {"learned_step"}  # in warm-up, through the sweep
    indirect |= {"copy_factorisation"}  # through ``draw_hyper``: the factorisation left behind is that of the point
    indirect |= {"stand_in", "log_coefficient_prior", "copy_to", "scale_by"}  # through ``gaps``, ``scale_everything``, every sweep
    indirect |= {"move_unit_by_rows", "move_core_by_rows"}  # through ``move_by_rows``
    indirect |= {"factor_in_place", "core_residual", "move_terms"}  # through ``factor_core``, ``core_levels``, ``move_by_rows``
    indirect |= {
        "given_other_units",
        "given_too",
        "step_coefficients",
        "step_effects",
        "step_covariances",
        "likelihood_of_rows",
        "before_a_sweep",
        "own_law_of_levels",
    }  # steps of every sweep
    indirect |= {"move_given_the_others", "scales_now", "move_levels_by_own_law", "move_everything"}  # and of every second-order one
    indirect |= {"keep_rows"}  # through every accepted proposal
    indirect |= {"divide_sd"}  # through ``scale_effects`` that are refused
    indirect |= {"move_core", "move_covariances_by_factors", "scale_all_now_and_then"}  # and of every one by factors
    indirect |= {"linearise", "bound_rows", "predictor_of_row"}  # through ``FactorisedChain.derive``
    indirect |= {"is_designed", "any_designed", "add_row_of_designed"}  # through ``accumulate``
    indirect |= {"density_at", "hold_noise", "follow_noise", "accept"}  # through the moves with the effects out
    indirect |= {"log_share_prior"}  # by ``tests/model/test_prior_kinds.py``
    indirect |= {
        "from_logit",
        "logit_of",
        "log_step_variance",
        "log_prior_of_covariances",
        "log_prior_of_log_sigma",
        "log_sd_of",
        "hold_degree",
    }  # through ``move_degree``
    indirect |= {"turn_gram", "white_coordinates", "place_laws"}  # through ``turn_to``, and every sweep
    indirect |= {"move_covariance"}  # through every sweep: it chooses between moves that have tests of their own
    assert {name for name in kernels() if not name.startswith("_")} - called <= indirect


COUNT = """
import importlib, json, pkgutil
from numba.core.dispatcher import Dispatcher
import gibbs.kernels
from tests.kernels import every

for model in every.MODELS:
    every.fit(*model)
counts = {}
for info in pkgutil.iter_modules(gibbs.kernels.__path__):
    for name, value in vars(importlib.import_module("gibbs.kernels." + info.name)).items():
        if isinstance(value, Dispatcher):
            counts[name] = len(value.signatures)
print(json.dumps(counts))
"""


def signatures(environment: dict[str, str]) -> dict[str, int]:
    """Compiled specialisations of every kernel after fitting ``every.MODELS`` in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT], cwd=HERE.parents[1], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def check(counts: dict[str, int]) -> None:
    too_many = {name: n for name, n in counts.items() if n > VERSIONS.get(name, 1)}
    assert not too_many, f"compiled for several types: {too_many}"


def test_one_specialisation_each():
    """Different models: what Python calls is compiled once."""
    counts = signatures({})
    check(counts)
    assert counts["run_chunk"] == 1
    assert counts["accumulate"] == 1


@pytest.mark.slow
def test_one_specialisation_each_compiled_from_nothing(tmp_path):
    """With an empty cache the kernels that other kernels call are counted, too."""
    counts = signatures({"NUMBA_CACHE_DIR": str(tmp_path)})
    check(counts)
    assert counts["draw_hyper"] == counts["copy_factorisation"] == counts["eliminate_unit"] == counts["log_cholesky_prior"] == 1
