from types import SimpleNamespace

import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.models import LRDRec
from lrdgraph.report import write_report
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


RELATION = "</script><b onclick=1>rel</b><!-- <script>"


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A report on a shop with hostile titles, ids, brands and relations."""
    data = tiny_shop(num_users=60, num_items=48)
    for place, title in enumerate(HOSTILE):
        data["item"].title[place] = data["item"].brand[place] = title
        data["item"].id[place] = f"{title}/{place}?&#"
    torch.manual_seed(0)
    bad = data["item", "also_bought", "item"]
    data["item", RELATION, "item"].edge_index = bad.edge_index
    data["item"]["<s>attribute</s>"] = list(data["item"].brand)
    graph = LatentRelationGraph(data, num_latent=3)
    graph.dvae.outcome.weight.data *= 30  # relations are to be sure of something
    model = LRDRec(graph).eval()
    histories = [data["item"].id[:7], data["item"].id[:2]]
    path = tmp_path_factory.mktemp("report") / "new" / "report.html"
    health = {
        "perplexity": [1.0, 2.5, float("nan"), 3.0],
        "<i>AUC</i>": [0.5],
        "lost": [float("nan")],
    }
    write_report(
        graph, path, data, health=health, recommender=model, histories=histories
    )
    return SimpleNamespace(
        path=path,
        data=data,
        graph=graph,
        model=model,
        histories=histories,
        relation=RELATION,
    )
