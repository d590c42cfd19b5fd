from math import log

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lrdgraph import LatentRelationGraph
from lrdgraph.nn import LRDRelationDVAE
from lrdgraph.nn.dvae import marginal_loss
from lrdgraph.typing import PairEvidence

NUM_ITEMS, NUM_LATENT = 9, 3


@pytest.fixture
def dvae() -> LRDRelationDVAE:
    torch.manual_seed(0)
    dvae = LRDRelationDVAE(6, 5, NUM_LATENT, hidden_channels=7)
    for parameter in dvae.parameters():
        torch.nn.init.normal_(parameter)
    return dvae


@pytest.fixture
def pairs() -> PairEvidence:
    edge_index = torch.tensor([[0, 1, 2, 8], [1, 0, 5, 3]])
    lags, chance = torch.ones(4, 4), torch.zeros(4, 3)
    items, observed = torch.tensor([4, 6, 7]), torch.empty(4, 0)
    return PairEvidence(edge_index, lags, chance, items, observed)


def score(dvae: LRDRelationDVAE, r: int, head: Tensor, tail: Tensor) -> Tensor:
    relation = dvae.relation[r - 1] if r else torch.zeros(5)
    return (head * relation * tail).sum() + relation @ head + relation @ tail


def test_posterior_is_a_classifier_of_both_texts_side_by_side(dvae, pairs):
    x = torch.randn(NUM_ITEMS, 6)
    found = dvae.posterior(dvae.roles(x), pairs.edge_index)
    for edge, (i, j) in enumerate(pairs.edge_index.t().tolist()):
        both = torch.cat([dvae.project(x[i]), dvae.project(x[j])])
        expected = dvae.extract(both).softmax(-1)
        assert torch.allclose(found[edge], expected, atol=1e-5)


def test_posterior_is_directed(dvae, pairs):
    posterior = dvae.posterior(dvae.roles(torch.randn(NUM_ITEMS, 6)), pairs.edge_index)
    assert not torch.allclose(posterior[0], posterior[1], atol=1e-3)


def test_items_are_reconstructed_as_in_a_naive_loop(dvae, pairs):
    states = torch.randn(NUM_ITEMS, 5)
    found = dvae.item_likelihood(states, pairs)
    assert found.shape == (4, NUM_LATENT + 1)
    for edge, (i, j) in enumerate(pairs.edge_index.t().tolist()):
        for r in range(NUM_LATENT + 1):
            tails = [score(dvae, r, states[i], states[k]) for k in (j, 4, 6, 7)]
            heads = [score(dvae, r, states[k], states[j]) for k in (i, 4, 6, 7)]
            expected = sum(torch.stack(s).log_softmax(0)[0] for s in (tails, heads))
            assert torch.allclose(found[edge, r], expected, atol=1e-4)


def test_against_one_item_a_likelihood_is_the_sigmoid_of_the_authors(dvae, pairs):
    states = torch.randn(NUM_ITEMS, 5)
    found = dvae.item_likelihood(states, pairs._replace(negatives=torch.tensor([6])))
    i, j = pairs.edge_index[:, 0].tolist()
    for r in range(NUM_LATENT + 1):
        true = score(dvae, r, states[i], states[j])
        tail = true - score(dvae, r, states[i], states[6])
        head = true - score(dvae, r, states[6], states[j])
        expected = F.logsigmoid(tail) + F.logsigmoid(head)
        assert torch.allclose(found[0, r], expected, atol=1e-5)


def test_none_finds_all_items_equally_likely(dvae, pairs):
    found = dvae.item_likelihood(torch.randn(NUM_ITEMS, 5), pairs)
    assert torch.allclose(found[:, 0], torch.tensor(-2 * log(4)))


@pytest.mark.parametrize("weight", [0.1, -0.1, 0.0])
def test_relation_loss_is_the_expectation_as_in_a_naive_loop(dvae, pairs, weight):
    dvae.entropy_weight = weight
    posterior = torch.randn(4, NUM_LATENT + 1).softmax(-1)
    states, expected = 0.1 * torch.randn(NUM_ITEMS, 5), 0.0
    likelihood = dvae.item_likelihood(states, pairs)
    for qs, ls in zip(posterior.tolist(), likelihood.tolist(), strict=True):
        for q, likely in zip(qs, ls, strict=True):
            expected -= (q * likely - weight * q * log(q)) / 4
    loss = dvae.relation_loss(posterior, states, pairs)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_without_entropy_the_exact_marginal_is_never_less_likely(dvae, pairs):
    dvae.entropy_weight = 0
    states = torch.randn(NUM_ITEMS, 5)
    likelihood = dvae.item_likelihood(states, pairs)
    for posterior in torch.randn(50, 4, NUM_LATENT + 1).softmax(-1):
        expectation = dvae.relation_loss(posterior, states, pairs)
        assert expectation > marginal_loss(posterior, likelihood)
    certain = F.one_hot(torch.arange(4), NUM_LATENT + 1).float()
    expectation = dvae.relation_loss(certain, states, pairs)
    assert torch.allclose(expectation, marginal_loss(certain, likelihood), atol=1e-5)


def test_entropy_is_rewarded(dvae, pairs):
    states = torch.zeros(NUM_ITEMS, 5)  # all items are equally likely
    flat, certain = torch.full((4, 4), 0.25), torch.eye(4)
    undecided = dvae.relation_loss(flat, states, pairs)
    decided = dvae.relation_loss(certain, states, pairs)
    assert (decided - undecided).item() == pytest.approx(0.1 * log(4), abs=1e-5)


def test_relation_loss_survives_certainty(dvae, pairs):
    posterior = F.one_hot(torch.arange(4), 4).float().requires_grad_()
    loss = dvae.relation_loss(posterior, 1e3 * torch.randn(NUM_ITEMS, 5), pairs)
    loss.backward()
    assert loss.isfinite()
    assert posterior.grad.isfinite().all()


def test_every_parameter_learns(dvae, pairs):
    x, states = torch.randn(NUM_ITEMS, 6), torch.randn(NUM_ITEMS, 5)
    posterior = dvae.posterior(dvae.roles(x), pairs.edge_index)
    dvae.relation_loss(posterior, states, pairs).backward()
    assert all(parameter.grad.any() for parameter in dvae.parameters())


def test_num_latent_is_positive():
    message = r"'num_latent' .* in 'LRDRelationDVAE' \(got 0\)"
    with pytest.raises(ValueError, match=message):
        LRDRelationDVAE(6, 5, 0)


def test_planted_pairs_become_likelier_than_by_chance(shop):
    torch.manual_seed(0)
    graph = LatentRelationGraph(shop, 4, state_channels=8, objective="lrd")
    states = torch.nn.Parameter(0.1 * torch.randn(graph.num_items, 8))
    optimizer = torch.optim.AdamW([states, *graph.parameters()], lr=2e-2)
    losses = []
    for _ in range(100):
        loss = graph.relation_losses(states, num_pairs=64)["relation"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    by_chance = 2 * log(1 + 64 // 4)
    entropy = graph.dvae.entropy_weight * log(5)  # at most
    assert losses[0] == pytest.approx(by_chance - entropy, abs=0.1)
    assert sum(losses[-10:]) / 10 < by_chance - entropy - 0.5
