"""Previews in the colours of the model's own autoencoder."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F


@pytest.fixture(scope="module")
def demo(pack):
    loader = pack("nodes.loaders").LoadMagicPoseCheckpoint
    return loader.execute("magicpose-dancers.safetensors", "fp32").args


def test_a_preview_of_the_demo_model_has_the_colours_of_the_picture(pack, demo):
    import comfy.latent_formats
    from latent_preview import Latent2RGBPreviewer

    model, _, vae = demo[:3]
    picture = pack("nodes.dancer").SyntheticDancer.execute(3, 3, 1, 128, "full", 7).args[0]
    latents = model.model.process_latent_in(vae.encode(picture))
    want = F.avg_pool2d(picture.movedim(-1, 1), 8)[0].movedim(0, -1)

    def error(latent_format):
        previewer = Latent2RGBPreviewer(
            latent_format.latent_rgb_factors, latent_format.latent_rgb_factors_bias
        )
        preview = previewer.decode_latent_to_preview(latents)
        got = torch.frombuffer(bytearray(preview.tobytes()), dtype=torch.uint8).reshape(16, 16, 3)
        return float((got / 255 - want).abs().mean())

    ours, theirs = error(model.model.latent_format), error(comfy.latent_formats.SD15())
    assert ours < theirs / 2
