"""The terminal display: shown where someone looks, silent elsewhere, and never able to stop a run."""

from __future__ import annotations

import io
import threading
import time

import pytest

from gibbs import progress
from gibbs.sampling.progress import Progress, Worst


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class BrokenTerminal(Terminal):
    """A terminal whose window has been closed. asked : how often something was to be written all the same."""

    asked = 0

    def write(self, text: str) -> int:
        self.asked += 1
        raise BrokenPipeError


SNAPSHOT = Progress("sampling", (750, 700), 1500, 2.0)
PRECISE = Progress("sampling", (1250, 1300), 1625, 65.0, 7.2, 500, Worst("sd_g__Intercept", 1.0123, 812.4, 750), True)


def test_bar_on_a_terminal_shows_phase_share_and_time_left() -> None:
    stream = Terminal()
    with progress.display(stream=stream) as show:
        show(Progress("compile", (0, 0), 1500, 0.0))
        show(Progress("warmup", (100, 90), 1500, 0.2))
        show(SNAPSHOT)
    shown = stream.getvalue()
    assert "sampling" in shown
    assert "48%" in shown  # (750 + 700) / 3000 = 48.3 %
    assert "700/1,500 draws × 2" in shown
    assert "elapsed" in shown and "left" in shown


def test_the_line_has_draws_the_worst_quantity_and_the_time_elapsed_and_left() -> None:
    said = progress.line(PRECISE)
    assert said == "sampling   750/about 1,125 draws × 2   R-hat 1.012, ESS 812 (sd_g__Intercept)   elapsed 1:05   left 0:07"
    assert progress.line(Progress("warmup", (20, 30), 1625, 1.0, None, 500)) == "warm-up   20/500 sweeps × 2   elapsed 0:01   left -:--"
    assert progress.line(Progress("compile", (0, 0), 1625, 0.0)).startswith("compiling: ")
    assert [progress.clock(s) for s in (0.4, 59.6, 750, 3723, -1)] == ["0:00", "1:00", "12:30", "1:02:03", "0:00"]


def test_nothing_of_a_short_run_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with progress.display(stream=stream) as show:
        show(SNAPSHOT)
    assert stream.getvalue() == ""


def test_a_long_run_says_a_line_now_and_then_also_while_it_compiles() -> None:
    stream = io.StringIO()
    with progress.Lines(stream, first=0.05, again=0.05) as show:
        show(Progress("compile", (0, 0), 1625, 0.0))
        until = time.monotonic() + 30.0
        while "compiling" not in stream.getvalue() and time.monotonic() < until:  # nothing is told meanwhile
            time.sleep(0.01)
        show(PRECISE)
        while "sampling" not in stream.getvalue() and time.monotonic() < until:
            time.sleep(0.01)
    assert f"gibbs: {progress.line(PRECISE)}\n" in stream.getvalue()
    said = stream.getvalue()
    time.sleep(0.2)
    assert stream.getvalue() == said  # it ends with the run
    assert progress.FIRST < 60.0 and progress.AGAIN < 60.0  # never silent for a minute


def test_a_log_nobody_reads_any_more_does_not_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, failed = BrokenTerminal(), []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    with progress.Lines(stream, first=0.01, again=0.01) as show:
        show(PRECISE)
        until = time.monotonic() + 30.0
        while not stream.asked and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.05)  # it would write again
        show(PRECISE)
    assert stream.asked == 1 and not failed


class Handle:
    """What IPython gives for a display that changes."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def update(self, words: dict[str, str], raw: bool) -> None:
        self.said.append(words["text/plain"])


def test_one_line_that_changes_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = Handle()

    def display(words: dict[str, str], raw: bool, display_id: bool) -> Handle:
        handle.update(words, raw)
        return handle

    monkeypatch.setattr(progress, "_notebook", lambda: display)
    monkeypatch.setattr(progress, "A_SECOND", 0.0)
    monkeypatch.setattr(progress.sys, "stderr", io.StringIO())
    with progress.display() as show:
        show(PRECISE)
        show(SNAPSHOT)
    assert handle.said == [progress.line(PRECISE), progress.line(SNAPSHOT), ""]


def test_a_notebook_that_fails_does_not_stop_the_run() -> None:
    asked = []

    def broken(*words: object, **keys: object) -> None:
        asked.append(words)
        raise RuntimeError("no front end")

    with progress.Notebook(broken) as show:
        show(PRECISE)
        show(PRECISE)
    assert len(asked) == 1  # and is left in peace


def test_together() -> None:
    seen: list[str] = []
    both = progress.together(None, lambda p: seen.append(f"a {p.phase}"), lambda p: seen.append(f"b {p.phase}"))
    both(PRECISE)
    assert seen == ["a sampling", "b sampling"] and progress.together(None, None) is None


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
    stream = BrokenTerminal()
    with progress.display(stream=stream) as show:
        show(SNAPSHOT)
        show(SNAPSHOT)
    assert stream.asked


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
