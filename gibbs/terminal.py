"""What the commands share: printing to a terminal or a pipe, and the types of their options."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gibbs.posterior.fit import Fit


def show_summary(fit: Fit) -> None:
    """The summary of a fit, in colours where there is a terminal."""
    if sys.stdout.isatty():
        fit.show(sys.stdout)
    else:
        say(repr(fit))


def say(text: str) -> None:
    _print(text, sys.stdout)


def say_beside(text: str) -> None:
    _print(text, sys.stderr)


def complain(message: str) -> None:
    _print(f"gibbs: {message}", sys.stderr)


def _print(text: str, stream: Any) -> None:
    """Print, and go on in silence where the reader has left (``gibbs check … | head``)."""
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
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
