"""Labelled pictures of a clip: a contact sheet of a few frames, and frames shown side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from ..errors import InputError
from .reader import Frame

_GAP = 4
_BACKGROUND = (24, 24, 24)
_INK = (235, 235, 235)


class ContactSheet:
    """One picture of a clip: a column a kind (reference, pose, result ...), a row a chosen frame.

    A class because the sheet fills while the frames pass by; it holds its own picture and nothing
    of the clip.

    Args:
        columns: The labels over the columns, in the order in which ``add`` takes the pictures.
        frame_count: Frames of the clip.
        rows: Frames to show, evenly spaced from the first to the last; fewer when the clip is
            shorter.
        cell: (width, height) of one picture on the sheet, in pixels.
    """

    def __init__(
        self,
        columns: Sequence[str],
        *,
        frame_count: int,
        rows: int = 4,
        cell: tuple[int, int] = (256, 256),
    ) -> None:
        if not columns or frame_count < 1 or rows < 1 or min(cell) < 16:
            raise InputError(
                "a contact sheet needs a column, a frame, a row and cells of 16 x 16 at least, got "
                f"columns {list(columns)}, frame_count {frame_count}, rows {rows}, cell {cell}"
            )
        self.frame_indices = evenly_spaced(frame_count, rows)
        self._columns = tuple(columns)
        self._cell = cell
        self._font = ImageFont.load_default(size=max(10, cell[1] // 16))
        self._header = _line_height(self._font)
        self._margin = _GAP * 2 + round(self._font.getlength(str(self.frame_indices[-1])))
        self._sheet = Image.new("RGB", self._size(), _BACKGROUND)
        self._write_labels()

    def add(self, frame_index: int, *pictures: Frame) -> None:
        """Put the pictures of one frame into its row; a frame that is not shown is passed over.

        Args:
            frame_index: Its place in the clip, counted from 0.
            pictures: One (H, W, 3) uint8 picture a column; each is fitted into its cell, its aspect
                kept.
        """
        if len(pictures) != len(self._columns):
            raise InputError(
                f"the sheet has the columns {', '.join(self._columns)}, got {len(pictures)} "
                "pictures; give one a column"
            )
        if frame_index not in self.frame_indices:
            return
        row = self.frame_indices.index(frame_index)
        for column, picture in enumerate(pictures):
            fitted = ImageOps.pad(
                Image.fromarray(picture), self._cell, Image.Resampling.LANCZOS, color=_BACKGROUND
            )
            self._sheet.paste(fitted, self._corner(row, column))

    def picture(self) -> Frame:
        """Return the sheet as it stands, (H, W, 3) uint8 RGB."""
        return np.array(self._sheet)

    def _size(self) -> tuple[int, int]:
        left, top = self._corner(len(self.frame_indices), len(self._columns))
        return left, top

    def _corner(self, row: int, column: int) -> tuple[int, int]:
        width, height = self._cell
        return self._margin + column * (width + _GAP), self._header + row * (height + _GAP)

    def _write_labels(self) -> None:
        pen = ImageDraw.Draw(self._sheet)
        for column, label in enumerate(self._columns):
            pen.text((self._corner(0, column)[0], _GAP), label, fill=_INK, font=self._font)
        for row, frame_index in enumerate(self.frame_indices):
            top = self._corner(row, 0)[1]
            pen.text((_GAP, top), str(frame_index), fill=_INK, font=self._font)


def evenly_spaced(count: int, wanted: int) -> tuple[int, ...]:
    """Return ``wanted`` indices of ``range(count)`` from the first to the last, none twice."""
    return tuple(int(i) for i in np.unique(np.linspace(0, count - 1, wanted).round()))


def side_by_side(pictures: Sequence[Frame], labels: Sequence[str]) -> Frame:
    """Return pictures beside each other, each under its label: one frame of a comparison clip.

    Args:
        pictures: (H, W, 3) uint8 RGB each; all are brought to the height of the first, their
            aspect kept.
        labels: One for each.

    Returns:
        (H + label, sum of widths + gaps, 3) uint8; the same size for pictures of the same sizes.

    Raises:
        InputError: There is no picture, or not one label for each.
    """
    if not pictures or len(pictures) != len(labels):
        raise InputError(
            f"side by side needs one label for each picture, got {len(pictures)} pictures and "
            f"{len(labels)} labels"
        )
    height = pictures[0].shape[0]
    widths = [max(1, round(p.shape[1] * height / p.shape[0])) for p in pictures]
    font = ImageFont.load_default(size=max(10, height // 24))
    top = _line_height(font)
    strip = Image.new("RGB", (sum(widths) + _GAP * (len(widths) - 1), top + height), _BACKGROUND)
    pen = ImageDraw.Draw(strip)
    left = 0
    for picture, label, width in zip(pictures, labels, widths, strict=True):
        scaled = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
        strip.paste(scaled, (left, top))
        pen.text((left + _GAP, _GAP), label, fill=_INK, font=font)
        left += width + _GAP
    return np.array(strip)


def _line_height(font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    return round(font.getbbox("Hg")[3]) + 2 * _GAP
