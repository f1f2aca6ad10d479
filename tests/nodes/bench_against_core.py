"""Time a frame and step of the nodes against the core's, on the same weights in one run.

    python tests/nodes/run.py tests/nodes/bench_against_core.py -s

No test: it prints, and holds nobody to a time. MAGICPOSE_BENCH names other numbers, such as
``channels=320:640:1280:1280,size=512,frames=4,rounds=3``. On a CPU ComfyUI attends piece by piece
unless it is started with ``--use-pytorch-cross-attention``: MAGICPOSE_TORCH_ATTENTION=1 does.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from . import made_up

LONG, SHORT = 3, 1  # steps; their difference leaves out what is done once for a clip


def chosen() -> dict[str, str]:
    usual = {"channels": "64:128:256:256", "size": "256", "frames": "4", "rounds": "2"}
    given = os.environ.get("MAGICPOSE_BENCH", "")
    return usual | dict(pair.split("=") for pair in given.split(",") if pair)


def seconds_per_frame_step(render: Callable[[int], object], frames: int) -> float:
    """Processor seconds, so that what else runs on the machine counts for neither."""
    taken = []
    for steps in (LONG, SHORT):
        start = time.process_time()
        render(steps)
        taken.append(time.process_time() - start)
    return (taken[0] - taken[1]) / (LONG - SHORT) / frames / torch.get_num_threads()


def test_print_the_times(pack, comfyui):
    numbers = chosen()
    channels = tuple(map(int, numbers["channels"].split(":")))
    size, frames = int(numbers["size"]), int(numbers["frames"])
    path = comfyui / "models" / "magicpose" / "bench.safetensors"
    heads = {"magicpose.heads": "8", "magicpose.text_heads": "4"}
    made_up.save(made_up.networks(pack, channels, "small"), path, heads)
    generator = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, size, size, generator=generator)
    poses = torch.rand(frames, size, size, 3, generator=generator)

    model, clip, vae, control_net, appearance_model = (
        pack("nodes.loaders").LoadMagicPoseCheckpoint.execute(path.name, "fp32").args
    )
    text = clip.encode_from_tokens_scheduled(clip.tokenize(""))
    reference = pack("nodes.appearance.nodes").EncodeReference.execute(
        appearance_model, picture.movedim(1, -1), vae, size, True, "mean", False, 0
    )
    loading = pack("magicpose_core.weights.loading")
    models = loading.load_models(loading.ModelFiles(checkpoint=path))
    drawn = [np.uint8(each * 255) for each in poses.numpy()]
    settings = pack("magicpose_core.sampling.settings").SamplingSettings

    def nodes(steps: int) -> object:
        return pack("nodes.sampling").Sample.execute(
            model, reference.args[0], control_net, poses, text, 0, "custom",
            steps, 7.0, "ddim_paper", "ddim_uniform", 1.0, "image_cfg", frames,
        )  # fmt: skip

    def core(steps: int) -> object:
        return pack("magicpose_core.rendering").sample_clip(
            models, picture, drawn, settings(steps=steps, frames_per_batch=frames), text=text[0][0]
        )

    nodes(SHORT), core(SHORT)  # warm up
    ratios = []
    for number in range(int(numbers["rounds"])):
        times = {each.__name__: seconds_per_frame_step(each, frames) for each in (core, nodes)}
        ratios.append(times["nodes"] / times["core"])
        print(  # noqa: T201 - what the run is for
            f"round {number + 1}: core {times['core']:.3f} s per frame and step, "
            f"nodes {times['nodes']:.3f} s: {ratios[-1]:.2f} times"
        )
    print(f"{numbers}: nodes take {statistics.median(ratios):.2f} times as long")  # noqa: T201
