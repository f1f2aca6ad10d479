"""Configurations read from TOML."""

from pathlib import Path

import pytest

from magicpose_core.errors import InputError
from magicpose_core.training.config import (
    ObjectiveConfig,
    OptimizerConfig,
    RunConfig,
    TrainingConfig,
    parse,
    read_config,
)

CORE = Path(__file__).parents[2] / "magicpose_core"
DEMO_CONFIGS = sorted((CORE / "demo" / "configs").glob("*.toml"))
OWN_VIDEOS = sorted((CORE / "training" / "configs").glob("*.toml"))


def read(tmp_path: Path, text: str) -> TrainingConfig:
    path = tmp_path / "run.toml"
    path.write_text(text)
    return read_config(path)


def test_defaults_are_the_papers(tmp_path):
    config = read(tmp_path, 'output = "out"')
    assert config.output == Path("out")
    optimizer = config.optimizer
    assert (optimizer.learning_rate, optimizer.weight_decay, optimizer.clip) == (1e-5, 0.0, 0.5)
    assert (optimizer.ema, optimizer.schedule, optimizer.warmup) == (0.0, "constant", 0)
    assert (config.run.seed, config.run.save_every) == (42, 10_000)
    assert config.objective.wonoise
    assert config.objective.plain_share == 0


def test_every_kind_of_value_is_read(tmp_path):
    config = read(
        tmp_path,
        """
        output = "out"
        [data]
        source = "dancers"
        folder = "videos"
        [network]
        channels = [64, 64, 128, 128]
        [optimizer]
        betas = [0.9, 0.99]
        clip = 1
        eight_bit = true
        """,
    )
    assert config.data.folder == Path("videos")
    assert config.network.channels == (64, 64, 128, 128)
    assert config.optimizer == OptimizerConfig(betas=(0.9, 0.99), clip=1.0, eight_bit=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('output = "out"\nstep = 3', "has no setting step; it has data"),
        ('output = "out"\n[run]\nstepz = 3', "run has no setting stepz; it has"),
        ('output = "out"\n[run]\nsteps = "3"', "steps must be int, got '3'"),
        ('output = "out"\n[run]\nsteps = true', "steps must be int, got True"),
        ('output = "out"\n[optimizer]\nbetas = [0.9]', r"betas must be tuple\[float, float\]"),
        ('output = "out"\n[data]\nsource = "web"', "source must be one of dancers, tiktok"),
        ('output = "out"\n[data]\nfolder = 3', "folder must be .*Path.*, got 3"),
        ("[run]\nsteps = 3", "incomplete: .*output"),
        ('output = "out"\n[run]\nsave_every = 0', "run.save_every must be at least 1, got 0"),
        ('output = "out"\n[optimizer]\naccumulate = 0', "optimizer.accumulate must be at least 1"),
        ('output = "out"\n[data]\nsize = 100', "data.size must be a multiple of 8, got 100"),
        ('output = "out"\n[data]\nsize = 64\ncrop = 72', r"crop must be 0..64 \(data.size\)"),
        (
            'output = "out"\n[objective]\nplain_share = 0.1\n[optimizer]\nbatch = 4',
            "is no row at all; set it to 0.25 at least",
        ),
        ("output = ", "is no TOML file"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(InputError, match="no configuration at"):
        read_config(tmp_path / "absent.toml")


def test_a_table_of_its_own_is_parsed():
    assert parse(RunConfig, {"steps": 3}, "run") == RunConfig(steps=3)


@pytest.mark.parametrize("path", DEMO_CONFIGS, ids=lambda path: path.stem)
def test_the_demos_configurations_are_valid(path):
    assert read_config(path).data.size == 128


@pytest.mark.parametrize("path", OWN_VIDEOS, ids=lambda path: path.stem)
def test_the_configurations_for_own_videos_take_as_many_pairs_as_the_paper(path):
    config = read_config(path)
    pairs = config.optimizer.batch * config.optimizer.accumulate * config.run.world_size
    assert (path.stem, pairs) in {("stage1", 32), ("stage2", 8), ("stage3", 8)}  # stage 3: clips
    assert config.objective == ObjectiveConfig()


def test_the_demo_has_a_configuration_for_each_stage():
    assert [path.stem for path in DEMO_CONFIGS] == [
        "base",
        "base_crowd",
        "base_expressions",
        "base_faces",
        "base_longer",
        "stage1",
        "stage1_crowd",
        "stage1_expressions",
        "stage1_faces",
        "stage1_longer",
        "stage2",
        "stage2_crowd",
        "stage2_expressions",
        "stage2_faces",
        "stage2_longer",
        "stage3",
        "stage3_crowd",
        "stage3_expressions",
        "stage3_longer",
        "stage3_renderings",
        "vae",
        "vae_decoder",
        "vae_expressions",
        "vae_faces",
        "vae_linear",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[network]\nchannels = [20, 32, 32, 32]", r"network\.channels must be multiples of 32"),
        ("[network]\nchannels = [32]", r"network\.channels must name 4 levels"),
        ("[network]\nvae_channels = []", "vae_channels one at least"),
        ("[network]\nheads = 0", r"network\.heads must be in 1\.\.320, got 0"),
        ("[network]\nheads = 7", r"network\.heads must divide each"),
        ("[network]\ntext_width = -1", r"network\.text_width must be in 1"),
        ("[optimizer]\nlearning_rate = nan", "learning_rate must be a number below"),
        (f"[optimizer]\nlearning_rate = {'9' * 400}", "learning_rate must be a number below"),
        ("[optimizer]\nbetas = [0.9, 1.0]", r"optimizer\.betas must be in 0\.\.1 \(1 left out\)"),
        ("[objective]\nplain_share = 2", r"objective\.plain_share must be in 0\.\.1, got 2"),
        ("[run]\nseed = -1", r"run\.seed must be in 0"),
        ("[data]\nsize = 1000000", r"data\.size must be in 8\.\.8192"),
    ],
)
def test_values_of_which_no_run_can_be_made_are_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, f'output = "out"\n{text}')
