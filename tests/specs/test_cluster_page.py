"""The example of specs/CLUSTER.md, run, and its words."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from gibbs import cli
from gibbs.commands import several
from gibbs.tasks import dask_job

PAGE = (Path(__file__).resolve().parents[2] / "specs" / "CLUSTER.md").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore")
def test_the_example_gives_what_the_page_says() -> None:
    pytest.importorskip("distributed")
    code, expected = re.search(r"<!-- runs -->\n```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.S).groups()
    printed, names = io.StringIO(), {}
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "CLUSTER.md", "exec"), names)
    finally:
        for name in ("client", "cluster"):
            if name in names:
                names[name].close()
    assert printed.getvalue() == expected


def test_the_words_of_the_page_are_those_of_the_program() -> None:
    assert dask_job.AGAIN == 4 and "four times in a row" in PAGE
    assert dask_job.IDLE == 60.0 and "waits a minute" in PAGE
    assert several.INTERRUPTED == cli.INTERRUPTED
    for command in re.findall(r"^\$ gibbs (.*?)(?:  +#.*)?$", PAGE, re.M):
        cli._parser().parse_args(command.split())
