"""Parts of a list, by hand, by Slurm and by torchrun."""

import pytest

from magicpose_core.batch.shards import Shard, read_shard
from magicpose_core.errors import InputError


@pytest.mark.parametrize(("items", "count"), [(12, 1), (12, 5), (3, 8), (10_000, 7)])
def test_shards_are_disjoint_complete_and_even(items, count):
    parts = [Shard(number, count).of(range(items)) for number in range(1, count + 1)]
    assert sorted(item for part in parts for item in part) == list(range(items))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("2/8", {}, "2/8"),
        ("auto", {"RANK": "0", "WORLD_SIZE": "4"}, "1/4"),
        (
            "auto",
            {
                "SLURM_ARRAY_TASK_ID": "14",
                "SLURM_ARRAY_TASK_MIN": "10",
                "SLURM_ARRAY_TASK_STEP": "2",
                "SLURM_ARRAY_TASK_COUNT": "3",
            },
            "3/3",
        ),
    ],
)
def test_a_shard_is_read_from_words_or_from_what_started_the_process(text, environment, expected):
    assert str(read_shard(text, environment)) == expected


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        ("0/8", {}, "NUMBER/COUNT"),
        ("9/8", {}, "9/8"),
        ("half", {}, "'half'"),
        ("auto", {}, "neither has started"),
        ("auto", {"SLURM_ARRAY_TASK_ID": "1"}, "SLURM_ARRAY_TASK_COUNT is not"),
    ],
)
def test_no_shard_is_refused(text, environment, message):
    with pytest.raises(InputError, match=message):
        read_shard(text, environment)
