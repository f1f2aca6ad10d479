"""Small clips of somebody who is there where the upper left corner is bright."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from magicpose_core.video.writer import open_mp4


def frames(shown: str, height: int = 128, width: int = 96) -> list[np.ndarray]:
    """One frame a letter: ``x`` shows the person, ``.`` nobody."""
    clip = []
    for letter in shown:
        frame = np.full((height, width, 3), 0, np.uint8)
        if letter == "x":
            frame[: height // 2, : width // 2] = 255
        clip.append(frame)
    return clip


def write_video(path: Path, shown: str, fps: int = 25) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_mp4(path, fps=fps) as write:
        for frame in frames(shown):
            write(frame)
    return path


def write_pictures(folder: Path, shown: str) -> Path:
    folder.mkdir(parents=True)
    for index, frame in enumerate(frames(shown)):
        Image.fromarray(frame).save(folder / f"{index}.png")
    return folder
