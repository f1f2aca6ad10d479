"""Write the part of tests/golden that the package ships for ``magicpose doctor``.

python tests/doctor/write_golden.py
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

MICRO = Path(__file__).resolve().parents[1] / "golden" / "micro"


def shipped_numbers() -> dict[str, Tensor]:
    """Choose the numbers: inputs whole, of big outputs a part."""
    files = ("networks", "ddim", "schedule", "text", "vae")
    networks, ddim, schedule, text, vae = (
        load_file(MICRO / f"{name}.safetensors") for name in files
    )
    chosen = {
        "alphas_cumprod": schedule["buffer.alphas_cumprod"],
        "timesteps": schedule["steps4.timesteps"].flip(0),
        "alphas_prev": schedule["steps4.alphas_prev"].flip(0),
        "empty_prompt": text["last_hidden_state"][:1],
        "picture": vae["square.image"],
        "moments": vae["square.moments"],
        "decoder_latents": vae["square.latent"],
        "decoded": vae["square.decoded"][..., ::4, ::4],
        "text": networks["context_cond"],
        "latents": networks["x_t"],
        "reference_latents": networks["reference_latent"],
        "pose_map": networks["pose_map"],
        "noise_conditional": networks["eps_cond_t501"],
        "noise_unconditional": networks["eps_uncond_t501"],
        "start": ddim["x_T"],
        "samples": ddim["important4.samples"],
    }
    chosen |= {f"tokens.{layer:02d}": networks[f"bank_t501.{layer:02d}"] for layer in (0, 7, 15)}
    chosen |= {
        f"residual.{index:02d}": networks[f"pose_residual_t501.{index:02d}"]
        for index in (0, 11, 12)
    }
    return {name: tensor.contiguous() for name, tensor in chosen.items()}


def shipped_keys() -> str:
    """List the keys that networks are filled from: ``KEY 3x3x4`` a line."""
    keys = json.loads((MICRO / "state_dict_keys.json").read_text(encoding="utf-8"))
    return "".join(
        f"{key} {'x'.join(map(str, shape))}\n"
        for key, (_, shape) in keys.items()
        if "." in key and not key.endswith("position_ids")
    )


if __name__ == "__main__":
    from magicpose_core.doctor.micro_model import GOLDEN, KEYS

    save_file(shipped_numbers(), GOLDEN)
    KEYS.write_text(shipped_keys(), encoding="ascii")
