"""Rendered clips of held-out dancers, measured through time on the rig's flow."""

import numpy as np
import pytest

from magicpose_core.evaluation.clip_figures import COPIED, RESULT, TRUTH
from magicpose_core.evaluation.folder_report import Instruments, measure_clips
from magicpose_core.evaluation.heldout_clips import heldout_clips
from magicpose_core.pipeline import MagicPosePipeline
from magicpose_core.sampling.settings import SamplingSettings


@pytest.fixture(scope="module")
def clips(micro_models):
    settings = SamplingSettings(steps=1, guidance_scale=1.0)
    rendered = heldout_clips(
        MagicPosePipeline(micro_models), settings, people=[0, 1], size=128, frames=4
    )
    return list(rendered)


def test_clips_are_read_as_often_as_one_likes(clips):
    for clip in clips:
        assert clip.count == 4
        first, again = (np.stack(list(clip.results())) for _ in range(2))
        assert np.array_equal(first, again)
        assert first.shape == np.stack(list(clip.truths())).shape == (4, 128, 128, 3)
        assert len(list(clip.flows())) == 3


def test_figures_through_time_stand_beside_their_controls(clips):
    overall = measure_clips(clips, Instruments()).overall()
    assert overall[TRUTH]["flicker"].mean == 0
    assert overall[TRUTH]["warp_error"].mean < 0.1 * overall[COPIED]["warp_error"].mean
    assert overall[COPIED]["flicker"].mean == 0
    assert {"warp_error", "flicker", "tpsnr", "psnr"} <= overall[RESULT].keys()
