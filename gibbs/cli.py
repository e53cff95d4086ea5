"""The command ``gibbs``: its overview, its parser, and the commands run, check, schema and version; the others are in ``gibbs.commands``.

Everything heavy is imported inside the commands, so that ``gibbs --help`` answers at once (argparse rather than a framework for the
same reason). A mistake of the user's is one message on standard error, never a traceback.

Exit codes: 0 done and converged; 1 drawn, but stopped short, not converged, not written where it was asked for, or interrupted while it was
shown (the results are written, and it says why and where); 2 the spec, the data or the command line are wrong, and nothing is left behind;
70 a fault of ours; 130 stopped by Ctrl-C, or by the signals TERM and HUP, which are treated alike, and no run folder was written: there was
no draw yet, or too much to write, and the run waits in its checkpoint (it says so).
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from gibbs import early, signals, wrap
from gibbs.commands import spec_arguments
from gibbs.commands.usage import UsageError
from gibbs.errors import GibbsError, NotConvergedWarning, nearest
from gibbs.terminal import complain, open_closed_streams, say, say_beside, say_words, show_summary
from gibbs.version import __version__

DONE, NOT_TO_BE_TRUSTED, WRONG, FAULT, INTERRUPTED = 0, 1, 2, 70, early.EXIT_CODE

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_OVERVIEW = """\
Exact, fast Gibbs sampling for multilevel models.

  gibbs init DATA               look at the columns of a table, write a first spec for it
  gibbs run SPEC …              draw the posterior; writes one folder and prints the summary; several specs side by side
  gibbs check SPEC              the model in equations, rows, factors, priors, plan, warnings; draws nothing
  gibbs prior SPEC              what the priors expect of the outcome, beside the data; fits nothing
  gibbs sbc SPEC                simulate from the spec's priors, fit, and say whether the sampler is calibrated for this model
  gibbs cross-validate SPEC     how well it predicts groups that it has not seen, by fits without them
  gibbs simulate-study SPEC     simulate from stated values, fit: bias, coverage, power of every parameter

  gibbs resume RUN              go on with a run that was broken off, or add draws to one that is over
  gibbs runs                    the runs of a folder: running, finished, interrupted, failed
  gibbs verify RUN              whether this machine reproduces a run: data, versions, the first sweeps

  gibbs summary RUN …           the tables of a run, or of several side by side: terminal, CSV, Markdown, LaTeX
  gibbs coef RUN                what each level has, fixed plus random: α_j, β_j (gibbs se RUN: standard errors)
  gibbs plot RUN KIND           one picture: ranef, coef, groups, level2, coefficients, priors, trace, ppc, time, variance
  gibbs effects RUN X           what a predictor does to the expected outcome: marginal effects, predictions, a picture
  gibbs contrasts RUN X         the levels of a predictor compared, two by two
  gibbs apc RUN                 age, period and cohort: what is estimable of the three together
  gibbs predict RUN NEW         predictions for the rows of a file
  gibbs poststratify RUN FRAME  averages over the cells of a population, by area
  gibbs frame --margins …       the cells of a population, from margins by raking
  gibbs compare RUN RUN …       which of several runs predicts better, for new rows or new groups
  gibbs hypothesis RUN "…"      how probable statements about parameters are: "b_x < 0"
  gibbs shares RUN              shares of the variance (ICC) and R²
  gibbs sensitivity RUN         how much the priors matter: power-scaling, and the sds of few groups under other priors
  gibbs ranks RUN GROUP         ranks of the levels of a grouping factor
  gibbs report RUN              everything about a run in one HTML file
  gibbs export RUN              the draws for other programs; the model itself for JAGS or Stan

  gibbs help TOPIC              keys, families, formulas, priors, outputs, …: a page in the terminal
  gibbs schema                  the JSON Schema of a spec, for editors
  gibbs completion SHELL        completion for bash, zsh or fish
  gibbs version                 the version (also gibbs --version)

A spec is a small YAML file: data, family, formula, priors, sampling, output.
gibbs COMMAND --help has the options of a command.

Ctrl-C ends a run within two seconds and keeps what all chains have drawn (hundreds of megabytes in the checkpoint: gibbs resume RUN \
--now writes the results); the signals TERM and HUP do the same.
Exit codes: 0 done and converged; 1 drawn, but stopped short, not converged, or not written where it was asked for (it says why \
and where); 2 spec, data or command line are wrong; 70 a fault of ours; 130 stopped, and no results were written."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (``sys.argv[1:]`` where None); returns the exit code."""
    with signals.handled(watched=argv is None):
        code = _main(argv)
    if argv is None and signals.abandoned.is_set():
        signals.leave(code)
    return code


def _main(argv: Sequence[str] | None) -> int:
    _one_thread_for_each_chain()
    open_closed_streams()
    _never_fail_on_a_letter()
    try:
        if not (sys.argv[1:] if argv is None else argv):
            say_beside(wrap.help_text(_OVERVIEW, wrap.width(sys.stderr, wrap.WIDEST)))
            return WRONG
        arguments = _parser().parse_args(argv)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConvergedWarning)  # every command says so in its own words
            return arguments.command(arguments)
    except SystemExit as stop:  # argparse: --help and --version leave with 0
        return stop.code if isinstance(stop.code, int) else WRONG
    except GibbsError as error:
        if _traceback_wanted():
            raise
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return _interrupted()
    except MemoryError:
        complain("out of memory; fewer draws or chains need less (gibbs check says how much)")
        return NOT_TO_BE_TRUSTED
    except Exception as error:
        if _traceback_wanted():
            raise
        if signals.pressed():  # a library that was being imported made an error of its own of it
            return _interrupted()
        complain(_fault(error))
        return FAULT


def _interrupted() -> int:
    words, code = signals.interrupted()
    complain(words)
    return code


# -------------------------------------------------------------------------------------------------------- commands


def _run(arguments: argparse.Namespace) -> int:
    if len(arguments.spec) > 1:
        from gibbs.commands import several

        return several.run(arguments)
    (arguments.spec,) = arguments.spec
    return _run_one(arguments)


def _run_one(arguments: argparse.Namespace) -> int:
    from gibbs import pipeline
    from gibbs.commands.carry_out import carry_out
    from gibbs.model.families import named
    from gibbs.resuming import course as going_on
    from gibbs.sampling import precompile

    spec = spec_arguments.load(arguments, out=arguments.out)
    if not arguments.force and (there := pipeline.there_already(spec, arguments.out)) is not None:
        return _show_unchanged(there, arguments)
    with (
        spec_arguments.workers(arguments, spec.sampling.cores) as hands,
        pipeline.reserved(pipeline.output_folder(spec, arguments.out), force=arguments.force) as place,
    ):
        for note in place.notes:
            say_beside(f"note: {note}")
        if hands is None:
            precompile.begin(spec.sampling.cores, "second-order" if named(spec.family).is_discrete else "joint")
        prepared = pipeline.prepare(spec)
        for warning in prepared.warnings():
            say_beside(f"warning: {warning}")
        course = going_on.start(prepared.spec, prepared.table, place.target, force=arguments.force)
        return carry_out(
            prepared, place, course, quiet=arguments.quiet, log=arguments.log, rescue=arguments.rescue, spec=arguments.spec, hands=hands
        )  # fmt: skip


def _show_unchanged(folder: Path, arguments: argparse.Namespace) -> int:
    """The summary of a run that is there, and that this one would only repeat draw for draw."""
    from gibbs import pipeline
    from gibbs.posterior.fit import load

    fit = load(folder)
    if not arguments.quiet:
        show_summary(fit)
        say_words(
            f"\nThe run is in {folder} already, unchanged: spec, data and version are the same, so nothing was drawn. "
            "--force draws it again."
        )
    return DONE if pipeline.trusted(fit) else NOT_TO_BE_TRUSTED


def _check(arguments: argparse.Namespace) -> int:
    from gibbs import pipeline

    spec = spec_arguments.load(arguments)
    pipeline.output_folder(spec)  # refused as it would be by run
    say(str(pipeline.prepare(spec).check()))
    return DONE


def _schema(arguments: argparse.Namespace) -> int:
    import json

    from gibbs.model.schema import schema

    say(json.dumps(schema(), indent=2, ensure_ascii=False))
    return DONE


def _version(arguments: argparse.Namespace) -> int:
    say(f"gibbs {__version__}")
    return DONE


# ------------------------------------------------------------------------------------------------- the command line


class _Parser(argparse.ArgumentParser):
    """argparse with the hints that our other messages have, printed as everything is."""

    def _print_message(self, message: str, file: Any = None) -> None:
        (say_beside if file is sys.stderr else say)(message.rstrip("\n"))

    def error(self, message: str) -> NoReturn:
        raise UsageError(self._hinted(message), where=self.prog if self.prog != "gibbs" else "")

    def _hinted(self, message: str) -> str:
        """The message, and the nearest thing that would have been right."""
        what, _, found = message.partition(": ")
        if what == "unrecognized arguments" and not found.startswith("-"):
            return f"'{found.split()[0]}' is one word too many. What stands as a word of its own, with blanks in it, needs quotes"
        if what == "the following arguments are required":
            return f"{found} {'is' if ',' not in found else 'are'} missing"
        if what.startswith("argument ") and found.startswith("expected "):
            return f"{what.removeprefix('argument ')} needs a value"
        if what == "unrecognized arguments":
            options = [o for p in (self, *_subparsers(self)) for o in p._option_string_actions]
            word = found.split()[0].split("=")[0]
            if word in options:  # of another command
                return f"this command has no option {word}; gibbs COMMAND --help lists the options"
            return f"unknown option {found}.{nearest(word, options)} gibbs COMMAND --help lists the options"
        if "invalid choice" in message:
            word = message.split("'")[1]
            known = [*_COMMANDS, *_OF_A_RUN]
            return f"unknown command '{word}'.{nearest(word, known)} The commands are {', '.join(known)}"
        return message


class _Help(argparse.RawDescriptionHelpFormatter):
    """Descriptions keep their lines and columns; all is as wide as the terminal, and no word is broken, at a hyphen neither."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, width=wrap.width(sys.stdout, wrap.WIDEST) - 2, **options)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return wrap.help_text(text, width)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrap.lines(" ".join(text.split()), width)


def commands() -> dict[str, argparse.ArgumentParser]:
    """Every command and its parser, in the order of the overview's parts."""
    return {p.prog.removeprefix("gibbs "): p for p in _subparsers(_parser())}


def _subparsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    return [p for a in parser._actions if isinstance(a, argparse._SubParsersAction) for p in a.choices.values()]


def _parser() -> argparse.ArgumentParser:
    keep = _Help
    parser = _Parser(prog="gibbs", description=_OVERVIEW, formatter_class=keep, allow_abbrev=False, usage="gibbs COMMAND …")
    parser.add_argument("--version", action="version", version=f"gibbs {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, help=argparse.SUPPRESS)
    for name, (command, summary, arguments) in {**_COMMANDS, **_commands_of_a_run()}.items():
        one = commands.add_parser(name, prog=f"gibbs {name}", description=summary, formatter_class=keep, allow_abbrev=False)
        one.set_defaults(command=command)
        arguments(one)
    return parser


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    spec_arguments.arguments(parser, several=True)
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="the folder to write (the spec's output, else runs/NAME-OF-THE-SPEC); of several specs, each writes DIR/NAME-OF-THE-SPEC",
    )
    spec_arguments.sampling(parser, cores="threads, of several specs all together; never changes a draw")
    spec_arguments.on(parser, "chains are")
    parser.add_argument("--force", action="store_true", help="replace the run that the folder holds; other files in it stay")
    parser.add_argument("--rescue", metavar="DIR", help="where to write the run if it cannot be written there (a temporary folder)")
    parser.add_argument("--quiet", action="store_true", help="print nothing but warnings and errors")
    parser.add_argument("--log", metavar="FILE", help="add to this file what the run is at, one JSON object a line")


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    spec_arguments.arguments(parser)
    spec_arguments.sampling(parser)


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    pass


_FLAGS = "Flags go before what the spec says, and are recorded in the resolved spec."
_RUN = """\
Draw the posterior of a spec's model; write one folder and print the summary. Of several specs each is drawn by a process of its own, as
many at a time as there are cores, and one line says how each ended; an error in one is no matter of the others, and the exit code is the
worst of all. Two that would write one folder are refused before anything is begun.
"""
_OF_A_RUN = (
    "init", "prior", "sbc", "simulate-study", "cross-validate", "resume", "runs", "verify", "summary", "coef", "se", "plot", "effects",
    "contrasts", "predict", "poststratify", "apc", "frame", "compare", "hypothesis", "shares", "ranks", "sensitivity", "report", "export",
    "help", "completion",
)  # fmt: skip
"""Commands with a module of their own in ``gibbs.commands``."""
_COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int], str, Callable[[argparse.ArgumentParser], None]]] = {
    "run": (_run, _RUN + _FLAGS, _run_arguments),
    "check": (_check, "Read spec and data, print the model as it will be sampled, and stop.\n" + _FLAGS, _check_arguments),
    "schema": (_schema, "Print the JSON Schema of a spec, for editors.", _no_arguments),
    "version": (_version, "Print the version.", _no_arguments),
}


def _commands_of_a_run() -> dict[str, tuple[Callable[[argparse.Namespace], int], str, Callable[[argparse.ArgumentParser], None]]]:
    """As ``_COMMANDS``, from the modules."""
    modules = {name: import_module(f"gibbs.commands.{name.replace('-', '_')}") for name in _OF_A_RUN}
    return {name: (module.run, module.SUMMARY, module.arguments) for name, module in modules.items()}


# --------------------------------------------------------------------------------------------------- the surroundings


def _one_thread_for_each_chain() -> None:
    """Chains are threads; a linear-algebra library that starts its own beside them slows all down. Before numpy is imported."""
    for name in _THREADS:
        os.environ.setdefault(name, "1")


def _never_fail_on_a_letter() -> None:
    """A terminal that cannot show Greek gets question marks, not an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and (stream.encoding or "").lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="replace")


def _traceback_wanted() -> bool:
    return os.environ.get("GIBBS_TRACEBACK", "") not in ("", "0")


def _fault(error: Exception) -> str:
    """What to say of an error that nobody foresaw: where it was, and how to report it."""
    place, trace = "", error.__traceback__
    while trace is not None:
        place = f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    python = ".".join(map(str, sys.version_info[:3]))
    return (
        f"this is a fault in gibbs, not in your files: {type(error).__name__}: {error}{place}\n"
        f"Please report it with the spec and these versions: gibbs {__version__}, Python {python}.\n"
        "GIBBS_TRACEBACK=1 in the environment shows the whole traceback."
    )
