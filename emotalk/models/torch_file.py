"""Read the tensors of files that `torch.save` wrote, without executing anything in them."""

from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from emotalk.errors import WrongUse

# Errors of torch's reader for bytes that are no file of tensors.
UNREADABLE = (
    UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, TypeError, IndexError,
    AttributeError, MemoryError, OverflowError,
)  # fmt: skip


def read_torch_file(path: Path, *, advice: str) -> dict[str, Tensor]:
    """Return the tensors of a `state_dict` that `torch.save` wrote.

    Args:
        path: the file.
        advice: end of the error messages: which file to give instead.

    Raises:
        WrongUse: it cannot be read, or holds something else than named tensors.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WrongUse(f"{path}: cannot be read: {error.strerror}") from None
    except UNREADABLE as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no content"
        raise WrongUse(
            f"{path}: not a file of tensors saved by PyTorch ({reason}); nothing but tensors is "
            f"ever unpickled; {advice}"
        ) from None
    if not (
        isinstance(loaded, dict)
        and loaded
        and all(isinstance(name, str) and torch.is_tensor(x) for name, x in loaded.items())
    ):
        raise WrongUse(
            f"{path}: holds {type(loaded).__name__}, expected a state_dict: names and tensors "
            f"only; {advice}"
        )
    return dict(loaded)
