"""A folder of results and one of true frames, paired by name and grouped into clips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..batch.records import read_record
from ..errors import InputError
from ..files import paths_below
from ..picture_files import IMAGE_SUFFIXES

_SHOWN = 5  # names that a message lists


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pictures of two folders, matched by their names (without the ending), sub-folders included.

    Attributes:
        names: Those that both have, sorted.
        pairs: (result, truth) of each.
        without_truth: Names of results that no true frame has.
        without_result: Names of true frames that no result has.
        references: True frames that clips were rendered from, and that have no result therefore.
    """

    names: tuple[str, ...]
    pairs: tuple[tuple[Path, Path], ...]
    without_truth: tuple[str, ...]
    without_result: tuple[str, ...]
    references: int = 0

    def __str__(self) -> str:
        """Count the pairs and list the rest."""
        said = [f"{len(self.pairs)} pairs"]
        if self.references:
            said.append(f"{self.references} true frames are references")
        for names, what in (
            (self.without_truth, "results without a true frame"),
            (self.without_result, "true frames without a result"),
        ):
            if names:
                shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
                said.append(f"{len(names)} {what} ({shown})")
        return "; ".join(said)


def match_folders(results: Path, truth: Path, *, partial: bool = False) -> Pairs:
    """Match the pictures of two folders.

    Args:
        results: Folder of results.
        truth: Folder of true frames.
        partial: Take the pairs that there are; otherwise every name must have its partner.

    Raises:
        InputError: A folder is absent or may not be read, a name stands for two pictures, no names
            match, or some have no partner and ``partial`` is not set.
    """
    ours, true = _pictures(results), _pictures(truth)
    names = tuple(sorted(set(ours) & set(true)))
    alone = set(true) - set(ours)
    references = alone & _references(results)
    matched = Pairs(
        names=names,
        pairs=tuple((ours[name], true[name]) for name in names),
        without_truth=tuple(sorted(set(ours) - set(true))),
        without_result=tuple(sorted(alone - references)),
        references=len(references),
    )
    if not matched.pairs:
        raise InputError(f"no picture in {results} has the name of one in {truth}")
    if not partial and (matched.without_truth or matched.without_result):
        raise InputError(
            f"not every picture has a partner: {matched}; mend that, or set partial=True"
        )
    return matched


def clips_of(matched: Pairs) -> dict[str, list[tuple[Path, Path]]]:
    """Group pairs by the folder that they lie in; its pictures, in order, are one clip."""
    clips: dict[str, list[tuple[Path, Path]]] = {}
    for name, pair in zip(matched.names, matched.pairs, strict=True):
        clips.setdefault(str(Path(name).parent), []).append(pair)
    return clips


def _references(results: Path) -> set[str]:
    """Names of true frames that the clips were rendered from, as the records beside them say."""
    found = set()
    for path in results.rglob("*.json"):
        record = read_record(path)
        if record is not None and record.get("reference_frame") is not None:
            clip = path.relative_to(results).with_suffix("")
            found.add(str(clip / str(record["reference_frame"])))
    return found


def _pictures(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"no folder {folder}; check the path")
    pictures: dict[str, Path] = {}
    for path in paths_below(folder):
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
            name = str(path.relative_to(folder).with_suffix(""))
            if name in pictures:
                raise InputError(f"{pictures[name]} and {path} have one name; remove one of them")
            pictures[name] = path
    return pictures
