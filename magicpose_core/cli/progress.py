"""Bars that commands show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sampling.denoise import OnSamplingStep, SamplingStep


@contextmanager
def step_bar() -> Iterator[OnSamplingStep]:
    """Show a bar of sampling steps."""
    from tqdm import tqdm

    with tqdm(desc="sampling", unit="step") as bar:

        def show(step: SamplingStep) -> None:
            bar.total = step.total
            bar.update(step.done - bar.n)

        yield show
