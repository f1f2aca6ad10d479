"""What the appearance control model yields in ComfyUI, against the golden numbers."""

from __future__ import annotations

import torch

from . import golden


def test_features_equal_the_golden_ones(pack, micro):
    want = golden.numbers("networks")
    got = pack("nodes.features").collect_features(
        micro.encoder, want["reference_latent"], torch.tensor([501.0]), want["context_cond"]
    )
    assert len(got) == 16
    for index, layer in enumerate(micro.layers):
        assert golden.relative(got[layer.comfy], want[f"bank_t501.{index:02d}"]) < 1e-5, layer
