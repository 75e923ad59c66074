"""`make chaos`: three replicas and their Redis, or two, under attack, callers, and a judge of all that was answered.

Prints a table of the attacks and a line for each seed. A long run renews deploy/chaos.md. It ends with 1 if a promise
was broken, and says how to run that seed again; the moments of threads and processes are not the seed's, though.
"""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from tests.chaos import page
from tests.chaos.run import run

if TYPE_CHECKING:
    from tests.chaos.run import Outcome

SEEDS, MINUTES = 10, 3.0
_SHOWN = 5


def main() -> int:
    """Run all seeds, and report."""
    parser = argparse.ArgumentParser(description="Attack a system and judge what it answered.")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="how many, one after another")
    parser.add_argument("--seed", type=int, default=None, help="only this one")
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="the first of them")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="how long each is attacked")
    parser.add_argument("--page", action="store_true", help=f"renew {page.PAGE} also after a shorter run")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that no process is left behind
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.seeds)
    outcomes: list[Outcome] = []
    for seed in seeds:
        outcomes.append(run(seed, 60 * options.minutes))
        sys.stderr.write(f"{page.verdict(outcomes[-1])}\n")
        for each in outcomes[-1].violations[:_SHOWN]:
            sys.stderr.write(f"  {each.promise}: {each.text}\n")
    sys.stdout.write(page.table(outcomes))
    if options.page or (len(seeds) >= SEEDS and options.minutes >= MINUTES):
        page.write(outcomes)
        sys.stderr.write(f"{page.PAGE} is renewed\n")
    return 1 if any(outcome.violations for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
