"""Write dancers to disk in the authors' layout, so that they go the way of anyone's videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ...files import disk_errors_named, open_result
from ...images import to_uint8
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
    """Write one clip, see ``write_dancer_clips``; returns the folder of the frames."""
    write_dancer_clips(root, [clip])
    return _folders(root, clip)[0]


def write_dancer_clips(
    root: Path, clips: Sequence[ClipExport], on_clip: Callable[[], object] | None = None
) -> None:
    """Write clips as PNG: frames and pose maps under the same names, all clips or none.

    Args:
        root: Folder of the set; dancers of the same number that are there are replaced.
        clips: All of them.
        on_clip: Called when a clip is drawn.

    Raises:
        OutputError: The disk is full or cannot be written to.
    """
    if not clips:
        return
    folders = [folder for clip in clips for folder in _folders(root, clip)]
    with disk_errors_named(root), open_result(folders) as staged:
        for clip in clips:
            frames, maps = (staged(folder) for folder in _folders(root, clip))
            frames.mkdir()
            maps.mkdir()
            for frame in clip.frames():
                Image.fromarray(frame.picture).save(frames / f"{frame.name}.png")
                Image.fromarray(frame.pose_map).save(maps / f"{frame.name}.png")
            if on_clip is not None:
                on_clip()


def _folders(root: Path, clip: ClipExport) -> tuple[Path, Path]:
    set_name = SET_OF[clip.split]
    return root / set_name / clip.name, root / f"{POSE_PREFIX}{set_name}" / clip.name
