"""python -m tests.kills [N] [--seed S] [--model NAME]: kill N runs at random moments (200), go on with them, compare them byte by byte."""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
from pathlib import Path

from tests.kills.run import MODELS, Ground, example


def main(argv: list[str] | None = None) -> int:
    """The command; 1 where a run is not what it would have been."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("examples", nargs="?", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", choices=list(MODELS), action="append")
    options = parser.parse_args(argv)
    names, where, kills, wrong = options.model or list(MODELS), collections.Counter(), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        ground = Ground(Path(folder))
        for k in range(options.examples):
            found = example(ground, names[k % len(names)], options.seed + k // len(names))
            kills += len(found.kills)
            where.update(kill.split(" ")[0] if kill[:1] in "ws" and "written" not in kill else kill for kill in found.kills)
            if found.wrong:
                wrong += 1
                print(f"{found.model}, seed {found.seed}: {found.wrong} (killed: {', '.join(found.kills)})", flush=True)
    print(f"{options.examples} runs of {len(names)} models, killed {kills} times ({dict(where)}): {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
