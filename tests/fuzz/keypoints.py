"""Hostile keypoint files: every format, damaged as bytes and as JSON, and what is tried on them."""

from __future__ import annotations

import functools
import json
import os
import random as random_numbers
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from magicpose_core.pose.cleanup.people import choose_person
from magicpose_core.pose.cleanup.smooth import smooth
from magicpose_core.pose.formats.pose_files import POSE_FORMATS, read_poses, write_poses
from magicpose_core.pose.keypoints import Keypoints, PersonPose, PoseSequence
from magicpose_core.pose.skeletons import PARTS
from magicpose_core.pose.sources import draw_sequence

from . import loaded  # noqa: F401 - by the parent, not by each child
from .harness import command_line
from .mutate import mutate
from .mutate_json import damage_json
from .outcomes import Case

_SIDE = 96  # pixels
_FRAMES = 3


def make_case(folder: Path, random: random_numbers.Random) -> Case:
    """Damage a keypoint file, or one in a folder of them, and choose what is tried on it."""
    format = random.choice(sorted(seeds()))
    files = dict(seeds()[format])
    struck = random.choice(sorted(files))
    if random.random() < 0.3:
        files[struck], done = mutate(files[struck], random)
    else:
        files[struck], done = damage_json(files[struck], random)
    path = folder / "poses" if len(files) > 1 else folder / "poses.json"
    _write(path, files)
    if path.is_dir() and random.random() < 0.1:
        odd, put = random.choice(_STRANGERS)
        put(path / f"{odd}.json")
        done += f"+{odd}"
    tried, action, command = random.choice(_actions(path, folder))
    # aligning may refuse sound poses for what they show, without naming the file
    naming = "" if command else path.name
    return Case(f"{tried} {format} {done}", action, naming=naming, command=command)


@functools.cache
def seeds() -> Mapping[str, Mapping[str, bytes]]:
    """Sound files to damage: format -> name -> content."""
    import tempfile

    found = {}
    with tempfile.TemporaryDirectory() as name:
        for format in POSE_FORMATS:
            path = Path(name, format if format == "cmu" else f"{format}.json")
            write_poses(path, a_clip(), format)
            listed = sorted(path.iterdir()) if path.is_dir() else [path]
            found[format] = {each.name: each.read_bytes() for each in listed}
    whole = json.loads(found["pose_keypoint"]["pose_keypoint.json"])
    found["frames"] = {"frames.json": json.dumps(whole["frames"]).encode()}
    found["one frame"] = {"frame.json": json.dumps(whole["frames"][0]).encode()}
    return found


def a_clip() -> PoseSequence:
    """One person, then two, then nobody, with all parts."""
    generator = np.random.default_rng(0)

    def person() -> PersonPose:
        return PersonPose(
            **{
                part: Keypoints(
                    generator.uniform(0.1, 0.9, (len(points), 2)),
                    generator.uniform(0, 1, len(points)),
                )
                for part, points in PARTS.items()
            }
        )

    frames = ((person(),), (person(), person()), ())
    return PoseSequence(frames=frames, width=_SIDE, height=_SIDE)


def look_at(path: Path) -> None:
    """Read, follow one person, smooth and draw."""
    sequence = choose_person(read_poses(path, size=(_SIDE, _SIDE)))
    sequence = smooth(sequence)
    if max(sequence.width, sequence.height) > 2048:  # maps of the size that the file asks for
        sequence = replace(sequence, width=_SIDE, height=_SIDE)
    for _ in draw_sequence(replace(sequence, frames=sequence.frames[:2])):
        pass


def known_cases() -> Iterator[tuple[str, Callable[[Path], Case]]]:
    """Give every keypoint file that was once badly received."""
    for name, content in FOUND.items():
        yield name, functools.partial(_known, name, content)
    for name, put in _STRANGERS:
        yield f"folder with {name}", functools.partial(_stranger, name, put)


def _known(name: str, content: bytes, folder: Path) -> Case:
    path = folder / "poses.json"
    path.write_bytes(content)
    return Case(name, lambda: look_at(path), naming=path.name)


def _stranger(name: str, put: Callable[[Path], object], folder: Path) -> Case:
    path = folder / "poses"
    _write(path, seeds()["cmu"])
    put(path / f"{name}.json")
    return Case(name, lambda: look_at(path), naming=name)


def _write(path: Path, files: Mapping[str, bytes]) -> None:
    if path.suffix:
        path.write_bytes(next(iter(files.values())))
        return
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)


def _actions(path: Path, folder: Path) -> tuple[tuple[str, Callable[[], object], bool], ...]:
    reference = folder / "reference.json"
    write_poses(reference, a_clip())
    out = ("--out", str(folder / "out.json"))
    size = ("--frame-size", f"{_SIDE}x{_SIDE}")
    return (
        ("read", lambda: look_at(path), False),
        ("read", lambda: look_at(path), False),
        ("align", command_line(["align", str(path), "--to", str(reference), *out, *size]), True),
        ("align to", command_line(["align", str(reference), "--to", str(path), *out, *size]), True),
    )


_STRANGERS: tuple[tuple[str, Callable[[Path], object]], ...] = (
    ("pipe", os.mkfifo),
    ("folder", Path.mkdir),
    ("circle", lambda path: path.symlink_to(path)),
    ("nowhere", lambda path: path.symlink_to(path.with_name("absent"))),
    ("empty", Path.touch),
)
_PERSON = '{"people": [{"pose_keypoints_2d": [%s]}], "canvas_width": 64, "canvas_height": 64}'
FOUND: Mapping[str, bytes] = {
    "100,000 brackets": b"[" * 100_000,
    "no UTF-8": b'{"people": ["\xff"]}',
    "5,000 digits": (_PERSON % ", ".join(["9" * 5000] * 54)).encode(),
    "beyond float32": (_PERSON % ", ".join(["1e300, 1e300, 1"] * 18)).encode(),
    "NaN": (_PERSON % ", ".join(["NaN"] * 54)).encode(),
    "huge canvas": (_PERSON % ", ".join(["1"] * 54)).replace("64", "9" * 400).encode(),
}
