from math import log

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.transforms import Compose

from lrdgraph import LatentRelationGraph
from lrdgraph.datasets import PlantedRelations
from lrdgraph.metrics import kmeans_labels, relation_recovery, shuffled_labels
from lrdgraph.nn import RelationDVAE
from lrdgraph.testing import HashTextEncoder
from lrdgraph.transforms import (
    EmbedText,
    LeaveOneOut,
    Normalize,
    TextKNN,
    Transitions,
)

NUM_ITEMS, NUM_LATENT, NUM_LAGS = 9, 3, 4


@pytest.fixture
def dvae() -> RelationDVAE:
    torch.manual_seed(0)
    dvae = RelationDVAE(6, 5, NUM_LATENT, NUM_LAGS, hidden_channels=7)
    for parameter in dvae.parameters():
        torch.nn.init.normal_(parameter)
    return dvae


@pytest.fixture
def pairs() -> Tensor:
    return torch.tensor([[0, 1, 2, 8], [1, 0, 5, 3]])


def test_posterior_is_a_directed_distribution(dvae, pairs):
    roles = dvae.roles(torch.randn(NUM_ITEMS, 6))
    posterior = dvae.posterior(roles, pairs)
    assert posterior.shape == (4, NUM_LATENT + 1)
    assert torch.allclose(posterior.sum(1), torch.ones(4))
    assert (posterior >= 0).all()
    assert not torch.allclose(posterior[0], posterior[1], atol=1e-3)


def test_topic_that_two_items_share_is_not_seen(dvae, pairs):
    x, topic = torch.randn(NUM_ITEMS, 6), torch.randn(6)
    posterior = dvae.posterior(dvae.roles(x), pairs)
    moved = dvae.posterior(dvae.roles(x + topic), pairs)
    assert torch.allclose(moved, posterior, atol=1e-5)


def test_items_are_reconstructed_as_in_a_naive_loop(dvae, pairs):
    states, negatives = torch.randn(NUM_ITEMS, 5), torch.tensor([4, 6, 7])
    found = dvae.item_likelihood(states, pairs, negatives)
    for edge, (i, j) in enumerate(pairs.t().tolist()):
        for r in range(NUM_LATENT + 1):
            relation = dvae.relation[r - 1] if r else torch.zeros(5)
            to_tail = states[i] * relation + dvae.tail_preference[r]
            to_head = states[j] * relation + dvae.head_preference[r]
            tails, heads = (states[[true, 4, 6, 7]] for true in (j, i))
            expected = (tails @ to_tail).log_softmax(0)[0]
            expected = expected + (heads @ to_head).log_softmax(0)[0]
            assert torch.allclose(found[edge, r], expected, atol=1e-5)


def test_habits_are_reconstructed_as_in_a_naive_loop(dvae):
    lags = torch.randint(5, (4, NUM_LAGS)).float()
    found = dvae.habit_likelihood(lags)
    for edge in range(4):
        for r in range(NUM_LATENT + 1):
            probability = dvae.habit[r].softmax(0)
            expected = sum(
                lags[edge, b] * probability[b].log() for b in range(NUM_LAGS)
            )
            assert torch.allclose(found[edge, r], expected, atol=1e-4)


def test_relation_loss_is_the_exact_marginal(dvae):
    posterior = torch.randn(4, NUM_LATENT + 1).softmax(-1)
    likelihood = torch.rand(4, NUM_LATENT + 1)
    expected = -sum(
        log(sum(q * p for q, p in zip(qs, ps, strict=True))) / 4
        for qs, ps in zip(posterior.tolist(), likelihood.tolist(), strict=True)
    )
    loss = dvae.relation_loss(posterior, likelihood.log())
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_relation_loss_survives_certainty_and_huge_counts(dvae):
    posterior = F.one_hot(torch.arange(4), 4).float().requires_grad_()
    loss = dvae.relation_loss(posterior, torch.full((4, 4), -1e6))
    loss.backward()
    assert loss.isfinite()
    assert posterior.grad.isfinite().all()


def test_spread_is_best_where_all_relations_are_used(dvae):
    used = dvae.spread_loss(torch.eye(NUM_LATENT + 1))
    collapsed = dvae.spread_loss(torch.eye(NUM_LATENT + 1)[[0, 0, 0]])
    assert used.item() == pytest.approx(-log(NUM_LATENT + 1))
    assert collapsed.item() == pytest.approx(0, abs=1e-6)


def test_spread_of_a_relation_that_no_pair_has_is_differentiable(dvae):
    posterior = torch.tensor([[1.0, 0, 0, 0]], requires_grad=True)
    dvae.spread_loss(posterior).backward()
    assert posterior.grad.isfinite().all()


def test_features_are_left_out_of_all_texts_at_once_and_only_in_training(dvae):
    x = torch.rand(NUM_ITEMS, 6) + 1
    assert dvae.eval().without_some_features(x).equal(x)
    dvae.train()
    masks = [dvae.without_some_features(x) != 0 for _ in range(50)]
    assert all((mask == mask[0]).all() for mask in masks)
    share = torch.stack(masks).float().mean().item()
    assert 0.35 < share < 0.65


def test_every_parameter_learns(dvae, pairs):
    states = torch.randn(NUM_ITEMS, 5)
    posterior = dvae.posterior(dvae.roles(torch.randn(NUM_ITEMS, 6)), pairs)
    likelihood = dvae.item_likelihood(states, pairs, torch.tensor([4, 6]))
    likelihood = likelihood + dvae.habit_likelihood(torch.ones(4, NUM_LAGS))
    dvae.relation_loss(posterior, likelihood).backward()
    assert all(parameter.grad.any() for parameter in dvae.parameters())


@pytest.mark.parametrize("num_latent", [0, -2])
def test_num_latent_is_positive(num_latent):
    with pytest.raises(ValueError, match=rf"'num_latent' .*\(got {num_latent}\)"):
        RelationDVAE(6, 5, num_latent, NUM_LAGS)


def discover(texts_in_order: bool) -> dict[str, float]:
    """V-measure of the planted relations after 200 steps of discovery."""
    torch.manual_seed(0)
    data = LeaveOneOut()(PlantedRelations(num_users=1500)[0])
    if not texts_in_order:
        order = torch.randperm(data["item"].num_nodes).tolist()
        data["item"].text = [data["item"].text[i] for i in order]
    complete = Compose(
        [EmbedText(HashTextEncoder(256)), Normalize(), TextKNN(20), Transitions()]
    )
    data = complete(data)
    graph = LatentRelationGraph(data, num_latent=8, state_channels=16)
    states = torch.nn.Parameter(0.1 * torch.randn(graph.num_items, 16))
    optimizer = torch.optim.AdamW([states, *graph.parameters()], lr=2e-2)
    for _ in range(200):
        losses = graph.relation_losses(states, num_pairs=256)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    gold, pairs = data.gold_edge_type, data.gold_edge_index
    found = graph.dvae.posterior(graph.dvae.roles(graph.x), pairs).argmax(-1)
    guesses = {
        "found": found,
        "clusters": kmeans_labels(graph.x, pairs, 9, seed=0),
        "chance": shuffled_labels(found, seed=0),
    }
    return {k: relation_recovery(gold, v)["V-measure"] for k, v in guesses.items()}


def test_planted_relations_are_recovered_from_texts_and_habits():
    score = discover(texts_in_order=True)
    assert score["found"] > 0.45
    assert score["found"] > score["clusters"] + 0.1
    assert score["chance"] < 0.02


def test_shuffled_texts_tell_nothing_of_relations():
    assert discover(texts_in_order=False)["found"] < 0.12
