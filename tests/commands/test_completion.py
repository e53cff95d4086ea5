"""Completion: what Tab offers at every place, and scripts that the shells accept."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gibbs import cli
from gibbs.cli import main
from gibbs.commands.completion import _WORDS, complete


def test_commands_options_and_their_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "manifest.json").write_text("{}", encoding="utf-8")
    (tmp_path / "models").mkdir()
    for name in ("a.yaml", "b.csv", "models/c.yml"):
        (tmp_path / name).write_text("", encoding="utf-8")
    assert set(cli.commands()) < set(complete([""])) and complete(["su"]) == ["summary"]
    assert complete(["run", ""]) == ["a.yaml", "models/", "runs/"] and complete(["run", "models/"]) == ["models/c.yml"]
    assert complete(["summary", ""]) == ["runs/one"] and complete(["summary", "runs/"]) == ["runs/one"]
    assert "ranef" in complete(["plot", "runs/one", ""]) and complete(["plot", "runs/one", "ran"]) == ["ranef"]
    assert complete(["plot", "runs/one", "ranef", "--sor"]) == ["--sort"]
    assert complete(["plot", "runs/one", "ranef", "--sort", ""]) == ["effect", "level"]
    assert complete(["plot", "--sort", "level", "runs/one", "gr"]) == ["groups"]
    assert complete(["plot", "--exp", "runs/one", "gr"]) == ["groups"]  # a switch takes no word
    assert complete(["run", "a.yaml", "--scheme", "jo"]) == ["joint"]
    assert complete(["summary", "runs/one", "runs/"]) == ["runs/one"]
    assert complete(["nonsense", ""]) == complete(["version", ""]) == complete(["run", "a.yaml", "x"]) == []


def test_no_word_of_a_list_has_gone_stale(tmp_path: Path) -> None:
    """Each option with words of its own is one that its command has."""
    parsers = cli.commands()
    for command, what in _WORDS:
        having = [command] if command else list(parsers)
        known = {w for name in having for a in parsers[name]._actions for w in (*a.option_strings, str(a.metavar))}
        assert what in known, (command, what)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_read_by_their_shells(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    (tmp_path / "script").write_text(script, encoding="utf-8")
    done = subprocess.run([shell, "-n", str(tmp_path / "script")], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes(tmp_path: Path) -> None:
    """As a person's bash does it: the function is called with the words and gives COMPREPLY."""
    shim = tmp_path / "gibbs"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m gibbs "$@"\n', encoding="utf-8")
    shim.chmod(0o755)
    code = f'PATH={tmp_path}:$PATH; eval "$(gibbs completion bash)"; COMP_WORDS=(gibbs plot runs/one ra); COMP_CWORD=3; '
    code += '_gibbs_complete; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=120, cwd=Path(__file__).resolve().parents[2])
    assert done.stdout.strip() == "ranef", done.stderr


def test_another_shell_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bsh"]) == 2
    assert "Did you mean 'bash'" in capsys.readouterr().err
    assert main(["completion", "words", "summ"]) == 0
    assert capsys.readouterr().out == "summary\n"
