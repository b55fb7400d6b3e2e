"""Define a reference of the generator, layer by layer as in the report.

Images and features are repeated for every frame and concatenated, every convolution runs at full
size after its upsampling, and the ConvLSTM computes both its convolutions frame by frame.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from emotalk.models import AnyOutput, Generator, GeneratorOutput, OutputWithMouth
from emotalk.models.speech_encoder import SpeechEncoder

SLOPE = 0.2


def plain_generator(
    generator: Generator,
    image_BCHW: Tensor,
    speech_BS: Tensor,
    emotion_BE: Tensor,
    noise: Tensor,
    margin_frames: int = 0,
) -> AnyOutput:
    """Return the output of `generator`, computed layer by layer for all frames at once."""
    speech_BTD, _ = generator.speech_lstm(plain_speech_encoder(generator, speech_BS))
    speech_BTD = speech_BTD[:, margin_frames : speech_BTD.shape[1] - margin_frames]
    head = generator.speech_emotion
    logits_BE = None if head is None else head(speech_BTD)
    mouth = generator.speech_mouth
    mouth_BTLP = None if mouth is None else mouth(speech_BTD)
    T = speech_BTD.shape[1]
    emotion_BTD = generator.emotion_encoder(emotion_BE).unsqueeze(1).repeat(1, T, 1)
    embedding_BD, features = plain_image_encoder(generator, image_BCHW)
    noise_BTD, _ = generator.noise_encoder.lstm(noise)
    image_BTD = embedding_BD.unsqueeze(1).repeat(1, T, 1)
    z_BTD = torch.cat([speech_BTD, noise_BTD, image_BTD, emotion_BTD], dim=2)
    video_BTCHW = plain_decoder(generator, z_BTD, features)
    if mouth_BTLP is None:
        return GeneratorOutput(video_BTCHW, logits_BE)
    return OutputWithMouth(video_BTCHW, logits_BE, mouth_BTLP)


def plain_speech_encoder(generator: Generator, speech_BS: Tensor) -> Tensor:
    """Return frame features: padded convolutions, contexts gathered one shift after another."""
    return plain_speech_features(generator.speech_encoder, speech_BS)


def plain_speech_features(encoder: SpeechEncoder, speech_BS: Tensor) -> Tensor:
    """Return frame features of one speech encoder, the generator's or the pair discriminator's."""
    h = speech_BS.unsqueeze(1)
    for conv, kernel in zip(encoder.convs, (63, 31, 17, 9), strict=True):
        reach = kernel // 2
        h = conv(F.pad(h, (reach, reach), mode="reflect"))
        if kernel == 63 and encoder.first_activation == "log_power":
            power = torch.stack(
                [
                    a**2 + b**2
                    for a, b in zip(h[:, ::2].unbind(1), h[:, 1::2].unbind(1), strict=True)
                ],
                dim=1,
            )
            h = ((power + 1e-4).log() + 5) / 3
        else:
            h = F.leaky_relu(h, SLOPE)
    h = F.leaky_relu(encoder.squeeze(h), SLOPE).transpose(1, 2)
    steps = h.shape[1]
    padded = F.pad(h, (0, 0, 17, 17))
    context = torch.cat([padded[:, shift : shift + steps] for shift in range(35)], dim=2)
    return F.leaky_relu(encoder.fc(context[:, ::5]), SLOPE)


def plain_image_encoder(generator: Generator, image_BCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the image's vector and its features at every scale."""
    image, h, features = image_BCHW, image_BCHW, []
    for conv in generator.image_encoder.convs:
        h = F.leaky_relu(conv(F.pad(h, (1, 1, 1, 1), mode="reflect")), SLOPE)
        image = F.interpolate(image, scale_factor=0.5, mode="nearest")
        h = torch.cat([h, image], dim=1)
        features.append(h)
    embedding = F.leaky_relu(generator.image_encoder.embedding(h), SLOPE)
    return embedding.squeeze(-1).squeeze(-1), features


def plain_decoder(generator: Generator, z_BTD: Tensor, features: list[Tensor]) -> Tensor:
    """Return video (B, T, 3, 128, 128): concatenate, convolve, upsample, five times, output."""
    decoder = generator.decoder
    B, T, _ = z_BTD.shape
    h = F.leaky_relu(decoder.fc(z_BTD), SLOPE).view(B * T, -1, 4, 4)
    stages = [decoder.conv_1, decoder.conv_2, decoder.conv_3, None, decoder.conv_5]
    for stage, feature in zip(stages, reversed(features), strict=True):
        repeated = feature.unsqueeze(1).repeat(1, T, 1, 1, 1).flatten(0, 1)
        h = torch.cat([h, repeated], dim=1)
        if stage is None:
            h = plain_conv_lstm(generator, torch.unflatten(h, 0, (B, T))).flatten(0, 1)
        else:
            h = F.leaky_relu(stage(F.pad(h, (1, 1, 1, 1), mode="reflect")), SLOPE)
        h = F.interpolate(h, scale_factor=2, mode="nearest")
    reach = decoder.output.weight.shape[-1] // 2
    video = torch.tanh(decoder.output(F.pad(h, (reach,) * 4, mode="reflect")))
    return torch.unflatten(video, 0, (B, T))


def plain_conv_lstm(generator: Generator, input_BTCHW: Tensor) -> Tensor:
    """Return hidden images (B, T, C, H, W), both convolutions in every step."""
    lstm = generator.decoder.conv_lstm
    B, _, _, H, W = input_BTCHW.shape
    hidden = cell = input_BTCHW.new_zeros(B, lstm.channels, H, W)
    outputs = []
    for x in input_BTCHW.unbind(1):
        gates = F.conv2d(x, lstm.weight_ih, lstm.bias_ih, padding=1)
        gates = gates + F.conv2d(hidden, lstm.weight_hh, lstm.bias_hh, padding=1)
        input_gate, forget_gate, cell_gate, output_gate = gates.chunk(4, dim=1)
        cell_gate = (
            torch.tanh(cell_gate)
            if lstm.cell_activation == "tanh"
            else F.leaky_relu(cell_gate, SLOPE)
        )
        cell = torch.sigmoid(forget_gate) * cell + torch.sigmoid(input_gate) * cell_gate
        hidden = torch.sigmoid(output_gate) * torch.tanh(cell)
        outputs.append(hidden)
    return torch.stack(outputs, dim=1)
