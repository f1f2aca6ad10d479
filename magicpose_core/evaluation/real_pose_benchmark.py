"""Measure alignment on real people, and draw sheets to look at.

``python -m magicpose_core.evaluation.real_pose_benchmark --out FOLDER`` prints one row for each
pair of ``real_pairs.toml`` and writes the rows as JSON, with ``--sheets`` pictures to look at too.
People are found once and kept as keypoint files in FOLDER/keypoints.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..files import write_text
from ..pose.cleanup.people import choose_person
from ..pose.draw import draw_poses
from ..pose.keypoints import PersonPose, PoseSequence
from ..pose.overlay import overlay_poses
from ..pose.retarget.align import align
from ..pose.retarget.fit import PoseFit
from ..pose.retarget.settings import AlignSettings
from .real_poses import NamedPair, PairList, find_people, frame_of, read_list

_CELL = 240  # pixels of the longer side on a sheet
_ROWS = 8  # pairs on a sheet
_HEADER = (
    f"{'pair':<36}{'neck':>7}{'nose':>7}{'should.':>8}{'first':>7}{'growth':>8}  "
    f"{'bone':<10}{'inside':>7}{'jitter':>8}"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """One pair: the two people, what alignment made, and the figures."""

    pair: NamedPair
    driver: PoseSequence
    reference: PersonPose
    aligned: PoseSequence
    fit: PoseFit


def measure_pairs(
    listed: PairList, people: Mapping[str, PoseSequence], settings: AlignSettings | None = None
) -> list[Measured]:
    """Align and measure every pair of the list whose reference shows somebody."""
    measured = []
    for pair in listed.pairs:
        driver, picture = (choose_person(people[n]) for n in (pair.driver, pair.reference))
        reference = next((frame[0] for frame in picture.frames if frame), None)
        if reference is None or not any(driver.frames):
            continue
        size = (picture.width, picture.height)
        alignment = align(driver, reference, size, settings)
        measured.append(
            Measured(
                pair=pair,
                driver=driver,
                reference=reference,
                aligned=alignment.sequence,
                fit=alignment.fit,
            )
        )
    return measured


def report(measured: list[Measured]) -> str:
    """Return the table as text, distances in percent of the picture's height."""
    rows = [_HEADER]
    for row in measured:
        f = row.fit
        rows.append(
            f"{row.pair!s:<36}{f.neck:>7.1f}{f.nose:>7.1f}{f.shoulders:>8.1f}{f.first:>7.1f}"
            f"{f.growth:>8.1f}  {f.grown:<10}{f.inside:>7.0%}{f.jitter:>8.2f}"
        )
    fits = [row.fit for row in measured]
    rows.append(
        f"{len(fits)} pairs; neck over 3 %: {sum(f.neck > 3 for f in fits)}, nose over 3 %: "
        f"{sum(f.nose > 3 for f in fits)}, growth over 15 %: {sum(f.growth > 15 for f in fits)}, "
        f"head inside in fewer than 95 %: {sum(f.inside < 0.95 for f in fits)}"
    )
    return "\n".join(rows) + "\n"


def sheet(listed: PairList, rows: list[Measured]) -> NDArray[np.uint8]:
    """Draw a row for each pair: reference, neutral frame, and the aligned clip over the picture.

    The aligned poses are those of the neutral frame, the first, the middle and the last one.
    """
    drawn = []
    for row in rows:
        picture = frame_of(listed, row.pair.reference, 0)
        frame = frame_of(listed, row.pair.driver, row.fit.neutral)
        last = len(row.aligned) - 1
        cells = [
            overlay_poses(picture, [row.reference]),
            overlay_poses(frame, row.driver.frames[row.fit.neutral]),
            *(
                _over(picture, row.aligned.frames[index])
                for index in (row.fit.neutral, 0, last // 2, last)
            ),
        ]
        drawn.append(_titled(np.concatenate([_fit(cell) for cell in cells], axis=1), row))
    return np.concatenate(drawn)


def _over(picture: NDArray[np.uint8], people: tuple[PersonPose, ...]) -> NDArray[np.uint8]:
    """Draw people over a picture with a grey margin, so that who leaves it is seen."""
    height, width = picture.shape[:2]
    margin = (height + width) // 10
    canvas = np.full((height + 2 * margin, width + 2 * margin, 3), 60, np.uint8)
    canvas[margin:-margin, margin:-margin] = (picture * 0.6).astype(np.uint8)
    inner = np.array([width, height], np.float32)
    outer = np.array(canvas.shape[1::-1], np.float32)
    moved = [
        PersonPose(
            **{
                part: dataclasses.replace(points, xy=(points.xy * inner + margin) / outer)
                for part, points in person.parts()
            }
        )
        for person in people
    ]
    drawn = draw_poses(moved, *canvas.shape[:2])
    return np.where(drawn.any(axis=2, keepdims=True), drawn, canvas)


def _fit(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    height, width = picture.shape[:2]
    scale = _CELL / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    cell = np.zeros((_CELL, _CELL, 3), np.uint8)
    cell[: size[1], : size[0]] = small
    return cell


def _titled(picture: NDArray[np.uint8], row: Measured) -> NDArray[np.uint8]:
    import cv2

    f = row.fit
    text = (
        f"{row.pair} ({', '.join(row.pair.kinds)})  neck {f.neck:.1f} nose {f.nose:.1f} shoulders "
        f"{f.shoulders:.1f} growth {f.growth:.0f} {f.grown} inside {f.inside:.0%}"
    )
    strip = np.full((18, picture.shape[1], 3), 30, np.uint8)
    cv2.putText(strip, text, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1)
    return np.concatenate([strip, picture])


def main() -> int:
    """Run the benchmark by the options of the command line."""
    from PIL import Image

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--material", type=Path, default=Path("material"))
    parser.add_argument("--examples", type=Path, default=Path("../shared/examples"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--head-tilt", type=float, default=0.0, help="of the alignment (0)")
    parser.add_argument("--sheets", action="store_true", help="draw the sheets as well")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    listed = read_list(arguments.material, arguments.examples)
    people = find_people(listed, arguments.out / "keypoints")
    settings = AlignSettings(head_tilt=arguments.head_tilt)
    measured = measure_pairs(listed, people, settings)
    sys.stdout.write(report(measured))
    rows = {str(row.pair): dataclasses.asdict(row.fit) for row in measured}
    write_text(arguments.out / "figures.json", json.dumps(rows, indent=1))
    for number, start in enumerate(range(0, len(measured) if arguments.sheets else 0, _ROWS)):
        drawn = sheet(listed, measured[start : start + _ROWS])
        Image.fromarray(drawn).save(arguments.out / f"sheet_{number}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
