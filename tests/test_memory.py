import subprocess
import sys

import numpy as np
import pytest

from tfrec import memory
from tfrec.errors import InputError

MEMINFO = "MemTotal:       9000 kB\nMemAvailable:   5000 kB\nHugePages_Total:       0\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Writes files as /proc and /sys/fs/cgroup have them; 5,000 kB are available."""

    def write(files):
        for name, text in ({"proc/meminfo": MEMINFO, "proc/self/cgroup": ""} | files).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)

    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroups")
    return write


def group_2(limit, current, cached):
    return {"memory.max": f"{limit}\n", "memory.current": f"{current}\n", "memory.stat": f"inactive_file {cached}\n"}


def test_without_a_limit_it_is_what_the_machine_has_left(machine):
    machine({})
    assert memory.available_memory() == 5000 * 1024


@pytest.mark.parametrize(
    "limit, expected",
    [("max", 5000 * 1024), ("9000000", 5000 * 1024), ("1000", 1000 - 700 + 200), ("400", 0)],
)
def test_a_group_leaves_its_limit_less_what_is_not_cached_files(machine, limit, expected):
    files = {f"cgroups/box/{name}": text for name, text in group_2(limit, 700, 200).items()}
    machine({"proc/self/cgroup": "0::/box\n"} | files)
    assert memory.available_memory() == expected


def test_the_smallest_group_on_the_way_up_counts(machine):
    files = {f"cgroups/slice/{name}": text for name, text in group_2(900, 100, 0).items()}
    files |= {f"cgroups/slice/box/{name}": text for name, text in group_2(5000, 0, 0).items()}
    machine({"proc/self/cgroup": "0::/slice/box\n"} | files)
    assert memory.available_memory() == 800


def test_a_group_whose_path_is_not_seen_from_inside_lies_at_the_root(machine):
    files = {f"cgroups/{name}": text for name, text in group_2(900, 100, 0).items()}
    machine({"proc/self/cgroup": "0::/host/path\n"} | files)
    assert memory.available_memory() == 800


def test_groups_of_the_first_version(machine):
    files = {
        "memory.limit_in_bytes": "1000\n",
        "memory.usage_in_bytes": "700\n",
        "memory.stat": "cache 300\ntotal_inactive_file 50\n",
    }
    files = {f"cgroups/memory/box/{name}": text for name, text in files.items()}
    machine({"proc/self/cgroup": "8:cpu:/box\n4:memory:/box\n"} | files)
    assert memory.available_memory() == 350


def test_what_is_resident_follows_what_is_taken():
    before = memory.resident_memory()
    taken = np.ones(500_000_000, np.uint8)
    # far more than what other threads of the process take or give back meanwhile
    assert 400e6 < memory.resident_memory() - before < 600e6
    assert memory.peak_memory() >= memory.resident_memory() - 1e6 > len(taken)
    assert 0 < memory.available_memory() < 2**50


def test_too_much_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 1_500_000)
    memory.require_memory(1_500_000, "It", "rest")
    with pytest.raises(InputError, match=r"^It needs 2 GB, but 1.5 MB of memory are left: rest\.$"):
        memory.require_memory(2 * 10**9, "It", "rest")


@pytest.mark.parametrize("count, text", [(999, "999 bytes"), (2_048, "2.05 kB"), (2_560_000_000, "2.56 GB")])
def test_bytes_are_written_in_the_largest_unit(count, text):
    assert memory.in_bytes(count) == text


def test_freed_memory_is_used_again_without_new_pages():
    """In a process of its own: what is set holds to its end."""
    code = (
        "import resource, numpy as np\n"
        "from tfrec.memory import keep_freed_memory\n"
        "def faults():\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    np.ones(200 << 20, np.uint8)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "print(faults(), faults(), keep_freed_memory(), faults(), faults())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, again, kept, third, last = (int(word) if word.isdigit() else word == "True" for word in done.stdout.split())
    assert again > first / 2 and kept and third > first / 2, "a fresh block costs its pages"
    assert last < first / 20
