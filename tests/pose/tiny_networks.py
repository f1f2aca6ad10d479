"""Hand-made networks that find a known person, so that the real decoders run on real files.

DWPose's two ONNX files: the box network sees somebody wherever the upper left corner is bright; the
pose network puts its points on a known grid of the cut-out. OpenPose's three modules draw heat maps
with known peaks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

SIDE = 64
CUT_WIDTH, CUT_HEIGHT = 48, 64
POINTS = 133
CORNER = slice(0, 8)


def point_bins(count: int = POINTS) -> np.ndarray:
    """Where the pose network finds each point: (count, 2) bins of half a pixel of the cut-out."""
    index = np.arange(count)
    across = 24 + (index * 7) % (2 * CUT_WIDTH - 48)
    down = 20 + (index * 37) % (2 * CUT_HEIGHT - 40)
    return np.stack([across, down], axis=1)


def write_dwpose(folder: Path, points: int = POINTS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "yolox_l.onnx", SIDE, SIDE, *_box_nodes())
    _write(folder / "dw-ll_ucoco_384.onnx", CUT_HEIGHT, CUT_WIDTH, *_pose_nodes(points))
    return folder


def _box_nodes() -> tuple[
    list[onnx.NodeProto], list[onnx.TensorProto], list[tuple[str, list[int]]]
]:
    cells = sum((SIDE // stride) ** 2 for stride in (8, 16, 32))
    rows = np.zeros((1, cells, 85), np.float32)
    # Cell (1, 1) of the coarse grid: its centre at 32 + 32 * 0, sides 32 * exp(log 1.5) = 48.
    coarse = cells - 4 + 3
    rows[0, coarse, :4] = 0.0, 0.0, np.log(0.75), np.log(1.5)
    rows[0, coarse, 4:6] = 1.0, 0.9
    constants = [
        numpy_helper.from_array(rows, "rows"),
        numpy_helper.from_array(np.array([0, 0, 0, 0], np.int64), "from"),
        numpy_helper.from_array(np.array([1, 3, 8, 8], np.int64), "to"),
        numpy_helper.from_array(_score_mask(cells), "scores_only"),
        numpy_helper.from_array(np.array(255.0, np.float32), "white"),
        numpy_helper.from_array(np.array(1.0, np.float32), "one"),
    ]
    nodes = [
        helper.make_node("Slice", ["picture", "from", "to"], ["corner"]),
        helper.make_node("ReduceMax", ["corner"], ["brightest"], keepdims=0),
        helper.make_node("Div", ["brightest", "white"], ["light"]),
        helper.make_node("Sub", ["light", "one"], ["dark"]),
        helper.make_node("Mul", ["scores_only", "dark"], ["dimmed"]),
        helper.make_node("Add", ["dimmed", "one"], ["factor"]),
        helper.make_node("Mul", ["rows", "factor"], ["found"]),
    ]
    return nodes, constants, [("found", [1, cells, 85])]


def _score_mask(cells: int) -> np.ndarray:
    mask = np.zeros((1, cells, 85), np.float32)
    mask[..., 4] = 1
    return mask


def _pose_nodes(
    points: int,
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto], list[tuple[str, list[int]]]]:
    bins = point_bins(points)
    columns = np.zeros((1, points, 2 * CUT_WIDTH), np.float32)
    rows = np.zeros((1, points, 2 * CUT_HEIGHT), np.float32)
    columns[0, np.arange(points), bins[:, 0]] = 0.9
    rows[0, np.arange(points), bins[:, 1]] = 0.8
    constants = [
        numpy_helper.from_array(columns, "columns"),
        numpy_helper.from_array(rows, "rows"),
        numpy_helper.from_array(np.array(0.0, np.float32), "zero"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["columns", "nothing"], ["simcc_x"]),
        helper.make_node("Add", ["rows", "nothing"], ["simcc_y"]),
    ]
    outputs = [("simcc_x", list(columns.shape)), ("simcc_y", list(rows.shape))]
    return nodes, constants, outputs


def _write(
    path: Path,
    height: int,
    width: int,
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    outputs: list[tuple[str, list[int]]],
) -> None:
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, height, width])
    named = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in outputs]
    graph = helper.make_graph(nodes, "tiny", [picture], named, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


class HeatMaps(nn.Module):
    """Draws one Gaussian a map at known fractions of the picture, an eighth of its size."""

    def __init__(self, places: np.ndarray, *, sigma: float = 1.0, background: int = 1) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.tensor(places, dtype=torch.float32))
        self.sigma, self.background = sigma, background

    def forward(self, pictures: Tensor) -> Tensor:
        height, width = (extent // 8 for extent in pictures.shape[-2:])
        down = torch.arange(height)[None, :, None] - self.places[:, 1, None, None] * height
        across = torch.arange(width)[None, None, :] - self.places[:, 0, None, None] * width
        maps = torch.exp(-(down**2 + across**2) / (2 * self.sigma**2))
        empty = torch.zeros(self.background, height, width)
        return torch.cat([maps, empty])[None]


class BodyMaps(nn.Module):
    """Heat maps of the joints and, along every limb, a field that points from end to end."""

    def __init__(self, places: np.ndarray, limbs: list[tuple[int, int]], fields: list[int]) -> None:
        super().__init__()
        self.joints = HeatMaps(places)
        self.limbs, self.fields = limbs, fields

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        heat = self.joints(pictures)
        field = torch.zeros(1, 38, *heat.shape[-2:])
        size = torch.tensor([heat.shape[-1], heat.shape[-2]])
        for (start, end), first in zip(self.limbs, self.fields, strict=True):
            way = (self.joints.places[end] - self.joints.places[start]) * size
            field[0, first : first + 2] = (way / way.norm())[:, None, None]
        return field, heat
