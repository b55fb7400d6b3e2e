"""Check the inputs of losses."""

from torch import Tensor

from emotalk.schema import check_shape


def check_floats(x: Tensor, spec: str, name: str) -> dict[str, int]:
    """Return the sizes of x's axes (see `check_shape`); ValueError if x is not floating point."""
    if not x.is_floating_point():
        raise ValueError(f"{name}: got {x.dtype}, expected floating point")
    return check_shape(x, spec, name)


def check_alike(a: Tensor, b: Tensor, names: tuple[str, str]) -> None:
    """Raise ValueError unless both tensors have the same shape."""
    if a.shape != b.shape:
        raise ValueError(
            f"{names[1]}: got shape {tuple(b.shape)}, expected {tuple(a.shape)} as {names[0]} has"
        )
