import os
import time
from pathlib import Path

import pytest

from lrdgraph import files
from lrdgraph.files import atomic_write


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
