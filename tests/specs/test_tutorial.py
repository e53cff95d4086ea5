"""Everything specs/TUTORIAL.md shows is run here, in its order, and what it says a command prints is compared with what it prints.

Words have to be the same. Numbers may differ by Monte Carlo error, for draws may differ in the last digits on other processors, and then
altogether: a row of a table that has the posterior sd of a quantity may be 5 Monte Carlo standard errors of a difference off in it. The
Monte Carlo error of a quantile of 2.5 % is 2.7 that of the mean of as many independent normal draws.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from gibbs import cli

SPECS = Path(__file__).resolve().parents[2] / "specs"
TUTORIAL = (SPECS / "TUTORIAL.md").read_text(encoding="utf-8")
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![\w%])")
_JUDGED = ("Rhat", "Bulk_ESS", "Tail_ESS", "mcse", "evidence_ratio")  # by the exit code, or by the probability they come from
_PROBABILITIES = ("probability", "p_best", "p_above")


@dataclass(frozen=True)
class Command:
    """One fenced command: what is to be run, what it prints (None: not shown), and whether it is left to the slow suite."""

    words: tuple[str, ...]
    prints: str | None
    slow: bool

    @property
    def run(self) -> str:
        """The name of the spec or of the run folder it works on."""
        return next(Path(word).stem for word in self.words if word.startswith(("specs/", "runs/")))


def commands() -> list[Command]:
    found = []
    pattern = r"<!-- (run|run slow|draws) -->\n```sh\n(.*?)\n```\n(?:\n<!-- prints -->\n```text\n(.*?)```)?"
    for kind, text, prints in re.findall(pattern, TUTORIAL, flags=re.S):
        found.append(Command(tuple(shlex.split(text)), prints or None, kind != "run"))
    return found


COMMANDS = commands()
RUNS = list(dict.fromkeys(command.run for command in COMMANDS))


def test_every_command_is_marked() -> None:
    assert TUTORIAL.count("```sh") == len(COMMANDS) == TUTORIAL.count("\ngibbs ")
    assert all(command.words[0] == "gibbs" for command in COMMANDS)
    assert RUNS == [*(f"peru_m{k}" for k in range(1, 9)), "turnout_apc"]
    assert TUTORIAL.count("<!-- prints -->") == sum(command.prints is not None for command in COMMANDS)


def test_the_specs_shown_are_the_specs_shipped() -> None:
    blocks = re.findall(r"<!-- spec: (\S+) -->\n```yaml\n(.*?)```", TUTORIAL, flags=re.S)
    assert [Path(path).stem for path, _ in blocks] == RUNS
    for path, text in blocks:
        shown, shipped = yaml.safe_load(text), yaml.safe_load((SPECS.parent / path).read_text(encoding="utf-8"))
        assert shown == {key: shipped[key] for key in shown} and set(shipped) - set(shown) == {"sampling", "output"}


def test_the_pictures_are_there_and_small() -> None:
    shown = re.findall(r"!\[[^\]]+\]\((\S+)\)", TUTORIAL)
    drawn = [Path(command.words[-1]).name for command in COMMANDS if command.words[1] == "plot"]
    assert [Path(path).name for path in shown] == drawn and len(drawn) == len(RUNS)
    assert sum((SPECS / path).stat().st_size for path in shown) < 1_000_000


def test_it_says_that_the_data_are_simulated() -> None:
    assert "**The data are simulated.**" in TUTORIAL


# -------------------------------------------------------------------------------------------------------- what is printed


def lines_of(text: str) -> list[str]:
    """Paragraphs that were wrapped (the sentence on convergence) are one line: where they break depends on the numbers."""
    text = re.sub(r"(Converged: .*?\.)(?=\n\n|\s*$)", lambda found: " ".join(found[1].split()), text.strip("\n"), flags=re.S)
    return [line for line in text.splitlines() if line.strip() and line.strip() != "…"]


def skeleton(line: str) -> str:
    """The line without its numbers, and without the name of the parameter that happens to be the furthest from the limits."""
    line = re.sub(r"furthest from the limits is .*", "", line)
    return " ".join(_NUMBER.sub("#", line).split())


def compare(shown: str, printed: str, ess: float) -> None:
    """Every line shown is a line printed, in order. ess : effective draws of what is known least well."""
    there: Iterator[str] = iter(lines_of(printed))
    head: list[str] = []
    for line in lines_of(shown):
        other = next((candidate for candidate in there if skeleton(candidate) == skeleton(line)), None)
        assert other is not None, f"not printed: {line}\n\n{printed}"
        if not _NUMBER.search(line):
            head = re.sub(r"([lu])-95% CI", r"\1-95%", line).split()
        elif not head or line.startswith(("~", "   Rows", "number of obs")):
            assert line == other
        elif not line.startswith("Converged"):  # the exit code has judged that
            compare_row(line.split(), other.split(), head, ess)


def compare_row(mine: list[str], theirs: list[str], head: list[str], ess: float) -> None:
    """A row of a table, cell by cell from the right; its label has to be the same."""
    width = min(len(head), len(mine))
    assert mine[:-width] == theirs[:-width], f"{mine}\n{theirs}"
    columns = head[-width:]
    cells = dict(zip(columns, mine[-width:], strict=True))
    sd = next((float(cells[name]) for name in ("Est.Error", "sd", "coef.se") if name in cells), 0.0)
    if "rank" in cells:
        sd = (float(cells["upper"]) - float(cells["lower"])) / 4.0
    for column, a, b in zip(columns, mine[-width:], theirs[-width:], strict=True):
        if column in _JUDGED:
            continue
        if not _NUMBER.fullmatch(a):
            assert a == b, f"{mine}\n{theirs}"
            continue
        spread = 0.5 if column in _PROBABILITIES else 2.7 * sd
        digit = 10.0 ** -len(a.partition(".")[2])
        assert abs(float(a) - float(b)) <= 5.0 * spread * (2.0 / ess) ** 0.5 + 1.01 * digit, f"{column}\n{mine}\n{theirs}"


@pytest.mark.parametrize(
    "changed",
    [("0.271", "0.281"), ("Intercept)", "slope)"), ("144 dropped", "145 dropped"), ("0.4411", "0.4511"), ("0.271 ", "0.271  0.3 ")],
)
def test_the_comparison_bites(changed: tuple[str, str]) -> None:
    shown = next(command.prints for command in COMMANDS if command.words[:3] == ("gibbs", "run", "specs/peru_m1.yaml"))
    assert shown is not None
    compare(shown, shown, 3000.0)
    with pytest.raises(AssertionError):
        compare(shown.replace(*changed), shown, 3000.0)


def follow(name: str, slow: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[Command]:
    """Run the commands on one model, in their order, and give those that were run; the last is its report where there is one.

    AssertionError where one ends with another exit code than 0, prints something else than is shown, or draws no picture.
    """
    from gibbs.posterior.fit import load

    (tmp_path / "specs").symlink_to(SPECS)
    monkeypatch.chdir(tmp_path)
    done = []
    for command in COMMANDS:
        if command.run != name or (command.slow and not slow):
            continue
        assert cli.main(list(command.words[1:])) == 0, capsys.readouterr().err
        printed = capsys.readouterr().out
        if command.prints is not None:
            found = load(Path("runs") / name).convergence
            compare(command.prints, printed, min(found.min_ess_bulk, found.min_ess_tail))
        if command.words[1] == "plot":
            assert Path(command.words[-1]).read_bytes().startswith(b"\x89PNG")
        done.append(command)
    return done


def test_m1_prints_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    done = follow("peru_m1", False, tmp_path, monkeypatch, capsys)
    assert [command.words[1] for command in done if command.prints] == ["run", "shares"]


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_models_print_what_is_shown(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = follow(name, True, tmp_path, monkeypatch, capsys)
    assert done == [command for command in COMMANDS if command.run == name]
    assert {"run", "plot"} <= {command.words[1] for command in done}
