"""Compare the frames that ``detect --dataset`` refuses with people counted by eye.

``python -m magicpose_core.evaluation.crowd_benchmark --out FOLDER`` makes training data of the
clips and pictures of ``crowd_counts.toml`` and prints which frames were kept though they show
several people, and which were refused though they show one.
"""

from __future__ import annotations

import argparse
import csv
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..clip_settings import Span
from ..data.videos.dataset import DatasetJob, export_subject
from ..pose.detectors.settings import DETECTORS, DetectorSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found]

_LOG = logging.getLogger("magicpose")
LIST = Path(__file__).with_name("crowd_counts.toml")


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A clip or picture with the people in every frame that is looked at, counted by eye.

    Attributes:
        name: In the list.
        file: Video or picture.
        stride: Every n-th frame is looked at.
        people: How many each of those shows.
    """

    name: str
    file: Path
    stride: int
    people: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """What became of a clip's frames.

    Attributes:
        clip: With the people counted.
        reasons: Why frames were refused, by their number among those that are looked at.
    """

    clip: Counted
    reasons: Mapping[int, str]

    @property
    def kept_wrongly(self) -> list[int]:
        """Frames that were kept though they do not show one person."""
        return [i for i, n in enumerate(self.clip.people) if n != 1 and i not in self.reasons]

    @property
    def refused_wrongly(self) -> list[int]:
        """Frames that were refused though they show one person."""
        return [i for i, n in enumerate(self.clip.people) if n == 1 and i in self.reasons]


def read_counts(material: Path, path: Path = LIST) -> list[Counted]:
    """Read the list; clips whose file is absent from the material are left out by name."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    counted = [
        Counted(
            name=name,
            file=material / values["file"],
            stride=values.get("stride", 1),
            people=tuple(values["people"]),
        )
        for name, values in content.items()
    ]
    absent = [clip.name for clip in counted if not clip.file.exists()]
    if absent:
        _LOG.warning("left out, since their files are absent: %s", ", ".join(absent))
    return [clip for clip in counted if clip.name not in absent]


def refuse(clip: Counted, out: Path, detector: DetectorSettings) -> Refusals:
    """Make training data of a clip in a folder, and return which of its frames were refused."""
    job = DatasetJob(
        clip=clip.file,
        subject=clip.name,
        frames=out / "train_set",
        maps=out / "pose_map_train_set",
        notes=out / "notes",
        detector=detector,
        span=Span(stride=clip.stride),
    )
    export_subject(job)
    with (job.notes / f"{clip.name}.csv").open(newline="", encoding="utf-8") as rows:
        reasons = {int(r["frame"]) // clip.stride: r["reason"] for r in csv.DictReader(rows)}
    return Refusals(clip=clip, reasons=reasons)


def report(measured: list[Refusals]) -> str:
    """Return a row for each clip, one for each wrong frame, and the sums."""
    rows = [
        f"{'clip':<16}{'frames':>7}{'of one':>8}{'refused':>9}{'wrongly':>9}{'kept wrongly':>14}"
    ]
    for each in measured:
        people = each.clip.people
        rows.append(
            f"{each.clip.name:<16}{len(people):>7}{people.count(1):>8}{len(each.reasons):>9}"
            f"{len(each.refused_wrongly):>9}{len(each.kept_wrongly):>14}"
        )
        stride = each.clip.stride
        rows += [f"    {i * stride}: {people[i]} people, kept" for i in each.kept_wrongly]
        rows += [f"    {i * stride}: 1 person, {each.reasons[i]}" for i in each.refused_wrongly]
    others = sum(n != 1 for each in measured for n in each.clip.people)
    kept = sum(len(each.kept_wrongly) for each in measured)
    alone = sum(each.clip.people.count(1) for each in measured)
    refused = sum(len(each.refused_wrongly) for each in measured)
    rows.append(
        f"{others} frames that do not show one person, of which {kept} are kept; {alone} that do, "
        f"of which {refused} are refused"
    )
    return "\n".join(rows) + "\n"


def main() -> int:
    """Run the benchmark by the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--material", type=Path, default=Path("material"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--detector", choices=DETECTORS, default="mediapipe")
    parser.add_argument("--detector-weights", type=Path, nargs="*", default=())
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    detector = DetectorSettings(name=arguments.detector, weights=tuple(arguments.detector_weights))
    counted = read_counts(arguments.material)
    sys.stdout.write(report([refuse(clip, arguments.out, detector) for clip in counted]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
