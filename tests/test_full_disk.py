"""Nothing is lost on a disk that is full: no half a file stays, and earlier ones do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from pytorch_lightning import seed_everything
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.convert import save
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.datasets import PlantedRelations
from lrdgraph.export import export_scoring
from lrdgraph.models import LRDRec
from lrdgraph.testing import HashTextEncoder
from lrdgraph.text import VectorCache
from lrdgraph.training import NextItem, fit, make_trainer

resource = pytest.importorskip("resource", reason="file sizes have no limit here")

FULL = "File too large"  # what the system says where a file may not grow
TEXTS = [f"text {number}" for number in range(64)]


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file gets larger than so many bytes: writing on fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def model(shop: HeteroData) -> LRDRec:
    torch.manual_seed(0)
    graph = LatentRelationGraph(shop, num_latent=2, state_channels=8)
    return LRDRec(graph, 8, max_length=4).eval()


def contents(folder: Path) -> dict[str, bytes]:
    """All that is in a folder, by path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


WRITERS: dict[str, Callable[[LRDRec, Path], object]] = {
    "graphml": lambda model, folder: save(model.graph, folder / "graph.graphml"),
    "gexf": lambda model, folder: save(model.graph, folder / "graph.gexf"),
    "triples": lambda model, folder: save(model.graph, folder / "graph.nt"),
    "parquet": lambda model, folder: save(model.graph, folder / "graph.parquet"),
    "model": lambda model, folder: model.save_pretrained(folder),
    "program": lambda model, folder: export_scoring(model, folder / "scoring.pt2"),
    "data set": lambda _, folder: PlantedRelations(folder, num_users=30, num_items=96),
    "vectors": lambda _, folder: VectorCache(HashTextEncoder(8), folder)(TEXTS),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_whole_or_not_there(name, model, tmp_path: Path) -> None:
    write = WRITERS[name]
    with room_for(600), pytest.raises(OSError, match=FULL):
        write(model, tmp_path)
    assert contents(tmp_path) == {}
    write(model, tmp_path)
    whole = contents(tmp_path)
    assert max(map(len, whole.values())) > 600, "there would have been room"


def test_an_earlier_model_outlives_one_that_has_no_room(model, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    earlier = contents(tmp_path)
    with room_for(600), pytest.raises(OSError, match=FULL):
        model.save_pretrained(tmp_path)
    assert contents(tmp_path) == earlier


def test_vectors_go_on_when_there_is_room_again(tmp_path: Path) -> None:
    asked: list[str] = []

    class Asked(HashTextEncoder):
        def __call__(self, texts: list[str]) -> Tensor:
            asked.extend(texts)
            return super().__call__(texts)

    VectorCache(HashTextEncoder(8), tmp_path, chunk_size=8)(TEXTS[:16])
    earlier = contents(tmp_path)
    with room_for(600), pytest.raises(OSError, match=FULL):
        VectorCache(HashTextEncoder(8), tmp_path, chunk_size=64)(TEXTS)
    assert contents(tmp_path) == earlier
    assert VectorCache(Asked(8), tmp_path)(TEXTS).equal(HashTextEncoder(8)(TEXTS))
    assert sorted(asked) == sorted(TEXTS[16:])


def train(shop: HeteroData, folder: Path, num_epochs: int) -> dict[str, Tensor]:
    """Weights after some epochs, of which those that are kept are not run again."""
    seed_everything(0, verbose=False)
    graph = LatentRelationGraph(shop, num_latent=2, state_channels=8)
    task = NextItem(LRDRec(graph, 8, max_length=4))
    trainer = make_trainer(folder, max_epochs=num_epochs, progress=False)
    fit(trainer, task, SequenceDataModule(shop, 4, 64))
    return task.state_dict()


@pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
def test_training_goes_on_when_there_is_room_again(shop, tmp_path: Path) -> None:
    expected = train(shop, tmp_path / "whole", 3)
    train(shop, tmp_path / "cut", 1)
    earlier = contents(tmp_path / "cut")
    room = min(map(len, earlier.values())) // 2
    with room_for(room), pytest.raises(OSError, match=FULL):
        train(shop, tmp_path / "cut", 3)
    assert contents(tmp_path / "cut") == earlier
    found = train(shop, tmp_path / "cut", 3)
    assert all(found[name].equal(value) for name, value in expected.items())
