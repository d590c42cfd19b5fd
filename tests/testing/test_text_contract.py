import pytest
import torch
from torch import Tensor

from lrdgraph.testing import HashTextEncoder, TextEncoderContract


class Doubles(HashTextEncoder):
    def __call__(self, texts: list[str]) -> Tensor:
        return super().__call__(texts).double()


class Skips(HashTextEncoder):
    def __call__(self, texts: list[str]) -> Tensor:
        return super().__call__([text for text in texts if text])


class ShowsNothing(HashTextEncoder):
    def __call__(self, texts: list[str]) -> Tensor:
        return torch.zeros(len(texts), 8)


class Sorts(HashTextEncoder):
    def __call__(self, texts: list[str]) -> Tensor:
        return super().__call__(sorted(texts))


class Centres(HashTextEncoder):
    def __call__(self, texts: list[str]) -> Tensor:
        vectors = super().__call__(texts)
        return vectors - vectors.mean(0) if texts else vectors


class Flattens(HashTextEncoder):
    def __call__(self, texts: list[str]) -> Tensor:
        return super().__call__(texts) if texts else torch.empty(0)


class Lowers(HashTextEncoder):
    def __call__(self, texts: list[str]) -> Tensor:
        texts[:] = [text.lower() for text in texts]
        return super().__call__(texts)


class Forgets(HashTextEncoder):
    @property
    def fingerprint(self) -> str:
        return str(torch.rand(1))


@pytest.mark.parametrize(
    ("encoder", "rule"),
    [
        (Doubles, "every_text_has_a_vector"),
        (Skips, "every_text_has_a_vector"),
        (ShowsNothing, "every_text_has_a_vector"),
        (Sorts, "neither_order_nor_company_matters"),
        (Centres, "neither_order_nor_company_matters"),
        (Flattens, "no_text_gives_no_rows"),
        (Lowers, "given_list_is_not_changed"),
        (Forgets, "fingerprint_is_that_of_an_equal_encoder"),
    ],
)
def test_broken_text_encoders(broken_rules, encoder, rule):
    assert rule in broken_rules(TextEncoderContract, make=lambda _: encoder(8))
