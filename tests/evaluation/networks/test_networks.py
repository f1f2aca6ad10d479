"""Feature networks of the known key layouts, small and random; the strict way to their files."""

import hashlib
from pathlib import Path

import pytest
import torch

from magicpose_core.errors import CheckpointError, InputError
from magicpose_core.evaluation.networks import i3d, resnet3d
from magicpose_core.evaluation.networks.files import check_file, find_file, read_state

WIDTH = 4


def norm(name: str, channels: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(channels)
    names = ("weight", "bias", "running_mean", "running_var")
    values = [torch.rand(channels, generator=generator) + 0.5 for _ in names]
    values[2] -= 1  # means near 0, or nothing would pass the rectifiers
    return dict(zip((f"{name}.{part}" for part in names), values, strict=True))


def small_resnet() -> dict[str, torch.Tensor]:
    """One block a stage, of the layout that the released weights have."""
    torch.manual_seed(0)
    state = {"conv1.weight": torch.randn(WIDTH, 3, 7, 7, 7) / 30, **norm("bn1", WIDTH)}
    before = WIDTH
    for stage in range(1, 5):
        wide, name = WIDTH * 2 ** (stage - 1), f"layer{stage}.0"
        shapes = {"conv1": (wide, before, 1), "conv2": (wide, wide, 3)}
        shapes["conv3"] = (4 * wide, wide, 1)
        for part, (out, into, side) in shapes.items():
            state[f"{name}.{part}.weight"] = torch.randn(out, into, side, side, side) / into
            state |= norm(f"{name}.bn{part[-1]}", out)
        state[f"{name}.downsample.0.weight"] = torch.randn(4 * wide, before, 1, 1, 1) / before
        state |= norm(f"{name}.downsample.1", 4 * wide)
        before = 4 * wide
    return state


def small_i3d() -> dict[str, torch.Tensor]:
    """Two channels a branch, of the usual port's layout."""
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = {}

    def unit(name: str, into: int, out: int, side: int) -> None:
        state[f"{name}.conv3d.weight"] = torch.randn(out, into, side, side, side) / side
        state.update(norm(f"{name}.bn", out))

    unit("Conv3d_1a_7x7", 3, 4, 7)
    unit("Conv3d_2b_1x1", 4, 4, 1)
    unit("Conv3d_2c_3x3", 4, 8, 3)
    for block in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c"):
        for branch in ("b0", "b1a", "b2a", "b3b"):
            unit(f"Mixed_{block}.{branch}", 8, 2, 1)
        for branch in ("b1b", "b2b"):
            unit(f"Mixed_{block}.{branch}", 2, 2, 3)
    state["logits.conv3d.weight"] = torch.randn(5, 8, 1, 1, 1)
    state["logits.conv3d.bias"] = torch.randn(5)
    return state


def test_layouts_name_every_tensor_of_the_small_networks():
    assert set(resnet3d.keys((1, 1, 1, 1))) == set(small_resnet())
    assert set(i3d.keys()) == set(small_i3d())


def test_the_3d_resnet_counts_as_the_released_one_does():
    names = resnet3d.keys()
    assert sum(name.endswith("conv3.weight") for name in names) == 3 + 4 + 6 + 3
    assert sum("downsample.0" in name for name in names) == 4


@pytest.mark.parametrize(
    ("features", "state", "frames", "channels"),
    [
        (lambda s, x: resnet3d.resnet3d_features(s, x, (1, 1, 1, 1)), small_resnet, 16, 128),
        (lambda s, x: i3d.i3d_features(s, x / 127.5 - 1), small_i3d, 16, 5),
    ],
    ids=["resnet3d", "i3d"],
)
def test_features_do_not_depend_on_who_is_in_the_batch(features, state, frames, channels):
    weights = state()
    clips = 255 * torch.rand((2, 3, frames, 32, 32), generator=torch.Generator().manual_seed(1))
    together = features(weights, clips)
    assert together.shape == (2, channels)
    alone = torch.cat([features(weights, clip) for clip in clips.split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-3


@pytest.mark.parametrize("length", [7, 8, 9, 16])
@pytest.mark.parametrize(("kernel", "stride"), [(7, 2), (3, 2), (3, 1), (2, 2)])
def test_padding_is_tensorflows_same(length, kernel, stride):
    padded = i3d._pad(torch.zeros(1, 1, length, length, length), (kernel,) * 3, (stride,) * 3)
    out = (padded.shape[2] - kernel) // stride + 1
    assert out == -(-length // stride)
    spare = padded.shape[2] - length
    marked = i3d._pad(torch.ones(1, 1, 1, 1, length), (1, 1, kernel), (1, 1, stride))
    assert int(marked[0, 0, 0, 0].argmax()) == spare // 2  # the odd one behind


@pytest.fixture
def resnet_file(tmp_path):
    path = tmp_path / "resnet-50-kinetics.pth"
    state = {f"module.{name}": tensor for name, tensor in small_resnet().items()}
    classifier = {"module.fc.weight": torch.zeros(2, 128), "module.fc.bias": torch.zeros(2)}
    torch.save({"epoch": 1, "state_dict": state | classifier}, path)
    return path


def read(path: Path) -> dict[str, torch.Tensor]:
    names = resnet3d.keys((1, 1, 1, 1))
    return read_state(check_file(path), names, ignored=("fc.weight", "fc.bias"), prefix="module.")


def test_a_file_is_read_as_it_is_found_in_the_wild(resnet_file):
    state = small_resnet()
    found = read(resnet_file)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_a_file_of_another_network_is_refused_by_name(resnet_file):
    with pytest.raises(CheckpointError, match=r"resnet-50-kinetics\.pth does not fit: \d+ tensors"):
        resnet3d.load_resnet3d(check_file(resnet_file))


def test_a_truncated_file_is_refused(resnet_file):
    resnet_file.write_bytes(resnet_file.read_bytes()[:-1000])
    with pytest.raises(CheckpointError):
        read(resnet_file)


def test_a_name_that_promises_a_hash_is_held_to_it(tmp_path):
    content = b"weights"
    digits = hashlib.sha256(content).hexdigest()[:8]
    for name, fits in ((f"vgg16-{digits}.pth", True), ("vgg16-397923af.pth", False)):
        (tmp_path / name).write_bytes(content)
        if fits:
            assert check_file(tmp_path / name).sha256.startswith(digits)
        else:
            with pytest.raises(CheckpointError, match="promises a SHA-256 of 397923af"):
                find_file(tmp_path, "vgg16")


def test_absent_weights_are_no_error_and_an_absent_folder_is(tmp_path):
    assert find_file(None, "i3d") is None
    assert find_file(tmp_path, "i3d") is None
    with pytest.raises(InputError, match="is no folder"):
        find_file(tmp_path / "gone", "i3d")
