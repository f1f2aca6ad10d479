"""Say why a stored sub-model does not load: which keys are missing, too many, of another shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from ..errors import CheckpointError
from .contents import Part
from .ldm import WeightMap
from .recipes import RECIPES

_COMPUTED = ("transformer.text_model.embeddings.position_ids",)  # 0..76, counted anew


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """Where a stored sub-model differs from the network that its shapes ask for, by LDM key."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in one line; empty where all is well."""
        return "; ".join(
            f"{len(keys)} {what} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
            for what, keys in (
                ("missing", self.missing),
                ("unexpected", self.unexpected),
                ("of another shape", self.reshaped),
            )
            if keys
        )


def why_it_does_not_load(part: Part) -> str:
    """Say in one line what keeps a stored sub-model from being loaded; empty where nothing does."""
    try:
        return str(find_misfit(part))
    except CheckpointError as error:
        return str(error)


def find_misfit(part: Part) -> Misfit:
    """Compare a stored sub-model with the network that its shapes and its file's notes ask for.

    Raises:
        CheckpointError: So much is missing that the architecture cannot be told.
    """
    recipe = RECIPES[part.name]
    network = recipe.lay_out(part)
    return compare(part, wanted_tensors(network, recipe.weight_map(network)), recipe.may_lack)


def wanted_tensors(
    network: nn.Module, weight_map: WeightMap
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """List what a network needs: LDM key -> its own name and shape."""
    wanted = {
        weight_map.ldm_key(name) or name: (name, tuple(tensor.shape))
        for name, tensor in network.state_dict().items()
    }
    return wanted | {copy: wanted[key] for copy, key in weight_map.copies.items()}


def compare(
    part: Part,
    wanted: Mapping[str, tuple[str, tuple[int, ...]]],
    may_lack: Callable[[str], bool],
) -> Misfit:
    """Compare a stored sub-model with what a network needs (:func:`wanted_tensors`)."""
    absent = [key for key in wanted if key not in part.keys]
    return Misfit(
        missing=tuple(key for key in absent if not may_lack(key)),
        unexpected=tuple(key for key in part.keys if key not in wanted and key not in _COMPUTED),
        reshaped=tuple(
            f"{key} {shape}, expected {wanted[key][1]}"
            for key, shape in part.shapes.items()
            if key in wanted and not same_matrix(shape, wanted[key][1])
        ),
    )


def same_matrix(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Compare shapes; a 1x1 convolution and a matrix hold the same numbers."""
    return _squeezed(first) == _squeezed(second)


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:2] if shape[2:] == (1, 1) else shape
