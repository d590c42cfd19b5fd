import pytest

from lrdgraph.nn.encoder import ENCODERS, HistoryEncoder, make_encoder
from lrdgraph.testing import EncoderContract


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("name", ENCODERS)
class TestEveryEncoder(EncoderContract):
    @pytest.fixture(autouse=True)
    def _choose(self, name: str, num_layers: int) -> None:
        self.name, self.num_layers = name, num_layers

    def make(self, channels: int, max_length: int) -> HistoryEncoder:
        return make_encoder(self.name, channels, max_length, self.num_layers, 0.4)


def test_unknown_encoder():
    with pytest.raises(ValueError, match=r"'encoder' .*'transformer', .*got 'sasrecc'"):
        make_encoder("sasrecc", 8, 6, 1, 0.4)
