"""Pictures, sounds and clips of any kind."""

import io
from functools import partial
from pathlib import Path

from tests.fuzz.mutate import Random, any_bytes, change_bytes, change_head
from tests.fuzz.surface import Door, Surface

Files = tuple[tuple[str, bytes], ...]
LISTS = (
    b"ffconcat version 1.0\nfile '/etc/hostname'\n",
    b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n",
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=audio 9 RTP/AVP 0\n",
    b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>",
    b"%!PS-Adobe-3.0\n/x { } def\nshowpage\n",
)


def _make(files: Files, rng: Random) -> tuple[str, bytes]:
    suffix, whole = rng.choice(files)
    if rng.random() < 0.1:
        suffix = rng.choice(files)[0]  # a file under the name of another kind
    if rng.random() < 0.05:
        return suffix, rng.choice((any_bytes(rng), *LISTS))
    change = change_head if rng.random() < 0.5 else change_bytes
    return suffix, change(whole, rng)


def _pictures(folder: Path) -> Door:
    import numpy as np
    from PIL import Image

    from emotalk.errors import WrongUse
    from emotalk.media.image import read_image

    pixels_HWC = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    picture = Image.fromarray(pixels_HWC)
    files = []
    for kind in ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"):
        for mode in ("RGB", "L", "RGBA"):
            if mode == "RGBA" and kind in ("JPEG", "BMP"):
                continue
            written = io.BytesIO()
            picture.convert(mode).save(written, kind)
            files.append((f".{kind.lower()}", written.getvalue()))
    sixteen = io.BytesIO()
    Image.fromarray(pixels_HWC[..., 0].astype(np.uint16) * 257).save(sixteen, "PNG")
    files.append((".png", sixteen.getvalue()))

    def enter(case: tuple[str, bytes]) -> None:
        path = folder / f"picture{case[0]}"
        path.write_bytes(case[1])
        image_HWC = read_image(path)
        assert image_HWC.ndim == 3
        assert image_HWC.shape[2] == 3

    return Door(partial(_make, tuple(files)), enter, (WrongUse,))


def _sound_files() -> Files:
    import av
    import numpy as np
    import soundfile

    tone = (8000 * np.sin(np.arange(9600) / 20)).astype(np.int16)[None]
    kinds = (
        (".wav", "wav", "pcm_s16le", "s16"),
        (".flac", "flac", "flac", "s16"),
        (".mp3", "mp3", "libmp3lame", "s16p"),
        (".m4a", "mp4", "aac", "fltp"),
        (".aac", "adts", "aac", "fltp"),
        (".opus", "ogg", "libopus", "s16"),
        (".mka", "matroska", "aac", "fltp"),
    )
    vorbis = io.BytesIO()
    soundfile.write(vorbis, tone[0], 48_000, format="OGG", subtype="VORBIS")
    files = [(".ogg", vorbis.getvalue())]
    for suffix, container, codec, layout in kinds:
        written = io.BytesIO()
        with av.open(written, "w", format=container) as output:
            stream = output.add_stream(codec, rate=48_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            frame.sample_rate = 48_000
            resampler = av.AudioResampler(layout, "mono", 48_000, 960)
            for part in (*resampler.resample(frame), *resampler.resample(None)):
                output.mux(stream.encode(part))
            output.mux(stream.encode(None))
        files.append((suffix, written.getvalue()))
    return tuple(files)


def _sounds(folder: Path) -> Door:
    from emotalk.errors import WrongUse
    from emotalk.inference.speech import read_speech

    def enter(case: tuple[str, bytes]) -> None:
        path = folder / f"sound{case[0]}"
        path.write_bytes(case[1])
        read_speech(path)

    return Door(partial(_make, _sound_files()), enter, (WrongUse,))


def _clip_files() -> Files:
    import av
    import numpy as np

    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (12, 48, 64, 3), np.uint8)
    tone = (8000 * np.sin(np.arange(48_000 * 12 // 25) / 20)).astype(np.int16)[None]
    kinds = (
        (".mp4", "mp4", "libx264", "aac"),
        (".mkv", "matroska", "libx264", "aac"),
        (".flv", "flv", "flv", "aac"),
        (".avi", "avi", "mpeg4", "libmp3lame"),
        (".ts", "mpegts", "libx264", "aac"),
        (".mpg", "mpeg", "mpeg1video", "mp2"),
        (".webm", "webm", "libvpx", "libopus"),
    )
    files = []
    for suffix, container, picture, sound in kinds:
        written = io.BytesIO()
        with av.open(written, "w", format=container) as output:
            video = output.add_stream(picture, rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            rate = 44_100 if container == "flv" else 48_000
            audio = output.add_stream(sound, rate=rate, layout="mono")
            for number, image_HWC in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(image_HWC, format="rgb24")
                frame.pts = number
                output.mux(video.encode(frame))
            output.mux(video.encode(None))
            heard = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            heard.sample_rate = 48_000
            resampler = av.AudioResampler(
                audio.codec_context.format, "mono", rate, audio.codec_context.frame_size or 960
            )
            for part in (*resampler.resample(heard), *resampler.resample(None)):
                output.mux(audio.encode(part))
            output.mux(audio.encode(None))
        files.append((suffix, written.getvalue()))
    return tuple(files)


def _clips(folder: Path) -> Door:
    import numpy as np

    from emotalk.config.etl import EtlConfig, QualityConfig
    from emotalk.faces.backends.sidecar import SidecarLandmarks
    from emotalk.schema import ClipLabel, Rejection
    from etl.clip.sample import make_sample
    from etl.corpora.listing import SourceClip
    from etl.corpora.source import FolderSource
    from tests.helpers.clips import face_in_frame

    landmarks = folder / "landmarks"
    landmarks.mkdir()
    points_LP = face_in_frame((48, 64))
    np.save(landmarks / "clip.npy", np.repeat(points_LP[None], 400, 0).astype(np.float32))
    limits = QualityConfig(min_face_pixels=5, min_sharpness=0)
    config = EtlConfig(corpus="folder", source=str(folder), output=folder / "out", quality=limits)
    source = FolderSource(folder)

    def enter(case: tuple[str, bytes]) -> None:
        path = folder / f"clip{case[0]}"
        path.write_bytes(case[1])
        label = ClipLabel(key="clip", clip=path.name, actor="a", emotion="neutral")
        clip = SourceClip(label, source.media(path.name))
        make_sample(clip, SidecarLandmarks(landmarks), config)

    return Door(partial(_make, _clip_files()), enter, (Rejection,))


SURFACES = (
    Surface("pictures", 6000, _pictures, media=True),
    Surface("sounds", 2000, _sounds, media=True),
    Surface("clips", 2000, _clips, media=True),
)
