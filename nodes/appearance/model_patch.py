"""The paper's one idea in ComfyUI's U-Net: self-attention also reads the reference's tokens.

Everything goes through public, stackable patch points: a wrapper around the U-Net's forward, which
for the conditional rows adds one more ``attn1_patch``. The unconditional rows see the stock MODEL.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from comfy.ldm.modules.attention import optimized_attention_masked
from torch import Tensor

from ...magicpose_core.sampling.settings import ControlMode
from .. import notices
from ..comfy_types import Options
from .features import BlockId, Features
from .rows import Reading, group_rows, options_of_rows, take_rows

FeaturesAt = Callable[[float, Tensor], Features]  # timestep, (1, L, C) text of the rows

_OFFERS = "magicpose_offers"  # our entry of the options: the references offered so far


@dataclass(frozen=True, kw_only=True)
class AppearanceSettings:
    """How the reference takes part.

    Attributes:
        control_mode: ``image_cfg`` gives it to the conditional rows only (the paper),
            ``balance`` to all rows.
        strength: Factor on the attention that the reference's tokens get; 1 is the paper's.
        sigma_range: Noise levels between which it takes part, (highest, lowest).
    """

    control_mode: ControlMode = "image_cfg"
    strength: float = 1.0
    sigma_range: tuple[float, float] = (math.inf, 0.0)


@dataclass(frozen=True)
class Offer:
    """What one reference offers in this forward."""

    features: Features
    strength: float


def appearance_wrapper(
    features_at: FeaturesAt, settings: AppearanceSettings, *, by_text: bool
) -> Callable[..., Tensor]:
    """Make the wrapper (WrappersMP.DIFFUSION_MODEL) that offers a reference to the U-Net.

    Args:
        features_at: Gives the reference's features.
        settings: How the reference takes part.
        by_text: Whether the features depend on the text of the rows that read them.

    Source: Chang et al. 2024, section 3.2; the guidance is the released code's.
    """
    warned: set[BlockId] = set()

    def run(
        forward: Callable[..., Tensor],
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        y: Tensor | None,
        control: dict[str, list[Tensor]] | None,
        options: Options,
        **more: object,
    ) -> Tensor:
        inputs = (x, timesteps, context, y, control)
        if not _in_range(options, settings.sigma_range):
            return forward(*inputs, options, **more)

        def offered(reading: Reading | None, part: Options) -> Options:
            if reading is None:
                return part
            features = features_at(reading.timestep, context[reading.text : reading.text + 1])
            return _with_offer(part, Offer(features, settings.strength), warned)

        groups = group_rows(options, timesteps, settings.control_mode, context if by_text else None)
        if len(groups) == 1:
            (reading,) = groups
            return forward(*inputs, offered(reading, options), **more)
        parts = []
        for reading, rows in groups.items():
            *part, part_more = take_rows((*inputs, more), rows, x.shape[0])
            part_options = offered(reading, options_of_rows(options, rows, x.shape[0]))
            parts.append(forward(*part, part_options, **part_more))
        return _in_order(parts, groups.values())

    return run


def _in_order(parts: list[Tensor], rows_of_parts: Iterable[list[int]]) -> Tensor:
    """Put rows that were run apart back into their order."""
    rows = torch.tensor(list(itertools.chain(*rows_of_parts)), device=parts[0].device)
    return torch.cat(parts)[rows.argsort()]


def _in_range(options: Options, sigma_range: tuple[float, float]) -> bool:
    if "sigmas" not in options:
        return True
    highest, lowest = sigma_range
    return lowest <= float(options["sigmas"][0]) <= highest


def _with_offer(options: Options, offer: Offer, warned: set[BlockId]) -> Options:
    """Copy the options with one more reference for self-attention to read."""
    replaced = options.get("patches_replace", {}).get("attn1", {})
    taken = {
        (block[0], block[1])
        for block, patch in replaced.items()
        if not isinstance(patch, _WeightedAttention)
    }
    if taken - warned:
        warned |= taken
        notices.warn(
            "another node replaces the self-attention of %s (perturbed or self-attention guidance, "
            "for instance); the reference is not offered there while it does",
            ", ".join(f"{section} {index}" for section, index in sorted(taken)),
        )
    offers = (*options.get(_OFFERS, ()), offer)
    features = {block: row for block, row in offer.features.items() if block not in taken}
    patches = options.get("patches", {})
    copy = {
        **options,
        _OFFERS: offers,
        "patches": {**patches, "attn1_patch": [*patches.get("attn1_patch", ()), _join(features)]},
    }
    if any(each.strength != 1 for each in offers):
        weighted = dict.fromkeys(features, _WeightedAttention(offers))
        copy["patches_replace"] = {
            **options.get("patches_replace", {}),
            "attn1": {**replaced, **weighted},
        }
    return copy


def _join(features: Features) -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    def join(
        tokens: Tensor, context: Tensor, value: Tensor, options: Options
    ) -> tuple[Tensor, Tensor, Tensor]:
        reference = features.get(options["block"])
        if reference is None:
            return tokens, context, value
        batch = tokens.shape[0]
        reference = reference.to(context).expand(batch, -1, -1)
        # HyperTile cuts the queries into tiles along the batch and leaves it to attention to cut
        # keys and values alike; the reference belongs to every tile
        context = context.reshape(batch, -1, context.shape[-1])
        value = value.reshape(batch, -1, value.shape[-1])
        return tokens, torch.cat((context, reference), 1), torch.cat((value, reference), 1)

    return join


class _WeightedAttention:
    """Attention whose reference tokens count ``strength`` times: log(strength) on their logits."""

    def __init__(self, offers: tuple[Offer, ...]) -> None:
        self._offers = offers

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, options: Options) -> Tensor:
        bias = q.new_zeros(k.shape[1])
        end = k.shape[1]
        for offer in reversed(self._offers):
            start = end - offer.features[options["block"]].shape[1]
            bias[start:end] = math.log(offer.strength)
            end = start
        mask = bias.expand(1, q.shape[1], -1)
        return optimized_attention_masked(
            q, k, v, options["n_heads"], mask, attn_precision=options["attn_precision"]
        )
