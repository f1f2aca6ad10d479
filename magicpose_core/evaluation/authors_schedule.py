"""The same networks, scheduled and attended as the authors' scripts do: the baseline of the bench.

For each frame and step they run the appearance control model, the pose ControlNet twice (the second
result is thrown away) and the U-Net twice, one frame at a time; the pose map is embedded and the
reference and text are projected anew each time; attention writes out its scores in float32. The
numbers are those of the fast path, which is what makes the comparison fair, and tested.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

from ..models.appearance import AppearanceControlModel
from ..models.denoiser import MagicPoseDenoiser
from ..models.pose_control import PoseControlNet, PoseResiduals
from ..models.reference_attention import Attention, Capture, ReferenceFeatures


class ExplicitAttention:
    """Attention processor that materialises softmax(q k^T / sqrt(d)) in float32, head by head.

    The reference's tokens are joined to the layer's own before both are projected.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        capture: Capture | None = None,
        features: ReferenceFeatures | None = None,
    ) -> Tensor:
        """Attend from (B, L, C) tokens; ``attention_mask`` and ``temb`` are None in SD 1.5."""
        source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        if encoder_hidden_states is None and capture is not None:
            capture(self.name, hidden_states)
        if encoder_hidden_states is None and features is not None:
            source = torch.cat([hidden_states, features.tokens[self.name]], dim=1)
        query, key, value = (
            projection(tokens).unflatten(2, (attn.heads, -1)).transpose(1, 2)  # (B, heads, L, d)
            for projection, tokens in (
                (attn.to_q, hidden_states),
                (attn.to_k, source),
                (attn.to_v, source),
            )
        )
        scores = query.float() @ key.float().transpose(-1, -2) * query.shape[-1] ** -0.5
        attended = scores.softmax(dim=-1).to(value.dtype) @ value
        return attn.to_out[1](attn.to_out[0](attended.transpose(1, 2).flatten(2)))


@contextlib.contextmanager
def explicit_attention(denoiser: MagicPoseDenoiser) -> Iterator[None]:
    """Let the three networks attend explicitly inside the block; outside they are as before."""
    appearance, pose = _both(denoiser)
    networks = [denoiser.unet, appearance.unet, pose.controlnet]
    before = [network.attn_processors for network in networks]
    try:
        for network, processors in zip(networks, before, strict=True):
            network.set_attn_processor(
                {name: ExplicitAttention(name.removesuffix(".processor")) for name in processors}
            )
        yield
    finally:
        for network, processors in zip(networks, before, strict=True):
            network.set_attn_processor(processors)


def appearance_pass(
    denoiser: MagicPoseDenoiser, reference_latents: Tensor, timestep: Tensor, text: Tensor
) -> ReferenceFeatures:
    """Run the whole appearance control model, also behind its last self-attention."""
    appearance, _ = _both(denoiser)
    tokens: dict[str, Tensor] = {}
    appearance.unet(
        reference_latents,
        timestep,
        text,
        cross_attention_kwargs={"capture": tokens.__setitem__},
    )
    return ReferenceFeatures(tokens)


def pose_pass(
    denoiser: MagicPoseDenoiser, latents: Tensor, timestep: Tensor, text: Tensor, pose_map: Tensor
) -> PoseResiduals:
    """Run the pose ControlNet, the embedding of its pose map included."""
    _, pose = _both(denoiser)
    down, mid = pose.controlnet(latents, timestep, text, pose.embed(pose_map), return_dict=False)
    return PoseResiduals(tuple(down), mid)


def unet_pass(
    denoiser: MagicPoseDenoiser,
    latents: Tensor,
    timestep: Tensor,
    text: Tensor,
    features: ReferenceFeatures | None = None,
    residuals: PoseResiduals | None = None,
) -> Tensor:
    """Run the U-Net: conditional with features and residuals, unconditional without."""
    return denoiser.unet(
        latents,
        timestep,
        text,
        cross_attention_kwargs={"features": features},
        down_block_additional_residuals=None if residuals is None else residuals.down,
        mid_block_additional_residual=None if residuals is None else residuals.mid,
        return_dict=False,
    )[0]


def frame_step(
    denoiser: MagicPoseDenoiser,
    latents: Tensor,
    timestep: int,
    text: Tensor,
    *,
    reference_latents: Tensor,
    pose_map: Tensor,
    guidance_scale: float = 7.0,
) -> Tensor:
    """Predict the guided noise of one frame as the authors' sampler does, inside the block above.

    Args:
        denoiser: The networks, under :func:`explicit_attention`.
        latents: (1, 4, h, w) of the frame.
        timestep: 0..999.
        text: (1, L, C) text embedding.
        reference_latents: (1, 4, h, w), scaled.
        pose_map: (1, 3, 8 h, 8 w) in [0, 1].
        guidance_scale: s of eps_u + s (eps_c - eps_u).
    """
    step = torch.tensor(timestep, device=latents.device)
    features = appearance_pass(denoiser, reference_latents, step, text)
    residuals = pose_pass(denoiser, latents, step, text, pose_map)
    conditional = unet_pass(denoiser, latents, step, text, features, residuals)
    pose_pass(denoiser, latents, step, text, pose_map)  # image_cfg drops the result
    unconditional = unet_pass(denoiser, latents, step, text)
    return unconditional + guidance_scale * (conditional - unconditional)


def _both(denoiser: MagicPoseDenoiser) -> tuple[AppearanceControlModel, PoseControlNet]:
    assert denoiser.appearance is not None
    assert denoiser.pose is not None
    return denoiser.appearance, denoiser.pose
