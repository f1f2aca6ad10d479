"""COCO and COCO-WholeBody key point files: annotations with their pictures, one picture per frame.

Held exactly: what ``coco_wholebody`` holds, sizes, empty frames, frames per second (in ``info``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, one_line
from ..keypoints import PersonPose, PoseSequence
from .coco_wholebody import COCO_JOINTS, WHOLEBODY_PARTS, from_coco, to_wholebody
from .json_values import frame_rate, number_array, pixel_count

_KEYS = {
    "feet": "foot_kpts",
    "face": "face_kpts",
    "left_hand": "lefthand_kpts",
    "right_hand": "righthand_kpts",
}
_MOST_VISIBLE = 2  # COCO's flags: 0 not labelled, 1 hidden, 2 visible


def to_coco_dataset(sequence: PoseSequence) -> dict[str, object]:
    """Make a COCO-WholeBody annotation file of a sequence, with real scores."""
    return {**coco_head(sequence), "annotations": list(coco_annotations(sequence))}


def coco_head(sequence: PoseSequence) -> dict[str, object]:
    """Give what stands in the file beside the annotations."""
    size = {"width": sequence.width, "height": sequence.height}
    return {
        "info": {"description": "MagicPose", "fps": sequence.fps},
        "images": [
            {"id": frame, "file_name": f"{frame:05d}.png", **size} for frame in range(len(sequence))
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_JOINTS)}],
    }


def coco_annotations(sequence: PoseSequence) -> Iterator[dict[str, object]]:
    """Give the annotations, one per person and frame."""
    numbers = itertools.count()
    for frame, people in enumerate(sequence.frames):
        for person in people:
            yield _annotation(person, sequence, frame, next(numbers))


def from_coco_dataset(
    dataset: Mapping[str, object],
    *,
    annotations: Iterable[object] | None = None,
    fps: float | None = None,
) -> PoseSequence:
    """Read a COCO file with ``images`` and ``annotations``; its pictures become the frames.

    Args:
        dataset: The file's content.
        annotations: Its annotations where they are read one at a time; None where it holds them.
        fps: Frames per second; overrules the file's own, 30 where neither says.

    Raises:
        InputError: Pictures differ in size, an annotation belongs to none, its points are wrong, or
            the key points are of animals.
    """
    images = _listed(dataset, "images")
    if annotations is None:
        annotations = _listed(dataset, "annotations")
    if not images:
        raise InputError("the COCO file lists no images, so its frames have no size")
    sizes = {
        (pixel_count(image.get("width"), "width"), pixel_count(image.get("height"), "height"))
        for image in images
    }
    if len(sizes) > 1:
        raise InputError(f"all images must have one size, got {sorted(sizes)}")
    width, height = sizes.pop()
    _check_people_only(dataset)
    frames: dict[str, list[PersonPose]] = {str(image.get("id")): [] for image in images}
    for index, annotation in enumerate(annotations):
        if not isinstance(annotation, Mapping):
            given = type(annotation).__name__
            raise InputError(f"annotation {index} must be an object, got {given}")
        people = frames.get(str(annotation.get("image_id")))
        if people is None:
            raise InputError(f"annotation {index} belongs to no image of the file")
        people.append(_person(annotation, f"annotation {index}", width, height))
    info = dataset.get("info")
    stored = info.get("fps") if isinstance(info, Mapping) else None
    return PoseSequence(
        frames=tuple(map(tuple, frames.values())),
        width=width,
        height=height,
        fps=fps or frame_rate(stored),
    )


def _annotation(
    person: PersonPose, sequence: PoseSequence, frame: int, number: int
) -> dict[str, object]:
    whole = to_wholebody(person, sequence.width, sequence.height)
    body = whole[: len(COCO_JOINTS)]
    annotation: dict[str, object] = {
        "id": number,
        "image_id": frame,
        "category_id": 1,
        "iscrowd": 0,
        "num_keypoints": int((body[:, 2] > 0).sum()),
        "keypoints": body.ravel().tolist(),
    }
    for part, key in _KEYS.items():
        if getattr(person, part) is not None:
            annotation[key] = whole[WHOLEBODY_PARTS[part]].ravel().tolist()
    return annotation


def _person(annotation: Mapping[str, object], where: str, width: int, height: int) -> PersonPose:
    body = _triples(annotation.get("keypoints"), f"{where}: keypoints", len(COCO_JOINTS))
    parts = [
        _triples(annotation.get(key), f"{where}: {key}", place.stop - place.start)
        for key, place in ((_KEYS[part], WHOLEBODY_PARTS[part]) for part in WHOLEBODY_PARTS)
    ]
    if not any(len(part) for part in parts):
        return from_coco(body, width, height)
    filled = [
        part if len(part) else np.zeros((place.stop - place.start, 3))
        for part, place in zip(parts, WHOLEBODY_PARTS.values(), strict=True)
    ]
    person = from_coco(np.concatenate([body, *filled]), width, height)
    there = {
        name: getattr(person, name)
        for name, part in zip(WHOLEBODY_PARTS, parts, strict=True)
        if len(part)
    }
    return PersonPose(body=person.body, **there)


def _check_people_only(dataset: Mapping[str, object]) -> None:
    """Refuse AP-10K and its kind, whose animals have 17 points as well."""
    if "categories" not in dataset:
        return
    names = {str(category.get("name")) for category in _listed(dataset, "categories")}
    if names - {"person"}:
        shown = one_line(", ".join(sorted(names)[:3]))
        raise InputError(
            f"the COCO file is about {shown}; MagicPose draws people: "
            "keep the annotations of the category person alone"
        )


def _triples(value: object, where: str, count: int) -> NDArray[np.float64]:
    if value is None and where.endswith("_kpts"):
        return np.zeros((0, 3))
    numbers = number_array(value, where)
    if numbers.size != 3 * count or not np.isfinite(numbers).all():
        raise InputError(
            f"{where} must have {count} points of finite x, y, score, got {numbers.size} numbers"
        )
    points = numbers.reshape(count, 3)
    if set(np.unique(points[:, 2])) <= {0, 1, _MOST_VISIBLE} and _MOST_VISIBLE in points[:, 2]:
        points = points / (1, 1, _MOST_VISIBLE)
    return points


def _listed(dataset: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    values = dataset.get(key)
    if not isinstance(values, list) or not all(isinstance(value, Mapping) for value in values):
        raise InputError(f"a COCO file has a list of {key}, got {type(values).__name__}")
    return values
