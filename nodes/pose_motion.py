"""Choose Person, Smooth Poses, Align Poses: from what a detector found to what fits the picture."""

from __future__ import annotations

from comfy_api.latest import io, ui
from torch import Tensor

from ..magicpose_core.errors import InputError
from ..magicpose_core.pose.cleanup.settings import Filter, PersonChoice, Rule, SmoothSettings
from ..magicpose_core.pose.retarget.settings import AlignSettings, Anchor
from . import bridge, notices
from .pose_preview import moving_picture
from .sockets import POSE_CATEGORY, PoseKeypoint, node_id, search_aliases, setting_input


class ChoosePerson(io.ComfyNode):
    """One of the people of a clip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("ChoosePerson"),
            display_name="Choose Person",
            category=POSE_CATEGORY,
            description=(
                "Keeps one person per frame: MagicPose renders one. Of several, render each with "
                "their own reference and lay the clips over each other by mask. Smooth and Align "
                "Poses track one by themselves."
            ),
            inputs=[
                PoseKeypoint.Input("poses", tooltip="Of any detector; one entry per frame."),
                setting_input(PersonChoice, "rule", name="person"),
                setting_input(PersonChoice, "number", max=100),
            ],
            outputs=[PoseKeypoint.Output(display_name="poses", tooltip="One person per frame")],
        )

    @classmethod
    def execute(cls, poses: object, person: Rule, number: int) -> io.NodeOutput:
        from ..magicpose_core.pose.cleanup.people import choose_person

        chosen = choose_person(
            bridge.to_pose_sequence(poses), PersonChoice(rule=person, number=number)
        )
        return io.NodeOutput(bridge.to_pose_keypoints(chosen))


class SmoothPoses(io.ComfyNode):
    """Keypoints without jitter."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("SmoothPoses"),
            display_name="Smooth Poses",
            category=POSE_CATEGORY,
            description=(
                "Puts swapped sides back, takes jumps out, fills short gaps and smooths, without "
                "dragging fast movements behind."
            ),
            inputs=[
                PoseKeypoint.Input("poses", tooltip="Of any detector; one entry per frame."),
                io.Float.Input(
                    "fps",
                    default=30.0,
                    min=0.01,
                    max=1000.0,
                    tooltip="Frames per second of the clip; the times below are in seconds.",
                ),
                setting_input(SmoothSettings, "filter"),
                setting_input(SmoothSettings, "window"),
                setting_input(SmoothSettings, "longest_gap"),
                setting_input(SmoothSettings, "jump"),
                setting_input(SmoothSettings, "score_threshold"),
                setting_input(SmoothSettings, "repair_swaps"),
                setting_input(SmoothSettings, "repair_hands"),
            ],
            outputs=[PoseKeypoint.Output(display_name="poses", tooltip="One person per frame")],
        )

    @classmethod
    def execute(
        cls,
        poses: object,
        fps: float,
        filter: Filter,
        window: float,
        longest_gap: float,
        jump: float,
        score_threshold: float,
        repair_swaps: bool,
        repair_hands: bool = True,
    ) -> io.NodeOutput:
        from ..magicpose_core.pose.cleanup.people import choose_person
        from ..magicpose_core.pose.cleanup.smooth import smooth

        settings = SmoothSettings(
            filter=filter,
            window=window,
            longest_gap=longest_gap,
            jump=jump,
            score_threshold=score_threshold,
            repair_swaps=repair_swaps,
            repair_hands=repair_hands,
        )
        sequence = choose_person(bridge.to_pose_sequence(poses, fps=fps))
        return io.NodeOutput(bridge.to_pose_keypoints(smooth(sequence, settings)))


class AlignPoses(io.ComfyNode):
    """The dance, on the body of the person in the picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=node_id("AlignPoses"),
            display_name="Align Poses",
            **search_aliases("retarget", "proportions"),
            category=POSE_CATEGORY,
            description=(
                "Gives the dancer the bones of the person in the picture and the place where that "
                "person stands. The more the two differ, the more this matters."
            ),
            inputs=[
                PoseKeypoint.Input("poses", tooltip="The dance; one entry per frame."),
                PoseKeypoint.Input(
                    "reference_poses",
                    tooltip="Keypoints of the person's picture, from Detect Poses.",
                ),
                setting_input(AlignSettings, "strength"),
                setting_input(AlignSettings, "anchor"),
                setting_input(AlignSettings, "limit"),
                setting_input(AlignSettings, "score_threshold"),
                setting_input(AlignSettings, "keep_inside"),
                io.Float.Input(
                    "walk",
                    default=-1.0,
                    min=-1.0,
                    max=1.0,
                    step=0.05,
                    tooltip=(
                        "How much of the way through the picture is kept: 0 stays in place, 1 "
                        "walks. -1: 0 in close-ups, else 1."
                    ),
                ),
                io.Float.Input(
                    "head_size",
                    default=1.0,
                    min=0.2,
                    max=5.0,
                    step=0.05,
                    tooltip="Makes the head larger or smaller than measured, as for drawn figures.",
                ),
                io.Float.Input(
                    "expression",
                    default=1.0,
                    min=0.0,
                    max=1.5,
                    step=0.05,
                    tooltip=(
                        "Strength of the face's movements: 0 keeps the dancer's own neutral face, "
                        "1 is the dancer's, more exaggerates. The gaze stays."
                    ),
                ),
                io.Float.Input(
                    "zoom",
                    default=1.0,
                    min=0.1,
                    max=10.0,
                    step=0.01,
                    tooltip="Enlarges the aligned person about the middle of the picture.",
                ),
                io.Float.Input(
                    "shift_x",
                    default=0.0,
                    min=-1.0,
                    max=1.0,
                    step=0.005,
                    tooltip="Moves the person to the right, as a share of the picture's width.",
                ),
                io.Float.Input(
                    "shift_y",
                    default=0.0,
                    min=-1.0,
                    max=1.0,
                    step=0.005,
                    tooltip="Moves the person down, as a share of the picture's height.",
                ),
                io.Boolean.Input(
                    "plant_feet",
                    default=False,
                    tooltip="Whether feet stand still while the dancer's do.",
                ),
                io.Float.Input(
                    "head_tilt",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip=(
                        "How much is kept of the head's constant tilt against the person's: 0 lays "
                        "the face on the picture's, 1 keeps the dancer's."
                    ),
                ),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The person's picture, under the preview on the node.",
                ),
            ],
            outputs=[
                PoseKeypoint.Output(display_name="poses", tooltip="In the picture's size"),
                io.String.Output(
                    display_name="report",
                    tooltip="Each bone's length and factor, the fit (0 to 100), what was moved",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        poses: object,
        reference_poses: object,
        strength: float,
        anchor: Anchor,
        limit: float,
        score_threshold: float,
        keep_inside: bool,
        walk: float = -1.0,
        head_size: float = 1.0,
        expression: float = 1.0,
        zoom: float = 1.0,
        shift_x: float = 0.0,
        shift_y: float = 0.0,
        plant_feet: bool = False,
        head_tilt: float = 0.0,
        image: Tensor | None = None,
    ) -> io.NodeOutput:
        from ..magicpose_core.pose.cleanup.people import choose_person, several_people
        from ..magicpose_core.pose.retarget.align import align

        picture = choose_person(bridge.to_pose_sequence(reference_poses))
        if not picture.frames or not picture.frames[0]:
            raise InputError(
                "reference_poses shows nobody; choose a picture with the whole person, or another "
                "detector"
            )
        settings = AlignSettings(
            strength=strength,
            anchor=anchor,
            limit=limit,
            score_threshold=score_threshold,
            keep_inside=keep_inside,
            walk=None if walk < 0 else walk,
            head_size=head_size,
            expression=expression,
            zoom=zoom,
            shift_x=shift_x,
            shift_y=shift_y,
            plant_feet=plant_feet,
            head_tilt=head_tilt,
        )
        everybody = bridge.to_pose_sequence(poses)
        dance = choose_person(everybody)
        aligned = align(dance, picture.frames[0][0], (picture.width, picture.height), settings)
        several = [note for note in [several_people(everybody)] if note]
        report = "\n".join([aligned.report(), *several])
        notices.show("\n".join([aligned.fit.in_words(), *aligned.notes, *several]))
        shown = {
            **ui.PreviewText(report).as_dict(),
            **moving_picture(aligned.sequence, image),
            "magicpose_fit": [aligned.fit.as_dict()],
        }
        return io.NodeOutput(bridge.to_pose_keypoints(aligned.sequence), report, ui=shown)
