"""OpenPose's body, hand and face networks, as they made MagicPose's training maps.

The networks and the grouping of joints into people are controlnet-aux's (the code is licensed by
CMU for non-commercial research); weights are read without executing pickles.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...errors import CheckpointError, InputError, MissingDependencyError
from ...video.reader import Frame
from ..keypoints import Keypoints, PersonPose
from ..skeletons import FACE
from .settings import DetectorSettings, Device
from .weights import OPENPOSE_BODY, OPENPOSE_FACE, OPENPOSE_HAND, find_weights

if TYPE_CHECKING:
    from controlnet_aux.open_pose import OpenposeDetector

_LOG = logging.getLogger("magicpose")
_BODY_ACCEPTED, _FACE_ACCEPTED = 0.1, 0.05  # OpenPose's thresholds on its heat maps
_USUAL_ACCEPTED = 0.3  # what the other detectors' scores mean by it


class Point(Protocol):
    """A point as controlnet-aux gives it."""

    x: float
    y: float
    score: float


class OpenPose:
    """OpenPose with its three networks on one device; a class because it holds the networks."""

    def __init__(self, networks: OpenposeDetector, device: torch.device) -> None:
        self._networks = networks
        self._device = device

    @property
    def runs_on(self) -> str:
        """Name the device."""
        return f"torch on {self._device}"

    def detect(self, frame: Frame) -> tuple[PersonPose, ...]:
        """Find the people in an (H, W, 3) uint8 RGB picture."""
        from controlnet_aux.open_pose import util

        picture = np.ascontiguousarray(frame[:, :, ::-1])
        height, width = picture.shape[:2]
        candidates, subsets = self._networks.body_estimation(picture)
        people = []
        for body in self._networks.body_estimation.format_body_result(candidates, subsets):
            left, right = self._networks.detect_hands(body, picture)
            square = util.faceDetect(body, picture)
            people.append(
                PersonPose(
                    body=_body(body.keypoints, width, height),
                    left_hand=_hand(left),
                    right_hand=_hand(right),
                    face=None if square is None else self._face(picture, square),
                )
            )
        return tuple(people)

    def _face(self, picture: Frame, square: tuple[int, int, int]) -> Keypoints:
        left, top, side = square
        cut = picture[top : top + side, left : left + side]
        heat = self._networks.face_estimation(cut)
        return decode_face(heat, (left, top), (picture.shape[1], picture.shape[0]))


def decode_face(
    heat: NDArray[np.float32], corner: tuple[int, int], size: tuple[int, int]
) -> Keypoints:
    """Read face points from heat maps.

    Args:
        heat: (71, h, w), the last one for the background.
        corner: x and y of the heat maps' corner in the picture, in pixels.
        size: Width and height of the picture in pixels.
    """
    maps = heat[: len(FACE)]
    flat = maps.reshape(len(maps), -1)
    down, across = np.divmod(flat.argmax(axis=1), maps.shape[2])
    places = np.stack([across, down], axis=1) + corner
    return Keypoints.from_pixels(places, usual_score(flat.max(axis=1), _FACE_ACCEPTED), *size)


def usual_score(peak: NDArray[np.float32], accepted: float) -> NDArray[np.float32]:
    """Bring the height of heat map peaks to the scale of the other detectors' scores.

    OpenPose accepts peaks from 0.05 or 0.1 on; the others, and the drawing, take 0.3.

    Args:
        peak: (K,) heights in 0..1.
        accepted: The height from which OpenPose accepts a peak; lower ones become 0.
    """
    above = (peak - accepted) / (1 - accepted)
    score = _USUAL_ACCEPTED + (1 - _USUAL_ACCEPTED) * above
    return np.where(peak >= accepted, score, 0).clip(0, 1).astype(np.float32)


def load_openpose(settings: DetectorSettings) -> OpenPose:
    """Load the three networks from the weight folders.

    Raises:
        MissingDependencyError: controlnet-aux or a weight file is absent.
        CheckpointError: A weight file is damaged or of another network.
    """
    try:
        from controlnet_aux.open_pose import OpenposeDetector
        from controlnet_aux.open_pose.body import Body
        from controlnet_aux.open_pose.face import Face, FaceNet
        from controlnet_aux.open_pose.hand import Hand
        from controlnet_aux.open_pose.model import bodypose_model, handpose_model
    except (ImportError, AttributeError) as error:
        raise MissingDependencyError(
            f"OpenPose needs controlnet-aux, which cannot be loaded ({error}): "
            "pip install controlnet-aux timm torchvision matplotlib, or take the detector dwpose"
        ) from error
    device = _device(settings.device)
    body, hand, face = Body.__new__(Body), Hand.__new__(Hand), Face.__new__(Face)
    for estimator, network, file in (
        (body, bodypose_model(), OPENPOSE_BODY),
        (hand, handpose_model(), OPENPOSE_HAND),
        (face, FaceNet(), OPENPOSE_FACE),
    ):
        # Their constructors read pickles with whatever torch.load does by default.
        path = find_weights(file, settings.weights, download=settings.download)
        estimator.model = _filled(network, path).to(device)
    return OpenPose(OpenposeDetector(body, hand, face), device)


def _filled(network: nn.Module, path: Path) -> nn.Module:
    """Fill a network by the last parts of its tensors' names, which the files group otherwise."""
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(
            f"{path} cannot be read as weights ({error}); fetch it again"
        ) from error
    if not isinstance(weights, dict):
        raise CheckpointError(f"{path} holds no named tensors; fetch it again")
    names = {
        key if key in weights else key.partition(".")[2] or key: key for key in network.state_dict()
    }
    missing = sorted(set(names) - set(weights))
    if missing:
        raise CheckpointError(
            f"{path} lacks {len(missing)} tensors of the network, such as {missing[0]}; "
            "it is of another model: fetch it again"
        )
    try:
        network.load_state_dict({key: weights[name] for name, key in names.items()})
    except RuntimeError as error:
        raise CheckpointError(
            f"{path} holds tensors of other shapes, so it is of another model: fetch it again"
        ) from error
    return network.eval().requires_grad_(False)


def _device(device: Device) -> torch.device:
    if device == "auto":
        if not torch.cuda.is_available():
            _LOG.warning("OpenPose runs on the CPU, which is slow (torch finds no CUDA device)")
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device == "coreml":
        raise InputError("OpenPose runs on cpu, cuda or mps, not on coreml")
    if device == "cuda" and not torch.cuda.is_available():
        raise MissingDependencyError("this torch finds no CUDA device; choose the device cpu")
    return torch.device(device)


def _body(found: Sequence[Point | None], width: int, height: int) -> Keypoints:
    """Read the 18 points of one body; None was not found."""
    places = [(0.0, 0.0) if point is None else (point.x, point.y) for point in found]
    peaks = np.array([0.0 if point is None else point.score for point in found], np.float32)
    score = usual_score(peaks, _BODY_ACCEPTED)
    return Keypoints.from_pixels(places, score, width, height)


def _hand(found: Sequence[Point] | None) -> Keypoints | None:
    """Read the 21 points of a hand as fractions; controlnet-aux puts unfound ones below 0."""
    if found is None:
        return None
    xy = np.array([(point.x, point.y) for point in found], np.float32)
    return Keypoints(xy, np.all(xy >= 0, axis=1).astype(np.float32))
