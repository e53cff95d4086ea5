"""Everything the README shows is run here: its spec, its output, its Python."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _block(marker: str) -> str:
    """The fenced block that follows ``<!-- marker -->``."""
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w*\n(.*?)```", README, flags=re.S)
    assert found, f"README.md has no block marked {marker}"
    return found.group(1)


def _estimates(text: str) -> dict[str, tuple[float, float, float]]:
    """Rows of the terminal tables: name → (estimate, error, bulk ESS)."""
    rows = {}
    for line in text.splitlines():
        parts = line.split()
        if len(parts) == 8 and re.fullmatch(r"-?[\d.]+", parts[1]):
            rows[parts[0]] = (float(parts[1]), float(parts[2]), float(parts[6]))
    return rows


def test_the_spec_shown_is_the_spec_shipped():
    shown = yaml.safe_load(_block("spec: specs/peru_m5.yaml"))
    shipped = yaml.safe_load((ROOT / "specs" / "peru_m5.yaml").read_text(encoding="utf-8"))
    assert shown == {key: shipped[key] for key in shown}
    assert set(shipped) - set(shown) <= {"sampling", "output"}


def test_the_output_shown_is_what_the_command_prints(tmp_path, capsys):
    from gibbs import cli

    command = shlex.split(_block("run command").split("&&")[-1])
    assert command[:2] == [".venv/bin/gibbs", "run"]
    assert cli.main(["run", str(ROOT / command[2]), "--out", str(tmp_path / "run")]) == 0
    printed, shown = _estimates(capsys.readouterr().out), _estimates(_block("output: specs/peru_m5.yaml"))
    assert set(shown) == set(printed) and len(shown) == 8
    for name, (estimate, error, ess) in shown.items():
        monte_carlo = error * (2.0 / min(ess, printed[name][2])) ** 0.5  # other processors round differently, so draws may differ
        digits = 0.5 * 10.0 ** -len(str(estimate).split(".")[1])
        assert abs(printed[name][0] - estimate) < 5.0 * monte_carlo + digits, name


def _distributions(extras: set[str]) -> set[str]:
    """Names of the distributions that ``pip install .[extras]`` brings, by what pyproject.toml and the installed metadata require."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting = [*project["dependencies"], *(r for extra in extras for r in project["optional-dependencies"][extra])]
    found: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name, wanted = re.match(r"([\w.-]+)\s*(?:\[([\w,\s-]*)\])?", requirement).groups()
        name = re.sub(r"[-_.]+", "-", name).lower()
        wanted = {w.strip() for w in (wanted or "").split(",")}
        if (name, *sorted(wanted)) in found:
            continue
        found |= {name, (name, *sorted(wanted))}
        try:
            below = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # for another platform or Python
            continue
        waiting += [r for r in below if (x := re.search(r"extra\s*==\s*['\"]([\w-]+)", r)) is None or x.group(1) in wanted]
    return {name for name in found if isinstance(name, str)}


def _installed_for(command: str) -> tuple[set[str], set[str]]:
    """(extras that the command of the README installs, modules of this environment that it does not bring)."""
    extras = set(re.search(r"pip install -e '\.\[([\w,]+)\]'", command).group(1).split(","))
    brought = _distributions(extras)
    strange = {
        module
        for module, owners in metadata.packages_distributions().items()
        if not {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners} & (brought | {"gibbs-engine"})
    }
    return extras, strange - {"pip", "setuptools", "_distutils_hack", "pkg_resources"}


_ONLY_WHAT_IS_INSTALLED = """
import sys, json
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in STRANGE:
            raise ModuleNotFoundError(f"No module named {name!r} (not installed by the README's command)", name=name)
STRANGE = set(json.loads(sys.argv[1]))
sys.meta_path.insert(0, Refuse())
import contextlib, io, os, shlex, warnings
from gibbs import cli
told = []
for line in json.loads(sys.argv[2]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(shlex.split(line)[1:])
    told.append((line, code, len(out.getvalue().strip()), err.getvalue()))
import gibbs
warnings.simplefilter("ignore")
fit = gibbs.load("runs/peru_m5")
for call in json.loads(sys.argv[3]):
    eval(call)
    told.append((call, 0, 1, ""))
print(json.dumps(told))
"""


def test_the_install_shown_runs_what_is_shown(tmp_path):
    """The picture's command and the others, and every ``fit.…()`` of the text, with nothing importable that its install does not bring.

    On short runs of the two models they name, and once more with every criterion of ``gibbs compare``.
    """
    extras, strange = _installed_for(_block("run command"))
    assert extras == {"examples", "report"} and {"pytest", "hypothesis", "pyreadstat"} <= strange
    short = "--warmup 200 --draws 200 --quiet"
    lines = [f"gibbs run {ROOT}/specs/{name}.yaml {short} --out runs/{name}" for name in ("peru_m5", "peru_m4")]
    shown = [line.removeprefix(".venv/bin/") for line in (_block("picture command") + _block("commands on a run")).splitlines()]
    assert len(shown) == 10 and all(line.startswith("gibbs ") for line in shown)
    lines += shown + [f"gibbs compare runs/peru_m5 runs/peru_m4 --criterion {c}" for c in ("loo", "dic")]
    lines += ["gibbs compare runs/peru_m5 runs/peru_m4 --group province"]
    calls = sorted(set(re.findall(r"`(fit\.[^`]+\))`", README)))
    assert {"fit.loo()", "fit.waic()", "fit.dic()", "fit.ame()"} <= set(calls)
    (tmp_path / "new_provinces.csv").write_text("indigenous,illiteracy,province\n0,0.05,new\n1,0.12,new\n")
    done = subprocess.run(
        [sys.executable, "-c", _ONLY_WHAT_IS_INSTALLED, json.dumps(sorted(strange)), json.dumps(lines), json.dumps(calls)],
        cwd=tmp_path, capture_output=True, text=True, timeout=900, env={**os.environ, "MPLBACKEND": "agg"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    for line, code, printed, err in told:
        assert code == 0 or (line.startswith("gibbs run") and code == 1), (line, err)
        assert printed or line.startswith("gibbs run"), line
    assert len(told) == len(lines) + len(calls)
    assert (tmp_path / "peru_m5_groups.png").stat().st_size > 10_000
    assert (ROOT / "specs" / "pictures" / "peru_m5_groups.png").is_file()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_python_shown_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    shown: dict = {}
    exec(compile(_block("python"), "README.md", "exec"), shown)
    summary = shown["fit"].summary()
    assert {"b_Intercept", "b_indigenous", "sd_province__Intercept", "sigma"} <= set(summary.index)
    printed = capsys.readouterr().out
    assert "Error terms" in printed and "None" not in printed.splitlines()
    assert os.getcwd() == str(ROOT)


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *(ROOT / "specs").rglob("*.md")], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for address in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert address.startswith("http") or (page.parent / address).exists(), address


def test_every_page_of_the_reference_has_a_door() -> None:
    assert set(re.findall(r"specs/reference/([\w-]+)\.md", README)) == {p.stem for p in (ROOT / "specs" / "reference").glob("*.md")}


def test_the_extra_all_is_every_extra_of_a_user() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = set(re.findall(r"[a-z]+", extras["all"][0].partition("[")[2]))
    assert named == set(extras) - {"all", "test", "bench"}
    table = README.split("| extra | for |")[1].split("\n\n")[0]
    assert named == set(re.findall(r"`([a-z]+)`", table.replace("gibbs report", ""))) - {"fit"}


def test_the_version_cited_is_the_version() -> None:
    import gibbs

    assert README.count(gibbs.__version__) == 2
