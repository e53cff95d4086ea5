"""What the commands share: printing to a terminal or a pipe, and the types of their options."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gibbs import wrap
from gibbs.errors import OutputError
from gibbs.printable import printable

if TYPE_CHECKING:
    from gibbs.posterior.fit import Fit


def show_summary(fit: Fit) -> None:
    """The summary of a fit, in colours where there is a terminal."""
    if sys.stdout is not None and sys.stdout.isatty():
        fit.show(sys.stdout)
    else:
        say(repr(fit))


def say(text: str) -> None:
    """Print on standard output. OutputError where that cannot be written (a full disk); a reader who has left is no error."""
    try:
        _print(text, sys.stdout)
    except OSError as error:
        _fall_silent(sys.stdout)
        raise OutputError(f"it cannot be written: {(error.strerror or str(error)).lower()}.", where="standard output") from error


def say_words(text: str) -> None:
    """As ``say``, of sentences: at the width of the terminal."""
    say(wrap.message(text, sys.stdout))


def say_beside(text: str) -> None:
    """Print on standard error, at the width of the terminal, as far as that goes."""
    try:
        _print(wrap.message(text, sys.stderr), sys.stderr)
    except OSError:
        _fall_silent(sys.stderr)


def complain(message: str) -> None:
    say_beside(f"gibbs: {message}")


def open_closed_streams() -> None:
    """Standard streams that were closed by the caller (``gibbs run … >&-``) lead to nowhere from now on.

    Otherwise the next file that is opened takes the place of the closed one, and what a library prints goes into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                place = os.open(os.devnull, os.O_RDWR)
                if place != number:
                    try:
                        os.fstat(number)  # taken already, by something that is open
                    except OSError:
                        os.dup2(place, number)
                setattr(sys, name, open(os.devnull, "r" if number == 0 else "w", encoding="utf-8"))


def _print(text: str, stream: Any) -> None:
    """Print, and go on in silence where the reader has left (``gibbs check … | head``)."""
    try:
        print(printable(text, lines=True), file=stream, flush=True)
    except BrokenPipeError:
        _fall_silent(stream)


def _fall_silent(stream: Any) -> None:
    """What is printed from now on, and what the stream still holds, goes nowhere: Python would try again at its end, and fail."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def whole_number(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least {least}")
        return number

    return read


def share(text: str) -> float:
    """A number between 0 and 1, both excluded."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < 1.0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number between 0 and 1")
    return number


_ITEM = re.compile(r",(?=[a-z_]+(?:\.[^=,]+)?=)")


def until(text: str) -> dict[str, Any]:
    """``ess=2000,rhat=1.01,mcse.b_x=0.01,of=b_*`` as the mapping of a spec; ``of`` may stand several times."""
    found: dict[str, Any] = {}
    for item in _ITEM.split(text):
        key, equals, value = item.partition("=")
        key, name = key.strip().partition(".")[::2]
        if not equals or not key or not value.strip():
            raise argparse.ArgumentTypeError(f"'{item}' is not KEY=VALUE, such as ess=2000")
        if key == "of":
            found.setdefault("of", []).append(value.strip())
        elif name:
            found.setdefault(key, {})[name] = _number(value)
        else:
            found[key] = _number(value)
    return found


def _number(text: str) -> int | float | str:
    """A number where it is one; what is none is refused by name when the spec is built."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text
