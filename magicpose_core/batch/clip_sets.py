"""Jobs of a data set in the authors' layout: the first frame of each clip, and the poses of all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from ..clip_settings import Span
from ..data.tiktok import POSE_PREFIX, pair_by_name
from ..errors import InputError
from ..files import regular_file
from .job import Job

Reading = Literal["released", "335-340", "disco-list"]
READINGS: tuple[Reading, ...] = get_args(Reading)
READING_HELP: Mapping[Reading, str] = MappingProxyType(
    {
        "released": "all of the folder disco_test_set (or test_set)",
        "335-340": "its subjects 335 to 340, as papers after DisCo count",
        "disco-list": "DisCo's 10 sequences, whose list is not public: name them as ids",
    }
)
_NUMBERS = range(335, 341)
_FOLDERS = {"train": ("train_set",), "val": ("val_set",), "test": ("disco_test_set", "test_set")}


@dataclass(frozen=True, kw_only=True)
class ClipSet:
    """Which clips of a data set.

    Attributes:
        root: Folder of the data set.
        split: ``train``, ``val``, ``test``, or the name of a set's folder.
        reading: What "the TikTok test set" means; needed for ``test`` alone.
        ids: Names of subjects; empty takes all.
    """

    root: Path
    split: str
    reading: Reading | None = None
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.split == "test" and self.reading is None:
            told = "; ".join(f"{name}: {text}" for name, text in READING_HELP.items())
            raise InputError(f"reading must say what the test set is, one of {told}")
        if self.split != "test" and self.reading is not None:
            raise InputError("reading belongs to the split test; leave it out")
        if self.reading == "disco-list" and not self.ids:
            raise InputError("reading disco-list needs ids, the names of its sequences")

    @property
    def folder(self) -> str:
        """The name of the set's folder.

        Raises:
            InputError: None of the names that it may have is there.
        """
        names = _FOLDERS.get(self.split, (self.split,))
        for name in names:
            if (self.root / name).is_dir():
                return name
        raise InputError(f"no folder {' or '.join(str(self.root / name) for name in names)}")


def read_ids(text: str) -> tuple[str, ...]:
    """Read names of subjects: separated by commas, or the file that lists them.

    Raises:
        InputError: The file is no text or may not be read.
    """
    try:
        is_file = Path(text).is_file()
    except (OSError, ValueError):  # names so many that they can be none of a file
        is_file = False
    if is_file:
        try:
            text = ",".join(regular_file(Path(text)).read_text(encoding="utf-8").split())
        except UnicodeDecodeError as error:
            raise InputError(f"{text} is no list of names of subjects ({error.reason})") from error
    return tuple(name.strip() for name in text.split(",") if name.strip())


def jobs_of(chosen: ClipSet, out: Path, like: Job) -> list[Job]:
    """Make a job of each clip: reference is its first frame, poses are the maps of the others.

    Args:
        chosen: Which clips.
        out: Folder of the results; a clip's lie in ``out/SUBJECT``, under the true frames' names.
        like: Gives the settings.

    Raises:
        InputError: Folders or subjects are absent, or a clip has but one frame with a map.
    """
    frames = chosen.root / chosen.folder
    maps = chosen.root / f"{POSE_PREFIX}{chosen.folder}"
    if not maps.is_dir():
        raise InputError(f"no folder {maps}, where the pose maps of {frames} are expected")
    subjects = sorted(path.name for path in frames.iterdir() if path.is_dir())
    jobs, span = [], like.pose_settings.span
    for name in _choose(subjects, chosen):
        pairs = pair_by_name(frames / name, maps / name)
        if len(pairs) < 2:
            raise InputError(
                f"{frames / name} has {len(pairs)} frame(s) with a pose map; a clip needs a "
                "reference and one more"
            )
        targets = pairs[1:][span.places]
        jobs.append(
            replace(
                like,
                name=name,
                reference=(pairs[0][0],),
                reference_frame=pairs[0][0].stem,
                poses=maps / name,
                pose_files=tuple(pose_map.name for _, pose_map in targets),
                frame_names=tuple(picture.stem for picture, _ in targets),
                pose_settings=replace(like.pose_settings, span=Span()),
                out=out / name,
            )
        )
    if not jobs:
        raise InputError(f"{frames} holds no clip")
    return jobs


def about(chosen: ClipSet) -> dict[str, object]:
    """Say which clips these are, for who reads the results."""
    return {
        "set": chosen.folder,
        "reading": chosen.reading,
        "ids": list(chosen.ids),
    }


def _choose(subjects: Sequence[str], chosen: ClipSet) -> list[str]:
    if chosen.ids:
        unknown = sorted(set(chosen.ids) - set(subjects))
        if unknown:
            raise InputError(f"{chosen.root / chosen.folder} has no subject {', '.join(unknown)}")
        return [name for name in subjects if name in chosen.ids]
    if chosen.reading == "335-340":
        return _numbered(subjects, _NUMBERS)
    return list(subjects)


def _numbered(subjects: Sequence[str], wanted: Collection[int]) -> list[str]:
    numbers = {
        number: name
        for name in subjects
        if (digits := "".join(filter(str.isdigit, name.partition("_")[0] or name)))
        and (number := int(digits)) in wanted
    }
    missing = [str(number) for number in wanted if number not in numbers]
    if missing:
        raise InputError(f"subjects {', '.join(missing)} are absent; choose another reading")
    return [numbers[number] for number in wanted]
