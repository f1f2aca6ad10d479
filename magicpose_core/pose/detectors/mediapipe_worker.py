"""Run by MediaPipe's own Python, as a script: frames in on stdin, landmarks out on stdout.

In: width and height (two little-endian uint32) and height * width * 3 bytes of RGB, repeatedly.
Out: one line of JSON a frame with the parts that were found, each a list of [x, y, visibility].
"""

from __future__ import annotations

import json
import struct
import sys
from typing import BinaryIO

import mediapipe
import numpy as np

_HEADER = struct.Struct("<II")


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer frames until the input ends."""
    with mediapipe.solutions.holistic.Holistic(
        static_image_mode=True, model_complexity=1, refine_face_landmarks=True
    ) as holistic:
        while header := source.read(_HEADER.size):
            width, height = _HEADER.unpack(header)
            pixels = np.frombuffer(source.read(width * height * 3), np.uint8)
            found = holistic.process(pixels.reshape(height, width, 3))
            parts = {
                "pose": (found.pose_landmarks, True),
                "left_hand": (found.left_hand_landmarks, False),
                "right_hand": (found.right_hand_landmarks, False),
                "face": (found.face_landmarks, False),
            }
            answer = {
                part: [[p.x, p.y, p.visibility if scored else 1.0] for p in landmarks.landmark]
                for part, (landmarks, scored) in parts.items()
                if landmarks is not None
            }
            sink.write(json.dumps(answer).encode() + b"\n")
            sink.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
