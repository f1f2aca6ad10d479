"""What the doctor says: lines of fact, and what is wrong with the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        what: What was looked at, in a few words.
        seen: What was found.
        remedy: What to do about it; None where it is as it should be.
        harmless: It has a remedy, yet nothing fails for it.
    """

    what: str
    seen: str
    remedy: str | None = None
    harmless: bool = False

    @property
    def wrong(self) -> bool:
        """Something does not work or computes wrong numbers."""
        return self.remedy is not None and not self.harmless

    def __str__(self) -> str:
        """Write the line, and the remedy below it."""
        mark = "WRONG " if self.wrong else ""
        line = f"  {mark}{self.what}: {self.seen}"
        return line if self.remedy is None else f"{line}\n    -> {self.remedy}"


def verdict(findings: Iterable[Finding]) -> str:
    """Sum up in a line or two."""
    wrong = [finding for finding in findings if finding.wrong]
    if not wrong:
        return "nothing is wrong"
    things = "1 thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
    return f"{things} wrong: {', '.join(finding.what for finding in wrong)}"


def section(title: str, findings: Sequence[Finding]) -> str:
    """Write a part of the report under its title."""
    return "\n".join([title, *map(str, findings)])
