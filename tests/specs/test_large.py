"""The example of specs/LARGE.md, run, and its words."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

pytest.importorskip("duckdb", reason="rows that stay on disk need the package duckdb")

PAGE = (Path(__file__).resolve().parents[2] / "specs" / "LARGE.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, shown = re.search(r"<!-- runs on small data -->\n```python\n(.*?)```\n\n```\n(.*?)```", PAGE, flags=re.S).groups()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(code, "LARGE.md", "exec"), {})
    printed = re.sub(r"\(2 files, [^)]*\)", "(2 files, …)", capsys.readouterr().out)
    assert printed == shown
