"""The CLIP text encoder. MagicPose always reads the empty prompt, which needs no tokenizer."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from ..errors import InputError
from .sd15 import TextShape

START_TOKEN = 49406
END_TOKEN = 49407  # also the padding of SD 1.5


class TextEncoder(nn.Module):
    """CLIP's text model up to its final layer norm, without an attention mask but the causal one.

    Attributes:
        shape: What it was built from.
        clip: transformers' model.
        level: What stands before ``embeddings`` in its keys, see ``weights.ldm.text_map``.
    """

    clip: CLIPTextModel

    def __init__(self, shape: TextShape) -> None:
        """Build the encoder without weights."""
        super().__init__()
        self.shape = shape
        self.clip = CLIPTextModel(
            CLIPTextConfig(
                hidden_size=shape.width,
                intermediate_size=shape.feed_forward,
                num_hidden_layers=shape.layers,
                num_attention_heads=shape.heads,
                vocab_size=shape.vocabulary,
                max_position_embeddings=shape.positions,
                hidden_act="quick_gelu",
                layer_norm_eps=1e-5,
                bos_token_id=START_TOKEN,
                eos_token_id=END_TOKEN,
                projection_dim=shape.width,
            )
        )
        # no weight file fills it, so it has its numbers even where the model is built without any
        positions = torch.arange(shape.positions, device="cpu").expand((1, -1))
        embeddings = self.clip.get_submodule(f"{self.level}embeddings")
        embeddings.register_buffer("position_ids", positions, persistent=False)

    @property
    def positions(self) -> int:
        """Tokens of a prompt, the padding included."""
        return self.shape.positions

    @property
    def level(self) -> str:
        """``text_model.`` in transformers before 5.6, empty since."""
        return "text_model." if hasattr(self.clip, "text_model") else ""

    def forward(self, token_ids: Tensor) -> Tensor:
        """Encode (B, L) token ids -> (B, L, C), behind the final layer norm."""
        return self.clip(input_ids=token_ids).last_hidden_state

    def empty_prompt(self) -> Tensor:
        """Encode the empty prompt -> (1, 77, C)."""
        ids = torch.full((1, self.positions), END_TOKEN, dtype=torch.long)
        ids[0, 0] = START_TOKEN
        return self(ids.to(next(self.parameters()).device))


def tokenize(prompt: str, tokenizer: Path, *, length: int = 77) -> Tensor:
    """Turn a prompt into token ids (1, L) with a local CLIP tokenizer.

    Args:
        prompt: What to say; longer prompts are cut.
        tokenizer: Folder with ``vocab.json`` and ``merges.txt``, such as SD 1.5's ``tokenizer/``.
        length: Tokens, the padding included.

    Raises:
        InputError: The folder holds no tokenizer, or a damaged one.
    """
    from transformers import CLIPTokenizer

    if not (tokenizer / "vocab.json").is_file() or not (tokenizer / "merges.txt").is_file():
        raise InputError(
            f"{tokenizer} holds no vocab.json and merges.txt; give the tokenizer/ folder of a "
            "Stable Diffusion 1.5 model, or leave the prompt empty"
        )
    try:
        read = CLIPTokenizer.from_pretrained(str(tokenizer), local_files_only=True)
        ids = read(prompt, padding="max_length", truncation=True, max_length=length).input_ids
        tokens = torch.tensor([ids])
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise InputError(
            f"the tokenizer in {tokenizer} cannot be read ({error}); fetch it again"
        ) from error
    return tokens
