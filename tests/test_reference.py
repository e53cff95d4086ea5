"""The pages of the reference: what the registries say, what a run folder holds, and how they read in a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from gibbs import cli, reference
from gibbs.cli import main
from gibbs.errors import SpecError
from gibbs.model import derive, formula, priors, schema
from gibbs.model.families import FAMILIES, family
from gibbs.model.records import STORED
from gibbs.reference import formulas, markdown, outputs, prior_kinds
from gibbs.runfolder import runfolder
from gibbs.summaries import summary
from tests.commands import runs

ROOT = Path(__file__).resolve().parent.parent


def test_the_pages_are_what_the_registries_say() -> None:
    """``python -m gibbs.reference`` makes them again."""
    for topic, text in reference.made().items():
        assert (ROOT / "specs" / "reference" / f"{topic}.md").read_text(encoding="utf-8") == text, topic
    assert {path.stem for path in (ROOT / "specs" / "reference").glob("*.md")} == set(reference.TOPICS)


def test_every_key_family_and_command_is_on_its_page() -> None:
    made = schema.schema()
    page = reference.page("keys")
    for part in (made, *made["$defs"].values()):
        assert all(f"| `{key}` |" in page for key in part["properties"])
    page = reference.page("families")
    assert all(f"| `{name}` |" in page and found.description in page for name, found in FAMILIES.items())
    page = reference.page("commands")
    for name, parser in cli.commands().items():
        assert f"## `gibbs {name}" in page
        assert all(option in page for action in parser._actions for option in action.option_strings if option.startswith("--"))


def test_every_term_and_expression_shown_is_read() -> None:
    for text, _ in formulas.TERMS:
        text = text.replace("…", "x")
        assert formula.parse(text if "~" in text else f"y ~ {text}").outcome
    for text, _ in formulas.DERIVED:
        assert derive.needs(derive.read("new", text, ""))


def test_every_key_and_kind_of_prior_is_there() -> None:
    assert set(prior_kinds.KEYS) == set(priors.CLASSES)
    page = reference.page("prior-kinds")
    assert all(f"`{kind}(" in page or f"`{kind}`" in page for kinds in priors.CLASSES.values() for kind in kinds)


def test_files_and_columns_are_those_of_a_run(tmp_path: Path) -> None:
    run = runs.write(tmp_path, formula="b ~ x + (1 + x | g)", family="logit")
    assert tuple(outputs.FILES) == runfolder.FILES
    for file, columns in outputs.COLUMNS.items():
        assert list(pd.read_csv(run / file).columns) == list(columns), file
    assert tuple(outputs.COLUMNS["summary.csv"]) == ("parameter", *summary.COLUMNS)
    h5py = pytest.importorskip("h5py")
    with h5py.File(run / "posterior.nc") as file:
        assert set(file) == set(outputs.GROUPS)
    assert tuple(outputs.STORED) == STORED
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    for word in ("versions", "seed", "data", "plan", "timings", "convergence", "model"):
        assert word in manifest


def test_exit_codes_and_errors_are_those_of_the_code() -> None:
    assert [getattr(cli, name) for name, _ in outputs.CODES] == [0, 1, 2, 70, 130]
    page = reference.page("outputs")
    assert "| `SamplingError` | sampling | 1 |" in page and "| `DataError` | data | 2 |" in page


@pytest.mark.parametrize("topic", list(reference.TOPICS))
@pytest.mark.parametrize("width", [40, 80])
def test_a_page_fits_the_terminal(topic: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["help", topic]) == 0
    lines = capsys.readouterr().out.splitlines()
    wide = [line for line in lines if len(line) > width and len(max(line.split(), key=len)) < width - 20 and not line.startswith("    ")]
    assert lines[1] == "=" * len(lines[0]) and not wide
    assert not any("**" in line or "](" in line for line in lines if not line.startswith("    "))


def test_help_on_nothing_a_command_and_a_word_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    out = capsys.readouterr().out
    assert all(topic in out for topic in reference.TOPICS) and "gibbs COMMAND --help" in out
    assert main(["help", "summary"]) == 0
    assert "--style" in capsys.readouterr().out
    assert main(["help", "famlies"]) == 2
    assert "Did you mean 'families'?" in capsys.readouterr().err
    with pytest.raises(SpecError):
        reference.page("nothing")


def test_markdown_reads_as_words_and_columns() -> None:
    page = "# A *page*\n\nSome `code` and [a link](x.md).\n\n| a | b |\n| --- | --- |\n| `x\\|y` | long words in a cell |\n\n"
    page += "```sh\ngibbs run\n```\n- one\n"
    shown = markdown.for_terminal(page, 40).splitlines()
    assert shown[:4] == ["A page", "======", "", "Some code and a link."]
    assert "x|y  long words in a cell" in shown and "    gibbs run" in shown and "- one" in shown
    page = "```python\nfit.coef()   # short\n  fit.coef(summary=True)    # words that have no room behind the code\n```\n"
    page += "```text\nwords that the program prints, which go on\n```\n"
    assert markdown.for_terminal(page, 40).splitlines() == [
        "    fit.coef()   # short",
        "      # words that have no room behind",
        "      # the code",
        "      fit.coef(summary=True)",
        "    words that the program prints, which",
        "    go on",
    ]


def test_aliases_mean_what_the_page_says() -> None:
    assert family("bernoulli", "cloglog").name == "binomial" and family("nb").name == "negative_binomial"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_page_on_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """From top to bottom, in a folder with the specs beside it; every public method of a Fit is on it."""
    import re
    import warnings

    from gibbs.posterior.fit import Fit

    text = reference.page("python")
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.S):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(block, "python.md", "exec"), names)
    assert "did you mean 'indigenous'" in capsys.readouterr().out
    plain = {
        "arrays",
        "design",
        "data",
        "data_kept",
        "family",
        "folder",
        "formula",
        "groups",
        "outline",
        "missing_draws",
        "missing_outcomes",
        "show",
        "warn",
        "plot",
        "table_again",
        "write_netcdf",
    }
    missing = {name for name in dir(Fit) if not name.startswith("_")} - plain - set(re.findall(r"(?:fit|simple)\.(\w+)", text))
    assert not missing
    assert {f"fit.plot.{kind}(" for kind in ("ranef", "level2", "effects", "ppc")} <= set(re.findall(r"fit\.plot\.\w+\(", text))
