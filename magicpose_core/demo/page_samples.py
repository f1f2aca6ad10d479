"""Write what ComfyUI's page shows to try: sample dances, and people for them.

Dances are pose files of drawn dancers, people are pictures of drawn strangers with their keypoints.
``python -m magicpose_core.demo.page_samples web/page/samples`` writes them anew.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..data.dancers.clips import draw_clip, free_frame
from ..data.dancers.framing import Framing
from ..files import write_text
from ..images import from_uint8, write_image
from ..pose.formats.pose_files import write_pose_clip
from ..pose.keypoints import Keypoints, PersonPose, PoseSequence
from ..pose.skeletons import PARTS

FRAMING: Framing = "three_quarter"
"""Close enough for a face, far enough for a dance."""
DANCES: Mapping[str, int] = {"wave": 11, "swing": 23, "stretch": 40, "bounce": 57}
"""File of a dance -> number of the held-out dancer."""
PEOPLE: Mapping[str, int] = {"ada": 3, "ben": 14, "chen": 29}
"""File of a person -> number of the held-out dancer."""
_FRAMES, _FPS = 16, 8.0
_SIDE = 512  # pixels that keypoints are measured in
_PICTURE = 128  # pixels of the shipped model


def write_samples(folder: Path) -> None:
    """Write all of them into a folder, over those that are there."""
    for name, number in DANCES.items():
        clip = draw_clip(number, _FRAMES, framing=FRAMING)
        poses = [_rounded(frame.pose) for frame in clip.frames(_PICTURE)]
        write_pose_clip(folder / f"{name}.json", _sequence(poses))
    for name, number in PEOPLE.items():
        frame = free_frame(number, 0, "heldout", _PICTURE, FRAMING)
        write_image(folder / f"{name}.png", from_uint8(frame.picture))
        write_pose_clip(folder / f"{name}.json", _sequence([_rounded(frame.pose)]))
    write_text(folder / "README.md", _README)


_README = """Drawn dancers, made by `python -m magicpose_core.demo.page_samples web/page/samples`.
"""


def _sequence(poses: list[PersonPose]) -> PoseSequence:
    return PoseSequence(
        frames=tuple((pose,) for pose in poses), width=_SIDE, height=_SIDE, fps=_FPS
    )


def _rounded(pose: PersonPose) -> PersonPose:
    """Bring places to tenths of a pixel, which halves the files."""
    parts = {part: getattr(pose, part) for part in PARTS}
    tenth = _SIDE * 10
    return replace(
        pose,
        **{
            part: Keypoints((points.xy * tenth).round() / tenth, points.score)
            for part, points in parts.items()
            if points is not None
        },
    )


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]))
