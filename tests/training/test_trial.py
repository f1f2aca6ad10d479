"""One step on random latents."""

import math
from dataclasses import replace

import pytest

from magicpose_core.cli.__main__ import main
from magicpose_core.errors import InputError
from magicpose_core.training.config import ObjectiveConfig, StartConfig
from magicpose_core.training.trial import _random_clips, try_step


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_a_step_is_tried_without_writing_anything(base_config, stage, tmp_path):
    config = replace(base_config, output=tmp_path / "out", start=StartConfig())
    trial = try_step(stage, config)
    assert 0.5 < trial.loss < 2
    assert trial.peak_bytes is None or trial.peak_bytes > trial.estimate.total
    assert "M numbers trained" in str(trial)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("own", "clips"), [(0.0, 1), (1.0, 1), (1.0, 3)])
def test_a_step_on_clips_is_tried_with_renderings_and_without(base_config, own, clips):
    config = replace(
        base_config,
        data=replace(base_config.data, clip=2),
        start=StartConfig(),
        optimizer=replace(base_config.optimizer, batch=clips),
        objective=ObjectiveConfig(own_renderings=own),
    )
    trial = try_step("stage3", config)
    assert 0 < trial.loss < math.inf  # random networks lead renderings astray
    assert "M numbers trained" in str(trial)


def test_renderings_are_tried_at_timesteps_as_in_training(base_config):
    config = replace(
        base_config,
        data=replace(base_config.data, clip=2),
        optimizer=replace(base_config.optimizer, batch=4),
    )
    timesteps = _random_clips(config)["timesteps"].tolist()
    assert [step // 250 for step in timesteps] == [0, 1, 2, 3]


@pytest.mark.parametrize("stage", ["stage1", "stage2", "stage3"])
def test_a_size_whose_deepest_map_cannot_be_normalised_is_refused(base_config, stage):
    data = replace(base_config.data, size=64)
    with pytest.raises(InputError, match=r"64 x 64 is too small .* 128 x 64 at least"):
        try_step(stage, replace(base_config, data=data, start=StartConfig()))


def test_stage2_trains_more_than_stage1(base_config, tmp_path):
    config = replace(base_config, start=StartConfig())
    first, second = (try_step(stage, config).estimate for stage in ("stage1", "stage2"))
    assert second.trained > first.trained


def test_the_command_prints_time_and_memory(tmp_path, capsys):
    config = tmp_path / "run.toml"
    config.write_text(
        f"""
        output = "{tmp_path / "out"}"
        [data]
        source = "dancers"
        size = 128
        [network]
        channels = [32, 32, 32, 32]
        heads = 4
        text_width = 16
        [optimizer]
        batch = 2
        """
    )
    assert main(["train", "stage1", str(config), "--try"]) == 0
    assert "peak memory" in capsys.readouterr().out
