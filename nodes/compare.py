"""Compare: reference, pose and result side by side, and how near the result is to the truth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from comfy_api.latest import io, ui
from numpy.typing import NDArray
from torch import Tensor

from ..magicpose_core import images as core_images
from ..magicpose_core.errors import InputError, MissingDependencyError
from . import bridge, notices
from .sockets import CATEGORY, node_id

_LEAST_FRAMES, _LEAST_SIDE = 3, 16  # of flicker, of the estimated flow


class Compare(io.ComfyNode):
    """A labelled strip per frame, and metrics where the right frames are known."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("Compare"),
            display_name="Compare",
            category=CATEGORY,
            description=(
                "Puts reference, pose and result beside each other: a strip for each frame (for "
                "Create Video) or a sheet of some frames. With the true frames it also measures "
                "PSNR and SSIM, and of three frames and more what happens between them."
            ),
            inputs=[
                io.Image.Input("result", tooltip="The rendered frames."),
                io.Image.Input("reference", optional=True, tooltip="The person's picture."),
                io.Image.Input("pose_maps", optional=True, tooltip="One map per frame."),
                io.Image.Input("truth", optional=True, tooltip="The true frames, one each."),
                io.Combo.Input(
                    "layout",
                    options=["strips", "sheet"],
                    default="strips",
                    tooltip="strips: one picture per frame. sheet: one picture of some frames.",
                ),
                io.Int.Input(
                    "rows",
                    default=4,
                    min=1,
                    max=64,
                    tooltip="Frames on a sheet, evenly spaced over the clip.",
                ),
            ],
            outputs=[
                io.Image.Output(tooltip="Strips or the sheet"),
                io.String.Output(
                    display_name="metrics",
                    tooltip=(
                        "Mean PSNR in dB and SSIM, PSNR of the frames' differences, warping error "
                        "along the truth's flow, flicker where the truth stands still, in levels "
                        "of 255; empty without truth"
                    ),
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        result: Tensor,
        layout: str,
        rows: int,
        reference: Tensor | None = None,
        pose_maps: Tensor | None = None,
        truth: Tensor | None = None,
    ) -> io.NodeOutput:
        given = {"reference": reference, "pose": pose_maps, "result": result, "truth": truth}
        clips = {
            label: _clip(images, label, result.shape[0])
            for label, images in given.items()
            if images is not None
        }
        pictures = _strips(clips) if layout == "strips" else _sheet(clips, rows)
        metrics = "" if truth is None else _metrics(clips["result"], clips["truth"])
        if not metrics:
            return io.NodeOutput(pictures, metrics)
        notices.show(metrics)
        return io.NodeOutput(pictures, metrics, ui=ui.PreviewText(metrics))


def _clip(images: Tensor, label: str, frames: int) -> Tensor:
    """(F, 3, H, W) in [0, 1]; one picture serves all frames."""
    clip = bridge.to_pictures(images, label)
    if clip.shape[0] not in (1, frames):
        raise InputError(
            f"{label} has {clip.shape[0]} pictures, the result {frames} frames; "
            "connect one picture, or one per frame"
        )
    return clip.expand(frames, -1, -1, -1)


def _strips(clips: dict[str, Tensor]) -> Tensor:
    from ..magicpose_core.video.frames import side_by_side

    frames = len(next(iter(clips.values())))
    return bridge.drawings_to_image(
        [
            side_by_side([_uint8(clip, frame) for clip in clips.values()], list(clips))
            for frame in range(frames)
        ]
    )


def _sheet(clips: dict[str, Tensor], rows: int) -> Tensor:
    from ..magicpose_core.video.frames import ContactSheet

    result = clips["result"]
    frames, _, height, width = result.shape
    sheet = ContactSheet(list(clips), frame_count=frames, rows=rows, cell=(width, height))
    for frame in sheet.frame_indices:
        sheet.add(frame, *(_uint8(clip, frame) for clip in clips.values()))
    return bridge.drawings_to_image([sheet.picture()])


def _uint8(clip: Tensor, frame: int) -> NDArray[np.uint8]:
    return core_images.to_uint8(clip[frame : frame + 1])[0]


def _metrics(result: Tensor, truth: Tensor) -> str:
    """Mean over frames; infinite PSNR means equal frames."""
    if result.shape != truth.shape:
        raise InputError(
            f"truth must have the result's size, {tuple(result.shape)}, got {tuple(truth.shape)}"
        )
    from ..magicpose_core.evaluation.pixel import psnr, ssim

    try:
        means = psnr(result, truth).mean(), ssim(result, truth).mean()
    except MissingDependencyError as error:  # the pictures are worth having without
        return str(error)
    return f"PSNR {means[0]:.2f} dB, SSIM {means[1]:.4f}{_through_time(result, truth)}"


def _through_time(result: Tensor, truth: Tensor) -> str:
    """Say how the frames follow each other, as far as the clip can tell."""
    from ..magicpose_core.evaluation.optical_flow import estimated_flows
    from ..magicpose_core.evaluation.temporal import flicker, tpsnr, warp_error

    frames, _, height, width = result.shape
    if frames < _LEAST_FRAMES or min(height, width) < _LEAST_SIDE:
        return ""

    def each(clip: Tensor) -> Iterator[NDArray[np.uint8]]:
        return (_uint8(clip, frame) for frame in range(frames))

    said = f", between frames: PSNR {tpsnr(each(result), each(truth)):.2f} dB"
    warped = warp_error(each(result), estimated_flows(each(truth)))
    trembled = flicker(each(result), each(truth))
    said += "" if warped is None else f", warping error {warped:.2e}"
    return said + ("" if trembled is None else f", flicker {trembled:.2f}")
