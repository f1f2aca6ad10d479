"""How each sub-model is made: its shape out of a file, the network, and the map of its keys.

Loading, the search for what does not fit, export and ComfyUI's nodes all follow these recipes.
Shapes are read without diffusers; a network's class is imported when one is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from ..errors import CheckpointError
from ..models.motion_plan import MotionShape
from ..models.sd15 import ControlNetShape, TextShape, UNetShape, VaeShape
from .contents import PART_TITLES, Part, PartName, describe
from .heads import Heads, noted_heads
from .infer import Shapes, controlnet_shape, motion_shape, text_shape, unet_shape, vae_shape
from .ldm import WeightMap, appearance_map, controlnet_map, text_map, unet_map, vae_map
from .motion import is_table, motion_map, table_of_positions

if TYPE_CHECKING:
    from ..models.appearance import AppearanceControlModel
    from ..models.motion import MotionModule
    from ..models.networks import Autoencoder, UNet
    from ..models.pose_control import PoseControlNet
    from ..models.text import TextEncoder

Shape = TypeVar("Shape")
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class Recipe(Generic[Shape, Network]):
    """How a sub-model is made.

    Attributes:
        infer: Tensor shapes under bare LDM keys and numbers of heads -> the network's shape.
        build: Shape -> the network, which keeps it as ``network.shape``.
        weight_map: Network -> the map between its keys and LDM's.
        may_lack: Tells the LDM keys that a file may lack.
        absent: Gives what stands for one of them, from its key and shape; zeros where nothing
            reads it.
    """

    infer: Callable[[Shapes, Heads], Shape]
    build: Callable[[Shape], Network]
    weight_map: Callable[[Network], WeightMap]
    may_lack: Callable[[str], bool] = lambda key: False
    absent: Callable[[str, tuple[int, ...]], Tensor] = lambda key, shape: torch.zeros(shape)

    def shape(self, part: Part, heads: Heads | None = None) -> Shape:
        """Read the shape of a stored sub-model.

        Args:
            part: The sub-model.
            heads: Numbers of attention heads; None takes those that its file notes.

        Raises:
            CheckpointError: So much is missing that the architecture cannot be told, or the heads
                do not divide the channels.
        """
        heads = noted_heads(part.file.metadata) if heads is None else heads
        try:
            return self.infer(part.shapes, heads)
        except (KeyError, IndexError, ValueError) as error:
            raise _other_architecture(part, error) from error

    def lay_out(self, part: Part, heads: Heads | None = None) -> Network:
        """Build the network that a stored sub-model asks for, without memory for its weights.

        Raises:
            CheckpointError: As :meth:`shape`, or there is no such network.
        """
        shape = self.shape(part, heads)
        try:
            with torch.device("meta"):
                return self.build(shape)
        except ValueError as error:
            raise _other_architecture(part, error) from error


def _other_architecture(part: Part, error: Exception) -> CheckpointError:
    reason = f"{error} is missing" if isinstance(error, KeyError) else error
    return CheckpointError(
        f"the {PART_TITLES[part.name]} in {part.file.path.name} is incomplete or of another "
        f"architecture ({reason}); the file seems to be {describe(part.file)}; fetch it again or "
        "name another"
    )


def _unet(shape: UNetShape) -> UNet:
    from ..models.networks import UNet

    return UNet(shape)


def _appearance_model(shape: ControlNetShape) -> AppearanceControlModel:
    from ..models.appearance import AppearanceControlModel

    return AppearanceControlModel(shape)


def _pose_controlnet(shape: ControlNetShape) -> PoseControlNet:
    from ..models.pose_control import PoseControlNet

    return PoseControlNet(shape)


def _autoencoder(shape: VaeShape) -> Autoencoder:
    from ..models.networks import Autoencoder

    return Autoencoder(shape)


def _motion_module(shape: MotionShape) -> MotionModule:
    from ..models.motion import MotionModule

    return MotionModule(shape)


def _text_encoder(shape: TextShape) -> TextEncoder:
    from ..models.text import TextEncoder

    return TextEncoder(shape)


UNET: Recipe[UNetShape, UNet] = Recipe(
    infer=lambda shapes, heads: unet_shape(shapes, heads=heads.unet),
    build=_unet,
    weight_map=lambda network: unet_map(network.shape),
)
APPEARANCE: Recipe[ControlNetShape, AppearanceControlModel] = Recipe(
    infer=lambda shapes, heads: controlnet_shape(shapes, heads=heads.unet),
    build=_appearance_model,
    weight_map=lambda network: appearance_map(network.shape.unet),
    may_lack=lambda key: key.startswith("input_hint_block."),  # where a U-Net was the start
)
POSE: Recipe[ControlNetShape, PoseControlNet] = Recipe(
    infer=lambda shapes, heads: controlnet_shape(shapes, heads=heads.unet),
    build=_pose_controlnet,
    weight_map=lambda network: controlnet_map(network.shape),
)
VAE: Recipe[VaeShape, Autoencoder] = Recipe(
    infer=lambda shapes, _: vae_shape(shapes),
    build=_autoencoder,
    weight_map=lambda network: vae_map(network.shape),
)
TEXT: Recipe[TextShape, TextEncoder] = Recipe(
    infer=lambda shapes, heads: text_shape(shapes, heads=heads.text),
    build=_text_encoder,
    weight_map=lambda network: text_map(network.level),
)
MOTION: Recipe[MotionShape, MotionModule] = Recipe(
    infer=lambda shapes, heads: motion_shape(shapes, heads=heads.unet),
    build=_motion_module,
    weight_map=lambda network: motion_map(network.shape),
    may_lack=is_table,
    absent=table_of_positions,
)
RECIPES: Mapping[PartName, Recipe[Any, Any]] = {
    "unet": UNET,
    "appearance": APPEARANCE,
    "pose": POSE,
    "vae": VAE,
    "text": TEXT,
    "motion": MOTION,
}
