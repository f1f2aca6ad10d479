"""What a state keeps of optimizers and scalers."""

from pathlib import Path

import torch
from torch import nn

from magicpose_core.training.checkpoints import (
    Progress,
    TrainedState,
    fingerprint_weights,
    load_state,
    save_state,
)

START = Progress(stage="base", origin="here")


class EightBitAdam(torch.optim.SGD):
    """Keeps bytes and an int, and nests them in its ``state_dict``, as bitsandbytes does."""

    def step(self) -> None:
        for parameter in self.param_groups[0]["params"]:
            state = self.state[parameter]
            state["step"] = state.get("step", 0) + 1
            state["state1"] = torch.full(parameter.shape, 7 * state["step"], dtype=torch.uint8)

    def state_dict(self) -> dict:
        content = super().state_dict()
        return {**content, "state": {k: {"quant": v} for k, v in content["state"].items()}}


def trained(optimizer: type[torch.optim.Optimizer]) -> TrainedState:
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    return TrainedState(dict(layer.named_parameters()), optimizer(layer.parameters(), lr=1.0), None)


def test_bytes_and_counts_of_an_eight_bit_optimizer_come_back_as_they_were(tmp_path: Path):
    state, again = trained(EightBitAdam), trained(EightBitAdam)
    state.optimizer.step()
    state.optimizer.step()
    save_state(tmp_path / "last.safetensors", state, START)
    load_state(tmp_path / "last.safetensors", again, START)
    for name, parameter in again.parameters.items():
        kept = again.optimizer.state[parameter]
        assert type(kept["step"]) is int
        assert kept["step"] == 2
        assert torch.equal(kept["state1"], state.optimizer.state[state.parameters[name]]["state1"])
        assert kept["state1"].dtype == torch.uint8


def test_the_scale_of_half_precision_comes_back(tmp_path: Path):
    scalers = [torch.amp.GradScaler("cpu", init_scale=scale) for scale in (8.0, 64.0)]
    state, again = (
        TrainedState(one.parameters, one.optimizer, None, scaler)
        for one, scaler in zip((trained(torch.optim.AdamW),) * 2, scalers, strict=True)
    )
    save_state(tmp_path / "last.safetensors", state, START)
    load_state(tmp_path / "last.safetensors", again, START)
    assert scalers[1].get_scale() == 8.0


def test_a_fingerprint_knows_names_shapes_and_numbers():
    torch.manual_seed(0)
    layer = nn.Linear(100, 100)
    before = fingerprint_weights(layer)
    assert before == fingerprint_weights(layer)
    assert before != fingerprint_weights(nn.Sequential(layer))
    with torch.no_grad():
        layer.weight.mul_(1.001)
    assert before != fingerprint_weights(layer)
