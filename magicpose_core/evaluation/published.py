"""Figures that papers print, each with its source; nothing is known that no file says."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..errors import InputError
from ..files import regular_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found]

SHIPPED: Mapping[str, Path] = MappingProxyType(
    {"tiktok": Path(__file__).with_name("published_tiktok.toml")}
)
"""Rows that come with the package, by the name of their test set."""


@dataclass(frozen=True)
class PublishedRow:
    """A row of somebody's table.

    Attributes:
        method: Whose figures.
        source: Where they are printed: paper, table, address.
        metrics: Metric -> value, by this project's names (``disco_psnr``), or by one of their own
            where it measures what nothing here does.
    """

    method: str
    source: str
    metrics: Mapping[str, float]


def read_published(path: Path) -> list[PublishedRow]:
    """Read rows from a TOML file with a table ``[[row]]`` for each: method, source, metrics.

    Raises:
        InputError: It is absent, no TOML, or a row lacks its source.
    """
    try:
        content = tomllib.loads(regular_file(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as TOML ({error}); mend it") from error
    rows = content.get("row")
    if not isinstance(rows, list):
        raise InputError(f"{path} has no [[row]]; write one for each method")
    return [_row(row, path, number) for number, row in enumerate(rows, start=1)]


def _row(row: object, path: Path, number: int) -> PublishedRow:
    if not isinstance(row, dict) or not row.get("method") or not row.get("source"):
        raise InputError(f"{path}, row {number}: method and source must be given for every row")
    metrics = row.get("metrics")
    good = isinstance(metrics, dict) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in metrics.values()
    )
    if not good:
        raise InputError(f"{path}, row {number}: metrics must be a table of numbers")
    assert isinstance(metrics, dict)
    return PublishedRow(
        method=str(row["method"]),
        source=str(row["source"]),
        metrics={str(name): float(value) for name, value in metrics.items()},
    )
