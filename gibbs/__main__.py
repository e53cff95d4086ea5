"""``python -m gibbs``, and the command ``gibbs``."""

from typing import NoReturn

from gibbs import early


def main() -> int:
    """Run the command line; returns the exit code."""
    early.begin()
    try:
        from gibbs.cli import main as command

        code = command()
    except KeyboardInterrupt:  # between two states of ``gibbs.signals``
        early.end(0, None)
    early.done()
    return code


def command() -> NoReturn:
    """The command line as a process of its own, which ends here."""
    early.leave(main())


if __name__ == "__main__":
    command()
