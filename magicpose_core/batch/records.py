"""What lies beside a finished clip, and whether a clip of a batch is finished already."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError, OutputError
from ..files import write_text
from .fingerprint import Conditions, FileMark, differences, fingerprint, mark_inputs
from .job import Job

COMMON = "batch.json"
"""The file in the folder of results that says under which conditions all of them are made."""
State = Literal["absent", "whole", "other"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is there of a clip.

    Attributes:
        state: Nothing; the clip, whole and of the same fingerprint; or something else.
        frames: Of a whole clip.
        reason: What else there is, or what differs.
    """

    state: State
    frames: int = 0
    reason: str = ""


def make_record(job: Job, conditions: Conditions, settings: Any) -> dict[str, Any]:
    """Say what a clip is made from, enough to know it again."""
    inputs = mark_inputs(job)
    return {
        "fingerprint": fingerprint(conditions, settings, inputs),
        "conditions": conditions.as_json(),
        "settings": settings,
        "reference": [str(path) for path in job.reference],
        "reference_frame": job.reference_frame,
        "poses": str(job.poses),
        "inputs": {role: asdict(mark) for role, mark in inputs.items()},
    }


def look_for(job: Job, conditions: Conditions, settings: Any) -> Found:
    """Tell whether a clip is finished; inputs of the same size and age are not read again.

    Raises:
        InputError: An input is absent.
    """
    if not os.path.lexists(job.out) and not os.path.lexists(job.record):
        return Found(state="absent")
    if job.out.is_dir() and not job.record.exists() and not any(job.out.iterdir()):
        return Found(state="absent")
    record = read_record(job.record)
    if record is None:
        return Found(state="other", reason=f"{job.out} is there, and not of a batch")
    made, now = record["conditions"], conditions.as_json()
    changed = differences(made, now) + differences(record["settings"], settings)
    if not changed:
        inputs = mark_inputs(job, {role: FileMark(**m) for role, m in record["inputs"].items()})
        contents = {role: mark.sha256 for role, mark in inputs.items()}
        before = {role: mark["sha256"] for role, mark in record["inputs"].items()}
        changed = [line.partition(" was ")[0] for line in differences(before, contents)]
        changed = [f"the content of {role}" for role in changed]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        return Found(state="other", reason=f"{job.name} was made otherwise: {changed[0]}{more}")
    if not _is_whole(job.out, record["frames"]):
        return Found(state="absent")  # somebody has taken frames away
    return Found(state="whole", frames=_count(record["frames"]))


def read_record(path: Path) -> dict[str, Any] | None:
    """Read the record beside a clip; None where there is none."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        complete = {"fingerprint", "conditions", "settings", "inputs", "frames"} <= record.keys()
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return record if complete else None


def claim_conditions(out: Path, conditions: Conditions, about: Any, *, force: bool) -> None:
    """Hold the folder of results to one model and one way of computing.

    Args:
        out: The folder.
        conditions: Of this run.
        about: What the jobs are, such as the test set that was chosen.
        force: Let these conditions count from now on.

    Raises:
        OutputError: Another run works or has worked there under others; names the difference.
    """
    path, wanted = out / COMMON, {"conditions": conditions.as_json(), "data": about}
    if path.exists() and not force:
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise OutputError(f"{path} is damaged; remove it, or name another folder") from error
        changed = differences(before, wanted)
        if changed:
            raise OutputError(
                f"{out} holds clips that were made otherwise: {'; '.join(changed)}; use the same, "
                "name another folder, or set force to render them again"
            )
    else:
        write_text(path, json.dumps(wanted, indent=2) + "\n")


def _is_whole(out: Path, frames: object) -> bool:
    if isinstance(frames, int):
        return out.is_file()
    names = {f"{name}.png" for name in frames} if isinstance(frames, list) else set()
    return out.is_dir() and names <= {path.name for path in out.iterdir()}


def _count(frames: object) -> int:
    if isinstance(frames, int):
        return frames
    if isinstance(frames, list):
        return len(frames)
    raise InputError("a record's frames must be a number or a list of names; remove the clip")
