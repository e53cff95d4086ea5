"""``gibbs summary RUN [RUN …]``: the tables of a run, or of several side by side."""

from __future__ import annotations

import argparse

from gibbs.terminal import whole_number

SUMMARY = """\
Print the summary of a run: in brms' layout, lme4's or arm's display(), for the terminal, as CSV, Markdown or LaTeX (booktabs).
Several runs are set side by side, as journals print them, under the names of their folders."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a folder that gibbs run has written")
    parser.add_argument("--style", metavar="S", default="brms", help="brms (the default), lme4 or display")
    parser.add_argument("--format", metavar="F", help="terminal (the default), csv, markdown or latex; else as the name after --out says")
    parser.add_argument("--level", metavar="P", type=_number, help="probability of the intervals (0.95); lme4 and display: adds them")
    parser.add_argument("--exp", action="store_true", help="coefficients as ratios: odds (link logit), rates (log), hazards (cloglog)")
    parser.add_argument("--interval", metavar="KIND", default="equal", help="equal (tails, the default) or hdi (the shortest)")
    parser.add_argument(
        "--parameters", metavar="NAME", nargs="+", action="extend", help="only these; * stands for anything ('sd_*', 'r_province[*')"
    )
    parser.add_argument("--below", metavar="WHAT", default="interval", help="several runs: under an estimate its interval, or se")
    parser.add_argument("--digits", metavar="N", type=whole_number(0), help="decimals at least (2; CSV: eight digits in all)")
    parser.add_argument("--caption", metavar="TEXT", default="", help="of a LaTeX table")
    parser.add_argument("--out", metavar="FILE", help="write the table to a file")
    parser.add_argument("--force", action="store_true", help="replace that file")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number between 0 and 1, such as 0.9") from None


def run(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from gibbs.files import whole
    from gibbs.posterior.fit import load
    from gibbs.summaries import tables
    from gibbs.terminal import say, say_words, show_summary

    form = arguments.format or tables.SUFFIXES.get(Path(arguments.out or "").suffix.lower(), "terminal")
    if arguments.out is not None:
        whole.check_file(arguments.out, force=arguments.force)
    fits = [load(run) for run in arguments.runs]
    chosen = (arguments.style, form, arguments.level, arguments.interval, arguments.parameters, arguments.digits, arguments.exp)
    if len(fits) == 1 and arguments.out is None and chosen == ("brms", "terminal", None, "equal", None, None, False):
        show_summary(fits[0])
        return 0
    text = tables.tables(
        fits,
        style=arguments.style,
        format=form,
        level=arguments.level,
        interval=arguments.interval,
        exp=arguments.exp,
        parameters=arguments.parameters,
        below=arguments.below,
        digits=arguments.digits,
        labels=[Path(run).resolve().name for run in arguments.runs],
        caption=arguments.caption,
    )
    if arguments.out is None:
        (say_words if form == "terminal" else say)(text.rstrip("\n"))
    else:
        written = whole.write_file(arguments.out, lambda file: file.write_text(text, encoding="utf-8"), force=arguments.force)
        say(f"Written to {written}")
    return 0
