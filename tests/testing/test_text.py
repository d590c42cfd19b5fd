import torch

from lrdgraph.testing import HashTextEncoder, TextEncoderContract


class TestHashTextEncoder(TextEncoderContract):
    def make(self) -> HashTextEncoder:
        return HashTextEncoder(16)


def test_texts_that_share_words_are_near() -> None:
    encoder = HashTextEncoder(64)
    x = encoder(["red pen", "Red pencil!", "blue notebook"])
    assert x.shape == (3, 64)
    assert torch.allclose(x.norm(dim=1), torch.ones(3))
    assert x[0] @ x[1] > 0.3 > x[0] @ x[2]


def test_vectors_depend_on_the_words_alone() -> None:
    x = HashTextEncoder(8)(["red pen", "Red, PEN", "", "?!"])
    assert torch.equal(x[0], x[1])
    assert torch.equal(x[2:], torch.zeros(2, 8))


def test_vectors_are_the_same_in_every_process() -> None:
    first = HashTextEncoder(2)(["pen"])[0]
    assert torch.allclose(first, torch.tensor([0.6606, 0.7507]), atol=1e-4)
    assert HashTextEncoder(2).fingerprint == "HashTextEncoder(2)"
