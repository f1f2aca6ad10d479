"""Bones that a picture hides or foreshortens, by those that it shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from magicpose_core.evaluation.pose_benchmark import measure_alignment
from magicpose_core.pose.retarget.body_tree import TYPICAL_LENGTH
from magicpose_core.pose.retarget.bone_ratio import BoneRatio, bounded_ratio
from magicpose_core.pose.retarget.hidden_bones import guess_hidden, lengthen_foreshortened

KINDS = [kind for kind in TYPICAL_LENGTH if kind != "head"]


def ratios(hidden: tuple[str, ...], **factors: float) -> dict[str, BoneRatio]:
    """A driver of typical build and 300 pixels; the reference's bones are ``factors`` as long."""
    return {
        kind: bounded_ratio(
            kind,
            300 * TYPICAL_LENGTH[kind],
            np.nan if kind in hidden else factors.get(kind, 2.0) * 300 * TYPICAL_LENGTH[kind],
            2.0,
            3.0,
        )
        for kind in KINDS
    }


def test_a_hidden_bone_follows_its_limb_more_than_others() -> None:
    guessed = guess_hidden(ratios(("shin", "forearm"), thigh=1.7), 2.0, 2.0)
    assert guessed["shin"].source == guessed["forearm"].source == "same limb"
    assert guessed["shin"].ratio < 0.95 * guessed["forearm"].ratio
    assert guessed["forearm"].ratio == pytest.approx(2.0, rel=0.05)


def test_a_limb_that_is_wholly_hidden_is_guessed_shorter_and_said_so() -> None:
    guessed = guess_hidden(ratios(("thigh", "shin")), 2.0, 2.0)
    assert guessed["thigh"].source == "whole person"
    assert 0.85 * 2 < guessed["thigh"].ratio < 0.97 * 2


def test_a_wholly_hidden_limb_does_not_grow_where_the_other_limbs_disagree() -> None:
    """Long arms against a short trunk, as a hand at the camera has them, tell nothing of legs."""
    arms = {"upper_arm": 3.1, "forearm": 3.1, "neck": 3.4}
    given = ratios(("thigh", "shin"), torso=2.0, hips=2.0, shoulders=2.0, **arms)
    guessed = guess_hidden(given, 2.5, 2.0)
    assert guessed["thigh"].ratio <= 1.1 * 2.0
    assert guessed["shin"].ratio <= 1.1 * 2.0
    unknown = guess_hidden(given, 2.5, float("nan"))
    assert unknown["thigh"].ratio > 1.15 * 2.0


def test_what_is_shown_keeps_its_ratio() -> None:
    given = ratios(("thigh",))
    guessed = guess_hidden(given, 2.0, 2.0)
    assert {k: r for k, r in guessed.items() if k != "thigh"} == {
        k: r for k, r in given.items() if k != "thigh"
    }


def test_a_forearm_that_points_at_the_camera_is_lengthened_to_what_bodies_have() -> None:
    given = ratios((), forearm=0.8)
    longer = lengthen_foreshortened(given, 2.0, sure=())
    assert longer["forearm"].source == "foreshortened"
    assert longer["forearm"].measured
    assert 1.4 < longer["forearm"].ratio < 2.0
    assert lengthen_foreshortened(given, 2.0, sure=("forearm",)) == given


def test_short_arms_of_a_body_unlike_others_stay() -> None:
    """A drawn figure's: where the other bones spread far, nobody knows how short one may be."""
    drawn = ratios((), forearm=1.4, upper_arm=1.4, torso=1.2, thigh=1.0, shin=1.0, hips=3.0)
    assert lengthen_foreshortened(drawn, 2.0, sure=())["forearm"].source == "measured"


def test_people_without_a_common_bone_are_left_alone() -> None:
    given = ratios(tuple(KINDS))
    assert guess_hidden(given, 2.0, 2.0) == given
    unknown = {k: replace(r, source="unknown", ratio=1.0) for k, r in given.items()}
    assert guess_hidden(unknown, float("nan"), float("nan")) == unknown


def test_hidden_joints_make_no_limb_grow_and_cost_little() -> None:
    """With 30 % hidden, limbs grew by up to 54 %."""
    fit = measure_alignment(20, hidden=0.3, depth=True, seed=5)["aligned"]
    assert np.mean(fit.growth > 15) < 0.01
    assert fit.error.mean() < 2.6
