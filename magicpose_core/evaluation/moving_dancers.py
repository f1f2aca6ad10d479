"""What a motion module gains: clips of held-out dancers with and without it, and their controls.

    python -m magicpose_core.evaluation.moving_dancers --motion FILE --first 1000 --people 32

``flicker`` is of the background that stands still, ``warp_error`` of the person along the exact
flow; both are also given above the autoencoder's own round trip of the truth, which no model gets
below. A copied frame has neither, and is right nowhere else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.dancers.clips import DancerClip, Scene, draw_clip
from ..data.dancers.framing import SHOTS, Framing
from ..data.dancers.landmarks import draw_pose_map
from ..images import from_uint8, to_uint8
from ..pipeline import MagicPosePipeline
from ..pipeline_loading import load_pipeline
from ..sampling.settings import SamplingSettings
from ..sizes import default_size
from .ablations import ROUND_TRIP, round_trip
from .heldout_dancers import make_reference
from .optical_flow import BackwardFlow, rig_flows
from .pixel import psnr
from .report import markdown_table, write_report
from .retrieval import candidate, finds_the_right_one, same_person, same_pose
from .temporal import flicker, warp_error

Pixels = NDArray[np.uint8]
TRUTH, COPY = "truth", "copied frame"
Render = Callable[["MovingCase"], Pixels]  # -> (F, H, W, 3)
_ABOVE = ("flicker", "warp_error")


@dataclass(frozen=True, kw_only=True)
class MovingCase:
    """A held-out dancer's clip.

    Attributes:
        index: Number of the dancer.
        clip: What happens in it.
        reference: (H, W, 3) uint8, the dancer in an unrelated pose.
        truth: (F, H, W, 3) uint8.
        pose_maps: (F, H, W, 3) uint8.
    """

    index: int
    clip: DancerClip
    reference: Pixels
    truth: Pixels
    pose_maps: Pixels


def moving_case(index: int, frames: int, size: int, framing: Framing = "mixed") -> MovingCase:
    """Draw the clip of a held-out dancer."""
    clip = draw_clip(index, frames, framing=framing)
    drawn = list(clip.frames(size))
    return MovingCase(
        index=index,
        clip=clip,
        reference=make_reference(index, size, framing),
        truth=np.stack([frame.picture for frame in drawn]),
        pose_maps=np.stack([to_uint8(draw_pose_map(frame.pose, size))[0] for frame in drawn]),
    )


def evaluate_clips(
    renderings: Mapping[str, Render],
    pipeline: MagicPosePipeline,
    people: range,
    *,
    frames: int,
    size: int,
    framing: Framing = "mixed",
    on_clip: Callable[[int, Mapping[str, Pixels]], None] | None = None,
) -> dict[str, dict[str, float]]:
    """Measure ways to render clips, and the controls.

    Args:
        renderings: Name -> how a case is rendered.
        pipeline: Whose autoencoder makes the round trip.
        people: Numbers of held-out dancers. Choices are made on 0 to 15; who reports takes others.
        frames: Of each clip.
        size: Side of the pictures in pixels.
        framing: How close the camera is.
        on_clip: Called with the dancer's number and all its clips, to look at.

    Returns:
        Name -> metric -> mean over the people; ``flicker_above`` and ``warp_error_above`` are what
        lies above the round trip's.
    """
    controls: dict[str, Render] = {
        TRUTH: lambda case: case.truth,
        ROUND_TRIP: lambda case: _round_trip(pipeline, case.truth),
        COPY: lambda case: np.repeat(case.reference[None], len(case.truth), axis=0),
    }
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in (*renderings, *controls)}
    for index in people:
        case = moving_case(index, frames, size, framing)
        judge = _judge(case, size)
        clips = {name: render(case) for name, render in {**renderings, **controls}.items()}
        figures = {name: judge(clip) for name, clip in clips.items()}
        for name, values in figures.items():
            floor = figures[ROUND_TRIP]
            above = {f"{key}_above": values[key] - floor[key] for key in _ABOVE if key in floor}
            rows[name].append(values | above)
        if on_clip is not None:
            on_clip(index, clips)
    return {name: _mean(values) for name, values in rows.items()}


def _round_trip(pipeline: MagicPosePipeline, truth: Pixels) -> Pixels:
    frames = [to_uint8(round_trip(pipeline, from_uint8(frame)))[0] for frame in truth]
    return np.stack(frames)


def rendering(pipeline: MagicPosePipeline, settings: SamplingSettings) -> Render:
    """Give how a case is rendered by a model."""

    def render(case: MovingCase) -> Pixels:
        height, width, _ = case.reference.shape
        clip = pipeline.render(
            case.reference, case.pose_maps, size=(width, height), settings=settings
        )
        return np.stack(list(clip))

    return render


def _judge(case: MovingCase, size: int) -> Callable[[Pixels], dict[str, float]]:
    """Give a function that measures a rendering of this case; retrieval is of its middle frame."""
    scenes = case.clip.scenes()
    flows = list(_person_flows(case.clip, scenes, size))
    middle = len(scenes) // 2
    poses = same_person(scenes[middle], case.index, size)
    people = same_pose(scenes[middle], case.index, size)
    truth = from_uint8(case.truth)

    def judge(clip: Pixels) -> dict[str, float]:
        temporal = {"flicker": flicker(clip, case.truth), "warp_error": warp_error(clip, flows)}
        return {
            **{name: value for name, value in temporal.items() if value is not None},
            "psnr": float(psnr(from_uint8(clip), truth).clamp(max=100).mean()),
            "pose_retrieval": float(finds_the_right_one(clip[middle], poses)),
            "identity_retrieval": float(finds_the_right_one(clip[middle], people)),
        }

    return judge


def _person_flows(clip: DancerClip, scenes: Sequence[Scene], size: int) -> Iterator[BackwardFlow]:
    """Give the exact flows, valid on the person alone."""
    for flow, scene in zip(rig_flows(clip, size), scenes[1:], strict=True):
        yield replace(flow, valid=flow.valid & candidate(scene, size).person)


def _mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--checkpoint", type=Path, help="default: the demo model of the package")
    parser.add_argument("--motion", type=Path, help="motion module; not given: without one alone")
    parser.add_argument("--first", type=int, default=0, help="number of the first dancer")
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--size", type=int, help="default: the model's own")
    parser.add_argument("--framing", choices=("mixed", *SHOTS), default="mixed")
    parser.add_argument("--shared-noise", type=float, nargs="+", default=[1.0, 0.5, 0.0])
    parser.add_argument("--beta-schedule", nargs="+", default=["scaled_linear"])
    parser.add_argument("--steps", type=int, help="default: the model's note, else the paper's")
    parser.add_argument("--out", type=Path, help="folder for the report and, of each dancer, clips")
    return parser


def _renderings(
    arguments: argparse.Namespace, pipelines: Mapping[str, MagicPosePipeline]
) -> dict[str, Render]:
    return {
        f"{name}, shared noise {share:g}, {betas}": rendering(
            pipeline,
            SamplingSettings(shared_noise=share, beta_schedule=betas, steps=arguments.steps),
        )
        for name, pipeline in pipelines.items()
        for betas in arguments.beta_schedule
        for share in arguments.shared_noise
    }


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print the table and write it where asked to."""
    arguments = _parser().parse_args(words)
    pipelines = {"per frame": load_pipeline(arguments.checkpoint, dtype="fp32")}
    if arguments.motion is not None:
        pipelines["with module"] = load_pipeline(
            arguments.checkpoint, motion_module=arguments.motion, dtype="fp32"
        )
    plain = pipelines["per frame"]
    size = arguments.size or default_size(plain.models.note)[0]
    people = range(arguments.first, arguments.first + arguments.people)

    def keep(index: int, clips: Mapping[str, Pixels]) -> None:
        sys.stderr.write(f"dancer {index}\n")
        if arguments.out is not None:
            _write_clips(arguments.out / f"{index:04d}.mp4", clips)

    figures = evaluate_clips(
        _renderings(arguments, pipelines),
        plain,
        people,
        frames=arguments.frames,
        size=size,
        framing=arguments.framing,
        on_clip=keep,
    )
    sys.stdout.write(markdown_table(figures))
    if arguments.out is not None:
        write_report(arguments.out, figures, vars(arguments))


def _write_clips(path: Path, clips: Mapping[str, Pixels]) -> None:
    """Write all clips of a dancer beside each other, in the order of the table's rows."""
    from ..video.writer import open_mp4

    path.parent.mkdir(parents=True, exist_ok=True)
    with open_mp4(path, fps=8) as write:
        for frames in zip(*clips.values(), strict=True):
            write(np.concatenate(frames, axis=1))


if __name__ == "__main__":
    main()
