"""Metrics of networks against other people's computations of them, on the same random weights."""

import importlib.util

import numpy as np
import pytest
import torch
from torch import nn

from magicpose_core.evaluation.frechet import frechet_distance
from magicpose_core.evaluation.networks import i3d, resnet3d
from magicpose_core.evaluation.networks.files import check_file
from magicpose_core.evaluation.set_metrics import kernel_distance

from .test_networks import small_i3d, small_resnet


class Bottleneck(nn.Module):
    def __init__(self, into: int, wide: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(into, wide, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(wide)
        self.conv2 = nn.Conv3d(wide, wide, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(wide)
        self.conv3 = nn.Conv3d(wide, 4 * wide, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(4 * wide)
        shortcut = nn.Conv3d(into, 4 * wide, 1, stride, bias=False)
        self.downsample = nn.Sequential(shortcut, nn.BatchNorm3d(4 * wide))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn3(self.conv3(self.bn2(self.conv2(y)).relu()))
        return (y + self.downsample(x)).relu()


class ResNet3d(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, width, 7, (1, 2, 2), 3, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.pool = nn.MaxPool3d(3, 2, 1)
        self.layer1 = nn.Sequential(Bottleneck(width, width, 1))
        self.layer2 = nn.Sequential(Bottleneck(4 * width, 2 * width, 2))
        self.layer3 = nn.Sequential(Bottleneck(8 * width, 4 * width, 2))
        self.layer4 = nn.Sequential(Bottleneck(16 * width, 8 * width, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x - torch.tensor([114.7748, 107.7354, 99.4750])[None, :, None, None, None]
        x = self.pool(self.bn1(self.conv1(x)).relu())
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return nn.functional.adaptive_avg_pool3d(x, 1).flatten(1)


class Unit(nn.Module):
    def __init__(self, into: int, out: int, side: int, stride: int = 1) -> None:
        super().__init__()
        # the odd one behind: with an even number of pixels and stride 2 one less in front
        self.pad = nn.ConstantPad3d([(side - stride) // 2, (side - stride + 1) // 2] * 3, 0.0)
        self.conv3d = nn.Conv3d(into, out, side, stride, bias=False)
        self.bn = nn.BatchNorm3d(out, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(self.conv3d(self.pad(x))).relu()


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name in ("b0", "b1a", "b2a", "b3b"):
            setattr(self, name, Unit(8, 2, 1))
        self.b1b, self.b2b = Unit(2, 2, 3), Unit(2, 2, 3)
        self.pool = nn.Sequential(nn.ConstantPad3d(1, 0.0), nn.MaxPool3d(3, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branches = self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.pool(x))
        return torch.cat(branches, dim=1)


class I3d(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(3, 4, 7, 2)
        self.Conv3d_2b_1x1, self.Conv3d_2c_3x3 = Unit(4, 4, 1), Unit(4, 8, 3)
        for block in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c"):
            setattr(self, f"Mixed_{block}", Mixed())
        behind = nn.ConstantPad3d([0, 1, 0, 1, 0, 0], 0.0)
        self.pool2 = nn.Sequential(behind, nn.MaxPool3d((1, 3, 3), (1, 2, 2)))
        self.pool4 = nn.Sequential(nn.ConstantPad3d([0, 1] * 3, 0.0), nn.MaxPool3d(3, 2))
        self.pool5 = nn.MaxPool3d(2, 2)
        self.logits = nn.Module()
        self.logits.conv3d = nn.Conv3d(8, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(self.pool2(self.Conv3d_1a_7x7(x))))
        x = self.Mixed_3c(self.Mixed_3b(self.pool2(x)))
        x = self.pool4(x)
        for block in "bcdef":
            x = getattr(self, f"Mixed_4{block}")(x)
        x = self.Mixed_5c(self.Mixed_5b(self.pool5(x)))
        x = nn.functional.avg_pool3d(x, (2, x.shape[3], x.shape[4]), 1)
        return self.logits.conv3d(x).mean(dim=(2, 3, 4))


def loaded(network: nn.Module, state: dict[str, torch.Tensor]) -> nn.Module:
    missing, unexpected = network.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.endswith("num_batches_tracked") for name in missing)
    return network.eval()


@torch.no_grad()
def test_the_3d_resnet_computes_what_its_modules_do():
    clips = 255 * torch.rand((2, 3, 16, 112, 112), generator=torch.Generator().manual_seed(0))
    ours = resnet3d.resnet3d_features(small_resnet(), clips, (1, 1, 1, 1))
    theirs = loaded(ResNet3d(4), small_resnet())(clips)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_i3d_computes_what_its_modules_do():
    clips = 2 * torch.rand((2, 3, 16, 64, 64), generator=torch.Generator().manual_seed(0)) - 1
    ours = i3d.i3d_features(small_i3d(), clips)
    theirs = loaded(I3d(), small_i3d())(clips)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("counts", [(12, 9), (200, 150)])
def test_frechet_and_kernel_distance_equal_torchmetrics(counts):
    from torchmetrics.image.fid import _compute_fid
    from torchmetrics.image.kid import poly_mmd

    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn((32, 32), generator=generator, dtype=torch.float64)
    first, second = (
        torch.randn((count, 32), generator=generator, dtype=torch.float64) @ mixing + shift
        for count, shift in zip(counts, (0.0, 0.3), strict=True)
    )
    moments = [part for rows in (first, second) for part in (rows.mean(dim=0), rows.T.cov())]
    expected = float(_compute_fid(*moments))
    assert frechet_distance(first.numpy(), second.numpy()) == pytest.approx(expected, rel=1e-6)
    least = min(counts)
    expected = float(poly_mmd(first[:least], second[:least]))
    found = kernel_distance(first[:least].numpy(), second[:least].numpy())
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
@torch.no_grad()
def test_lpips_equals_torchmetrics_with_the_same_backbone(tmp_path, backbone):
    pytest.importorskip("lpips")
    pytest.importorskip("torchvision")
    from torchmetrics.functional.image.lpips import _LPIPS
    from torchvision.models import alexnet, vgg16

    from magicpose_core.evaluation.networks.lpips_distance import load_lpips, lpips_metrics

    torch.manual_seed(0)
    random = {"alex": alexnet, "vgg": vgg16}[backbone](weights=None).features
    torch.save({f"features.{k}": v for k, v in random.state_dict().items()}, tmp_path / "net.pth")
    metrics = lpips_metrics(
        load_lpips(check_file(tmp_path / "net.pth"), backbone), "a", in_unit_range="b"
    )
    theirs = _LPIPS(net=backbone, pnet_rand=True)
    layers = [value for name, value in random.state_dict().items()]
    theirs.net.load_state_dict(dict(zip(theirs.net.state_dict(), layers, strict=True)))
    frames = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), np.uint8)
    found = metrics.compare(*map(metrics.look, frames))
    images = [torch.from_numpy(frame).permute(2, 0, 1)[None] / 255 for frame in frames]
    assert found["a"] == pytest.approx(float(theirs(*images, normalize=True)), rel=1e-4)
    assert found["b"] == pytest.approx(float(theirs(*images)), rel=1e-4)
    assert found["a"] != pytest.approx(found["b"], rel=1e-2)


@pytest.mark.skipif(
    importlib.util.find_spec("torch_fidelity") is None, reason="torch-fidelity is not installed"
)
def test_fid_and_kid_of_folders_equal_torch_fidelity(tmp_path, monkeypatch):
    import torch_fidelity
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    from magicpose_core.evaluation.networks.inception import load_inception
    from magicpose_core.images import write_image
    from magicpose_core.picture_files import read_pixels

    weights = tmp_path / "inception.pth"
    torch.save({}, weights)
    with monkeypatch.context() as patched:  # its constructor wants the weights of a file
        patched.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = FeatureExtractorInceptionV3(
            "inception", ["2048"], feature_extractor_weights_path=str(weights)
        )
    torch.manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    torch.save(network.state_dict(), weights)
    generator = torch.Generator().manual_seed(0)
    rows = {}
    features = load_inception(check_file(weights))
    for name, level in (("ours", 0.5), ("theirs", 0.9)):
        for number in range(4):
            picture = level * torch.rand((3, 32, 32), generator=generator)
            write_image(tmp_path / name / f"{number}.png", picture)
        rows[name] = np.stack(
            [features(read_pixels(p)) for p in sorted((tmp_path / name).iterdir())]
        )
    expected = torch_fidelity.calculate_metrics(
        input1=str(tmp_path / "ours"),
        input2=str(tmp_path / "theirs"),
        fid=True,
        kid=True,
        kid_subsets=1,
        kid_subset_size=4,
        batch_size=1,
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
        feature_extractor_weights_path=str(weights),
    )
    ours = rows["ours"], rows["theirs"]
    fid, kid = expected["frechet_inception_distance"], expected["kernel_inception_distance_mean"]
    assert frechet_distance(*ours) == pytest.approx(fid, rel=1e-3)
    assert kernel_distance(*ours) == pytest.approx(kid, rel=1e-3)
