"""DWPose and RTMPose: boxes of people, then 133 points in each, through onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import CheckpointError
from ...video.reader import Frame
from ..formats.coco_wholebody import WHOLEBODY_COUNT, from_coco
from ..keypoints import PersonPose
from .boxes import decode_boxes, letterbox
from .onnx_session import OnnxNetwork, open_network
from .settings import DetectorSettings
from .simcc import cut_out, decode_simcc
from .weights import BODY_PATTERNS, BOX_PATTERNS, PERSON_BOXES, WHOLE_BODY, find_weights


@dataclass(frozen=True, kw_only=True)
class DWPose:
    """The two networks of DWPose."""

    boxes: OnnxNetwork
    body: OnnxNetwork

    @property
    def runs_on(self) -> str:
        """Name the provider of the larger network."""
        return f"onnxruntime on {self.body.provider}"

    def detect(self, frame: Frame) -> tuple[PersonPose, ...]:
        """Find the people in an (H, W, 3) uint8 RGB picture, the surest box first."""
        height, width = frame.shape[:2]
        side = self.boxes.height
        picture, scale = letterbox(frame, side)
        people = []
        for box in decode_boxes(self.boxes.run(picture), side, scale):
            cut, affine = cut_out(frame, box[:4], self.body.width, self.body.height)
            points = decode_simcc(self.body.run(cut), self.body.width, affine)
            people.append(from_coco(points, width, height))
        return tuple(people)


def load_dwpose(settings: DetectorSettings) -> DWPose:
    """Open the networks from the weight folders.

    Raises:
        MissingDependencyError: onnxruntime or a weight file is absent.
        CheckpointError: A file is damaged or another network.
    """
    boxes, body = (
        open_network(
            find_weights(file, settings.weights, download=settings.download, patterns=others),
            settings.device,
        )
        for file, others in ((PERSON_BOXES, BOX_PATTERNS), (WHOLE_BODY, BODY_PATTERNS))
    )
    blank = np.zeros((1, 3, body.height, body.width), np.float32)
    count = decode_simcc(body.run(blank), body.width, np.eye(2, 3)).shape[0]
    if count != WHOLEBODY_COUNT:
        raise CheckpointError(
            f"the pose network finds {count} points; MagicPose needs hands and face: take one of "
            f"the {WHOLEBODY_COUNT} of COCO-WholeBody, such as {WHOLE_BODY.name}"
        )
    return DWPose(boxes=boxes, body=body)
