"""The terminal display: shown where someone looks, silent elsewhere, and never able to stop a run."""

from __future__ import annotations

import io

import pytest

from gibbs import progress
from gibbs.sampling.progress import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class BrokenTerminal(Terminal):
    """A terminal whose window has been closed."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


SNAPSHOT = Progress("sampling", (750, 700), 1500, 2.0)


def test_bar_on_a_terminal_shows_phase_share_and_time_left() -> None:
    stream = Terminal()
    with progress.display(stream=stream) as show:
        show(Progress("compile", (0, 0), 1500, 0.0))
        show(Progress("warmup", (100, 90), 1500, 0.2))
        show(SNAPSHOT)
    shown = stream.getvalue()
    assert "sampling" in shown
    assert "48%" in shown  # (750 + 700) / 3000 = 48.3 %
    assert "700/1,500 × 2" in shown
    assert "left" in shown


def test_nothing_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with progress.display(stream=stream) as show:
        assert show is None
    assert stream.getvalue() == ""


def test_asked_for_or_refused() -> None:
    with progress.display(False, Terminal()) as show:
        assert show is None
    with progress.display(True, io.StringIO()) as show:
        assert show is not None


def test_closed_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()  # isatty() of a closed stream raises ValueError
    with progress.display(stream=stream) as show:
        assert show is None


def test_broken_terminal_does_not_stop_the_run() -> None:
    with progress.display(stream=BrokenTerminal()) as show:
        show(SNAPSHOT)
        show(SNAPSHOT)


def test_interrupt_passes_through_and_the_cursor_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with pytest.raises(KeyboardInterrupt), progress.display(stream=stream) as show:
        show(SNAPSHOT)
        raise KeyboardInterrupt
    hidden, shown = stream.getvalue().rfind("\x1b[?25l"), stream.getvalue().rfind("\x1b[?25h")
    assert shown > hidden >= 0


def test_snapshots_after_the_end_are_ignored() -> None:
    stream = Terminal()
    with progress.display(stream=stream) as show:
        pass
    before = stream.getvalue()
    show(SNAPSHOT)
    assert stream.getvalue() == before
