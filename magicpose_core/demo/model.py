"""The small model that the package ships, trained on drawn dancers."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError

DEMO_CHECKPOINT = Path(__file__).with_name("magicpose-dancers.safetensors")
DEMO_MOTION = Path(__file__).with_name("magicpose-motion-dancers.safetensors")
"""The motion module that was trained on the demo model."""


def demo_checkpoint() -> Path:
    """Give the path of the bundled model.

    Raises:
        InputError: This copy of the package ships none.
    """
    if not DEMO_CHECKPOINT.is_file():
        raise InputError(
            "this copy holds no demo model; name a model as the checkpoint (README, 'Weights')"
        )
    return DEMO_CHECKPOINT
