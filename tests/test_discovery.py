import pytest
import torch
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.datasets import INTERACTS
from lrdgraph.discovery import discover
from lrdgraph.health import Health, health
from lrdgraph.models import LRDRec
from lrdgraph.recovery import kmeans_labels, relation_recovery
from lrdgraph.testing import HashTextEncoder, tiny_shop
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.transforms import EmbedText, Normalize
from lrdgraph.typing import VAL


@pytest.fixture(scope="module")
def planted() -> HeteroData:
    shop = tiny_shop(num_users=1500, num_items=960)
    return Normalize()(EmbedText(HashTextEncoder(256))(shop))


@pytest.fixture(scope="module")
def discovered(planted) -> LatentRelationGraph:
    torch.manual_seed(0)
    graph = LatentRelationGraph(planted, num_latent=8, state_channels=4)
    discover(graph, 400, progress=False)
    return graph


def recovery(data: HeteroData, labels: torch.Tensor) -> float:
    return relation_recovery(data.gold_edge_type, labels)["V-measure"]


@torch.no_grad()
def test_planted_relations_are_recovered_without_a_recommender(planted, discovered):
    pairs = planted.gold_edge_index
    found = discovered.infer(pairs).argmax(-1)
    clusters = torch.from_numpy(kmeans_labels(discovered.x, pairs, 9, seed=0))
    assert recovery(planted, found) > 0.5
    assert recovery(planted, found) > recovery(planted, clusters) + 0.15


def test_shuffled_texts_tell_nothing_of_relations(planted):
    torch.manual_seed(0)
    shuffled = planted.clone()
    shuffled["item"].x = planted["item"].x[torch.randperm(planted["item"].num_nodes)]
    graph = LatentRelationGraph(shuffled, num_latent=8, state_channels=4)
    discover(graph, 400, progress=False)
    with torch.no_grad():
        found = graph.infer(planted.gold_edge_index).argmax(-1)
    assert recovery(planted, found) < 0.12


@torch.no_grad()
def test_most_pairs_that_nothing_was_planted_for_have_none(planted, discovered):
    static = discovered.static.nonzero().squeeze(-1)
    none = discovered.posterior(static)[:, 0]
    gold = planted.gold_edge_index
    planted_key = gold[0] * discovered.num_items + gold[1]
    followed = planted.gold_edge_type != planted.gold_relations.index("substitute")
    related = torch.isin(discovered.key[static], planted_key[followed])
    unrelated = ~torch.isin(discovered.key[static], planted_key)
    assert none[unrelated].mean() > 0.6
    assert none[related].mean() < 0.3


def test_with_an_information_term_relations_of_dull_pairs_are_distinct(planted):
    dull = planted.clone()  # texts tell nothing of when shoppers come
    dull["item"].x = planted["item"].x[torch.randperm(planted["item"].num_nodes)]

    def found(weight: float) -> Health:
        torch.manual_seed(0)
        graph = LatentRelationGraph(dull, num_latent=8, state_channels=4)
        discover(graph, 300, information_weight=weight, progress=False)
        return health(graph)

    without, informed = found(0.0), found(1.0)
    assert without.information < 0.5
    assert informed.information > 1
    assert informed.certainty > 0.6
    assert informed.perplexity > without.perplexity + 1


@pytest.mark.parametrize("training", [True, False])
def test_discovery_is_reproducible_and_leaves_the_mode_as_it_is(planted, training):
    def found() -> list[torch.Tensor]:
        torch.manual_seed(3)
        graph = LatentRelationGraph(planted, num_latent=2, state_channels=4)
        before = graph.dvae.habit.detach().clone()
        discover(graph.train(training), 5, num_pairs=32, progress=False)
        assert graph.training == graph.dvae.training == training
        assert not graph.dvae.habit.equal(before)
        return list(graph.state_dict().values())

    for once, again in zip(found(), found(), strict=True):
        assert once.equal(again)


def test_what_is_left_is_an_average_of_the_last_steps(shop, monkeypatch) -> None:
    graph, seen = LatentRelationGraph(shop, 2, 8), []
    learn = graph.relation_losses

    def watched(*given: object) -> dict[str, torch.Tensor]:
        seen.append(graph.dvae.habit.detach().clone())
        return learn(*given)

    monkeypatch.setattr(graph, "relation_losses", watched)
    discover(graph, 3, num_pairs=32, progress=False)
    _, first, second = seen  # of which the first weighs nearly all, still
    left = (graph.dvae.habit - first).abs().max()
    assert 0 < left < 0.2 * (second - first).abs().max()


def test_what_cannot_be_discovered_is_refused(shop):
    with pytest.raises(ValueError, match="needs latent relations to discover"):
        discover(LatentRelationGraph(shop, num_latent=0))
    lrd = LatentRelationGraph(shop, 2, objective="lrd")
    with pytest.raises(ValueError, match="needs the item states of a recommender"):
        discover(lrd, 1, progress=False)
    unseen = shop.clone()
    unseen[INTERACTS].split = torch.full_like(shop[INTERACTS].split, VAL)
    with pytest.raises(ValueError, match=r"training interactions .* \(got none for"):
        discover(LatentRelationGraph(unseen, num_latent=2))


def test_what_was_kept_or_discovered_is_trained_in_training_mode(shop, tmp_path):
    model, modes = LRDRec(LatentRelationGraph(shop, 2, 8), 8).eval(), []
    loss = model.loss
    model.loss = lambda batch: modes.append(model.graph.dvae.training) or loss(batch)
    trainer = make_trainer(tmp_path, max_epochs=1, progress=False)
    fit(trainer, NextItem(model), SequenceDataModule(shop))
    assert modes
    assert all(modes)
