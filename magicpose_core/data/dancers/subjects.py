"""Dancers as training subjects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...images import to_uint8
from ..frames import PosedFrame
from .clips import draw_clip, free_frames
from .framing import Framing
from .landmarks import draw_pose_map
from .person import Split


@dataclass(frozen=True, kw_only=True)
class DancerSubject:
    """A dancer in ``count`` unrelated poses, or ``moving``: in a smooth clip of so many frames.

    Satisfies ``data.frames.Subject``.
    """

    index: int
    split: Split
    count: int
    size: int
    framing: Framing = "mixed"
    moving: bool = False

    @property
    def name(self) -> str:
        """``train_00012`` or ``heldout_00003``."""
        return f"{self.split}_{self.index:05d}"

    @property
    def signature(self) -> str:
        """All that a dancer's frames depend on, but for the code that draws them."""
        plain = f"{self.name} {self.count} {self.size} {self.framing}"
        return f"{plain} moving" if self.moving else plain

    def frames(self) -> Iterator[PosedFrame]:
        """Draw the frames and their pose maps."""
        if self.moving:
            clip = draw_clip(self.index, self.count, self.split, framing=self.framing)
            rendered = clip.frames(self.size)
        else:
            rendered = free_frames(self.index, self.count, self.split, self.size, self.framing)
        for number, frame in enumerate(rendered):
            pose_map = to_uint8(draw_pose_map(frame.pose, self.size))[0]
            yield PosedFrame(name=f"{number:04d}", picture=frame.picture, pose_map=pose_map)


def dancer_subjects(
    split: Split,
    people: int,
    frames: int,
    size: int,
    framing: Framing = "mixed",
    moving: bool = False,
) -> list[DancerSubject]:
    """List the first ``people`` dancers of a split."""
    return [
        DancerSubject(
            index=index, split=split, count=frames, size=size, framing=framing, moving=moving
        )
        for index in range(people)
    ]
