"""The list of real pairs, and what is measured on them, on people whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from magicpose_core.evaluation.chibi import SIZE, chibi
from magicpose_core.evaluation.pose_material import DEBIAN, NPM, WHEELS
from magicpose_core.evaluation.real_pose_benchmark import measure_pairs, report, sheet
from magicpose_core.evaluation.real_poses import LIST, NamedPair, PairList, read_list, tomllib
from magicpose_core.pose.keypoints import PersonPose, PoseSequence
from magicpose_core.pose.retarget.neutral import neutral_frame

KINDS = {
    "full body", "three-quarter", "close-up", "walking", "turning", "from behind", "sitting",
    "two people", "chibi",
}  # fmt: skip
FIGURE = chibi()[0]


def clip_of(*people: PersonPose) -> PoseSequence:
    return PoseSequence(frames=tuple((p,) for p in people), width=SIZE[0], height=SIZE[1])


def test_the_list_has_every_kind_and_all_its_files_come_from_the_packages() -> None:
    content = tomllib.loads(LIST.read_text(encoding="utf-8"))
    assert len(content["pairs"]) >= 20
    assert {kind for pair in content["pairs"] for kind in pair["kinds"]} == KINDS
    sources = {**content["clips"], **content["pictures"]}
    named = {name for pair in content["pairs"] for name in (pair["driver"], pair["reference"])}
    assert named <= {*sources, "chibi"}
    fetched = {to for t in (WHEELS, NPM, DEBIAN) for files in t.values() for to in files.values()}
    files = {source["file"] for source in sources.values()}
    assert {file for file in files if not file.startswith("examples/")} <= fetched


def test_pairs_without_their_files_are_left_out_by_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "carphone.mp4").touch()
    listed = read_list(tmp_path, tmp_path)
    assert [str(pair) for pair in listed.pairs] == ["speaker -> chibi"]
    assert "speaker -> astronaut is left out" in caplog.text


def test_the_neutral_frame_is_the_one_that_looks_like_the_picture() -> None:
    nodes = np.random.default_rng(0).uniform(0, 100, (4, 19, 2))
    seen = np.ones((4, 19), bool)
    picture = 2 * nodes[2:3] + 30
    assert neutral_frame((nodes, seen), (picture, seen[:1])) == 2
    assert neutral_frame((nodes, seen), (picture, ~seen[:1])) is None


def test_pairs_become_rows_and_sheets() -> None:
    pair = NamedPair(driver="chibi", reference="chibi", kinds=("chibi",))
    listed = PairList(sources={}, pairs=(pair,))
    measured = measure_pairs(listed, {"chibi": clip_of(FIGURE)})
    assert report(measured).splitlines()[1].startswith("chibi -> chibi")
    drawn = sheet(listed, measured)
    assert drawn.shape == (258, 6 * 240, 3)
    assert drawn.any()
