from math import log

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lrdgraph import LatentRelationGraph
from lrdgraph.nn import LRDRelationDVAE, RelationDVAE

NUM_ITEMS, NUM_LATENT = 9, 3


@pytest.fixture
def dvae() -> LRDRelationDVAE:
    torch.manual_seed(0)
    dvae = LRDRelationDVAE(6, 5, NUM_LATENT, hidden_channels=7)
    for parameter in dvae.parameters():
        torch.nn.init.normal_(parameter)
    return dvae


@pytest.fixture
def pairs() -> Tensor:
    return torch.tensor([[0, 1, 2, 8], [1, 0, 5, 3]])


def likelihood(dvae: LRDRelationDVAE, states: Tensor, pairs: Tensor) -> Tensor:
    lags = torch.ones(pairs.size(1), 4)
    return dvae.log_likelihood(states, pairs, torch.tensor([4, 6, 7]), lags)


def score(dvae: LRDRelationDVAE, r: int, head: Tensor, tail: Tensor) -> Tensor:
    relation = dvae.relation[r - 1] if r else torch.zeros(5)
    return (head * relation * tail).sum() + relation @ head + relation @ tail


def test_posterior_is_a_classifier_of_both_texts_side_by_side(dvae, pairs):
    x = torch.randn(NUM_ITEMS, 6)
    found = dvae.posterior(dvae.roles(x), pairs)
    for edge, (i, j) in enumerate(pairs.t().tolist()):
        both = torch.cat([dvae.project(x[i]), dvae.project(x[j])])
        expected = dvae.extract(both).softmax(-1)
        assert torch.allclose(found[edge], expected, atol=1e-5)


def test_posterior_is_directed(dvae, pairs):
    posterior = dvae.posterior(dvae.roles(torch.randn(NUM_ITEMS, 6)), pairs)
    assert not torch.allclose(posterior[0], posterior[1], atol=1e-3)


def test_items_are_reconstructed_as_in_a_naive_loop(dvae, pairs):
    states = torch.randn(NUM_ITEMS, 5)
    found = likelihood(dvae, states, pairs)
    assert found.shape == (4, NUM_LATENT + 1)
    for edge, (i, j) in enumerate(pairs.t().tolist()):
        for r in range(NUM_LATENT + 1):
            tails = [score(dvae, r, states[i], states[k]) for k in (j, 4, 6, 7)]
            heads = [score(dvae, r, states[k], states[j]) for k in (i, 4, 6, 7)]
            expected = sum(torch.stack(s).log_softmax(0)[0] for s in (tails, heads))
            assert torch.allclose(found[edge, r], expected, atol=1e-4)


def test_against_one_item_a_likelihood_is_the_sigmoid_of_the_authors(dvae, pairs):
    states, lags = torch.randn(NUM_ITEMS, 5), torch.ones(4, 4)
    found = dvae.log_likelihood(states, pairs, torch.tensor([6]), lags)
    i, j = pairs[:, 0].tolist()
    for r in range(NUM_LATENT + 1):
        true = score(dvae, r, states[i], states[j])
        tail = true - score(dvae, r, states[i], states[6])
        head = true - score(dvae, r, states[6], states[j])
        expected = F.logsigmoid(tail) + F.logsigmoid(head)
        assert torch.allclose(found[0, r], expected, atol=1e-5)


def test_none_finds_all_items_equally_likely(dvae, pairs):
    found = likelihood(dvae, torch.randn(NUM_ITEMS, 5), pairs)
    assert torch.allclose(found[:, 0], torch.tensor(-2 * log(4)))


@pytest.mark.parametrize("weight", [0.1, -0.1, 0.0])
def test_relation_loss_is_the_expectation_as_in_a_naive_loop(weight):
    dvae = LRDRelationDVAE(6, 5, NUM_LATENT, entropy_weight=weight)
    posterior = torch.randn(4, NUM_LATENT + 1).softmax(-1)
    log_likelihood = -torch.rand(4, NUM_LATENT + 1)
    expected = 0.0
    for qs, ls in zip(posterior.tolist(), log_likelihood.tolist(), strict=True):
        for q, likely in zip(qs, ls, strict=True):
            expected -= (q * likely - weight * q * log(q)) / 4
    loss = dvae.relation_loss(posterior, log_likelihood)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_without_entropy_the_exact_marginal_is_never_less_likely(pairs):
    expectation = LRDRelationDVAE(6, 5, NUM_LATENT, entropy_weight=0)
    marginal = RelationDVAE(6, 5, NUM_LATENT, num_lags=4)
    posterior = torch.randn(100, NUM_LATENT + 1).softmax(-1)
    likelihoods = torch.randn(100, NUM_LATENT + 1)
    both = posterior, likelihoods
    assert expectation.relation_loss(*both) > marginal.relation_loss(*both)
    certain = F.one_hot(torch.arange(4), 4).float(), torch.randn(4, NUM_LATENT + 1)
    difference = expectation.relation_loss(*certain) - marginal.relation_loss(*certain)
    assert difference.abs() < 1e-5


def test_entropy_is_rewarded(dvae):
    flat, certain = torch.full((1, 4), 0.25), torch.eye(4)[:1]
    likelihoods = torch.zeros(1, 4)
    assert dvae.relation_loss(flat, likelihoods).item() == pytest.approx(-0.1 * log(4))
    assert dvae.relation_loss(certain, likelihoods).item() == pytest.approx(0, abs=1e-6)


def test_relation_loss_survives_certainty(dvae):
    posterior = F.one_hot(torch.arange(4), 4).float().requires_grad_()
    loss = dvae.relation_loss(posterior, torch.full((4, 4), -1e6))
    loss.backward()
    assert loss.isfinite()
    assert posterior.grad.isfinite().all()


def test_every_parameter_learns(dvae, pairs):
    posterior = dvae.posterior(dvae.roles(torch.randn(NUM_ITEMS, 6)), pairs)
    found = likelihood(dvae, torch.randn(NUM_ITEMS, 5), pairs)
    dvae.relation_loss(posterior, found).backward()
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
