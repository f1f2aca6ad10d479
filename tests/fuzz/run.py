"""``make fuzz``: try many hostile inputs of each kind and print a table of how they were received.

``python -m tests.fuzz.run [KIND ...] --cases 2000 --seed 0``; exit code 1 where one was received
badly. A line ``weight_files 1234: ...`` is tried again with ``weight_files --seed 1234 --cases 1``.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import itertools
import sys
import time
from collections import Counter
from collections.abc import Mapping

from .harness import try_cases, try_known
from .outcomes import KINDS_OF_END, Limits

KINDS = ("weight_files", "keypoints", "pictures", "videos", "configurations", "options")


def main() -> int:
    """Try the cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.fuzz.run")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--cases", type=int, default=2000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0, help="the first case's")
    options = parser.parse_args()
    counts: dict[str, Counter[str]] = {}
    worst: dict[str, int] = {}
    begun = time.monotonic()
    for kind in options.kinds or KINDS:
        module = importlib.import_module(f".{kind}", __package__)
        gc.freeze()  # or else each child's collector copies all pages
        counts[kind], worst[kind] = Counter(), 0
        known = try_known(module.known_cases() if options.seed == 0 else (), limits=Limits())
        cases = try_cases(module.make_case, options.cases, seed=options.seed, limits=Limits())
        for name, outcome in itertools.chain(known, cases):
            counts[kind][outcome.kind] += 1
            worst[kind] = max(worst[kind], outcome.peak)
            if not outcome.clean:
                sys.stdout.write(f"{kind} {name}\n    {outcome}\n")
                sys.stdout.flush()
        sys.stdout.write(f"{kind}: {time.monotonic() - begun:.0f} s, {dict(counts[kind])}\n")
        sys.stdout.flush()
    sys.stdout.write(f"\n{table(counts, worst)}\n{time.monotonic() - begun:.0f} s\n")
    bad = sum(sum(count.values()) - count["ok"] - count["one line"] for count in counts.values())
    return 1 if bad else 0


def table(counts: Mapping[str, Counter[str]], worst: Mapping[str, int]) -> str:
    """Lay out counts a kind, with the greatest memory above rest, as Markdown."""
    heads = ("input", "cases", *KINDS_OF_END, "worst memory")
    rows = [heads, ("---",) * len(heads)]
    for kind, count in counts.items():
        ends = (f"{count[end]:,}" for end in KINDS_OF_END)
        rows.append((kind, f"{sum(count.values()):,}", *ends, f"{worst[kind] / 1e6:,.0f} MB"))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
