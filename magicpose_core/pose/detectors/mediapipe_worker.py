"""Run by MediaPipe's own Python, as a script: frames in on stdin, landmarks out on stdout.

In: width and height (two little-endian uint32) and height * width * 3 bytes of RGB, repeatedly.
Out: one line of JSON per frame: a list of people, each the parts that were found by their names,
each a list of [x, y, visibility].

Holistic looks for one person. How many there are tells the multi-person task, on the frame and on
its left, middle and right parts (its network sees 224 pixels); it is put together from the networks
in MediaPipe's own package. Each person's hands and face are then looked for around their body.
"""

from __future__ import annotations

import importlib.util
import io
import json
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import flatbuffers
import mediapipe
import numpy as np
from mediapipe.tasks import python as tasks
from mediapipe.tasks.metadata import metadata_schema_py_generated as schema
from mediapipe.tasks.metadata import schema_py_generated as tflite
from mediapipe.tasks.python import vision
from mediapipe.tasks.python.metadata import metadata

# By its path: this folder would shadow the packages of that Python.
_BODIES = importlib.util.spec_from_file_location(
    "mediapipe_bodies", Path(__file__).with_name("mediapipe_bodies.py")
)
assert _BODIES is not None
assert _BODIES.loader is not None
_bodies_module = importlib.util.module_from_spec(_BODIES)
_BODIES.loader.exec_module(_bodies_module)
add_body, same_body = _bodies_module.add_body, _bodies_module.same_body

_HEADER = struct.Struct("<II")
_PARTS = ((0.0, 1.0), (0.0, 0.6), (0.2, 0.8), (0.4, 1.0))  # of the width, that are looked at
_MOST_PEOPLE = 8
_LEAST_SCORE = 0.4
_AROUND = 0.25  # of a body's size, added on each side to look for hands and face
_MODULES = Path(mediapipe.__file__).parent / "modules"
# Holistic's better network, where ``make pose-env`` could fetch it: the package comes without. The
# multi-person task stays with the lighter one, since of the better one's looks at parts of a frame
# some are bodies in a body.
_HEAVY = "pose_landmark/pose_landmark_heavy.tflite"
_COMPLEXITY = 2 if (_MODULES / _HEAVY).exists() else 1
# The network in the package, its name in the task, mean and deviation of its input in 0..255.
_NETWORKS = (
    ("pose_detection/pose_detection.tflite", "pose_detector.tflite", 127.5, 127.5),
    ("pose_landmark/pose_landmark_full.tflite", "pose_landmarks_detector.tflite", 0.0, 255.0),
)
Pixels = Any  # numpy arrays and MediaPipe's objects: this Python has no stubs of either
Person = dict[str, list[list[float]]]


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer frames until the input ends."""
    options = vision.PoseLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_buffer=_task()),
        num_poses=_MOST_PEOPLE,
        min_pose_detection_confidence=_LEAST_SCORE,
        min_pose_presence_confidence=_LEAST_SCORE,
    )
    with (
        mediapipe.solutions.holistic.Holistic(
            static_image_mode=True, model_complexity=_COMPLEXITY, refine_face_landmarks=True
        ) as holistic,
        vision.PoseLandmarker.create_from_options(options) as landmarker,
    ):
        while header := source.read(_HEADER.size):
            width, height = _HEADER.unpack(header)
            pixels = np.frombuffer(source.read(width * height * 3), np.uint8)
            people = _people(pixels.reshape(height, width, 3), holistic, landmarker)
            sink.write(json.dumps(people).encode() + b"\n")
            sink.flush()


def _people(frame: Pixels, holistic: Pixels, landmarker: Pixels) -> list[Person]:
    """Return everybody: the bodies of the multi-person task, with Holistic's parts where it agrees.

    A skeleton of Holistic that is nobody's mixes two people and is left out.
    """
    bodies = _bodies(frame, landmarker)
    whole = _holistic(frame, holistic)
    if not bodies:
        return [whole] if whole else []
    if len(bodies) == 1:
        return [whole if _agrees(whole, bodies[0], frame) else {"pose": bodies[0]}]
    people = []
    for body in bodies:
        found = whole if _agrees(whole, body, frame) else _holistic_around(frame, body, holistic)
        people.append(found if _agrees(found, body, frame) else {"pose": body})
    return people


def _bodies(frame: Pixels, landmarker: Pixels) -> list[list[list[float]]]:
    width = frame.shape[1]
    bodies: list[list[list[float]]] = []
    for start, stop in _PARTS:
        left, right = int(start * width), int(stop * width)
        part = np.ascontiguousarray(frame[:, left:right])
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=part)
        for landmarks in landmarker.detect(image).pose_landmarks:
            body = [
                [(p.x * (right - left) + left) / width, p.y, p.visibility or 0.0] for p in landmarks
            ]
            add_body(bodies, body, (width, frame.shape[0]), (left, right))
    return bodies


def _holistic(frame: Pixels, holistic: Pixels) -> Person:
    found = holistic.process(frame)
    parts = {
        "pose": (found.pose_landmarks, True),
        "left_hand": (found.left_hand_landmarks, False),
        "right_hand": (found.right_hand_landmarks, False),
        "face": (found.face_landmarks, False),
    }
    return {
        part: [[p.x, p.y, p.visibility if scored else 1.0] for p in landmarks.landmark]
        for part, (landmarks, scored) in parts.items()
        if landmarks is not None
    }


def _holistic_around(frame: Pixels, body: list[list[float]], holistic: Pixels) -> Person:
    """Look around one body; places are fractions of the whole frame again."""
    size = np.array(frame.shape[1::-1])
    places = np.array(body)[:, :2] * size
    margin = _AROUND * np.linalg.norm(np.ptp(places, axis=0))
    low = np.clip(places.min(axis=0) - margin, 0, size - 2).astype(int)
    high = np.clip(places.max(axis=0) + margin, low + 2, size).astype(int)
    cut = np.ascontiguousarray(frame[low[1] : high[1], low[0] : high[0]])
    scale, shift = (high - low) / size, low / size
    return {
        part: [[x * scale[0] + shift[0], y * scale[1] + shift[1], seen] for x, y, seen in points]
        for part, points in _holistic(cut, holistic).items()
    }


def _agrees(person: Person, body: list[list[float]], frame: Pixels) -> bool:
    size = (frame.shape[1], frame.shape[0])
    return "pose" in person and same_body(person["pose"], body, size)


def _task() -> bytes:
    """Put the multi-person task together: a ZIP archive of two networks with descriptions."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as task:
        for path, name, mean, deviation in _NETWORKS:
            task.writestr(name, _described((_MODULES / path).read_bytes(), mean, deviation))
    return archive.getvalue()


def _described(network: bytes, mean: float, deviation: float) -> bytes:
    """Add what the task wants to know: the range of the input and the number of outputs."""
    unit = schema.ProcessUnitT()
    unit.optionsType = schema.ProcessUnitOptions.NormalizationOptions
    unit.options = schema.NormalizationOptionsT()
    unit.options.mean, unit.options.std = [mean], [deviation]
    picture = schema.TensorMetadataT()
    picture.name = "image"
    picture.content = schema.ContentT()
    picture.content.contentPropertiesType = schema.ContentProperties.ImageProperties
    picture.content.contentProperties = schema.ImagePropertiesT()
    picture.content.contentProperties.colorSpace = schema.ColorSpaceType.RGB
    picture.processUnits = [unit]
    graph = schema.SubGraphMetadataT()
    graph.inputTensorMetadata = [picture]
    outputs = tflite.Model.GetRootAsModel(network, 0).Subgraphs(0).OutputsLength()
    graph.outputTensorMetadata = [schema.TensorMetadataT() for _ in range(outputs)]
    model = schema.ModelMetadataT()
    model.subgraphMetadata = [graph]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), metadata.MetadataPopulator.METADATA_FILE_IDENTIFIER)
    populator = metadata.MetadataPopulator.with_model_buffer(network)
    populator.load_metadata_buffer(builder.Output())
    populator.populate()
    return bytes(populator.get_model_buffer())


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
