"""The paper's one idea: self-attention that looks at the reference picture's tokens too.

A U-Net gets one processor on every attention layer. Through diffusers' ``cross_attention_kwargs``
it is told, per forward pass, to write down the inputs of self-attention (``capture=``) or to use
keys and values projected beforehand (``keys_values=``): self-attention joins them to its own,
cross-attention takes them in place of its own projection of the text. Told neither, the U-Net is
the stock one. Source: Chang et al. 2024, section 3.2, "appearance control".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

KeysValues = Mapping[str, tuple[Tensor, Tensor]]  # attention layer -> (B, L, C) keys and values
Capture = Callable[[str, Tensor], None]  # self-attention layer, its input (B, L, C)


@dataclass(frozen=True)
class ReferenceFeatures:
    """What the appearance control model yields at one timestep.

    Attributes:
        tokens: Self-attention layer -> its input (B, L, C), L being the reference's own number of
            latent cells at that level; it may differ from the frame's.
    """

    tokens: Mapping[str, Tensor]

    def joined(self) -> ReferenceFeatures:
        """Join the tokens of B pictures of one person into one row (1, B L, C)."""
        return ReferenceFeatures(
            {name: rearrange(row, "b l c -> 1 (b l) c") for name, row in self.tokens.items()}
        )


class Attention(Protocol):
    """What the processor needs of diffusers' ``Attention`` module."""

    heads: int
    to_q: nn.Module
    to_k: nn.Module
    to_v: nn.Module
    to_out: nn.ModuleList


class AttendingNetwork(Protocol):
    """What diffusers' U-Net and ControlNet offer of their attention layers."""

    @property
    def attn_processors(self) -> Mapping[str, object]: ...  # noqa: D102

    def set_attn_processor(self, processor: dict[str, ReferenceAttention]) -> None: ...  # noqa: D102
    def get_submodule(self, target: str) -> nn.Module: ...  # noqa: D102


class ReferenceAttention:
    """Attention processor of one layer; knows its name, holds no state."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        keys_values: KeysValues | None = None,
        capture: Capture | None = None,
    ) -> Tensor:
        """Attend from (B, L, C) tokens; ``attention_mask`` and ``temb`` are None in SD 1.5."""
        is_self_attention = encoder_hidden_states is None
        if is_self_attention and capture is not None:
            capture(self.name, hidden_states)
        given = None if keys_values is None else keys_values.get(self.name)
        if given is not None and not is_self_attention:
            key, value = given
        else:
            source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
            key, value = attn.to_k(source), attn.to_v(source)
            if given is not None:
                key = torch.cat([key, _for_each_row(given[0], key)], dim=1)
                value = torch.cat([value, _for_each_row(given[1], value)], dim=1)
        attended = F.scaled_dot_product_attention(
            _split_heads(attn.to_q(hidden_states), attn.heads),
            _split_heads(_for_each_row(key, hidden_states), attn.heads),
            _split_heads(_for_each_row(value, hidden_states), attn.heads),
        )
        joined = rearrange(attended, "b h l c -> b l (h c)")
        return attn.to_out[1](attn.to_out[0](joined))


def install(network: AttendingNetwork) -> None:
    """Put the processor on every attention layer of a diffusers U-Net or ControlNet."""
    network.set_attn_processor(
        {f"{name}.processor": ReferenceAttention(name) for name in _layers(network)}
    )


def project_reference(unet: AttendingNetwork, features: ReferenceFeatures) -> KeysValues:
    """Project the reference's tokens with the U-Net's own self-attention weights.

    Exact, and needed once a timestep: no frame's own tokens enter here.
    """
    return {name: _project(unet, name, tokens) for name, tokens in features.tokens.items()}


def project_text(network: AttendingNetwork, text: Tensor) -> KeysValues:
    """Project a text embedding (B, L, C) for every cross-attention; constant over a whole clip.

    Attention of a motion module is between frames and reads no text, whatever its name is.
    """
    reading = (name for name, own in network.attn_processors.items() if _is_ours(own))
    names = (name.removesuffix(".processor") for name in reading)
    return {name: _project(network, name, text) for name in names if name.endswith(".attn2")}


def _is_ours(processor: object) -> bool:
    return isinstance(processor, ReferenceAttention)


def _layers(network: AttendingNetwork) -> list[str]:
    return [name.removesuffix(".processor") for name in network.attn_processors]


def _project(network: AttendingNetwork, name: str, tokens: Tensor) -> tuple[Tensor, Tensor]:
    attention: Attention = network.get_submodule(name)  # type: ignore[assignment]
    return attention.to_k(tokens), attention.to_v(tokens)


def _split_heads(tokens: Tensor, heads: int) -> Tensor:
    return rearrange(tokens, "b l (h c) -> b h l c", h=heads)


def _for_each_row(shared: Tensor, rows: Tensor) -> Tensor:
    """One reference or text serves all frames; a batch of them stays as it is."""
    return shared.expand(rows.shape[0], -1, -1)
