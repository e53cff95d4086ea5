"""``python -m tests.reference.table [CASE …]``: run the cases and print how far each is from its reference."""

from __future__ import annotations

import sys
import warnings

from tests.reference import cases
from tests.reference.compare import Comparison, compare

HEADING = (
    "| case | parameters | least ESS | largest z of a mean | of q5, q50, q95 | of an sd | sd ratios | sampling, s |\n"
    "|---|---|---|---|---|---|---|---|"
)


def line(found: Comparison) -> str:
    """One row of the table, in Markdown."""
    z, parameter = found.worst("z_mean")
    quantile, where = max((found.worst(f"z_{q}") for q in ("q5", "q50", "q95")), key=lambda pair: abs(pair[0]))
    ratios = found.rows["sd_ratio"]
    sd, which = found.worst("z_sd")
    return (
        f"| {found.name} | {len(found.rows)} | {found.rows['ess'].min():,.0f} | {z:+.2f} {parameter} | {quantile:+.2f} {where} "
        f"| {sd:+.2f} {which} | {ratios.min():.3f}–{ratios.max():.3f} | {found.seconds:.1f} |"
    )


def main(chosen: list[str]) -> int:
    """Print the table of the cases chosen, all where none is; 2 where the cases are not here or a name is none of them."""
    if not cases.FOLDER.is_dir():
        print(cases.ABSENT, file=sys.stderr)
        return 2
    unknown = [name for name in chosen if name not in cases.SPECS]
    if unknown:
        print(f"no such case: {', '.join(unknown)}; the cases are {', '.join(cases.SPECS)}", file=sys.stderr)
        return 2
    print(HEADING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what `gibbs check` would say of the data
        for name in chosen or cases.SPECS:
            print(line(compare(name, cases.fit(name))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
