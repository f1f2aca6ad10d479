"""What the demo starts from: the picture of a drawn stranger, and a sequence of poses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..data.dancers.clips import DancerClip, draw_clip, free_frame
from ..data.dancers.expression import EXPRESSIONS
from ..data.dancers.framing import Framing
from ..data.dancers.landmarks import draw_pose_map, face_box
from ..files import atomic_folder
from ..images import from_uint8, write_image

DEMO_FRAMING: Framing = "waist"
"""Close enough to see who it is and what they feel."""
FACES = tuple(EXPRESSIONS[name] for name in ("smile", "surprise", "asleep", "look left", "grin"))
"""What the driver's face does during the clip."""


@dataclass(frozen=True, kw_only=True)
class DemoInputs:
    """Files of the demo.

    Attributes:
        person: The reference picture.
        poses: Folder of pose maps, the driver's.
        truth: Folder with the true pictures of the person in those poses.
        faces: Rows and columns of the face in each of them.
        clip: What happens in them.
    """

    person: Path
    poses: Path
    truth: Path
    faces: tuple[tuple[slice, slice], ...]
    clip: DancerClip


def write_inputs(folder: Path, *, person: int, frames: int, size: int) -> DemoInputs:
    """Draw a dancer whom no training has seen, and a loop of poses.

    Args:
        folder: Where to; must be new or empty.
        person: Number of the held-out dancer.
        frames: Length of the loop.
        size: Side of the pictures in pixels.

    Raises:
        OutputError: The folder is not empty or cannot be written to.
    """
    reference = free_frame(person, 0, "heldout", size, DEMO_FRAMING)
    clip = draw_clip(person, frames, framing=DEMO_FRAMING, faces=FACES)
    faces = []
    with atomic_folder(folder) as temporary:
        write_image(temporary / "person.png", from_uint8(reference.picture))
        for number, frame in enumerate(clip.frames(size)):
            name = f"{number:03d}.png"
            write_image(temporary / "truth" / name, from_uint8(frame.picture))
            write_image(temporary / "poses" / name, draw_pose_map(frame.pose, size))
            faces.append(face_box(frame.pose, size))
    return DemoInputs(
        person=folder / "person.png",
        poses=folder / "poses",
        truth=folder / "truth",
        faces=tuple(faces),
        clip=clip,
    )
