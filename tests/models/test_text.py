from __future__ import annotations

import json

import pytest
import torch

from magicpose_core.errors import InputError
from magicpose_core.models.text import END_TOKEN, START_TOKEN, tokenize

WORDS = {"a": 320, "photo": 1125, "of": 539, "cat": 2368}  # as SD 1.5's vocabulary numbers them


@pytest.fixture
def tokenizer(tmp_path):
    """A CLIP tokenizer folder that knows four words."""
    vocabulary = {"<|startoftext|>": START_TOKEN, "<|endoftext|>": END_TOKEN}
    merges = []
    for word, number in WORDS.items():
        pieces = [*word[:-1], f"{word[-1]}</w>"]
        for piece in pieces:
            vocabulary.setdefault(piece, 10_000 + len(vocabulary))
        joined = pieces[0]
        for piece in pieces[1:]:
            merges.append(f"{joined} {piece}")
            joined += piece
            vocabulary.setdefault(joined, 10_000 + len(vocabulary))
        vocabulary[joined] = number
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
    return tmp_path


def test_a_prompt_becomes_the_ids_of_sd15_padded_with_the_end_token(tokenizer, golden):
    ids = tokenize("a photo of a cat", tokenizer)
    assert torch.equal(ids, golden("text")["input_ids"][1:])


def test_the_empty_prompt_needs_no_tokenizer_and_equals_the_tokenized_one(
    tokenizer, golden, micro_models
):
    assert torch.equal(tokenize("", tokenizer), golden("text")["input_ids"][:1])
    with torch.no_grad():
        by_ids = micro_models.text(tokenize("", tokenizer))
        assert torch.equal(micro_models.text.empty_prompt(), by_ids)


def test_a_long_prompt_is_cut_and_still_ends(tokenizer):
    ids = tokenize("a photo of a cat " * 40, tokenizer)
    assert ids.shape == (1, 77)
    assert ids[0, -1] == END_TOKEN


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(InputError, match=r"holds no vocab\.json .* leave the prompt empty"):
        tokenize("a cat", tmp_path)


def test_a_damaged_tokenizer_is_named(tokenizer):
    (tokenizer / "vocab.json").write_text("{")
    with pytest.raises(InputError, match=r"tokenizer in .* cannot be read .* fetch it again"):
        tokenize("a cat", tokenizer)


def test_an_empty_vocabulary_is_refused(tmp_path):
    (tmp_path / "vocab.json").write_text("{}")
    (tmp_path / "merges.txt").write_text("")
    with pytest.raises(InputError, match=r"the tokenizer in .* cannot be read"):
        tokenize("a photo", tmp_path)
