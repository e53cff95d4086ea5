"""How the default run ends on ordinary fits: draws, time, and the verdict, with no ``sampling:`` key (``kinds.yaml``).

    python benchmarks/default_runs.py [--only WORD] [--seed 1] [--seconds 600]

Prints one line a fit, and how many end with exit code 0. The time is that of the process between the data and the verdict.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import yaml

import gibbs
from gibbs.errors import GibbsError

KINDS = Path(__file__).with_suffix("").with_name("kinds.yaml")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--only", default="", help="fits whose name has this word")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=600.0, help="max_seconds")
    options = parser.parse_args()
    kinds = yaml.safe_load(KINDS.read_text(encoding="utf-8"))
    done = good = 0
    print("| fit | draws a chain (kept) | warm-up | worst R-hat | least ESS | seconds | exit |\n|---|---|---|---|---|---|---|")
    for name, (data, formula, *family) in kinds.items():
        if options.only not in name:
            continue
        began = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fit = gibbs.fit(
                    formula,
                    data,
                    family=family[0] if family else None,
                    seed=options.seed,
                    until={"max_seconds": options.seconds},
                    progress=False,
                )
            how, said = fit.arrays.info["to_precision"], fit.convergence
        except GibbsError as error:
            print(f"| {name} | refused: {error} |", flush=True)
            continue
        seconds, ok = time.perf_counter() - began, said.ok and not fit.arrays.stopped
        done, good = done + 1, good + ok
        least = min(said.min_ess_bulk, said.min_ess_tail)
        print(
            f"| {name} | {how['draws_a_chain']:,} ({fit.arrays.beta.shape[1]:,}) | {how['warmup']:,} | {said.max_rhat:.4f} | {least:,.0f} "
            f"| {seconds:.1f} | {0 if ok else f'1 {fit.arrays.stopped}'} |",
            flush=True,
        )
        if not ok:
            print(f"    {fit.verdict}", flush=True)
    print(f"\n{good} of {done} end with exit code 0.")


if __name__ == "__main__":
    main()
