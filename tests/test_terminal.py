"""Standard output that is closed, full or left by its reader: the command ends as it would have, or says why, without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gibbs.cli import main
from tests.thin import some

SPEC = "data: d.csv\nformula: y ~ x + (1 | g)\nsampling: {chains: 2, warmup: 50, draws: 20, seed: 1}\n"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs a line of the shell in a folder with a spec; ``gibbs`` is this Python's."""
    if os.name != "posix" or not Path("/dev/full").exists():
        pytest.skip("needs a POSIX shell and /dev/full")
    (tmp_path / "m.yaml").write_text(SPEC, encoding="utf-8")
    rows = "".join(f"{(i * 37) % 11},{(i * 17) % 7},{i % 5}\n" for i in range(40))
    (tmp_path / "d.csv").write_text("y,x,g\n" + rows, encoding="utf-8")

    def run(line: str) -> subprocess.CompletedProcess[str]:
        words = f'gibbs() {{ "{sys.executable}" -m gibbs "$@"; }}; {line}'
        return subprocess.run(["bash", "-c", words], cwd=tmp_path, capture_output=True, text=True, timeout=120)

    return run


@pytest.mark.parametrize("command", ["check m.yaml", "schema", "--version", "run --help"])
def test_a_full_disk_behind_standard_output_is_one_message(shell, command: str) -> None:
    done = shell(f"gibbs {command} > /dev/full")
    assert done.returncode == 2
    assert done.stderr == "gibbs: output: standard output: it cannot be written: no space left on device.\n"


@pytest.mark.parametrize("how", [">&-", "2>&-", "| true"])
def test_closed_streams_and_readers_who_leave_are_no_error_of_help(shell, how: str) -> None:
    done = shell(f"set -o pipefail; gibbs run --help {how}")
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize("how", some(["<&- >&- 2>&-", ">&-", "| head -1", "2>&-", "| true"], 2))
def test_closed_streams_and_readers_who_leave_are_no_error(shell, how: str) -> None:
    done = shell(f"set -o pipefail; gibbs check m.yaml {how}")
    assert done.returncode == 0 and done.stderr == ""


def test_complaints_that_cannot_be_shown_change_no_exit_code(shell) -> None:
    for how in ("2>&-", "2> /dev/full", ">&- 2>&-", "> /dev/full 2> /dev/full"):
        assert shell(f"gibbs check missing.yaml {how}").returncode == 2


@pytest.mark.parametrize("how", some(["> /dev/full", ">&-", "<&- >&- 2>&-", "| head -1"], 2))
def test_a_run_whose_summary_cannot_be_shown_is_written_whole(shell, tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str) -> None:
    done = shell(f"set -o pipefail; gibbs run m.yaml --out r {how}")
    assert done.returncode in (0, 1)  # as it converged
    assert "Traceback" not in done.stderr and "fault" not in done.stderr
    assert ("The run is in" in done.stderr) == (how == "> /dev/full")
    assert main(["summary", str(tmp_path / "r")]) == 0 and "Regression Coefficients" in capsys.readouterr().out
    assert not list(Path().glob("HDF*"))
