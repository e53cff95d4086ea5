"""``python -m tests.fuzz N``: so many examples; every failure with the command that repeats it. Exit code 1 where there was one."""

from __future__ import annotations

import argparse
import faulthandler
import sys
import time

import tests.conftest  # noqa: F401  (the folder of compiled code)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("examples", nargs="?", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first example")
    parser.add_argument("--only", type=int, help="this example alone, with all that it said")
    parser.add_argument("--kind", help="only examples of this kind")
    parser.add_argument("--seconds", type=float, default=5.0, help="limit of one example")
    arguments = parser.parse_args()
    faulthandler.enable()

    from tests.fuzz import kinds, run

    if arguments.only is not None:
        ended = run.one(arguments.seed, arguments.only, kind=arguments.kind, seconds=arguments.seconds)
        print(f"{ended.kind}: {ended.verdict.kind}, {ended.seconds:.2f} s\n{ended.verdict.words}")
        return int(ended.verdict.wrong)
    if arguments.kind in (None, "drawing", "sampled", "whole"):
        kinds.warm()
    began, all_ended, failed = time.time(), [], 0
    for ended in run.many(
        arguments.seed, range(arguments.first, arguments.first + arguments.examples), kind=arguments.kind, seconds=arguments.seconds
    ):
        all_ended.append(ended)
        if len(all_ended) % 500 == 0:
            print(f"{len(all_ended):,} examples, {failed} wrong, {time.time() - began:.0f} s", file=sys.stderr, flush=True)
        if ended.verdict.wrong:
            failed += 1
            kind = f" --kind {arguments.kind}" if arguments.kind else ""
            print(f"\n{ended.kind} {ended.number}: {ended.verdict.kind}\n{ended.verdict.words}\n  again: {ended.again}{kind}", flush=True)
    print(f"\n{run.table(all_ended)}\n{len(all_ended):,} examples of seed {arguments.seed} in {time.time() - began:.0f} s, {failed} wrong")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
