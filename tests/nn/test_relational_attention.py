import pytest
import torch

from lrdgraph.nn.relational_attention import RelationEncoder, attend_history
from lrdgraph.nn.small_attention import small_attention

B, Q, R, L, C = 2, 3, 4, 5, 8


def naive_context(history, present, query, kept):
    """Item by item, of one candidate and relation."""
    places = [t for t in range(L) if present[t]]
    logits = torch.tensor([sum(history[t] * query) for t in places])
    weights = logits.exp() / logits.exp().sum()
    context = torch.zeros(C)
    for weight, t in zip(weights, places, strict=True):
        context += weight * kept[t] * history[t]
    return context


@pytest.mark.parametrize("per_candidate", [False, True])
def test_attention_over_a_history_is_that_of_a_loop(per_candidate):
    torch.manual_seed(0)
    history, query = torch.randn(B, L, C), torch.randn(B, Q, R, C)
    present = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]], dtype=torch.bool)
    kept = torch.rand(B, Q, R, L) if per_candidate else torch.rand(B, R, L)
    found = attend_history(history, present, query, kept)
    for b in range(B):
        for q in range(Q):
            for r in range(R):
                left = kept[b, q, r] if per_candidate else kept[b, r]
                context = naive_context(history[b], present[b], query[b, q, r], left)
                assert torch.allclose(found[b, q, r], context, atol=1e-5)


def test_padding_is_not_attended_to_and_an_empty_history_says_nothing():
    history, query = torch.randn(1, L, C), torch.randn(1, Q, R, C)
    present = torch.tensor([[False, False, True, True, True]])
    other = history.clone()
    other[:, :2] = 1e3
    assert torch.allclose(
        attend_history(history, present, query), attend_history(other, present, query)
    )
    assert not attend_history(history, present & False, query).any()


def reference(context, weight, num_heads):
    size = (*context.shape[:2], 3, num_heads, -1)
    query, key, value = (context @ weight.t()).view(size).permute(2, 0, 3, 1, 4)
    logit = query @ key.transpose(-1, -2) / query.size(-1) ** 0.5
    return (logit.softmax(-1) @ value).transpose(1, 2).flatten(2)


@pytest.mark.parametrize("scale", [1.0, 40.0])  # the latter beyond what exp can hold
@pytest.mark.parametrize("length", [1, 5, 13])
def test_attention_of_short_sequences_in_value_and_gradient(length, scale):
    torch.manual_seed(0)
    context = torch.randn(6, length, C, dtype=torch.double)
    weight = torch.randn(3 * C, C, dtype=torch.double) * scale / C**0.5
    given = (context.requires_grad_(), weight.requires_grad_())
    towards = torch.randn(6, length, C)
    expected = reference(*given, 2)
    of_expected = torch.autograd.grad((expected * towards).sum(), given)
    found = small_attention(*given, 2)
    assert torch.allclose(found, expected)
    of_found = torch.autograd.grad((found * towards).sum(), given)
    for ours, theirs in zip(of_found, of_expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-8 * scale)


@pytest.mark.parametrize("sign", [1, -1])
def test_attention_is_finite_where_all_logits_are_far_from_zero(sign) -> None:
    torch.manual_seed(0)
    context = 1 + 0.01 * torch.randn(6, 5, C, dtype=torch.double)
    eye = torch.eye(C, dtype=torch.double)
    weight = torch.cat([30 * eye, sign * 30 * eye, eye])
    assert ((30 * context @ context.mT * 30).min() / C**0.5) > 1000
    found = small_attention(context, weight, 2)
    assert torch.allclose(found, reference(context, weight, 2))


def test_attention_of_no_sequences():
    found = small_attention(torch.randn(0, 4, C), torch.randn(3 * C, C), 2)
    assert found.shape == (0, 4, C)


def test_attention_in_half_precision_has_gradients():
    context, weight = torch.randn(3, 5, C), torch.randn(3 * C, C, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = small_attention(context.bfloat16(), weight, 2)
    found.sum().backward()
    expected = reference(context.bfloat16().float(), weight, 2)
    assert torch.allclose(found, expected, atol=1e-4)
    assert weight.grad.isfinite().all()


def test_the_encoder_is_what_its_formula_says():
    torch.manual_seed(0)
    encoder = RelationEncoder(C, num_layers=3, num_heads=2)
    x = torch.randn(6, R, C)
    found = encoder(x)
    for _ in range(3):
        mixed = reference(x, encoder.project.weight, 2)
        x = encoder.norm(x + encoder.outer(encoder.inner(mixed).relu()))
    assert torch.allclose(found, x, atol=1e-5)


def test_relations_have_no_order():
    encoder = RelationEncoder(C, num_layers=2, num_heads=2)
    x, order = torch.randn(6, R, C), torch.tensor([2, 0, 3, 1])
    assert torch.allclose(encoder(x[:, order]), encoder(x)[:, order], atol=1e-5)


@pytest.mark.parametrize("sizes", [(8, 2, 3), (8, 0, 2), (0, 1, 1)])
def test_heads_divide_channels(sizes):
    channels, layers, heads = sizes
    with pytest.raises(ValueError, match=r"'num_heads' needs to divide 'channels'"):
        RelationEncoder(channels, layers, heads)
