"""Lists of jobs: each line is a clip, with any option of ``magicpose generate`` as a column."""

from __future__ import annotations

import argparse
import copy
import csv
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from ..batch.job import Job
from ..clip_settings import ClipSettings
from ..errors import InputError
from ..files import regular_file
from .generate import add_clip_settings, check_prompts, pose_settings
from .options import parse_size
from .sampling_options import sampling_settings
from .setting_options import read_settings

_WORDS = {"true": True, "yes": True, "false": False, "no": False}  # in CSV
_OWN = ("reference", "poses", "out")  # every job has them


def read_jobs(path: Path, arguments: argparse.Namespace) -> list[Job]:
    """Read a list of jobs.

    Args:
        path: JSON lines, or NAME.csv with names in the first line. ``reference``, ``poses`` and
            ``out`` are needed; paths are relative to the list, ``out`` to ``--out``.
        arguments: The command line, whose options hold for each job that says nothing else.

    Raises:
        InputError: The list is absent or empty, or a line is none; names the line.
    """
    jobs: list[Job] = []
    parsed: dict[str, Job] = {}  # most jobs share their settings: each kind is parsed once
    for number, record in _records(path):
        try:
            jobs.append(_job(record, path.resolve().parent, arguments, parsed))
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
    if not jobs:
        raise InputError(f"{path} holds no job; write one a line")
    return jobs


def job_of_options(arguments: argparse.Namespace) -> Job:
    """Make a job of the command line's options alone, for clips that bring the rest."""
    check_prompts(arguments)
    shown = read_settings(arguments, ClipSettings)
    return Job(
        name="",
        reference=(),
        poses=Path(),
        out=Path(),
        prompt=arguments.prompt or "",
        negative_prompt=arguments.negative_prompt or "",
        size=None if arguments.size is None else parse_size(arguments.size),
        fit=shown.fit,
        fps=shown.fps,
        audio=arguments.audio,
        no_audio=arguments.no_audio,
        sampling=sampling_settings(arguments),
        pose_settings=pose_settings(arguments),
    )


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with regular_file(path).open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() == ".csv":
                rows = csv.DictReader(file, restkey="", restval="")
                for row in rows:
                    yield rows.line_num, _from_csv(row)
                return
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _from_json(line, path, number)
    except FileNotFoundError as error:
        raise InputError(f"no list of jobs at {path}; check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no list of jobs: {error}; write it in UTF-8") from error


def _from_csv(row: Mapping[str, Any]) -> dict[str, Any]:
    if "" in row:
        raise InputError("a line of the CSV has more cells than its first line")
    return {
        name.strip(): _WORDS.get(cell.strip().lower(), cell.strip())
        for name, cell in row.items()
        if cell.strip()
    }


def _from_json(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}, line {number}: no JSON ({error})") from error
    if not isinstance(record, dict):
        raise InputError(f'{path}, line {number}: a job is an object {{"reference": ...}}')
    return record


def _job(
    record: Mapping[str, Any],
    folder: Path,
    arguments: argparse.Namespace,
    parsed: dict[str, Job],
) -> Job:
    given = {name.replace("-", "_"): value for name, value in record.items() if value is not None}
    missing = [name for name in _OWN if not given.get(name)]
    if missing:
        raise InputError(f"{', '.join(missing)} must be given for every job")
    reference, poses, out = (given.pop(name) for name in _OWN)
    pictures = reference if isinstance(reference, list) else [reference]
    kind = json.dumps(given, sort_keys=True)
    if kind not in parsed:
        parsed[kind] = _parse(given, folder, arguments)
    place = Path(str(out))
    if place.is_absolute() or ".." in place.parts or place.suffix not in ("", ".mp4"):
        raise InputError(
            f"out must be a folder or NAME.mp4 inside the folder of results, got {out}"
        )
    return replace(
        parsed[kind],
        name=str(place),
        reference=tuple(folder / str(picture) for picture in pictures),
        poses=folder / str(poses),
        out=arguments.out / place,
    )


def _parse(given: Mapping[str, Any], folder: Path, arguments: argparse.Namespace) -> Job:
    parser = _job_parser()
    actions = {action.dest: action for action in parser._actions}
    unknown = sorted(set(given) - set(actions))
    if unknown:
        raise InputError(f"unknown setting {', '.join(unknown)}; known are {', '.join(actions)}")
    words: list[str] = []
    for name, value in given.items():
        words += _words(actions[name], value, folder)
    return job_of_options(parser.parse_args(words, namespace=copy.copy(arguments)))


def _words(action: argparse.Action, value: Any, folder: Path) -> list[str]:
    """Write a setting as words of a command line, so that one parser knows all settings."""
    flag = action.option_strings[0]
    if isinstance(value, bool):
        if isinstance(action, argparse.BooleanOptionalAction) and not value:
            return [f"--no-{flag[2:]}"]
        return [flag] if value else []
    values = value if isinstance(value, list) else [value]
    if any(isinstance(each, dict | list) for each in values):
        raise InputError(f"{action.dest} must be a number, a text, or a list of them, got {value}")
    texts = [str(folder / str(each)) if action.type is Path else str(each) for each in values]
    return [f"{flag}={text}" for text in texts]


@functools.cache
def _job_parser() -> argparse.ArgumentParser:
    parser = _Parser(add_help=False, allow_abbrev=False, prog="job")
    add_clip_settings(parser)
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(message)
