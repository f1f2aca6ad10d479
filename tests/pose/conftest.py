"""People made by chance, for property tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from magicpose_core.pose.keypoints import Keypoints, PersonPose
from magicpose_core.pose.skeletons import PARTS


def random_keypoints(generator: np.random.Generator, count: int, missing: float) -> Keypoints:
    score = generator.uniform(0.3, 1, count) * (generator.random(count) >= missing)
    return Keypoints(generator.uniform(0.02, 0.98, (count, 2)), score)


def random_person(generator: np.random.Generator, missing: float = 0.2) -> PersonPose:
    parts = {
        part: random_keypoints(generator, len(skeleton), missing)
        for part, skeleton in PARTS.items()
        if part == "body" or generator.random() >= missing
    }
    return PersonPose(**parts)


@pytest.fixture
def make_person() -> Callable[..., PersonPose]:
    """random_person(generator, missing), as a fixture."""
    return random_person
