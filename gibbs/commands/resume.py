"""``gibbs resume RUN``: go on with a run that was broken off, or add draws to one that is over."""

from __future__ import annotations

import argparse

from gibbs.commands import spec_arguments
from gibbs.terminal import say_beside, until, whole_number

SUMMARY = """\
Go on with a run that was broken off: by Ctrl-C, a crash, a power cut, a scheduler. The draws, and every file but manifest.json, are those
of a run that was never interrupted. With --draws or --until a run that is over goes on too; its first draws stay the first. With --now
nothing is drawn: the results of what there is are written, and the run can go on later.
RUN is the folder that the run was, or was to be, written to."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the folder of the run, whether it is there already or not")
    parser.add_argument("--draws", metavar="N", type=whole_number(1), help="draws that every chain is to have in the end")
    parser.add_argument("--until", metavar="KEY=VALUE,…", type=until, help="how precise it is to be in the end: ess=4000,rhat=1.005")
    parser.add_argument("--now", action="store_true", help="write what was drawn, and draw no more; resume goes on with it later")
    parser.add_argument("--data", metavar="FILE", help="the data, where they are no longer where the spec says; they must be the same")
    parser.add_argument("--cores", metavar="N", type=whole_number(1), help="threads; never changes a draw")
    spec_arguments.on(parser, "chains are")
    parser.add_argument("--rescue", metavar="DIR", help="where to write the run if it cannot be written there (a temporary folder)")
    parser.add_argument("--quiet", action="store_true", help="print nothing but warnings and errors")
    parser.add_argument("--log", metavar="FILE", help="add to this file what the run is at, one JSON object a line")


def run(arguments: argparse.Namespace) -> int:
    from gibbs.commands.carry_out import carry_out
    from gibbs.resuming import resume

    asked = resume.Asked(arguments.draws, arguments.until, arguments.cores, arguments.data, arguments.now)
    with spec_arguments.workers(arguments, arguments.cores) as hands, resume.opened(arguments.run, asked) as going:
        for note in going.notes:
            say_beside(f"note: {note}")
        flags = {"quiet": arguments.quiet, "log": arguments.log, "rescue": arguments.rescue}
        return carry_out(going.prepared, going.place, going.course, **flags, spec=arguments.run, hands=hands)
