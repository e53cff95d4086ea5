"""Ctrl-C, TERM and HUP, which mean one thing: stop soon, and keep what there is.

Four states of the main thread, the last three nested as contexts:

    early       of the command while it imports the rest (``gibbs.early``): one line, and the end
    handled     the command line: all three signals raise KeyboardInterrupt. Where nothing can be lost, and the main thread does not come
                out of a long call by itself (a compiler, a reader), a watcher ends the process after ``PATIENCE`` seconds
    deferred    a signal is written down and ends nothing: draws are in hand, and whoever is at work asks ``pressed``
    immediate   within ``deferred``: work that can be done again, and may be broken off at any point

A program that handles SIGINT in a way of its own keeps it, and so does a process that was told to ignore a signal (``nohup``). In threads
other than the main one nothing here has an effect: Python delivers signals to the main thread.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from gibbs import early

PATIENCE = 1.4
"""Seconds between a signal and the end of a process that does not end by itself."""

_depth = 0  # of ``deferred``; 0: signals raise
_in_hand = False  # draws that must not be lost, although signals raise
_pressed = 0
_first = 0.0  # when the first of them came
_all = 0  # since the work began, dealt with or not
_began = 0.0  # when the first of those came
_by_clock = False  # the next one is sent by this process itself
_written = ""  # what this command has written by now, in words
_last_acts: list[Callable[[], None]] = []
abandoned = threading.Event()
"""Set when threads are left behind in the middle of compiled code: the process must then end without waiting for them."""


SOON = 1.2
"""Seconds after a signal in which what was drawn is written; what takes longer stays in the checkpoint."""


class Unwritten(KeyboardInterrupt):
    """Ctrl-C where it would take too long to write what was drawn. Nothing was written; the checkpoint is as it was, or further."""


def pressed() -> int:
    """Signals that came in and were not dealt with yet."""
    return _pressed


def dealt_with() -> None:
    """The signals so far have had their effect."""
    global _pressed
    _pressed = 0


def ago() -> float:
    """Seconds since the signal that is being dealt with, or that was last."""
    return time.monotonic() - _first


def so_far() -> int:
    """Signals since the work began (``deferred``), dealt with or not."""
    return _all


def time_left() -> float:
    """Seconds that are left of ``SOON``; inf where there was no signal since the work began."""
    return SOON - (time.monotonic() - _began) if _all else float("inf")


def wrote(what: str) -> None:
    """``what`` ("the run is in 'one'") is written: who is interrupted from now on is told so, and not that nothing was."""
    global _written
    _written = what


def interrupted() -> tuple[str, int]:
    """The last words of a command that a signal ended, and its exit code."""
    return (f"interrupted; {_written}", 1) if _written else (early.NOTHING, early.EXIT_CODE)


def _on_signal(number: int, frame: Any) -> None:
    global _pressed, _first, _all, _began, _by_clock
    if _by_clock:
        _by_clock = False
    else:
        _began = _began if _all else time.monotonic()
        _all += 1
    _first = _first if _pressed else time.monotonic()
    _pressed += 1
    if _depth == 0:
        raise KeyboardInterrupt


@contextmanager
def deferred() -> Iterator[None]:
    """Signals are written down here, and raise nothing."""
    global _depth, _all
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # Python's own; another program's stays
    if ours:
        dealt_with()
        signal.signal(signal.SIGINT, _on_signal)
    _all = 0 if _depth == 0 else _all
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _press() -> None:
    """As if somebody had pressed Ctrl-C; the main thread itself gets it, so that it wakes where it waits."""
    global _by_clock
    _by_clock = True
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


@contextmanager
def immediate(seconds: float | None = None, *, in_hand: bool = False) -> Iterator[None]:
    """Signals raise KeyboardInterrupt here, those too that were written down before; ``seconds`` later one comes by itself.

    in_hand : something would be lost if the process ended here.
    """
    global _depth, _in_hand
    if _depth == 0 or threading.current_thread() is not threading.main_thread():
        yield
        return
    outer, _depth, _in_hand = _depth, 0, in_hand
    timer = None
    try:
        if _pressed:
            raise KeyboardInterrupt
        if seconds is not None:
            timer = threading.Timer(seconds, _press)
            timer.daemon = True
            timer.start()
        yield
    finally:
        _depth, _in_hand = outer, False
        if timer is not None:
            timer.cancel()


# ------------------------------------------------------------------------------------------------- the command line


@contextmanager
def handled(watched: bool = False) -> Iterator[None]:
    """The signals are ours. ``watched``: this process is the command and nothing else, and may be ended by ``_watch``."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    dealt_with()
    wrote("")
    former = {}
    for name in early.NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler, early.end):
            former[number] = signal.signal(number, _on_signal)
    watcher = _Watcher() if watched and former else None
    unraisable = sys.unraisablehook

    def quiet(found: Any) -> None:
        if not issubclass(found.exc_type, KeyboardInterrupt):
            unraisable(found)

    sys.unraisablehook = quiet  # in a call from a library (of the compiler), where it can end nothing: ``pressed`` knows of it
    try:
        yield
    finally:
        sys.unraisablehook = unraisable
        if watcher is not None:
            watcher.close()
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def at_the_end(act: Callable[[], None]) -> Iterator[None]:
    """``act`` is done when the process is ended by ``_watch`` meanwhile; in every other case the caller sees to it."""
    _last_acts.append(act)
    try:
        yield
    finally:
        _last_acts.remove(act)


def leave(code: int) -> None:
    """End the process now, whatever its threads do."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


class _Watcher:
    """A thread that learns of a signal when it comes, not when the main thread gets round to it."""

    def __init__(self) -> None:
        self.ends = os.pipe()
        os.set_blocking(self.ends[1], False)
        self.former = signal.set_wakeup_fd(self.ends[1], warn_on_full_buffer=False)
        self.closed = False
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        self.closed = True
        signal.set_wakeup_fd(self.former)
        os.write(self.ends[1], b"\0")

    def _watch(self) -> None:
        while os.read(self.ends[0], 1) and not self.closed:
            began = time.monotonic()
            while time.monotonic() < began + PATIENCE:
                time.sleep(0.05)
                if _depth or _in_hand or self.closed:
                    break
            else:
                self._end()

    def _end(self) -> None:
        """Nothing is lost: no draw was kept yet, or everything was written."""
        words, code = interrupted()
        for act in reversed(_last_acts):
            with suppress(Exception):
                act()
        with suppress(OSError, ValueError, AttributeError):
            if sys.stderr.isatty():
                sys.stderr.write("\x1b[?25h\r\x1b[K")  # the cursor, where a progress bar hid it
            sys.stderr.write(f"gibbs: {words}\n")
        leave(code)
