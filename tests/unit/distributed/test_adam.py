"""Adam whose parts may rest: torch's Adam for what learns, nothing at all for what does not."""

import torch
from torch import Tensor, nn

from emotalk.distributed import AdamByParts


class TwoParts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.early, self.late = nn.Linear(3, 2), nn.Linear(3, 2)


def learn(module: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor) -> None:
    optimizer.zero_grad()
    torch.autograd.backward(module(x).square().mean())
    optimizer.step()


def adam(network: TwoParts) -> AdamByParts:
    return AdamByParts(
        network, {n: [m] for n, m in network.named_children()}, lr=0.1, betas=(0.5, 0.99)
    )


def test_a_part_that_joins_late_steps_as_if_it_began_then() -> None:
    """Even where it had gradients of zero before, as every part has under ZeRO."""
    ours, plain = TwoParts(), TwoParts()
    optimizer, x = adam(ours), torch.randn(5, 3)
    for p in ours.late.parameters():
        p.grad = torch.zeros_like(p)
    with optimizer.learning({"early"}):
        for _ in range(4):
            torch.autograd.backward(ours.early(x).square().mean())
            optimizer.step()
    theirs = torch.optim.Adam(plain.late.parameters(), lr=0.1, betas=(0.5, 0.99))
    for _ in range(3):
        with optimizer.learning({"late"}):
            learn(ours.late, optimizer, x)
        learn(plain.late, theirs, x)
    for mine, other in zip(ours.late.parameters(), plain.late.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_a_part_at_rest_is_not_carried_on_by_its_momentum() -> None:
    ours = TwoParts()
    optimizer, x = adam(ours), torch.randn(5, 3)
    learn(ours.early, optimizer, x)
    before = [p.detach().clone() for p in ours.early.parameters()]
    count = {p: int(held["step"]) for p, held in optimizer.state.items()}
    with optimizer.learning({"late"}):
        learn(ours.late, optimizer, x)
    assert not any(group["frozen"] for group in optimizer.param_groups), "only in the block"
    assert all(torch.equal(p, b) for p, b in zip(ours.early.parameters(), before, strict=True))
    assert all(int(optimizer.state[p]["step"]) == made == 1 for p, made in count.items())


def test_awake_together_the_parts_step_as_one_adam_would() -> None:
    ours, plain = TwoParts(), TwoParts()
    optimizer = adam(ours)
    theirs = torch.optim.Adam(plain.parameters(), lr=0.1, betas=(0.5, 0.99))
    x = torch.randn(5, 3)
    for _ in range(3):
        for network, one in ((ours, optimizer), (plain, theirs)):
            one.zero_grad()
            total = network.early(x).square().mean() + network.late(x).abs().mean()
            torch.autograd.backward(total)
            one.step()
    for mine, other in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.equal(mine, other)
