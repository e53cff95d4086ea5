"""Text of strangers in files and on terminals: no cell that runs, no letter that is obeyed; names come back as they were."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gibbs
from gibbs.errors import DataError, FormulaError
from gibbs.files import spreadsheet, tablefile
from gibbs.model import csv_file, data, spec
from tests.posterior import built

RUNS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "'=1", '=HYPERLINK("x")']
ESCAPE = "\x1b[31mred\x1b[0m\x07\u202egnp.exe\x9b2J"


def hostile() -> pd.DataFrame:
    frame = built.table()
    names = [*RUNS, ESCAPE, "plain"]
    return frame.assign(g=[names[i % len(names)] for i in range(len(frame))], c=np.where(frame["b"] == 1, ESCAPE, "=2+2"))


def test_no_cell_of_ours_runs_and_names_come_back(tmp_path: Path) -> None:
    fit = built.fit("y ~ x + c + (1 | g)", hostile())
    fit.save(tmp_path / "run")
    levels = list(fit.outline.factors[0].levels)
    cells = pd.DataFrame({"x": 1.0, "c": "=2+2", "g": levels, "N": -1.5 + 2 * np.arange(1, len(levels) + 1)})
    tablefile.write(fit.poststratify(cells, "N", "g").table, tmp_path / "areas.csv")
    tablefile.write(pd.DataFrame({"=a": ["-1", "+5", "-x"], "n": [-1.0, 2.0, np.nan]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == "'=a,n\n-1,-1\n+5,2\n'-x,\n"
    names = data.readers.open_file(tmp_path / "t.csv", "t.csv", spec.build("y ~ 1", data="t.csv").data).names
    assert names == ("=a", "n")
    for file in (tmp_path / "run" / "ranef.csv", tmp_path / "run" / "summary.csv", tmp_path / "areas.csv"):
        with file.open(newline="", encoding="utf-8") as text:
            for row in csv.reader(text):
                assert not any(cell[:1] in tuple("=+@\t\r") or (cell[:1] == "-" and not _is_number(cell)) for cell in row)
    read = data.read(spec.build("mean ~ 1", data=str(tmp_path / "run" / "ranef.csv")), None, ["level"]).frame
    assert sorted(read["level"]) == sorted(levels)
    again = gibbs.load(tmp_path / "run", hostile())
    assert list(again.outline.factors[0].levels) == levels
    assert set(RUNS) <= set(levels)
    table = data.read(spec.build("mean ~ 1", data=str(tmp_path / "areas.csv")), None, ["g"]).frame
    assert set(table["g"]) - {"(all)"} == set(levels)


def _is_number(text: str) -> bool:
    try:
        return bool(float(text)) or True
    except ValueError:
        return False


def test_nothing_that_a_terminal_obeys_is_shown(tmp_path: Path) -> None:
    fit = built.fit("y ~ x + c + (1 | g)", hostile(), title=f"A title {ESCAPE}")
    shown = [repr(fit), fit._repr_html_(), str(gibbs.check("y ~ x + c + (1 | g)", hostile(), title=ESCAPE, seed=1))]
    shown += [fit.table(format=kind) for kind in ("terminal", "csv", "markdown", "latex")]
    shown += [fit.table(format=kind, parameters=["r_g[*"]) for kind in ("terminal", "csv", "markdown", "latex")]
    cells = hostile().assign(N=1)
    areas = fit.poststratify(cells, "N", "g")
    shown += [repr(areas), areas._repr_html_(), tablefile.text(areas.table), tablefile.text(cells)]
    fit.save(tmp_path / "run")
    fit.report(tmp_path / "report.html")
    shown += [file.read_text(encoding="utf-8") for file in (*(tmp_path / "run").glob("*.csv"), tmp_path / "report.html")]
    shown += [(tmp_path / "run" / name).read_text(encoding="utf-8") for name in ("spec.yaml", "manifest.json")]
    for text in shown:
        assert not set(text) & set("\x1b\x07\x9b\u202e\r"), text[:200]
    assert r"\x1b[31mred\x1b[0m\x07\u202egnp.exe\x9b2J" in repr(fit)


def test_a_terminal_with_colours_is_obeyed_by_our_own_codes_alone() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    fit = built.fit("y ~ x + c + (1 | g)", hostile(), title=f"A title {ESCAPE}")
    out = Terminal()
    fit.show(out)
    without = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert not set(without) & set("\x1b\x07\x9b\u202e\r") and r"\x1b[31mred" in without and "\x1b[31mred" not in out.getvalue()


def test_messages_and_columns(tmp_path: Path) -> None:
    frame = hostile().rename(columns={"x": ESCAPE})
    with pytest.raises(DataError) as caught:
        gibbs.check("y ~ z", frame)
    assert "\x1b" not in str(caught.value) and r"\x1b[31m" in str(caught.value)
    with pytest.raises(FormulaError, match="A name with control characters is not part of a formula") as caught_too:
        gibbs.check(f"y ~ `{ESCAPE}`", frame)
    assert "\x1b" not in str(caught_too.value)


@given(st.lists(st.text("=+-@\t'a1 \n\",.\uff1d", max_size=6), min_size=1, max_size=6, unique=True))
def test_text_comes_back_from_csv_as_it_was(words: list[str]) -> None:
    table = pd.DataFrame({"word": pd.Series(words, dtype=object), "n": range(len(words))})
    written = spreadsheet.to_csv(table, index=False) or ""
    rows = list(csv.reader(io.StringIO(written, newline="")))[1:]
    for (cell, _), word in zip(rows, words, strict=True):
        assert (cell[1:] if re.match(csv_file._MARKED, cell) else cell) == word
        assert cell[:1] not in tuple("=+-@\t") or _is_number(cell)
