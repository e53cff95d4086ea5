"""What type checkers, editors and people see of ``gibbs``: the same names at run time and for a checker, with their types."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import gibbs
from gibbs import errors

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ast.parse((ROOT / "gibbs" / "__init__.py").read_text(encoding="utf-8"))

USE = """\
import gibbs
fit = gibbs.fit("y ~ x + (1 | g)", {"y": [1.0]}, seed=1, progress=False)
reveal_type(fit)
reveal_type(fit.plot)
reveal_type(fit.effects("x"))
reveal_type(fit.contrasts("x"))
reveal_type(fit.table())
reveal_type(gibbs.load("runs/one"))
reveal_type(gibbs.check("y ~ x"))
reveal_type(gibbs.compare([fit, fit]))
reveal_type(gibbs.tables([fit]))
reveal_type(gibbs.PlotError("no"))
fit.summary(0.9, exp=1.5)
gibbs.fit("y ~ x", chains="four")
gibbs.fitt
"""
TYPES = [
    "gibbs.posterior.fit.Fit",
    "gibbs.plots.accessor.Plots",
    "gibbs.predictions.effects.Effects",
    "gibbs.predictions.contrasts.Contrasts",
    "gibbs.files.pages.Page",
    "gibbs.posterior.fit.Fit",
    "gibbs.preview.Check",
    "gibbs.criticism.comparison.Comparison",
    "gibbs.files.pages.Page",
    "gibbs.errors.PlotError",
]


def _for_checkers() -> dict[str, str]:
    """name → module of what ``__init__`` imports where a checker reads it."""
    block = next(node for node in SOURCE.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    return {
        alias.asname or alias.name: node.module or "" for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def test_checkers_see_what_there_is_at_run_time() -> None:
    assert _for_checkers() == gibbs._WHERE
    assert sorted(gibbs._WHERE) == sorted(gibbs.__all__) == gibbs.__all__
    for name in gibbs.__all__:
        found = getattr(gibbs, name)
        assert found.__name__ == name and found.__doc__, name
    assert set(gibbs.__all__) <= set(dir(gibbs))


def test_every_error_class_is_there() -> None:
    own = {name for name, found in vars(errors).items() if isinstance(found, type) and issubclass(found, (errors.GibbsError, Warning))}
    assert own <= set(gibbs.__all__)


def test_a_checker_knows_the_types(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "use.py").write_text(USE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--follow-imports=silent", "--ignore-missing-imports", "--cache-dir", str(tmp_path / "c"), "use.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, env={**os.environ, "MYPYPATH": str(ROOT)},
    )  # fmt: skip
    assert re.findall(r'Revealed type is "(.+?)"', done.stdout) == TYPES, done.stdout
    problems = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert len(problems) == 3 and 'incompatible type "float"; expected "bool"' in problems[0], done.stdout
    assert 'incompatible type "str"; expected "int | None"' in problems[1] and 'no attribute "fitt"' in problems[2], done.stdout


def test_what_stands_in_a_notebook_or_a_console_reads_as_it_is() -> None:
    from tests.posterior import built

    fit = built.fit("y ~ x + (1 | g)", kept=40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shown = [
            gibbs.check("y ~ x + (1 | g)", built.table()),
            fit,
            fit.effects("x"),
            fit.contrasts("b") if "b" in fit.outline.coefficients else fit.contrasts("x"),
            fit.loo(),
            fit.waic(),
            gibbs.compare({"<one>": fit, "two": fit}, criterion="waic"),
            fit.table(),
            gibbs.tables([fit, fit]),
        ]
    for one in shown:
        page = one._repr_html_()
        assert page.startswith(("<div", "<pre")) and page.endswith(("</div>", "</pre>")), type(one)
        assert "<one>" not in page
    assert "\\n" not in repr(fit.table()) and fit.table() + "" == str(fit.table())


def test_further_keys_of_data_are_no_mistake_of_types() -> None:
    """``sed=1`` passes a checker, because a key of ``data:`` may stand there; it is refused when it is read."""
    with pytest.raises(gibbs.SpecError, match="unknown key 'sed'"):
        gibbs.check("y ~ x", {"y": [1.0, 2.0, 3.0], "x": [1.0, 2.0, 2.5]}, sed=1)
