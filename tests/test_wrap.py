"""Lines as wide as the terminal, and every word whole."""

from __future__ import annotations

import io
import os
import pty
import struct
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gibbs
from gibbs import cli, terminal, wrap

ROOT = Path(__file__).resolve().parent.parent
SPEC = str(ROOT / "specs" / "peru_m5.yaml")


def is_wrapped(text: str, width: int, indent: int) -> None:
    """No line is longer than ``width``, but for a word that does not fit into it beside its indent."""
    for line in text.splitlines():
        assert len(line) <= width or max(map(len, line.split())) + indent > width, line


@pytest.mark.parametrize("width", [20, 33, 40, 60, 80, 100])
@pytest.mark.parametrize("spec", ["peru_m5", "turnout_apc", "orthodont", "insteval"])
def test_check_keeps_every_word_whole_at_every_width(spec, width):
    check = gibbs.check(ROOT / "specs" / f"{spec}.yaml")
    narrow, wide = check.text(width), check.text(100_000)
    assert narrow.split() == wide.split()
    if width >= 40:
        is_wrapped(narrow, width, indent=6)


def test_check_follows_the_terminal(monkeypatch, capsys):
    for columns in ("50", "72", "90"):
        monkeypatch.setenv("COLUMNS", columns)
        assert cli.main(["check", SPEC]) == 0
        printed = capsys.readouterr().out
        assert 0.85 * int(columns) < max(map(len, printed.splitlines())) <= int(columns)
    monkeypatch.setenv("COLUMNS", "300")
    assert max(map(len, str(gibbs.check(SPEC)).splitlines())) <= 100
    monkeypatch.delenv("COLUMNS")
    assert str(gibbs.check(SPEC)) == gibbs.check(SPEC).text(100)


@pytest.mark.parametrize("words", ["", "0", "-5", "abc", "１２", "1e2", "9" * 400])
def test_columns_that_say_nothing(words, monkeypatch):
    monkeypatch.setenv("COLUMNS", words)
    assert wrap.width(io.StringIO(), 77) == 77


def test_a_terminal_says_how_wide_it_is(monkeypatch):
    """A real pseudo-terminal of 47 columns, and one that does not know its size."""
    import fcntl
    import termios

    monkeypatch.delenv("COLUMNS", raising=False)
    parent, child = pty.openpty()
    with os.fdopen(child, "w") as stream:
        for columns, expected in ((47, 47), (0, 80), (400, wrap.WIDEST), (5, wrap.NARROWEST)):
            fcntl.ioctl(parent, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
            assert wrap.width(stream, 77) == expected
        fcntl.ioctl(parent, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 47, 0, 0))
        assert max(map(len, wrap.message("word " * 60, stream).splitlines())) <= 47
    os.close(parent)


def test_messages_are_wrapped_for_a_terminal_and_whole_in_a_pipe(monkeypatch, capsys):
    long = ["run", "nothing-of-this-name-in-this-folder.yaml"], ["check", SPEC, "--scheme", "joined"]
    for words in long:
        monkeypatch.delenv("COLUMNS", raising=False)
        assert cli.main(words) == 2
        whole = capsys.readouterr().err
        assert len(whole.splitlines()) == 1
        monkeypatch.setenv("COLUMNS", "44")
        assert cli.main(words) == 2
        wrapped = capsys.readouterr().err
        assert wrapped.split() == whole.split() and len(wrapped.splitlines()) > 1
        assert all(len(line) <= 44 or len(line.split()) == 1 for line in wrapped.splitlines())


def test_formulas_with_a_caret_keep_their_columns(monkeypatch, capsys, tmp_path):
    (tmp_path / "m.yaml").write_text("data: d.csv\nformula: y ~ x + unknown_function(x) + something + (1 | g)\n", encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "40")
    assert cli.main(["check", str(tmp_path / "m.yaml")]) == 2
    lines = capsys.readouterr().err.splitlines()
    caret = next(i for i, line in enumerate(lines) if line.strip() == "^")
    assert lines[caret - 1][lines[caret].index("^") :].startswith("unknown_function")


def test_programs_get_their_output_as_it_is(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")
    assert cli.main(["schema"]) == 0
    narrow = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "100")
    assert cli.main(["schema"]) == 0
    assert capsys.readouterr().out == narrow


@pytest.mark.parametrize("command", [[], ["run"], ["summary"], ["export"], ["poststratify"], ["sbc"]])
def test_help_breaks_no_word(command, monkeypatch, capsys):
    printed = {}
    for columns in ("60", "80", "100"):
        monkeypatch.setenv("COLUMNS", columns)
        assert cli.main([*command, "--help"]) == 0
        printed[columns] = capsys.readouterr().out
        assert all(len(line) <= int(columns) or len(line.split()) <= 1 for line in printed[columns].splitlines())
    assert printed["60"].split() == printed["80"].split() == printed["100"].split()


def test_the_overview_stands_in_columns_where_there_is_room():
    text = wrap.help_text(cli._OVERVIEW, 80)
    place = next(line.index("draw the posterior") for line in text.splitlines() if "draw the posterior" in line)
    for line in text.splitlines():
        assert not line.startswith(" ") or not line[:place].strip() or line[place - 1 : place + 1].lstrip() == line[place]


@pytest.mark.parametrize("command", ["frame", "effects", "sbc", "plot", "run", "sensitivity", "resume"])
def test_paragraphs_of_a_help_text_are_filled(command, monkeypatch, capsys):
    """No line of the description ends before the first word of the next would have fitted on it, whatever the lines of the source are."""
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main([command, "--help"]) == 0
    printed = capsys.readouterr().out.splitlines()
    begins = printed.index("") + 1
    ends = next(k for k, line in enumerate(printed) if line.startswith(("positional arguments", "options")))
    for line, after in pairwise(printed[begins:ends]):
        plain = line.strip() and after.strip() and not line.startswith(" ") and not after.startswith(" ") and not line.endswith(":")
        assert not plain or len(line) + 1 + len(after.split()[0]) > 78, line
        assert len(line.split()) != 1 or len(line) - len(line.lstrip()) < 30, printed  # a column of single words


@given(st.text(alphabet=st.sampled_from("ab-_~/. 'é·"), max_size=300), st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_words_are_never_cut(text, width):
    lines = wrap.lines(text, width, "", "  ")
    assert " ".join(lines).split() == text.split()
    assert all(len(line) <= width or len(line.split()) == 1 for line in lines)


def test_a_summary_is_no_wider_than_its_words_may_be(monkeypatch):
    from gibbs.summaries import display

    monkeypatch.setenv("COLUMNS", "50")
    words = "a sentence on convergence that goes on for longer than fifty columns, so that it needs two lines"
    assert display._wrap(words) == textwrap.wrap(words, 50, break_long_words=False)
    monkeypatch.setenv("COLUMNS", "200")
    assert max(map(len, display._wrap(words))) <= 88


def test_say_words_and_say(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "24")
    terminal.say_words("one two three four five six\na  table  of  columns  that  stays\n    and code that stays as it is")
    assert capsys.readouterr().out == "one two three four five\nsix\na  table  of  columns  that  stays\n    and code that stays as it is\n"
    terminal.say("one two three four five six seven")
    assert capsys.readouterr().out == "one two three four five six seven\n"
    assert sys.stdout is not None
