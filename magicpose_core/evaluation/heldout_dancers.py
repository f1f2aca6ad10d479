"""Figures of a model on dancers that no training has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.dancers.clips import DancerFrame, Scene, free_scene
from ..data.dancers.expression import with_expression
from ..data.dancers.framing import Framing
from ..data.dancers.landmarks import draw_pose_map, face_box
from ..images import from_uint8, to_uint8
from ..pipeline import MagicPosePipeline
from ..sampling.settings import SamplingSettings
from .ablations import RENDERERS, Cases
from .faces import expression_choice, face_psnr, identity_choice, named_expression, trait_choices
from .pixel import PIXEL_METRICS
from .retrieval import (
    finds_the_right_one,
    histogram_finds_the_right_one,
    same_person,
    same_pose,
)

OnCase = Callable[[int, int], None]  # renderings done, renderings in all
_REFERENCE, _TARGET = 0, 1


@dataclass(frozen=True, kw_only=True)
class Case:
    """A held-out dancer: a reference picture, and the frame to be rendered from it."""

    index: int
    scene: Scene
    reference: NDArray[np.uint8]
    target: DancerFrame


def make_reference(index: int, size: int, framing: Framing = "mixed") -> NDArray[np.uint8]:
    """Draw the reference picture (size, size, 3) of a held-out dancer."""
    return free_scene(index, _REFERENCE, "heldout", framing).picture(size)


def make_case(index: int, size: int, framing: Framing = "mixed") -> Case:
    """Draw the case of a held-out dancer; the target has one of the named expressions."""
    scene = free_scene(index, _TARGET, "heldout", framing)
    scene = replace(scene, posture=with_expression(scene.posture, named_expression(index)))
    reference = make_reference(index, size, framing)
    return Case(index=index, scene=scene, reference=reference, target=scene.frame(size))


def evaluate_dancers(
    pipeline: MagicPosePipeline,
    settings: SamplingSettings,
    *,
    people: range,
    size: int,
    framing: Framing = "mixed",
    batch: int = 16,
    names: Sequence[str] = tuple(RENDERERS),
    on_case: OnCase | None = None,
) -> dict[str, dict[str, float]]:
    """Measure the model and its ablations.

    Args:
        pipeline: The model.
        settings: How to sample.
        people: Numbers of held-out dancers. All choices are made on 0 to 63; who reports takes
            others.
        size: Side of the pictures in pixels.
        framing: How close the camera is to the dancers.
        batch: People rendered together.
        names: What to measure, of ``ablations.RENDERERS``.
        on_case: Called as renderings are done.

    Returns:
        Name -> metric -> mean over the people; retrieval as a share in 0..1. The mean of a trait is
        over those of whom it can be seen.
    """
    renderings = {
        name: (lambda inputs, render=RENDERERS[name]: render(pipeline, inputs, settings))
        for name in names
    }
    return measure_renderings(
        renderings, people=people, size=size, framing=framing, batch=batch, on_case=on_case
    )


def measure_renderings(
    renderings: Mapping[str, Callable[[Cases], Tensor]],
    *,
    people: range,
    size: int,
    framing: Framing = "mixed",
    batch: int = 16,
    on_case: OnCase | None = None,
) -> dict[str, dict[str, float]]:
    """Measure ways to render, each on the same people: name -> cases -> (B, 3, H, W) in [0, 1].

    The other arguments and the figures are those of :func:`evaluate_dancers`.
    """
    rows: dict[str, list[Mapping[str, float]]] = {name: [] for name in renderings}
    for start in range(0, len(people), batch):
        numbers = people[start : start + batch]
        cases = [make_case(index, size, framing) for index in numbers]
        inputs = _stack(cases, size, framing)
        with torch.no_grad():
            results = {name: render(inputs) for name, render in renderings.items()}
        for row, case in enumerate(cases):
            judge = _judge(case, size)
            for name in renderings:
                rows[name].append(judge(results[name][row : row + 1].cpu()))
        if on_case is not None:
            on_case(start + len(cases), len(people))
    return {name: _mean(figures) for name, figures in rows.items()}


def _stack(cases: Sequence[Case], size: int, framing: Framing = "mixed") -> Cases:
    others = [make_reference(case.index + 1, size, framing) for case in cases]
    return Cases(
        references=from_uint8(np.stack([case.reference for case in cases])),
        truths=from_uint8(np.stack([case.target.picture for case in cases])),
        others=from_uint8(np.stack(others)),
        pose_maps=[to_uint8(draw_pose_map(case.target.pose, size))[0] for case in cases],
    )


def _judge(case: Case, size: int) -> Callable[[Tensor], dict[str, float]]:
    """Give a function that measures a result (1, 3, H, W) in [0, 1] of this case."""
    truth = from_uint8(case.target.picture)
    poses = same_person(case.scene, case.index, size)
    identities = same_pose(case.scene, case.index, size)
    box = face_box(case.target.pose, size)
    expressions = expression_choice(case.scene, size)
    faces = identity_choice(case.scene, case.index, size)
    traits = trait_choices(case.scene, size)

    def judge(result: Tensor) -> dict[str, float]:
        pixels = to_uint8(result)[0]
        figures = {name: float(metric(result, truth)) for name, metric in PIXEL_METRICS.items()}
        return figures | {
            "pose_retrieval": float(finds_the_right_one(pixels, poses)),
            "identity_retrieval": float(finds_the_right_one(pixels, identities)),
            "histogram_identity": float(histogram_finds_the_right_one(pixels, identities)),
            "face_psnr": face_psnr(pixels, case.target.picture, box),
            "expression_retrieval": float(expressions.is_right(pixels)),
            "face_identity": float(faces.is_right(pixels)),
            **{f"{name}_kept": float(choice.is_right(pixels)) for name, choice in traits.items()},
        }

    return judge


def _mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}
