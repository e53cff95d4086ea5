"""Everything the README shows is run here: its spec, its output, its Python."""

from __future__ import annotations

import os
import re
import shlex
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


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_commands_on_a_run_shown(tmp_path, monkeypatch, capsys):
    """The picture's and the others, on short runs of the two models they name."""
    from gibbs import cli

    for name in ("peru_m5", "peru_m4"):
        short = ["--warmup", "200", "--draws", "200", "--quiet"]
        assert cli.main(["run", str(ROOT / "specs" / f"{name}.yaml"), *short, "--out", str(tmp_path / "runs" / name)]) in (0, 1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new_provinces.csv").write_text("indigenous,illiteracy,province\n0,0.05,new\n1,0.12,new\n")
    capsys.readouterr()
    lines = (_block("picture command") + _block("commands on a run")).splitlines()
    assert len(lines) == 10
    for line in lines:
        words = shlex.split(line.removeprefix(".venv/bin/"))
        assert words[0] == "gibbs" and cli.main(words[1:]) == 0, line
        assert capsys.readouterr().out.strip(), line
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
