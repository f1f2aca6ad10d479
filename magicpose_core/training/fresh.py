"""Networks with random weights in the shapes of a configuration, for a model of one's own."""

from __future__ import annotations

import torch

from ..models.appearance import AppearanceControlModel
from ..models.denoiser import MagicPoseDenoiser
from ..models.motion import MotionModule
from ..models.motion_plan import MotionShape
from ..models.networks import Autoencoder, UNet
from ..models.pose_control import PoseControlNet
from ..models.sd15 import ControlNetShape, TextShape, UNetShape, VaeShape
from ..models.text import TextEncoder
from .config import NetworkConfig

_TEXT_LAYERS = 1
_NARROW = -6.0  # log variance


def fresh_vae(config: NetworkConfig, seed: int) -> Autoencoder:
    """Draw an autoencoder whose posterior is narrow at first.

    With the usual start the posterior's noise drowns the latents, and colours are learned late.
    """
    with _seeded(seed):
        vae = Autoencoder(VaeShape(channels=config.vae_channels, resnets=config.vae_resnets))
    with torch.no_grad():
        vae.quant_conv.bias[vae.shape.latent_channels :] = _NARROW
    return vae


def fresh_denoiser(config: NetworkConfig, seed: int) -> MagicPoseDenoiser:
    """Draw a U-Net, an appearance control model and a pose ControlNet."""
    unet = UNetShape(channels=config.channels, heads=config.heads, context=config.text_width)
    shape = ControlNetShape(unet=unet)
    with _seeded(seed):
        return MagicPoseDenoiser(UNet(unet), AppearanceControlModel(shape), PoseControlNet(shape))


def fresh_motion(config: NetworkConfig, unet: UNetShape, seed: int) -> MotionModule:
    """Draw a motion module for a U-Net that does nothing yet: its output projections are zero."""
    shape = MotionShape(
        channels=unet.channels,
        resnets=unet.resnets,
        middle=config.motion_middle,
        positions=config.motion_positions,
    )
    with _seeded(seed):
        motion = MotionModule(shape)
    with torch.no_grad():
        for name, parameter in motion.named_parameters():
            if ".proj_out." in name:
                parameter.zero_()
    return motion


def fresh_text(config: NetworkConfig, seed: int) -> TextEncoder:
    """Draw a small text encoder; a model that only reads the empty prompt needs no other."""
    width = config.text_width
    heads = max(count for count in range(1, 13) if width % count == 0)
    with _seeded(seed):
        return TextEncoder(
            TextShape(width=width, layers=_TEXT_LAYERS, heads=heads, feed_forward=4 * width)
        )


class _seeded:  # noqa: N801 - reads as a phrase after `with`
    """Seed torch's global generator, which network constructors draw from, and restore it."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __enter__(self) -> None:
        self._kept = torch.get_rng_state()
        torch.manual_seed(self._seed)

    def __exit__(self, *_: object) -> None:
        torch.set_rng_state(self._kept)
