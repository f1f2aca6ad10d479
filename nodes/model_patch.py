"""The paper's one idea in ComfyUI's U-Net: self-attention also reads the reference's tokens.

Everything goes through public, stackable patch points: a wrapper around the U-Net's forward, which
for the conditional rows adds one more ``attn1_patch``. The unconditional rows see the stock MODEL.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from comfy.ldm.modules.attention import optimized_attention_masked
from torch import Tensor

from .features import BlockId, Features

logger = logging.getLogger("magicpose")

Guidance = Literal["image_cfg", "balance"]
Options = dict[str, object]  # ComfyUI's transformer_options
T = TypeVar("T")
CONDITIONAL = 0  # ComfyUI's mark of the positive in ``cond_or_uncond``
_OFFERS = "magicpose_offers"  # our entry of the options: the references offered so far


@dataclass(frozen=True, kw_only=True)
class AppearanceSettings:
    """How the reference takes part.

    Attributes:
        guidance: ``image_cfg`` gives it to the conditional rows only (the paper), ``balance`` to
            all rows.
        strength: Factor on the attention that the reference's tokens get; 1 is the paper's.
        sigma_range: Noise levels between which it takes part, (highest, lowest).
    """

    guidance: Guidance = "image_cfg"
    strength: float = 1.0
    sigma_range: tuple[float, float] = (math.inf, 0.0)


@dataclass(frozen=True)
class Offer:
    """What one reference offers in this forward."""

    features: Features
    strength: float


def appearance_wrapper(
    features_at: Callable[[float], Features], settings: AppearanceSettings
) -> Callable[..., Tensor]:
    """Make the wrapper (WrappersMP.DIFFUSION_MODEL) that offers a reference to the U-Net.

    Args:
        features_at: Timestep -> the reference's features there.
        settings: How the reference takes part.

    Source: Chang et al. 2024, section 3.2; the guidance is the released code's.
    """
    warned: set[BlockId] = set()

    def run(
        forward: Callable[..., Tensor],
        x: Tensor,
        timesteps: Tensor,
        context: Tensor | None,
        y: Tensor | None,
        control: dict[str, list[Tensor]] | None,
        options: Options,
        **more: object,
    ) -> Tensor:
        inputs = (x, timesteps, context, y, control)
        if not _in_range(options, settings.sigma_range):
            return forward(*inputs, options, **more)

        def with_reference(timestep: float | None, part: Options) -> Options:
            if timestep is None:
                return part
            return _with_offer(part, Offer(features_at(timestep), settings.strength), warned)

        groups = _row_groups(options, timesteps, settings.guidance)
        if len(groups) == 1:
            return forward(*inputs, with_reference(*groups, options), **more)
        output = torch.empty_like(x)
        for timestep, rows in groups.items():
            *taken, taken_more = take_rows((*inputs, more), rows, x.shape[0])
            part = with_reference(timestep, _options_of_rows(options, rows, x.shape[0]))
            output[rows] = forward(*taken, part, **taken_more)
        return output

    return run


def take_rows(value: T, rows: list[int], batch: int) -> T:
    """Take rows of every tensor in ``value`` that has one row for each of the batch.

    Dicts, lists and tuples are walked and copied, so that a consumer may empty them.
    """
    if isinstance(value, Tensor):
        return value[rows] if value.ndim and value.shape[0] == batch else value
    if isinstance(value, dict):
        return {key: take_rows(item, rows, batch) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(take_rows(item, rows, batch) for item in value)
    return value


def _in_range(options: Options, sigma_range: tuple[float, float]) -> bool:
    if "sigmas" not in options:
        return True
    highest, lowest = sigma_range
    return lowest <= float(options["sigmas"][0]) <= highest


def _row_groups(
    options: Options, timesteps: Tensor, guidance: Guidance
) -> dict[float | None, list[int]]:
    """Group the batch's rows by the timestep of the reference they see, None for no reference."""
    chunks = options.get("cond_or_uncond", [CONDITIONAL])
    rows_a_chunk = timesteps.shape[0] // len(chunks)
    groups: dict[float | None, list[int]] = {}
    for row, timestep in enumerate(timesteps.tolist()):
        offered = guidance == "balance" or chunks[row // rows_a_chunk] == CONDITIONAL
        groups.setdefault(timestep if offered else None, []).append(row)
    return groups


def _options_of_rows(options: Options, rows: list[int], batch: int) -> Options:
    """Copy the options so that their entries of one a chunk fit the rows."""
    part = dict(options)
    for name in ("cond_or_uncond", "uuids"):
        if name in options:
            rows_a_chunk = batch // len(options[name])
            kept = dict.fromkeys(row // rows_a_chunk for row in rows)
            part[name] = [options[name][chunk] for chunk in kept]
    return part


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
        logger.warning(
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
