"""LoRAs: low-rank differences of the U-Net's weights, as kohya's tools and diffusers save them.

A file is checked whole before anything is built. Its differences are added in float32 while the
U-Net is read, so a model with LoRAs costs nothing more to run, and the files stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import CheckpointError
from .checkpoint import Checkpoint, open_checkpoint
from .contents import Part, describe
from .heads import Heads
from .ldm import unet_map
from .misfit import same_matrix
from .recipes import UNET
from .settings import LoraFile

# how a key ends -> what its tensor is, in all spellings
_ROLES: Mapping[str, str] = {
    ".lora_down.weight": "down",  # kohya's
    ".lora_up.weight": "up",
    ".lora_mid.weight": "mid",
    ".alpha": "alpha",
    ".lora_A.weight": "down",  # peft's
    ".lora_B.weight": "up",
    ".lora_A.default.weight": "down",
    ".lora_B.default.weight": "up",
    ".lora.down.weight": "down",  # diffusers'
    ".lora.up.weight": "up",
    "_lora.down.weight": "down",
    "_lora.up.weight": "up",
    ".lora_linear_layer.down.weight": "down",
    ".lora_linear_layer.up.weight": "up",
}
_OF_THE_UNET = (
    "lora_unet_",
    "lycoris_",
    "unet.base_model.model.",
    "base_model.model.unet.",
    "base_model.model.",
    "diffusion_model.",
    "unet.",
)
_OF_THE_TEXT = ("lora_te", "text_encoder.", "text_encoder_", "text_encoders.", "text_model.")
_OTHER_KINDS: Mapping[str, str] = {
    "hada_w": "LoHa",
    "lokr_w": "LoKr",
    "oft_": "OFT",
    "dora_scale": "DoRA",
    "lora_magnitude_vector": "DoRA",
    "glora": "GLoRA",
}
_READ = "LoRA and LoCon are read, in the names of kohya's tools or of diffusers"
_METADATA = "lora_adapter_metadata"  # where diffusers notes peft's settings


@dataclass(frozen=True, kw_only=True)
class Lora:
    """An open LoRA that fits a U-Net.

    Attributes:
        file: What it was read from.
        strength: Factor on its differences.
        layers: LDM key of the changed weight -> role -> key in the file.
        text_keys: Keys of the text encoder, which are passed over.
        alpha: Scale times rank of layers that note none; None means their rank.
    """

    file: Checkpoint
    strength: float
    layers: Mapping[str, Mapping[str, str]]
    text_keys: tuple[str, ...]
    alpha: float | None = None

    def changed(self, key: str, weight: Tensor) -> Tensor:
        """Add the difference of a weight, in float32; other weights come back as they are."""
        if key not in self.layers:
            return weight
        return weight.float() + self.difference(key).reshape(weight.shape)

    def difference(self, key: str) -> Tensor:
        """Multiply out what is added to the weight of an LDM key: (out, in x kernel) float32.

        Source: Hu et al. 2021, section 4.1: ``strength alpha / rank up down``.
        """
        read = {role: self.file.read(stored).float() for role, stored in self.layers[key].items()}
        down = read["down"]
        if "mid" in read:  # a convolution in Tucker's form
            down = torch.einsum("rskl,si->rikl", read["mid"], down.flatten(1))
        rank = len(read["down"])
        alpha = float(read["alpha"]) if "alpha" in read else self.alpha or rank
        product = read["up"].flatten(1) @ down.flatten(1)
        if not product.isfinite().all():
            raise CheckpointError(
                f"{self.file.path.name} holds NaN or infinity in {self.layers[key]['up']}; fetch "
                "it again, or leave it out"
            )
        return self.strength * alpha / rank * product


def open_loras(
    files: Iterable[LoraFile], unet: Part, heads: Heads | None = None
) -> tuple[Lora, ...]:
    """Open LoRAs and check that they fit.

    Args:
        files: In the order in which they are added.
        unet: The U-Net that they are for.
        heads: Numbers of attention heads; None takes those that the U-Net's file notes.

    Raises:
        CheckpointError: A file is absent, damaged, no LoRA, or for another model.
    """
    files = tuple(files)
    if not files:
        return ()
    names = _names(unet, heads)
    return tuple(_open_lora(each, unet, names) for each in files)


def change(loras: Iterable[Lora]) -> Callable[[str, Tensor], Tensor]:
    """Join LoRAs to one function: LDM key and weight -> the changed weight."""

    def changed(key: str, weight: Tensor) -> Tensor:
        for lora in loras:
            weight = lora.changed(key, weight)
        return weight

    return changed


def _open_lora(given: LoraFile, unet: Part, names: Mapping[str, str]) -> Lora:
    file = open_checkpoint(given.file)
    found = _sort(file, names)
    if not found.layers and not found.unknown:
        raise CheckpointError(f"{file.path.name} holds no LoRA of the U-Net: it is {_what(file)}")
    problems = [
        _listed("unknown", found.unknown),
        _listed("incomplete", [key for key, stored in found.layers.items() if _lacks(stored)]),
    ]
    whole = {key: stored for key, stored in found.layers.items() if not _lacks(stored)}
    problems.append(_listed("of another shape", _reshaped(file, whole, unet)))
    if any(problems):
        raise CheckpointError(
            f"{file.path.name} does not fit the U-Net in {unet.file.path.name}: "
            f"{'; '.join(filter(None, problems))}. Expected a LoRA of Stable Diffusion 1.5; {_READ}"
        )
    return Lora(
        file=file,
        strength=given.strength,
        layers=found.layers,
        text_keys=tuple(found.text),
        alpha=_noted_alpha(file),
    )


@dataclass
class _Sorted:
    layers: dict[str, dict[str, str]] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def _sort(file: Checkpoint, names: Mapping[str, str]) -> _Sorted:
    """Tell what each tensor of a file belongs to."""
    found = _Sorted()
    for key in file.tensors:
        other = next((kind for mark, kind in _OTHER_KINDS.items() if mark in key), None)
        if other is not None:
            raise CheckpointError(f"{file.path.name} is a {other} ({key[:80]}); {_READ}")
        ending = next((each for each in _ROLES if key.endswith(each)), "")
        layer = key.removesuffix(ending).replace(".processor.", ".")
        if key.startswith(_OF_THE_TEXT):
            found.text.append(key)
        elif ending and (weight := names.get(_bare(layer))):
            found.layers.setdefault(weight, {})[_ROLES[ending]] = key
        else:
            found.unknown.append(key)
    return found


def _bare(layer: str) -> str:
    prefix = next((each for each in _OF_THE_UNET if layer.startswith(each)), "")
    return layer.removeprefix(prefix)


def _names(unet: Part, heads: Heads | None) -> dict[str, str]:
    """Map every spelling of a layer to the LDM key of its weight."""
    weight_map = unet_map(UNET.shape(unet, heads))
    names = {}
    for key, shape in unet.shapes.items():
        if key.endswith(".weight") and len(shape) > 1:
            for spelled in (key, weight_map.diffusers_key(key) or key):
                layer = spelled.removesuffix(".weight")
                for name in (layer, layer.removesuffix(".0") if "to_out" in layer else layer):
                    names[name] = names[name.replace(".", "_")] = key
    return names


def _lacks(stored: Mapping[str, str]) -> bool:
    return not {"down", "up"} <= stored.keys()


def _reshaped(file: Checkpoint, layers: Mapping[str, Mapping[str, str]], unet: Part) -> list[str]:
    """List the layers whose product has not the shape of the weight."""
    wrong = []
    for key, stored in layers.items():
        shapes = {role: file.tensors[name].shape for role, name in stored.items()}
        up, down, weight = shapes["up"], shapes["down"], unet.shapes[key]
        kernel = shapes["mid"][2:] if "mid" in shapes else down[2:]
        pointed = len(up) >= 2 and all(side == 1 for side in up[2:])
        chained = up[1:2] == down[:1] and shapes.get("alpha", ()) in ((), (1,))
        if "mid" in shapes:
            chained &= len(down) >= 2 and shapes["mid"][:2] == (down[0], down[0])
        product = (*up[:1], *down[1:2], *kernel)
        if not (pointed and chained and same_matrix(product, weight)):
            wrong.append(f"{stored['up']} {product}, expected {weight}")
    return wrong


def _noted_alpha(file: Checkpoint) -> float | None:
    """Read peft's settings where diffusers notes them; those that are not followed are refused."""
    text = file.metadata.get(_METADATA)
    if text is None:
        return None
    try:
        noted = {key.rpartition(".")[2]: value for key, value in json.loads(text).items()}
        alpha = None if noted.get("lora_alpha") is None else float(noted["lora_alpha"])
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"the metadata {_METADATA} of {file.path.name} cannot be read ({error})"
        ) from error
    unread = [name for name in ("use_rslora", "alpha_pattern", "use_dora") if noted.get(name)]
    if unread:
        raise CheckpointError(
            f"{file.path.name} notes {', '.join(unread)}, which is not followed here; {_READ}"
        )
    return alpha


def _what(file: Checkpoint) -> str:
    keys = list(file.tensors)
    if keys and all(key.startswith(_OF_THE_TEXT) for key in keys):
        return "a LoRA of the text encoder alone"
    return describe(file)


def _listed(what: str, names: list[str]) -> str:
    shown = ", ".join(name[:200] for name in names[:3])
    return f"{len(names)} {what} ({shown}{', ...' if len(names) > 3 else ''})" if names else ""
