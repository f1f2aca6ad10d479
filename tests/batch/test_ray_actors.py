"""A Ray cluster of two nodes on this machine: the same bytes, though one is lost on the way."""

import json
import socket
import threading
import time

import pytest
import torch

from magicpose_core.batch.ray_actors import check_reachable
from magicpose_core.cli.__main__ import main
from magicpose_core.errors import InputError
from magicpose_core.images import write_image

JOBS = 6


@pytest.fixture
def cluster(monkeypatch):
    """One processor on each of two nodes, whose processes are ours to end."""
    pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # its 15 starves actors on a busy machine
    size = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=size)
    made.add_node(**size)
    yield made
    made.shutdown()


@pytest.fixture
def batch(tmp_path, micro_checkpoint):
    generator = torch.Generator().manual_seed(0)
    write_image(tmp_path / "ann.png", torch.rand(3, 64, 64, generator=generator))
    for index in range(2):
        pose_map = torch.zeros(3, 64, 64)
        pose_map[:, 20:60, 30 + index : 34] = 1
        write_image(tmp_path / "walk" / f"{index}.png", pose_map)
    lines = [
        {"reference": "ann.png", "poses": "walk", "out": f"{number}", "seed": number}
        for number in range(JOBS)
    ]
    (tmp_path / "jobs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    model = ["--checkpoint", str(micro_checkpoint), "--heads", "4", "--text-heads", "2"]
    settings = ["--size", "64", "--steps", "1", "--dtype", "fp32", "--threads", "1"]

    def run(out, *words):
        common = [str(tmp_path / "jobs.jsonl"), "--out", str(tmp_path / out), *model, *settings]
        return main(["batch", *common, "--device", "cpu", *words])

    return run


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".log"
    }


def test_an_address_where_nobody_listens_is_told_at_once():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        check_reachable(f"127.0.0.1:{port}")
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
        with pytest.raises(InputError, match=f"no Ray cluster at {address} .*; start one"):
            check_reachable(address)
    check_reachable("auto")


@pytest.mark.posix
def test_two_nodes_make_the_same_bytes_though_one_is_lost(cluster, batch, tmp_path, capsys):
    assert batch("alone") == 0
    capsys.readouterr()
    first = tmp_path / "ray" / "0.json"
    lost = threading.Thread(target=_lose_a_node, args=(cluster, first))
    lost.start()
    assert batch("ray", "--ray", cluster.address) == 0
    lost.join()
    said = capsys.readouterr().out
    assert "6 clips rendered" in said or ("5 clips rendered" in said and "1 kept" in said)
    assert contents(tmp_path / "ray") == contents(tmp_path / "alone")
    ages = {path: path.stat().st_mtime_ns for path in (tmp_path / "ray").rglob("*.png")}
    assert batch("ray", "--ray", cluster.address) == 0
    assert "6 kept" in capsys.readouterr().out
    assert ages == {path: path.stat().st_mtime_ns for path in (tmp_path / "ray").rglob("*.png")}


def _lose_a_node(cluster, first_result):
    while not first_result.exists():
        time.sleep(0.05)
    (node,) = [node for node in cluster.list_all_nodes() if node is not cluster.head_node]
    cluster.remove_node(node, allow_graceful=False)
