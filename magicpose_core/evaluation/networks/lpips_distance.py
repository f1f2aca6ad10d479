"""LPIPS with backbones by path: the package brings its own small weights, and fetches no others."""

from __future__ import annotations

import re
from typing import Any, Literal

import torch
from torch import Tensor

from ...errors import CheckpointError, MissingDependencyError
from ...images import from_uint8
from ...weights.checkpoint import open_checkpoint
from ..clip_figures import Figures, FrameMetrics
from .files import FeatureFile

Backbone = Literal["vgg", "alex"]


def load_lpips(file: FeatureFile, backbone: Backbone) -> Any:
    """Load the network.

    Args:
        file: torchvision's weights of the backbone.
        backbone: ``vgg`` (VGG-16) or ``alex`` (AlexNet).

    Raises:
        MissingDependencyError: lpips is not installed.
        CheckpointError: The file is of another network.
    """
    try:
        from lpips import LPIPS
    except ImportError as error:
        raise MissingDependencyError(
            "LPIPS needs lpips; pip install 'magicpose[metrics]'"
        ) from error
    network = LPIPS(net=backbone, pnet_rand=True, verbose=False)
    opened = open_checkpoint(file.path)
    state = {}
    for name, tensor in network.net.state_dict().items():
        key = f"features.{re.sub(r'^slice[0-9]+[.]', '', name)}"
        if key not in opened.tensors or opened.tensors[key].shape != tuple(tensor.shape):
            raise CheckpointError(f"{file.path.name} is no {backbone} network: {key} does not fit")
        state[name] = opened.read(key).float()
    network.net.load_state_dict(state)
    return network.eval().requires_grad_(False)


def lpips_metrics(
    network: Any, name: str, *, in_unit_range: str | None = None
) -> FrameMetrics[Tensor]:
    """Give the distance of two frames, 0 for equal ones.

    Args:
        network: Of :func:`load_lpips`.
        name: Of the metric.
        in_unit_range: Name of the same with 0..1 fed where the network wants -1..1, as DisCo's
            script does; None leaves that out.
    """

    @torch.no_grad()
    def compare(result: Tensor, truth: Tensor) -> Figures:
        figures = {name: float(network(2 * result - 1, 2 * truth - 1))}
        if in_unit_range is not None:
            figures[in_unit_range] = float(network(result, truth))
        return figures

    names = (name,) if in_unit_range is None else (name, in_unit_range)
    return FrameMetrics(names=names, look=from_uint8, compare=compare)
