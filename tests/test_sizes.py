"""One idea a file: how long files and functions are, in everything that people wrote here. kernels/ and sampling/ have narrower limits
of their own (``tests/kernels/test_guards.py``)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WRITTEN = ("benchmarks", "gibbs", "kernels", "specs", "tests")
ENDINGS = {".jinja", ".md", ".py", ".pyi", ".toml", ".yaml"}
MOST_LINES, MOST_OF_A_FUNCTION = 600, 100


def written() -> Iterator[Path]:
    """Every file of words in the repository; data, pictures and what runs leave behind are none."""
    yield from (file for file in ROOT.iterdir() if file.is_file() and file.suffix in ENDINGS)
    for folder in WRITTEN:
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in ENDINGS and "runs" not in file.parts and file.is_file():
                yield file


def test_files_are_short() -> None:
    lengths = {file.relative_to(ROOT).as_posix(): len(file.read_text(encoding="utf-8").splitlines()) for file in written()}
    assert len(lengths) > 400
    assert not {name: lines for name, lines in lengths.items() if lines > MOST_LINES}


def test_functions_are_short() -> None:
    """Their docstrings apart."""
    long = []
    for file in written():
        if file.suffix == ".py":
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = node.end_lineno - node.lineno + 1
                    if ast.get_docstring(node) is not None:  # of a function of many arguments as long as they are many
                        lines -= node.body[0].end_lineno - node.body[0].lineno + 1
                    if lines > MOST_OF_A_FUNCTION:
                        long.append(f"{file.relative_to(ROOT)}, {node.name}: {lines} lines")
    assert not long
