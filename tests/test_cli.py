"""The command line: bad input is one message and exit code 2; help, versions, check, schema; words that are wrong are said in our own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gibbs import __version__, cli
from tests.command import SPEC, Gibbs, csv, files, stand_in, table


def column(name: str, *values: object) -> str:
    """The table with ``values`` in the first rows of ``name``; a single callable fills the column."""
    rows = table()
    for i, row in enumerate(rows):
        if callable(values[0]):
            row[name] = values[0](i)
        elif i < len(values):
            row[name] = values[i]
    return csv(rows)


def spec(old: str, new: str) -> str:
    assert old in SPEC
    return SPEC.replace(old, new)


def formula(text: str) -> str:
    return spec("y ~ x + (1 | g)", text)


def quoted(text: str) -> str:
    return spec("y ~ x + (1 | g)", json.dumps(text))


BINARY = SPEC.replace("gaussian", "logit").replace("y ~", "b ~")
# what is wrong: (spec, data, what the message must say); None leaves the file as it is
BAD: dict[str, tuple[str | None, str | bytes | None, tuple[str, ...]]] = {
    "unknown key": (spec("family:", "famly:"), None, ("model.yaml, line 3", "famly", "Did you mean 'family'?")),
    "unknown key inside": (spec("chains", "chain"), None, ("model.yaml, line 5", "chain", "Did you mean")),
    "misspelt family": (spec("gaussian", "gausian"), None, ("model.yaml, line 3", "gausian", "Did you mean 'gaussian'?")),
    "misspelt column": (formula("y ~ x1 + (1 | g)"), None, ("x1", "did you mean 'x'?", "data.csv")),
    "misspelt factor": (formula("y ~ x + (1 | gg)"), None, ("gg", "did you mean 'g'?", "data.csv")),
    "wrong type": (spec("chains: 2", "chains: many"), None, ("model.yaml, line 5", "many")),
    "negative draws": (spec("draws: 100", "draws: -1"), None, ("model.yaml, line 5", "-1")),
    "unknown scheme": (spec("seed: 1", "scheme: jont"), None, ("jont", "joint")),
    "prior that is none": (SPEC + "priors: {b: 'nrmal(0, 1)'}\n", None, ("nrmal", "Did you mean 'normal'?", "line 7")),
    "prior without its quotes": (SPEC + "priors: {b: normal(0, 1)}\n", None, ("quotes", "line 7")),
    "prior with a negative sd": (SPEC + "priors: {b: 'normal(0, -1)'}\n", None, ("-1", "line 7")),
    "prior on nothing": (SPEC + "priors: {'b[xx]': 'normal(0, 1)'}\n", None, ("xx", "Did you mean 'x'?", "line 7")),
    "duplicate key": (SPEC + "title: again\n", None, ("title", "line 7", "lines 1 and 7")),
    "not YAML": (spec("sampling: {", "sampling: {{"), None, ("model.yaml", "line")),
    "YAML that makes objects": (SPEC + "priors: !!python/object/apply:os.system [echo]\n", None, ("model.yaml", "line 7")),
    "empty spec": ("", None, ("model.yaml", "empty")),
    "spec that is a list": ("- a\n- b\n", None, ("model.yaml",)),
    "no data": (spec("data: data.csv\n", ""), None, ("data",)),
    "missing data file": (spec("data.csv", "dta.csv"), None, ("dta.csv", "data.csv")),
    "data of an unknown kind": (spec("data.csv", "model.yaml"), None, ("model.yaml",)),
    "empty data file": (None, "", ("data.csv", "empty")),
    "data with a header only": (None, "y,x,g\n", ("data.csv", "row")),
    "text outcome": (formula("t ~ x + (1 | g)"), None, ("data.csv", "'t'")),
    "text where numbers belong": (formula("y ~ log(t) + (1 | g)"), None, ("'t'", "data.csv")),
    "one word among numbers": (None, column("y", 1, 2, "n.k."), ("'y'", "n.k.", "3")),
    "outcome of 0, 1, 2 for a binary family": (BINARY, column("b", 0, 1, 2), ("'b'", "2", "data.csv")),
    "all-missing column": (None, column("x", lambda i: None), ("'x'", "data.csv")),
    "factor with one level": (formula("y ~ x + (1 | one)"), None, ("'one'", "one level", "data.csv")),
    "fixed factor with one level": (formula("y ~ one + (1 | g)"), None, ("one", "data.csv")),
    "constant outcome": (formula("k ~ x + (1 | g)"), None, ("k", "data.csv")),
    "constant binary outcome": (BINARY, column("b", lambda i: 1), ("b", "data.csv")),
    "infinity": (None, column("x", 1, "inf"), ("'x'", "2", "data.csv")),
    "missing values refused": (spec("data: data.csv", "data: {file: data.csv, missing: error}"), column("x", 1, None), ("x", "2")),
    "unreadable encoding": (None, csv(table()).replace("g3", "Áncash").encode("latin-1"), ("data.csv", "UTF-8")),
    "parentheses forgotten": (formula("y ~ x + 1|g"), None, ("formula", "^", "(1 | g)")),
    "formula that calls Python": (quoted("y ~ __import__('os').system('touch hacked') + (1 | g)"), None, ("formula", "^")),
    "formula with an attribute": (quoted("y ~ x.__class__() + (1 | g)"), None, ("formula", "^")),
    "formula with a call outside the list": (quoted("y ~ open(x) + (1 | g)"), None, ("open", "^")),
    "formula without an end": (formula("y ~ x + (1 | g"), None, ("formula", "^")),
    "formula and two-level form": (SPEC + "outcome: y\n", None, ("formula", "outcome")),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_message_exit_2_and_nothing_left(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch, case: str, command: str) -> None:
    calls = stand_in(monkeypatch)
    words, data, expected = BAD[case]
    if words is not None:
        Path("model.yaml").write_text(words, encoding="utf-8")
    if data is not None:
        Path("data.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    before = files()
    code, out, err = gibbs(command, "model.yaml")
    assert code == cli.WRONG, err
    assert out == ""
    assert err.startswith("gibbs: ") and err.count("gibbs: ") == 1
    assert "Traceback" not in err
    for fragment in expected:
        assert fragment in err
    assert files() == before
    assert not calls


@pytest.mark.parametrize("command", ["run", "check"])
def test_missing_spec(gibbs: Gibbs, command: str) -> None:
    code, _, err = gibbs(command, "modl.yaml")
    assert code == cli.WRONG
    assert err.startswith("gibbs: spec") and "modl.yaml" in err and "model.yaml" in err


def test_spec_that_is_a_folder(gibbs: Gibbs) -> None:
    Path("folder.yaml").mkdir()
    code, _, err = gibbs("run", "folder.yaml")
    assert code == cli.WRONG and "folder.yaml" in err


def test_summary_of_what_is_no_run(gibbs: Gibbs) -> None:
    for place in ("nowhere", ".", "data.csv"):
        code, _, err = gibbs("summary", place)
        assert code == cli.WRONG
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["rnu", "model.yaml"], "Did you mean 'run'?"),
        (["run"], "SPEC"),
        (["run", "model.yaml", "--sed", "3"], "Did you mean '--seed'?"),
        (["run", "model.yaml", "--seed", "x"], "'x' is not a whole number of at least 0"),
        (["run", "model.yaml", "--seed", "-1"], "'-1' is not a whole number of at least 0"),
        (["run", "model.yaml", "--chains", "0"], "'0' is not a whole number of at least 1"),
        (["run", "model.yaml", "--scheme", "jont"], "Did you mean 'joint'?"),
        (["run", "model.yaml", "more.yaml"], "more.yaml"),
    ],
)
def test_mistakes_on_the_command_line(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch, argv: list[str], expected: str) -> None:
    calls = stand_in(monkeypatch)
    before = files()
    code, out, err = gibbs(*argv)
    assert (code, out) == (cli.WRONG, "")
    assert err.startswith("gibbs: ") and expected in err and "Traceback" not in err
    assert files() == before and not calls


def test_help_names_every_command_and_flag(gibbs: Gibbs) -> None:
    code, out, _ = gibbs("--help")
    assert code == 0
    assert all(f"gibbs {name}" in out for name in ("run", "check", "summary", "schema", "version"))
    code, out, _ = gibbs("run", "--help")
    assert code == 0
    flags = ("--out", "--seed", "--chains", "--warmup", "--draws", "--cores", "--scheme", "--force", "--quiet")
    assert all(flag in out for flag in flags)
    assert gibbs()[0] == cli.WRONG


def test_version(gibbs: Gibbs) -> None:
    assert gibbs("version") == (0, f"gibbs {__version__}\n", "")
    assert gibbs("--version") == (0, f"gibbs {__version__}\n", "")


def test_schema_is_json_and_knows_the_keys(gibbs: Gibbs) -> None:
    code, out, _ = gibbs("schema")
    properties = json.loads(out)["properties"]
    assert code == 0
    keys = {"title", "data", "family", "formula", "priors", "sampling", "output", "outcome", "level1", "levels"}
    assert keys <= set(properties)


def test_check_prints_the_report_and_draws_nothing(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch)
    before = files()
    code, out, err = gibbs("check", "model.yaml", "--draws", 250)
    assert (code, err) == (0, "")
    assert "y_i = α_j[i] + β·x_i + ε_i" in out and "250 draws" in out
    assert files() == before and not calls


@pytest.mark.skipif(os.name == "nt", reason="pipes differ")
def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "gibbs", "schema"], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, cwd=tmp_path
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_greek_gets_question_marks(gibbs: Gibbs, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "gibbs", "check", "model.yaml"]
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"y_i = ?_j[i]" in done.stdout


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("run",), "SPEC is missing"),
        (("summary",), "RUN is missing"),
        (("check", "a.yaml", "b.yaml"), "'b.yaml' is one word too many"),
        (("run", "a.yaml", "--seed"), "--seed needs a value"),
        (("run", "a.yaml", "--sead", "3"), "unknown option --sead 3. Did you mean '--seed'?"),
        (("ranks", "run", "g", "--weight", "N"), "this command has no option --weight; gibbs COMMAND --help lists the options"),
        (("summary", "a", "--digits", "x"), "'x' is not a whole number of at least 0"),
        (("export", "a", "--to", "csv"), "--out is missing"),
    ],
)
def test_a_command_line_that_is_wrong_is_said_in_our_own_words(argv, words, capsys):
    assert cli.main(list(argv)) == 2
    assert words in capsys.readouterr().err
