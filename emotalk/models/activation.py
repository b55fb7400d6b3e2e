"""Define the generator's activation, a leaky ReLU."""

from torch import Tensor
from torch.nn import functional as F

SLOPE = 0.2


def leaky_relu(x: Tensor) -> Tensor:
    """Return x where it is positive, 0.2 x elsewhere."""
    return F.leaky_relu(x, SLOPE)
