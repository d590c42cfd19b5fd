import torch

from lrdgraph.nn import GRU4Rec


def test_states_are_those_of_a_cell_run_over_the_items_alone():
    torch.manual_seed(0)
    encoder, states = GRU4Rec(8, 5).eval(), torch.randn(3, 5, 8)
    length = torch.tensor([5, 2, 0])
    mask = torch.arange(5) >= 5 - length.unsqueeze(1)
    found = encoder(states, mask)
    cell = torch.nn.GRUCell(8, 8)
    weights = {
        name.removesuffix("_l0"): w for name, w in encoder.layers.named_parameters()
    }
    cell.load_state_dict(weights)
    for row, num_items in enumerate(length.tolist()):
        hidden = torch.zeros(1, 8)
        for slot in range(5 - num_items, 5):
            hidden = cell(states[row, slot : slot + 1], hidden)
            assert torch.allclose(found[row, slot], hidden[0], atol=1e-6)
