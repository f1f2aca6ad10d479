"""``magicpose demo``: a drawn stranger in new poses, from files on disk to a clip."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..demo.settings import DemoSettings
from ..files import FilePlan, sweep
from .options import check_files, use_real_cores
from .progress import step_bar
from .setting_options import add_settings, read_settings

if TYPE_CHECKING:
    from ..clip import RenderedClip
    from ..demo.inputs import DemoInputs

_MEASURED = ("model", "copy of the reference", "without appearance", "without pose")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "demo",
        help="render a drawn dancer in new poses with the model that the package ships",
        description="Draw a stranger and a loop of poses as files, then render the clip as "
        "'magicpose generate' does. Opens no network connection.",
    )
    parser.add_argument("--out", type=Path, default=Path("output/demo"), help="folder")
    add_settings(parser, DemoSettings)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw the inputs, render, measure, and say where everything lies."""
    from ..demo.inputs import DEMO_FRAMING, write_inputs
    from ..demo.model import DEMO_MOTION, demo_checkpoint
    from ..evaluation.heldout_dancers import evaluate_dancers
    from ..evaluation.report import markdown_table, write_report
    from ..pipeline_loading import load_pipeline
    from ..sampling.settings import SamplingSettings
    from ..sizes import default_size

    settings = read_settings(arguments, DemoSettings)
    out = _fresh_folder(arguments.out)
    check_files(FilePlan(places=(out,)))
    # fp32: such narrow networks are faster in it, on any CPU
    use_real_cores()
    single_frames = load_pipeline(demo_checkpoint(), dtype="fp32")
    pipeline = load_pipeline(demo_checkpoint(), motion_module=DEMO_MOTION, dtype="fp32")
    sampling = SamplingSettings(steps=settings.steps).complete(pipeline.models.noted_sampling)
    size, _ = default_size(pipeline.models.note)
    inputs = write_inputs(out / "inputs", person=settings.dancer, frames=settings.frames, size=size)
    with step_bar() as on_step:
        clip = pipeline.render(
            inputs.person, inputs.poses, size=(size, size), settings=sampling, on_step=on_step
        )
        clip.save(out / "clip.mp4", fps=12, truth=inputs.truth)
        without_motion = single_frames.render(
            inputs.person, inputs.poses, size=(size, size), settings=sampling, on_step=on_step
        )
    through_time = _draw_sheets(out, inputs, clip, without_motion)
    told = json.loads((out / "clip.json").read_text(encoding="utf-8"))
    figures = evaluate_dancers(
        single_frames,
        sampling,
        people=range(settings.people),
        size=size,
        framing=DEMO_FRAMING,
        names=_MEASURED,
    )
    write_report(
        out, {**figures, **through_time}, dataclasses.asdict(sampling) | {"people": settings.people}
    )
    sys.stdout.write(
        f"\n{settings.people} strangers, each in a new pose, beside what is left without a part:\n"
        f"\n{markdown_table(figures)}\n"
        f"the clip through time, beside each frame rendered alone:\n"
        f"\n{markdown_table(through_time)}\n"
        f"picture and poses: {out / 'inputs'}\n"
        f"clip:              {out / 'clip.mp4'}\n"
        f"contact sheet:     {out / 'clip.sheet.png'}\n"
        f"faces, enlarged:   {out / 'faces.png'} (true ones above)\n"
        f"through time:      {out / 'motion.png'} (a row of pixels, frame below frame)\n"
        f"figures:           {out / 'figures.md'}\n"
        f"measured:          {told['frames']} frames of {size}x{size} in "
        f"{told['seconds']:.1f} s, {sampling.steps} DDIM steps, {told['dtype']} on "
        f"{told['device']}\n"
    )
    return 0


def _draw_sheets(
    out: Path, inputs: DemoInputs, clip: RenderedClip, without_motion: RenderedClip
) -> dict[str, dict[str, float]]:
    """Write the enlarged faces and the row of pixels through time; give the figures of time."""
    import numpy as np

    from ..demo.face_sheet import write_face_sheet
    from ..demo.motion_sheet import temporal_figures, write_motion_sheet

    truth = np.stack([frame.picture for frame in inputs.clip.frames(clip.width)])
    clips = {
        "truth": truth,
        "each frame alone": np.stack(list(without_motion)),
        "with the motion module": np.stack(list(clip)),
    }
    write_face_sheet(out / "faces.png", inputs.truth, out / "clip.mp4", inputs.faces)
    rows, _ = inputs.faces[0]
    write_motion_sheet(out / "motion.png", clips, (rows.start + rows.stop) // 2)
    return temporal_figures(clips, truth, inputs.clip)


def _fresh_folder(wanted: Path) -> Path:
    """Give the folder, or a numbered one beside it where an earlier run left its result."""
    folder, number = wanted, 2
    sweep(folder, deep=True)
    while folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        folder = wanted.with_name(f"{wanted.name}-{number}")
        number += 1
        sweep(folder, deep=True)
    return folder
