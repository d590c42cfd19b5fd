import os
import time
from pathlib import Path

import pytest

from lrdgraph import LatentRelationGraph, files
from lrdgraph.files import atomic_write
from lrdgraph.models import LRDRec
from lrdgraph.testing import make_shop
from lrdgraph.transforms import TextKNN


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(TypeError), atomic_write(path) as file:
        file.writelines([b"half", "no bytes"])
    assert [*tmp_path.iterdir()] == []
    with atomic_write(path) as file:
        file.write(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert [*tmp_path.iterdir()] == [path]


def test_a_model_is_on_the_disk_before_it_replaces_another(tmp_path, monkeypatch):
    """``safetensors`` writes a file of its own, which nobody would have synced."""
    synced = set()
    sync = os.fsync

    def note(handle: int) -> None:
        synced.add(os.fstat(handle).st_ino)
        sync(handle)

    monkeypatch.setattr(os, "fsync", note)
    graph = LatentRelationGraph(TextKNN(2)(make_shop([[0, 1, 2]], 5)), 1, 8)
    LRDRec(graph, 8).save_pretrained(tmp_path)
    kept = [*tmp_path.iterdir()]
    assert len(kept) == 4
    assert {path.stat().st_ino for path in kept} <= synced


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    hour, left, writing = time.time() - 4000, [], []
    for name in ("old", "new"):
        writing.append(atomic_write(tmp_path / name))
        writing[-1].__enter__()
        left.append(*{*tmp_path.iterdir()} - {*left})
    os.utime(left[0], (hour, hour))
    kept = tmp_path / ".a-file-of-others"
    kept.touch()
    os.utime(kept, (hour, hour))
    files._remove_left.cache_clear()  # as in another process
    with atomic_write(tmp_path / "third") as file:
        file.write(b"")
    assert {*tmp_path.iterdir()} == {left[1], kept, tmp_path / "third"}
