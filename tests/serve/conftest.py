from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.models import LRDRec
from lrdgraph.testing import tiny_shop

HOSTILE = [
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 2'>",
    "</script><script>window.hacked = 3</script>",
    '" onmouseover="window.hacked = 4" x="',
    "{{ 7 * 7 }} {% raw %} &lt;b&gt; <!-- ]]>",
    "javascript:window.hacked = 5",
    "Ünïcode 筆 🖊 ’ 100 % “quoted”",
]
"""Titles that are to be read and not to be run."""


@pytest.fixture(scope="session")
def model() -> LRDRec:
    """A recommender of a shop with hostile titles, ids and names of relations."""
    data = tiny_shop(num_users=60, num_items=48)
    for place, title in enumerate(HOSTILE):
        data["item"].text[place] = title
        data["item"].id[place] = f"{title}/{place}?&#"
    torch.manual_seed(0)
    graph = LatentRelationGraph(data, num_latent=3)
    graph.dvae.outcome.weight.data *= 30  # relations are to be sure of something
    names = {name: f"<b>{name}</b>" for name in graph.latent_relations[1:]}
    graph.relation_names = names
    model = LRDRec(graph).eval()
    model.scorer.strength.data[-3:] = 5  # and to be reasons
    return model


@pytest.fixture(scope="session")
def kept(model, tmp_path_factory) -> str:
    """The same model in a folder."""
    folder = tmp_path_factory.mktemp("kept") / "model"
    model.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def client(model) -> Iterator[object]:
    """A client of the service."""
    pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
    from fastapi.testclient import TestClient

    from lrdgraph.serve import make_app

    with TestClient(make_app(model), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def ids(model) -> SimpleNamespace:
    """Ids of a history, and one of another item."""
    return SimpleNamespace(history=model.graph.ids[:3], other=model.graph.ids[20])
