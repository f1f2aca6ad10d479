"""Features of the Inception that FID is defined with, by torch-fidelity's exact port."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import CheckpointError, MissingDependencyError
from ...files import scratch_folder
from ...video.reader import Frame
from ...weights.checkpoint import open_checkpoint
from .files import FeatureFile

Features = Callable[[Frame], NDArray[np.float64]]  # of one frame -> (C,)


def load_inception(file: FeatureFile) -> Features:
    """Load the network.

    Raises:
        MissingDependencyError: torch-fidelity is not installed.
        CheckpointError: The file does not fit.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise MissingDependencyError(
            "FID and KID need torch-fidelity; pip install 'magicpose[metrics]'"
        ) from error
    opened = open_checkpoint(file.path)
    # torch-fidelity would run what a pickle says: it gets tensors that were read without
    with TemporaryDirectory(dir=scratch_folder(), prefix="magicpose-") as folder:
        clean = Path(folder) / "inception.pth"
        torch.save({key: opened.read(key) for key in opened.tensors}, clean)
        try:
            network = FeatureExtractorInceptionV3(
                "inception", ["2048"], feature_extractor_weights_path=str(clean), verbose=False
            )
        except RuntimeError as error:
            raise CheckpointError(
                f"{file.path.name} is no Inception of FID; name another"
            ) from error
    network.eval()

    @torch.no_grad()
    def features(frame: Frame) -> NDArray[np.float64]:
        pixels = torch.from_numpy(frame).permute(2, 0, 1).unsqueeze(0)
        return np.asarray(network(pixels)[0][0].double().numpy())

    return features
