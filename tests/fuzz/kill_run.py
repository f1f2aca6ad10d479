"""``make kill``: kill every command that writes at random moments and print a table.

``python -m tests.fuzz.kill_run [COMMAND ...] --kills 300 --seed 0``; exit code 1 where anything was
damaged, mixed, lost or left over. ``--each-change`` leaves chance out: each command is killed
before each of its changes in the file system. After a third of the kills the next run is killed
as well.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from .kill_jobs import JOBS
from .killers import Kill, Killer
from .tiny_inputs import write_inputs


def main() -> int:
    """Kill, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.fuzz.kill_run")
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"of {', '.join(JOBS)}")
    parser.add_argument("--kills", type=int, default=300, help="of all commands together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each-change", action="store_true", help="instead of random moments")
    options = parser.parse_args()
    begun = time.monotonic()
    kills: dict[str, list[Kill]] = {}
    with tempfile.TemporaryDirectory(prefix="kill-") as folder:
        inputs = Path(folder, "inputs")
        inputs.mkdir()
        write_inputs(inputs)
        killers = {
            name: Killer(name, inputs, Path(folder, name)) for name in options.commands or JOBS
        }
        shares = sum(killer.job.share for killer in killers.values())
        for name, killer in killers.items():
            count = -(-options.kills * killer.job.share // shares)
            source = random.Random(f"{options.seed} {name}")
            drawn = (killer.draw_moment(source) for _ in range(count))
            kills[name] = []
            for moment in killer.each_change() if options.each_change else drawn:
                then = killer.draw_next_moment(source) if source.random() < 1 / 3 else None
                kills[name].append(killer.kill(moment, then=then))
                if wrong := kills[name][-1].wrong:
                    sys.stdout.write(f"{name}, {moment}, then {then}: {wrong}\n")
            sys.stdout.write(f"{table({name: kills[name]})}\n")
            sys.stdout.flush()
    sys.stdout.write(f"\n{table(kills)}\n{time.monotonic() - begun:.0f} s\n")
    return int(any(kill.wrong for each in kills.values() for kill in each))


def table(kills: dict[str, list[Kill]]) -> str:
    """Lay out what was found by command, as Markdown."""
    heads = ("command", "kills", "SIGKILL", "SIGTERM", "SIGHUP", "old", "new", "whole", "wrong")
    rows = [heads, ("---",) * len(heads)]
    for name, each in kills.items():
        signals = Counter(kill.number.name for kill in each)
        found = Counter(kill.found for kill in each)
        wrong = sum(bool(kill.wrong) for kill in each)
        counts = [
            len(each),
            *(signals[head] for head in heads[2:5]),
            *(found[h] for h in heads[5:8]),
        ]
        rows.append((name, *map(str, counts), str(wrong)))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
