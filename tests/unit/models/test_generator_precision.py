"""Precision, memory format and compilation change the generator's numbers within stated bounds."""

from collections.abc import Iterator

import pytest
import torch

from tests.helpers.generators import small_generator, whole_utterance


@pytest.fixture
def bf16() -> Iterator[None]:
    """Autocast to bfloat16 on the CPU; without oneDNN where it has no such LSTM."""
    able = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    with torch.backends.mkldnn.flags(enabled=able), torch.autocast("cpu", dtype=torch.bfloat16):
        yield


@torch.no_grad()
def test_bfloat16_autocast_stays_within_a_twentieth_of_the_range(bf16: None) -> None:
    generator = small_generator()
    inputs = whole_utterance(generator, clips=2, samples=320 * 6)
    with torch.autocast("cpu", enabled=False):
        exact, _ = generator(*inputs)
    rounded, _ = generator(*inputs)
    torch.testing.assert_close(rounded.float(), exact, atol=0.05, rtol=0)


def test_bfloat16_autocast_gives_finite_float32_gradients(bf16: None) -> None:
    generator = small_generator()
    inputs = whole_utterance(generator, clips=2, samples=320 * 3)
    loss = generator(*inputs).video_BTCHW.float().square().mean()
    torch.autograd.backward(loss)
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.isfinite().all(), name


@torch.no_grad()
def test_channels_last_weights_give_the_same_frames() -> None:
    generator = small_generator()
    inputs = whole_utterance(generator, clips=2, samples=320 * 4)
    exact, _ = generator(*inputs)
    turned = generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = inputs[0].contiguous(memory_format=torch.channels_last)
    video, _ = turned(image, *inputs[1:])
    torch.testing.assert_close(video, exact, atol=1e-5, rtol=0)


@torch.no_grad()
def test_compiled_it_gives_the_same_frames() -> None:
    """PyTorch leaves LSTMs out of compiled graphs; `aot_eager` runs the rest as traced."""
    generator = small_generator()
    inputs = whole_utterance(generator, clips=1, samples=320 * 2)
    exact, _ = generator(*inputs)
    video, _ = torch.compile(generator, backend="aot_eager")(*inputs)
    torch.testing.assert_close(video, exact, atol=1e-5, rtol=0)


@torch.no_grad()
def test_the_decoder_compiles_without_a_break() -> None:
    generator = small_generator()
    decoder = generator.decoder
    kernels = decoder.kernels()
    image = whole_utterance(generator, clips=1, samples=320)[0]
    maps = decoder.condition(generator.image_encoder(image), kernels)
    h_TBD = torch.randn(2, 1, decoder.fc.out_features)
    arguments = (h_TBD, maps, kernels, decoder.first_state(maps))
    exact, _ = decoder(*arguments)
    video, _ = torch.compile(decoder, backend="aot_eager", fullgraph=True)(*arguments)
    torch.testing.assert_close(video, exact, atol=1e-5, rtol=0)


@pytest.mark.gpu
@torch.no_grad()
def test_cuda_gives_the_frames_of_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device here")
    generator = small_generator()
    inputs = whole_utterance(generator, clips=2, samples=320 * 6)
    exact, _ = generator(*inputs)
    video, _ = generator.cuda()(*(x.cuda() for x in inputs))
    torch.testing.assert_close(video.cpu(), exact, atol=1e-3, rtol=0)
