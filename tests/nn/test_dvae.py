from math import log

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lrdgraph.nn import RelationDVAE
from lrdgraph.nn.dvae import marginal_loss
from lrdgraph.typing import PairEvidence

NUM_ITEMS, NUM_LATENT, NUM_LAGS = 9, 3, 4


@pytest.fixture
def dvae() -> RelationDVAE:
    torch.manual_seed(0)
    dvae = RelationDVAE(6, 5, NUM_LATENT, NUM_LAGS, hidden_channels=7)
    for name, parameter in dvae.named_parameters():
        if name != "log_chance":
            torch.nn.init.normal_(parameter, std=0.3)
    return dvae


@pytest.fixture
def pairs() -> PairEvidence:
    torch.manual_seed(1)
    lags = torch.randint(5, (4, NUM_LAGS)).float()
    chance = 0.1 * torch.rand(4, NUM_LAGS - 1)
    edge_index = torch.tensor([[0, 1, 2, 8], [1, 0, 5, 3]])
    observed = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    return PairEvidence(edge_index, lags, chance, torch.tensor([4, 6, 7]), observed)


def test_posterior_is_that_of_a_naive_loop(dvae, pairs):
    x = torch.randn(NUM_ITEMS, 6)
    found = dvae.posterior(dvae.roles(x), pairs.edge_index)
    assert found.shape == (4, NUM_LATENT + 1)
    for edge, (i, j) in enumerate(pairs.edge_index.t().tolist()):
        a, b = dvae.project.weight @ x[i], dvae.project.weight @ x[j]
        both = dvae.as_source(a) + dvae.as_target(b)
        difference = dvae.directed(b - a) + dvae.squared((b - a) ** 2)
        logits = dvae.outcome(F.gelu(torch.cat([both, difference])))
        assert torch.allclose(found[edge], logits.softmax(0), atol=1e-5)


def test_posterior_is_directed(dvae, pairs):
    posterior = dvae.posterior(dvae.roles(torch.randn(NUM_ITEMS, 6)), pairs.edge_index)
    assert not torch.allclose(posterior[0], posterior[1], atol=1e-3)


def test_items_are_reconstructed_as_in_a_naive_loop(dvae, pairs):
    states = torch.randn(NUM_ITEMS, 5)
    found = dvae.item_likelihood(states, pairs)
    for edge, (i, j) in enumerate(pairs.edge_index.t().tolist()):
        for r in range(NUM_LATENT + 1):
            to_tail = states[i] * dvae.relation[r] + dvae.tail_preference[r]
            to_head = states[j] * dvae.relation[r] + dvae.head_preference[r]
            tails, heads = (states[[true, 4, 6, 7]] for true in (j, i))
            expected = (tails @ to_tail).log_softmax(0)[0]
            expected = expected + (heads @ to_head).log_softmax(0)[0]
            assert torch.allclose(found[edge, r], expected, atol=1e-5)


def test_habits_are_reconstructed_as_in_a_naive_loop(dvae, pairs):
    found = dvae.habit_likelihood(pairs)
    for edge, (lags, chance) in enumerate(zip(pairs.lags, pairs.chance, strict=True)):
        for r in range(NUM_LATENT + 1):
            habit, expected = dvae.habit[r].softmax(0), 0.0
            for b in range(NUM_LAGS):
                share = (1 - chance.sum()) * habit[b]
                if b < NUM_LAGS - 1:
                    share = share + chance[b]
                expected += lags[b] * share.log()
            assert torch.allclose(found[edge, r], expected, atol=1e-4)


def test_shares_of_a_habit_and_chance_add_up_to_one(dvae, pairs):
    every = torch.eye(NUM_LAGS)
    for chance in (pairs.chance[:1], torch.full((1, NUM_LAGS - 1), 0.7)):
        once = pairs._replace(lags=every, chance=chance.expand(NUM_LAGS, -1))
        total = dvae.habit_likelihood(once).exp().sum(0)
        assert torch.allclose(total, torch.ones(NUM_LATENT + 1), atol=1e-5)


def test_what_chance_explains_is_no_evidence_for_a_relation(dvae, pairs):
    dvae.habit.data = torch.tensor([[-9.0, -9, -9, 9], *[[9.0, -9, -9, -9]] * 3])
    never, at_once = torch.tensor([[0.0, 0, 0, 9]]), torch.tensor([[1.0, 0, 0, 8]])
    rare, popular = torch.full((1, 3), 1e-6), torch.tensor([[0.1, 1e-6, 1e-6]])

    def margin(lags: Tensor, chance: Tensor) -> float:
        """By how much the habit of coming at once is likelier than that of never."""
        one, items = pairs.edge_index[:, :1], pairs.negatives
        known = PairEvidence(one, lags, chance, items, pairs.observed[:1])
        return (dvae.habit_likelihood(known)[0] @ torch.tensor([-1.0, 1, 0, 0])).item()

    gained = [margin(at_once, c) - margin(never, c) for c in (rare, popular)]
    assert gained[0] > gained[1] + 5 > 5


def test_marginal_loss_is_exact():
    posterior = torch.randn(4, NUM_LATENT + 1).softmax(-1)
    likelihood = torch.rand(4, NUM_LATENT + 1)
    expected = -sum(
        log(sum(q * p for q, p in zip(qs, ps, strict=True))) / 4
        for qs, ps in zip(posterior.tolist(), likelihood.tolist(), strict=True)
    )
    loss = marginal_loss(posterior, likelihood.log())
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_marginal_loss_survives_certainty_and_huge_counts():
    posterior = F.one_hot(torch.arange(4), 4).float().requires_grad_()
    loss = marginal_loss(posterior, torch.full((4, 4), -1e6))
    loss.backward()
    assert loss.isfinite()
    assert posterior.grad.isfinite().all()


def test_posterior_learns_from_habits_alone(dvae, pairs):
    states = torch.randn(NUM_ITEMS, 5, requires_grad=True)
    logits = torch.randn(4, NUM_LATENT + 1, requires_grad=True)
    dvae.relation_loss(logits.softmax(-1), states, pairs).backward()
    alone = logits.detach().clone().requires_grad_()
    marginal_loss(alone.softmax(-1), dvae.habit_likelihood(pairs)).backward()
    assert torch.allclose(logits.grad, alone.grad)
    assert states.grad.any()


def test_items_count_by_their_weight_beside_habits(dvae, pairs) -> None:
    states, posterior = torch.randn(NUM_ITEMS, 5), torch.randn(4, 4).softmax(-1)
    habits = marginal_loss(posterior, dvae.habit_likelihood(pairs))
    items = marginal_loss(posterior, dvae.item_likelihood(states, pairs))
    loss = dvae.relation_loss(posterior, states, pairs)
    assert torch.allclose(loss, habits + 0.3 * items)
    assert torch.allclose(dvae.relation_loss(posterior, None, pairs), habits)


def test_confidence_is_best_where_each_pair_has_one_relation(dvae):
    certain = torch.eye(NUM_LATENT + 1, requires_grad=True)
    undecided = torch.full((2, NUM_LATENT + 1), 1 / (NUM_LATENT + 1))
    loss = dvae.confidence_loss(certain)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert certain.grad.isfinite().all()
    assert dvae.confidence_loss(undecided).item() == pytest.approx(log(NUM_LATENT + 1))


def test_presence_is_the_share_of_pairs_with_a_relation(dvae):
    posterior = torch.tensor([[0.7, 0.3, 0, 0], [0.2, 0.8, 0, 0], [0, 0, 0.2, 0.8]])
    assert dvae.presence_loss(posterior).item() == pytest.approx(0.7)


def test_spread_is_best_where_all_relations_are_used(dvae):
    used = dvae.spread_loss(torch.eye(NUM_LATENT + 1))
    collapsed = dvae.spread_loss(torch.eye(NUM_LATENT + 1)[[0, 0, 0]])
    assert used.item() == pytest.approx(-log(NUM_LATENT + 1))
    assert collapsed.item() == pytest.approx(0, abs=1e-6)


def test_spread_of_a_relation_that_no_pair_has_is_differentiable(dvae):
    posterior = torch.tensor([[1.0, 0, 0, 0]], requires_grad=True)
    dvae.spread_loss(posterior).backward()
    assert posterior.grad.isfinite().all()


def test_information_is_missed_up_to_a_floor_and_no_further(dvae):
    floor = 1.3 * log(2)
    alike = torch.full((6, NUM_LATENT + 1), 1 / (NUM_LATENT + 1))
    assert dvae.information_loss(alike).item() == pytest.approx(floor)
    collapsed = torch.eye(NUM_LATENT + 1)[[0, 0, 0]]
    assert dvae.information_loss(collapsed).item() == pytest.approx(floor, abs=1e-5)
    two = torch.eye(NUM_LATENT + 1)[[0, 1]]
    assert dvae.information_loss(two).item() == pytest.approx(0.3 * log(2), abs=1e-5)
    assert dvae.information_loss(torch.eye(NUM_LATENT + 1)).item() == 0


def test_features_are_left_out_of_all_texts_at_once_and_only_in_training(dvae):
    x = torch.rand(NUM_ITEMS, 6) + 1
    assert dvae.eval().without_some_features(x).equal(x)
    dvae.train()
    masks = [dvae.without_some_features(x) != 0 for _ in range(50)]
    assert all((mask == mask[0]).all() for mask in masks)
    share = torch.stack(masks).float().mean().item()
    assert 0.15 < share < 0.35


def test_every_parameter_learns(dvae, pairs):
    x, states = torch.randn(NUM_ITEMS, 6), torch.randn(NUM_ITEMS, 5)
    posterior = dvae.posterior(dvae.roles(x), pairs.edge_index)
    dvae.relation_loss(posterior, states, pairs).backward()
    assert all(parameter.grad.any() for parameter in dvae.parameters())


@pytest.mark.parametrize("num_latent", [0, -2])
def test_num_latent_is_positive(num_latent):
    with pytest.raises(ValueError, match=rf"'num_latent' .*\(got {num_latent}\)"):
        RelationDVAE(6, 5, num_latent, NUM_LAGS)
