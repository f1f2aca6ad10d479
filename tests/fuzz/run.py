"""``make fuzz``: try many hostile inputs of each kind and print a table of how they were received.

``python -m tests.fuzz.run [KIND ...] --cases 2100 --seed 0``; exit code 1 where one was received
badly. What was received badly is told at once, the counts a few times a kind. A line
``weight_files 1234: ...`` is tried again with ``weight_files --seed 1234 --cases 1``.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .harness import TOGETHER, try_cases, try_known
from .outcomes import KINDS_OF_END, Outcome

# How many cases each kind gets among those of the others: those that cost least get most.
KINDS: Mapping[str, int] = {
    "weight_files": 20,
    "keypoints": 12,
    "pictures": 12,
    "videos": 6,
    "configurations": 9,
    "options": 1,
}
_TELLS = 500  # cases


def main() -> int:
    """Try the cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.fuzz.run")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--cases", type=int, default=2100, help="of all kinds together")
    parser.add_argument("--seed", type=int, default=0, help="the first case's")
    options = parser.parse_args()
    kinds = options.kinds or KINDS
    shares = sum(KINDS[kind] for kind in kinds)
    tallies: dict[str, Tally] = {}
    begun = time.monotonic()
    for kind in kinds:
        tallies[kind] = Tally()
        cases = -(-options.cases * KINDS[kind] // shares)
        for name, outcome in _outcomes(kind, cases, options.seed):
            tallies[kind].add(outcome)
            if not outcome.clean:
                _say(f"{kind} {name}\n    {outcome}")
            if sum(tallies[kind].counts.values()) % _TELLS == 0:
                _say(f"{kind}: {time.monotonic() - begun:.0f} s, {dict(tallies[kind].counts)}")
        _say(f"{kind}: {time.monotonic() - begun:.0f} s\n\n{table(tallies)}\n")
    return int(any(tally.bad for tally in tallies.values()))


@dataclass
class Tally:
    """How the cases of a kind ended, and the most memory above rest that one took."""

    counts: Counter[str] = field(default_factory=Counter)
    peak: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count a case."""
        self.counts[outcome.kind] += 1
        self.peak = max(self.peak, outcome.peak)

    @property
    def bad(self) -> int:
        """How many were not received in a clean way."""
        return sum(self.counts.values()) - self.counts["ok"] - self.counts["one line"]


def _outcomes(kind: str, cases: int, seed: int) -> Iterator[tuple[str, Outcome]]:
    """Try what was ever found (in the run that begins at 0), and new cases."""
    module = importlib.import_module(f".{kind}", __package__)
    gc.freeze()  # or else each child's collector copies all pages
    together = getattr(module, "TOGETHER", TOGETHER)
    if seed == 0:
        yield from try_known(module.known_cases(), together=together)
    yield from try_cases(module.make_case, cases, seed=seed, together=together)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(tallies: Mapping[str, Tally]) -> str:
    """Lay out tallies a kind as Markdown."""
    heads = ("input", "cases", *KINDS_OF_END, "worst memory")
    rows = [heads, ("---",) * len(heads)]
    for kind, tally in tallies.items():
        ends = (f"{tally.counts[end]:,}" for end in KINDS_OF_END)
        whole = f"{sum(tally.counts.values()):,}"
        rows.append((kind, whole, *ends, f"{tally.peak / 1e6:,.0f} MB"))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
