"""Every random number of training is a function of its place, so a resumed run repeats the same.

No generator lives from step to step and none has to be saved: what a step draws follows from the
seed, the step and the process.
"""

from __future__ import annotations

import numpy as np
import torch


def numpy_generator(*place: int) -> np.random.Generator:
    """Make numpy's generator of a place, such as (seed, step, rank)."""
    return np.random.default_rng(place)


def torch_generator(*place: int) -> torch.Generator:
    """Make torch's generator of a place, on the CPU."""
    seed = int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(seed % 2**63)
