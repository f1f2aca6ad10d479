"""What the two training stages start from, as the authors do it.

Stage 1 starts the appearance control model from a ControlNet on SD 1.5 (``control_sd15_ini``) or
from SD 1.5's U-Net itself; stage 2 takes the appearance control model of stage 1 and a ControlNet
v1.1, which ``contents.find_part`` finds under their names in those files.
"""

from __future__ import annotations

from ..errors import CheckpointError
from .checkpoint import Checkpoint
from .contents import Part, describe, find_parts

_CONTROLNET_ALONE = ("zero_convs", "middle_block_out")


def start_appearance(file: Checkpoint) -> Part:
    """Put the appearance control model together that stage 1 starts from.

    The encoder and middle come from the file's ControlNet where it has one (its output convolutions
    are dropped), else from its U-Net; the decoder is the U-Net's. A file that has an appearance
    control model already gives that one.

    Raises:
        CheckpointError: The file has no U-Net to start from.
    """
    parts = find_parts(file)
    if "appearance" in parts:
        return parts["appearance"]
    if "unet" not in parts:
        raise CheckpointError(
            f"{file.path.name} is {describe(file)}; the appearance control model starts from a "
            "Stable Diffusion 1.5 checkpoint or control_sd15_ini"
        )
    unet = {key: stored for key, stored in parts["unet"].keys.items() if not key.startswith("out.")}
    if "pose" not in parts:
        return Part("appearance", file, unet)
    controlnet = {
        key: stored
        for key, stored in parts["pose"].keys.items()
        if not key.startswith(_CONTROLNET_ALONE)
    }
    return Part("appearance", file, {**unet, **controlnet})
