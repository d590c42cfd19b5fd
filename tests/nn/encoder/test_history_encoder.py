import pytest
import torch

from lrdgraph.models import SASRec
from lrdgraph.nn.encoder import (
    ENCODERS,
    HSTU,
    BSARec,
    CausalTransformer,
    HistoryEncoder,
    TiSASRec,
    make_encoder,
)
from lrdgraph.testing import EncoderContract


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("name", ENCODERS)
class TestEveryEncoder(EncoderContract):
    @pytest.fixture(autouse=True)
    def _choose(self, name: str, num_layers: int) -> None:
        self.name, self.num_layers = name, num_layers

    def make(self, channels: int, max_length: int) -> HistoryEncoder:
        return make_encoder(self.name, channels, max_length, self.num_layers, 0.4)


@pytest.mark.parametrize("num_layers", [0, -1])
@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_has_a_layer(name, num_layers):
    kind = ENCODERS[name].__name__
    message = rf"'num_layers' needs .* integer in '{kind}' \(got {num_layers}\)"
    with pytest.raises(ValueError, match=message):
        make_encoder(name, 8, 6, num_layers, 0.4)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_history_has_a_slot(name):
    with pytest.raises(ValueError, match=r"'max_length' needs .* integer .*got 0"):
        make_encoder(name, 8, 0, 1, 0.4)


@pytest.mark.parametrize(("channels", "num_heads"), [(7, 2), (8, 3), (8, 0), (8, -2)])
@pytest.mark.parametrize("kind", [BSARec, CausalTransformer, HSTU, TiSASRec])
def test_heads_share_the_channels(kind, channels, num_heads):
    name = kind.__name__
    message = rf"'num_heads' .* 'channels', {channels}, in '{name}' \(got {num_heads}\)"
    with pytest.raises(ValueError, match=message):
        kind(channels, 6, num_heads=num_heads)


@pytest.mark.parametrize("name", ENCODERS)
def test_no_history_at_all(name):
    model = SASRec(5, 8, max_length=6, encoder=name).eval()
    nothing = torch.empty(0, 6, dtype=torch.long)
    assert model(nothing, history_time=nothing).shape == (0, 5)


def test_unknown_encoder():
    with pytest.raises(ValueError, match=r"'encoder' .*'transformer', .*got 'sasrecc'"):
        make_encoder("sasrecc", 8, 6, 1, 0.4)
