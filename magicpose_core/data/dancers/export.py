"""Write dancers to disk in the authors' layout, so that they go the way of anyone's videos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...images import from_uint8, to_uint8, write_image
from ..frames import PosedFrame
from ..tiktok import POSE_PREFIX
from .clips import draw_clip
from .framing import Framing
from .landmarks import draw_pose_map
from .person import Split

SET_OF: dict[Split, str] = {"train": "train_set", "heldout": "val_set"}


@dataclass(frozen=True, kw_only=True)
class ClipExport:
    """A smooth loop of one dancer."""

    index: int
    split: Split
    count: int
    size: int
    framing: Framing = "mixed"

    @property
    def name(self) -> str:
        """``train_00012`` or ``heldout_00003``."""
        return f"{self.split}_{self.index:05d}"

    def frames(self) -> Iterator[PosedFrame]:
        """Draw the frames and their pose maps."""
        clip = draw_clip(self.index, self.count, self.split, framing=self.framing)
        for number, frame in enumerate(clip.frames(self.size)):
            pose_map = to_uint8(draw_pose_map(frame.pose, self.size))[0]
            yield PosedFrame(name=f"{number:04d}", picture=frame.picture, pose_map=pose_map)


def write_dancer_clip(root: Path, clip: ClipExport) -> Path:
    """Write a clip as PNG: frames and pose maps under the same names.

    Returns:
        The folder of the frames.
    """
    frames = root / SET_OF[clip.split] / clip.name
    maps = root / f"{POSE_PREFIX}{SET_OF[clip.split]}" / clip.name
    for frame in clip.frames():
        write_image(frames / f"{frame.name}.png", from_uint8(frame.picture))
        write_image(maps / f"{frame.name}.png", from_uint8(frame.pose_map))
    return frames
