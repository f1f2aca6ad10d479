"""Synthetic Dancer: a person, a dance and the right answer, without any file."""

from __future__ import annotations

import comfy.utils
from comfy_api.latest import io

from ..magicpose_core.data.dancers.framing import SHOTS, Shot
from ..magicpose_core.pose.keypoints import PoseSequence
from . import bridge
from .sockets import CATEGORY, PoseKeypoint, node_id, search_aliases, seed_input

_MAP_SIZE = 512  # pixels that the poses are drawn at, as in the demo model's training


class SyntheticDancer(io.ComfyNode):
    """One of endlessly many synthetic people, on which the demo model was trained."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("SyntheticDancer"),
            display_name="Synthetic Dancer",
            **search_aliases("demo", "example"),
            category=CATEGORY,
            description=(
                "Paints a synthetic person and a dance with exact keypoints, to try a graph "
                "without a picture, a video or a detector. The demo model knows such people, "
                "though not these ones."
            ),
            inputs=[
                io.Int.Input(
                    "dancer",
                    default=0,
                    min=0,
                    max=2**31 - 1,
                    tooltip="Number of the person; none of them was seen in training.",
                ),
                io.Int.Input(
                    "driver",
                    default=0,
                    min=0,
                    max=2**31 - 1,
                    tooltip="Number of the person whose body dances; another one needs alignment.",
                ),
                io.Int.Input(
                    "frames", default=16, min=1, max=10000, tooltip="Number of frames of the dance."
                ),
                io.Int.Input(
                    "size",
                    default=128,
                    min=64,
                    max=1024,
                    step=64,
                    tooltip="Width and height of the pictures in pixels.",
                ),
                io.Combo.Input(
                    "framing",
                    options=list(reversed(SHOTS)),
                    default="waist",
                    tooltip=(
                        "How close the camera is: waist up and three quarters show faces, full "
                        "shows the feet."
                    ),
                ),
                seed_input("Seed of the dance."),
            ],
            outputs=[
                io.Image.Output(display_name="reference", tooltip="The person, in another posture"),
                PoseKeypoint.Output(
                    display_name="poses", tooltip="The driver's exact keypoints, one per frame"
                ),
                io.Image.Output(
                    display_name="truth",
                    tooltip="The person in the dance: what a model should render",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, dancer: int, driver: int, frames: int, size: int, framing: Shot, seed: int
    ) -> io.NodeOutput:
        from ..magicpose_core.data.dancers.dance import draw_dance

        dance = draw_dance(dancer, driver, frames, seed, framing)
        progress = comfy.utils.ProgressBar(frames)
        truth = []
        for scene in dance.scenes:
            truth.append(scene.picture(size))
            progress.update(1)
        people = tuple((pose,) for pose in dance.poses())
        poses = PoseSequence(frames=people, width=_MAP_SIZE, height=_MAP_SIZE)
        return io.NodeOutput(
            bridge.drawings_to_image([dance.reference.picture(size)]),
            bridge.to_pose_keypoints(poses),
            bridge.drawings_to_image(truth),
        )
