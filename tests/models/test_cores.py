from __future__ import annotations

import pytest

from magicpose_core.models.cores import cpu_limit, real_cores, threads_to_use


def written(root, **files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def test_two_threads_of_a_core_are_one_core(tmp_path):
    topology = "sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    written(tmp_path, **{topology.format(cpu): f"{cpu % 4},{cpu % 4 + 4}" for cpu in range(8)})
    assert real_cores(range(8), tmp_path) == 4
    assert real_cores({0, 4}, tmp_path) == 1
    assert real_cores({0, 1, 4}, tmp_path) == 2


def test_where_nothing_says_each_processor_is_a_core(tmp_path):
    assert real_cores(range(6), tmp_path) == 6
    assert real_cores((), tmp_path) == 1


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"}, None),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "250000 100000"}, 2.5),
        (
            {
                "proc/self/cgroup": "0::/user/job",
                "sys/fs/cgroup/cpu.max": "max 100000",
                "sys/fs/cgroup/user/cpu.max": "400000 100000",
                "sys/fs/cgroup/user/job/cpu.max": "800000 100000",
            },
            4.0,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/1\n3:memory:/docker/1",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            3.0,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu:/",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            None,
        ),
    ],
)
def test_the_smallest_limit_of_the_cgroups_above_counts(tmp_path, files, limit):
    written(tmp_path, **files)
    assert cpu_limit(tmp_path) == limit


def test_a_number_that_the_environment_names_is_the_users(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads_to_use() is None


def test_there_is_always_a_thread(monkeypatch):
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("magicpose_core.models.cores.cpu_limit", lambda: 0.5)
    assert threads_to_use() == 1
