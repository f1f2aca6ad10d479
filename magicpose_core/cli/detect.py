"""``magicpose detect``: videos to keypoints, pose maps and training data."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..clip_settings import Span
from ..errors import InputError, MagicPoseError, WorkerError
from ..files import FilePlan
from .options import check_files, positive
from .pose_options import (
    SMOOTHING,
    add_detector_options,
    add_drawing_options,
    add_person_options,
    detector,
    drawing,
    person,
    say_what_runs,
    smoothing,
)
from .setting_options import add_settings, in_options, read_settings, refuse_idle
from .signals import raise_in_worker, workers_ended_too
from .terminal import complain, say

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ..data.videos.dataset import DatasetJob
    from ..data.videos.export import ExportJob
    from ..pose.detect import OnFrame

    Job = ExportJob | DatasetJob


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "detect",
        help="find people in videos: keypoints, pose maps, training data",
        description="Write OUT/NAME/poses.json, maps/ and overlay.mp4 for every clip, or training "
        "data with --dataset. Killed runs are gone on with where they stopped.",
    )
    parser.add_argument(
        "input", type=Path, metavar="VIDEO|FOLDER", help="video, folder of pictures, or of both"
    )
    parser.add_argument("--out", required=True, type=Path, help="folder for the results")
    parser.add_argument(
        "--photos",
        action="store_true",
        help="take each picture on its own; without, those of a folder are frames of one clip",
    )
    parser.add_argument(
        "--dataset",
        action="store_true",
        help="write OUT/<set>_set and OUT/pose_map_<set>_set as training wants them, and "
        "OUT/rejected.csv: frames without exactly one person, with 6 body points or fewer, or a "
        "body of 4 %% of the frame or less",
    )
    parser.add_argument(
        "--set", choices=("train", "val", "test"), help="of --dataset (default: train)"
    )
    add_settings(parser, Span)
    parser.add_argument(
        "--workers", type=positive, default=1, help="clips at a time, one per process (default: 1)"
    )
    for name, what in (("maps", "pose maps"), ("overlay", "an overlay video")):
        parser.add_argument(
            f"--{name}",
            action=argparse.BooleanOptionalAction,
            help=f"write {what} (default: yes)",
        )
    parser.add_argument(
        "--force", action="store_true", default=None, help="replace results of other settings"
    )
    add_detector_options(parser, default="dwpose")
    add_person_options(parser)
    add_drawing_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Work through the clips; one that fails is told of and does not stop the others."""
    from ..data.videos.clips import find_clips
    from ..data.videos.dataset import REJECTED, merge_rejected

    _refuse_unused(arguments)
    clips = find_clips(arguments.input, out=arguments.out, photos=arguments.photos)
    for name, clip in clips.items():
        if clip.is_dir():
            complain(
                f"magicpose: the pictures of {name} are taken as the frames of one clip; "
                "--photos takes them one by one"
            )
    check_files(
        FilePlan(
            reads=tuple(clips.values()),
            searched=tuple(arguments.detector_weights or ()),
            places=(arguments.out,),
        )
    )
    jobs = {name: _job(arguments, name, clip) for name, clip in clips.items()}
    failed = []
    for name, outcome in _outcomes(jobs, arguments.workers):
        if isinstance(outcome, MagicPoseError):
            failed.append(name)
            told = in_options(str(outcome), {name: name for name in vars(arguments)})
            complain(f"{name}: {told}")
        else:
            say(f"{name}: {outcome}")
    if arguments.dataset:
        merge_rejected(arguments.out / _NOTES, arguments.out / REJECTED)
        if arguments.detector == "mediapipe":
            complain(
                "magicpose: MediaPipe does not find everybody: who is cut off, half hidden or far "
                "away may stand in frames that were kept as showing one person; look through them, "
                "or count with --detector dwpose"
            )
    if failed:
        raise InputError(
            f"{len(failed)} of {len(jobs)} clips failed ({', '.join(failed[:3])}"
            f"{', ...' if len(failed) > 3 else ''}); the reasons stand above, the others are done"
        )
    return 0


_NOTES = "detection_notes"


def _refuse_unused(arguments: argparse.Namespace) -> None:
    """Refuse options that would silently do nothing."""
    if arguments.dataset:
        of_keypoints = ("force", "maps", "overlay", "person", "smooth", "stabilise", *SMOOTHING)
        refuse_idle(
            arguments,
            of_keypoints,
            where="beside --dataset",
            advice="training data is frames with their maps, and is never replaced: leave that "
            "out, or name a new --out instead of --dataset",
        )
    else:
        refuse_idle(arguments, ("set",), where="without --dataset")
    if arguments.stabilise and arguments.overlay:
        raise InputError(
            "--overlay draws over the frames, where stabilised poses do not lie; leave out one of "
            "--overlay and --stabilise"
        )


def _job(arguments: argparse.Namespace, name: str, clip: Path) -> Job:
    from ..data.tiktok import POSE_PREFIX
    from ..data.videos.dataset import DatasetJob
    from ..data.videos.export import ExportJob

    settings = detector(arguments)
    assert settings is not None
    span = read_settings(arguments, Span)
    if arguments.dataset:
        frames = f"{arguments.set or 'train'}_set"
        return DatasetJob(
            clip=clip,
            subject=name,
            frames=arguments.out / frames,
            maps=arguments.out / f"{POSE_PREFIX}{frames}",
            notes=arguments.out / _NOTES / frames,
            detector=settings,
            span=span,
            style=drawing(arguments),
        )
    return ExportJob(
        clip=clip,
        out=arguments.out / name,
        detector=settings,
        span=span,
        person=person(arguments),
        smooth=smoothing(arguments),
        style=drawing(arguments),
        maps=arguments.maps is not False,
        overlay=arguments.overlay is not False and not arguments.stabilise,
        force=bool(arguments.force),
    )


def _outcomes(jobs: dict[str, Job], workers: int) -> Iterator[tuple[str, str | MagicPoseError]]:
    """Yield what came of each job as it is done."""
    if workers <= 1 or len(jobs) == 1:
        for name, job in jobs.items():
            with _frame_bar(name) as on_frame:
                outcome = _work(job, on_frame)
            yield name, outcome
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    from tqdm import tqdm

    # A forked child would inherit locks of threads that torch and onnxruntime have started.
    context = multiprocessing.get_context("spawn")
    count = min(workers, len(jobs))
    with (
        ProcessPoolExecutor(count, mp_context=context, initializer=raise_in_worker) as pool,
        _nothing_more_begun(pool),
        workers_ended_too(),
    ):
        running = {pool.submit(_work, job): name for name, job in jobs.items()}
        for done in tqdm(as_completed(running), total=len(running), unit="clip"):
            try:
                yield running[done], done.result()
            except BrokenProcessPool as error:
                raise WorkerError(
                    "a process that worked on a clip was ended from outside (out of memory?); run "
                    "the same command again with fewer --workers: it goes on where it stopped"
                ) from error


@contextlib.contextmanager
def _nothing_more_begun(pool: Executor) -> Iterator[None]:
    try:
        yield
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _work(job: Job, on_frame: OnFrame | None = None) -> str | MagicPoseError:
    """Do one job and tell what came of it; runs in a process of its own."""
    from ..data.videos.dataset import DatasetJob, export_subject
    from ..data.videos.export import export_clip

    try:
        if isinstance(job, DatasetJob):
            count = export_subject(job, on_open=say_what_runs, on_frame=on_frame)
            return f"{count.kept} frames kept, {count.rejected} left out"
        exported = export_clip(job, on_open=say_what_runs, on_frame=on_frame)
    except MagicPoseError as error:
        return error
    before = " (done before)" if exported.done_before else ""
    return f"{exported.with_person} of {exported.frames} frames show the person{before}"


@contextlib.contextmanager
def _frame_bar(name: str) -> Iterator[OnFrame]:
    from tqdm import tqdm

    with tqdm(desc=name, unit="frame", leave=False) as bar:

        def count(frames: int | None) -> None:
            bar.total = frames
            bar.update()

        yield count
