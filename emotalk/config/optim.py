"""Configure weight initialisation, Adam, gradient clipping and the running average."""

from typing import Annotated, Literal

from pydantic import Field

from emotalk.config.section import NonNegative, Positive, Section

Beta = Annotated[float, Field(ge=0, lt=1)]


class OptimConfig(Section):
    """Configure Adam for all networks; the stages configure the learning rates."""

    init: Literal["xavier", "he"] = "xavier"  # as the original; he: learns labels sooner
    # filterbank: the generator's first convolution over the waveform begins as band filters, which
    # half an hour of speech does not teach
    speech_init: Literal["as_init", "filterbank"] = "as_init"
    betas: tuple[Beta, Beta] = (0.5, 0.99)  # the original: (0.5, 0.999)
    eps: Positive = 1e-8
    clip_grad_norm: NonNegative = 0.0  # largest gradient norm of an engine; 0 = no clipping
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999  # decay a generator step; 0 = no average
    ema_warmup: bool = True  # decay min(ema, (1 + n) / (10 + n)) after n generator steps
