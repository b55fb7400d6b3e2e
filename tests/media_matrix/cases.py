"""Every container and every odd way of writing times that people's clips were seen to have."""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

from tests.media_matrix.flash_beep import Recipe, write_clip

H264 = ("-c:v", "libx264", "-preset", "veryfast", "-g", "12")
NO_B = (*H264, "-bf", "0")
B_FRAMES = (*H264, "-bf", "3", "-b_strategy", "0")
MPEG1 = ("-c:v", "mpeg1video", "-b:v", "800k", "-g", "12")
MPEG2 = ("-c:v", "mpeg2video", "-b:v", "800k", "-g", "12", "-bf", "2")
MPEG4 = ("-c:v", "mpeg4", "-b:v", "800k", "-g", "12")
VP8 = ("-c:v", "libvpx", "-b:v", "500k", "-deadline", "realtime", "-g", "12")
VP9 = ("-c:v", "libvpx-vp9", "-b:v", "500k", "-deadline", "good", "-cpu-used", "5", "-g", "24")
MP3, AAC, MP2 = ("-c:a", "libmp3lame"), ("-c:a", "aac"), ("-c:a", "mp2")
OPUS, VORBIS = ("-c:a", "libopus"), ("-c:a", "libvorbis")
AC3, PCM, FLAC = ("-c:a", "ac3"), ("-c:a", "pcm_s16le"), ("-c:a", "flac")
REAL_144 = ("-c:a", "real_144", "-ar", "8000", "-ac", "1")
FROM_S = 0.6  # where a gap begins: after the first beep, before the second
COPY = ("-c", "copy")
NO_SHIFT = ("-avoid_negative_ts", "disabled")

PLAIN = [
    Recipe("mp4", "mp4", B_FRAMES),
    Recipe("mp4_fragmented", "mp4", B_FRAMES, mux=("-movflags", "frag_keyframe+empty_moov")),
    Recipe("mp4_no_edit_list", "mp4", B_FRAMES, mux=("-use_editlist", "0")),
    Recipe("mov", "mov", B_FRAMES),
    Recipe("mkv", "mkv", B_FRAMES),
    Recipe("webm", "webm", VP8, OPUS),
    Recipe("flv", "flv", B_FRAMES),
    Recipe("flv_mp3", "flv", ("-c:v", "flv1", "-b:v", "800k"), MP3, ("-ar", "44100")),
    Recipe("avi", "avi", MPEG4, MP3),
    Recipe("avi_b_frames", "avi", B_FRAMES, MP3),
    Recipe("avi_pcm", "avi", ("-c:v", "mjpeg"), PCM),
    Recipe("ts", "ts", B_FRAMES),
    Recipe("mpg", "mpg", MPEG1, MP2),
    Recipe("vob", "vob", MPEG2, AC3),
    Recipe("ogv", "ogv", ("-c:v", "libtheora", "-b:v", "800k"), VORBIS),
    Recipe("3gp", "3gp", ("-c:v", "mpeg4", "-b:v", "500k"), AAC),
    Recipe("wmv", "wmv", ("-c:v", "wmv2", "-b:v", "800k"), ("-c:a", "wmav2")),
]
RATES = [
    Recipe(f"{suffix}_{float(fps):.4g}_fps", suffix, B_FRAMES, fps=fps)
    for suffix in ("mp4", "mkv", "ts", "flv")
    for fps in (
        *map(Fraction, (15, 24, 30, 50, 60, 120, 240)),
        Fraction(24000, 1001),
        Fraction(30000, 1001),
    )
]
VARIABLE = [
    Recipe(f"{suffix}_vfr", suffix, B_FRAMES, every=2, fps=Fraction(30))
    for suffix in ("mp4", "mov", "mkv", "flv", "ts")
]
LATE = [
    Recipe(f"{suffix}_late_{what}", suffix, video, sound, picture_from_s=p, sound_from_s=s)
    for suffix, video, sound in (
        ("mp4", B_FRAMES, AAC),
        ("mov", B_FRAMES, AAC),
        ("mkv", B_FRAMES, AAC),
        ("webm", VP8, OPUS),
        ("flv", B_FRAMES, AAC),
        ("ts", B_FRAMES, AAC),
        ("mpg", MPEG1, MP2),
        ("wmv", ("-c:v", "wmv2", "-b:v", "800k"), ("-c:a", "wmav2")),
    )
    for what, p, s in (("picture_0.24", 0.24, 0.0), ("sound_0.30", 0.0, 0.3))
]
GAPS = [
    Recipe(
        f"{suffix}_gap_{gap}",
        suffix,
        video,
        (
            *sound,
            "-bsf:a",
            f"noise=drop='between(n,{round(FROM_S / block)},{round((FROM_S + gap) / block)})'",
        ),
    )
    for suffix, video, sound, block in (
        ("mp4", B_FRAMES, AAC, 1024 / 48_000),
        ("mov", B_FRAMES, AAC, 1024 / 48_000),
        ("mkv", B_FRAMES, AAC, 1024 / 48_000),
        ("webm", VP8, OPUS, 0.02),
        ("flv", B_FRAMES, AAC, 1024 / 48_000),
        ("ts", B_FRAMES, AAC, 1024 / 48_000),
        ("mpg", MPEG1, MP2, 1152 / 48_000),
        ("wmv", ("-c:v", "wmv2", "-b:v", "800k"), ("-c:a", "wmav2"), 2048 / 48_000),
    )
    for gap in (0.15, 0.5)
]
DOUBLED = (
    "setts=pts='if(eq(mod(N,17),16),PREV_OUTPTS,PTS)':dts='if(eq(mod(N,17),16),PREV_OUTDTS,DTS)'"
)
STAMPS = [
    Recipe(f"{suffix}_double_stamps", suffix, (*NO_B, "-bsf:v", DOUBLED), sound)
    for suffix, sound in (("flv", AAC), ("mkv", AAC))
] + [
    Recipe(
        "flv_vfr_double_stamps", "flv", (*NO_B, "-bsf:v", DOUBLED), MP3, ("-ar", "44100"), every=2
    ),
]
CUTS = [
    Recipe(
        f"{suffix}_cut_{at}",
        suffix,
        video,
        sound,
        then=((*COPY, *mux),),
        input_options=("-ss", str(at)),
    )
    for suffix, video, sound in (
        ("mp4", B_FRAMES, AAC),
        ("mov", B_FRAMES, AAC),
        ("mkv", B_FRAMES, AAC),
        ("flv", B_FRAMES, AAC),
        ("ts", B_FRAMES, AAC),
    )
    for at, mux in ((0.16, NO_SHIFT), (0.9, ()))
]
OPEN_GOP = (*B_FRAMES, "-x264-params", "open-gop=1:keyint=12:min-keyint=12:scenecut=0")
REFRESH = (*H264, "-bf", "0", "-x264-params", "intra-refresh=1:keyint=12:scenecut=0")
CUTS += [  # after a cut no picture is whole until the refresh has gone round
    Recipe(
        f"{suffix}_refresh_cut", suffix, REFRESH, AAC, then=(COPY,), input_options=("-ss", "0.9")
    )
    for suffix in ("ts", "mkv", "mp4", "flv")
]
STARTS = [
    Recipe(f"{suffix}_starts_at_{at:g}", suffix, video, sound, ("-output_ts_offset", str(at)))
    for suffix, video, sound in (
        ("mp4", B_FRAMES, AAC),
        ("mkv", B_FRAMES, AAC),
        ("webm", VP8, OPUS),
        ("flv", B_FRAMES, AAC),
        ("ts", B_FRAMES, AAC),
    )
    for at in (12.34, 4000.0)
] + [
    Recipe("ts_wraps", "ts", B_FRAMES, AAC, ("-output_ts_offset", "95441.0")),  # 2^33 / 90000 - 2.7
    Recipe("ts_wraps_at_once", "ts", B_FRAMES, AAC, ("-output_ts_offset", "95442.3")),
    Recipe("mpg_wraps", "mpg", MPEG1, MP2, ("-output_ts_offset", "95442.0")),
    Recipe("mkv_negative", "mkv", B_FRAMES, AAC, ("-output_ts_offset", "-0.2", *NO_SHIFT)),
    Recipe("ts_starts_at_0", "ts", B_FRAMES, AAC, ("-muxdelay", "0", "-muxpreload", "0")),
]
ODD = [
    Recipe("mov_pcm", "mov", B_FRAMES, PCM),
    Recipe("sound_longer", "mp4", B_FRAMES, AAC, sound_to_s=5.0),
    Recipe("sound_shorter", "mkv", B_FRAMES, AAC, sound_to_s=2.8),
    Recipe(
        "two_gaps",
        "mkv",
        B_FRAMES,
        (*AAC, "-bsf:a", "noise=drop='between(pts*tb,0.7,0.9)+between(pts*tb,1.5,1.8)'"),
    ),
    Recipe(
        "every_7th_packet_lost", "ts", B_FRAMES, (*AAC, "-bsf:a", "noise=drop='eq(mod(n,7),6)'")
    ),
    Recipe("opus_lost_packets", "mkv", B_FRAMES, (*OPUS, "-bsf:a", "noise=drop='eq(mod(n,9),8)'")),
    Recipe("ac3_in_ts", "ts", B_FRAMES, AC3),
    Recipe("mp2_in_ts", "ts", MPEG2, MP2),
    Recipe(
        "hevc_mp4",
        "mp4",
        (
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
            "-x265-params",
            "log-level=none:keyint=12",
            "-tag:v",
            "hvc1",
        ),
        AAC,
    ),
    Recipe(
        "hevc_ts_b",
        "ts",
        (
            "-c:v",
            "libx265",
            "-preset",
            "fast",
            "-x265-params",
            "log-level=none:keyint=12:bframes=3",
        ),
        AAC,
    ),
    Recipe(
        "hevc_mkv_cut",
        "mkv",
        (
            "-c:v",
            "libx265",
            "-preset",
            "fast",
            "-x265-params",
            "log-level=none:keyint=12:bframes=3:open-gop=1",
        ),
        AAC,
        then=(COPY,),
        input_options=("-ss", "0.9"),
    ),
    Recipe("vp9_altref", "webm", (*VP9, "-auto-alt-ref", "1", "-lag-in-frames", "16"), OPUS),
    Recipe(
        "vp8_altref",
        "webm",
        (
            "-c:v",
            "libvpx",
            "-b:v",
            "500k",
            "-auto-alt-ref",
            "1",
            "-lag-in-frames",
            "16",
            "-cpu-used",
            "4",
        ),
        OPUS,
    ),
    Recipe("vp9_mp4", "mp4", VP9, OPUS),
    Recipe("open_gop_cut_mkv", "mkv", OPEN_GOP, AAC, then=(COPY,), input_options=("-ss", "0.9")),
    Recipe("open_gop_cut_ts", "ts", OPEN_GOP, AAC, then=(COPY,), input_options=("-ss", "0.9")),
    Recipe("open_gop_cut_mp4", "mp4", OPEN_GOP, AAC, then=(COPY,), input_options=("-ss", "0.9")),
    Recipe("mpeg2_open_gop_cut", "mpg", MPEG2, MP2, then=(COPY,), input_options=("-ss", "0.9")),
    Recipe(
        "interlaced_ts",
        "ts",
        (*MPEG2, "-flags", "+ilme+ildct", "-top", "1"),
        MP2,
        fps=Fraction(30000, 1001),
    ),
    Recipe(
        "interlaced_h264", "mp4", (*H264, "-flags", "+ilme+ildct", "-x264-params", "tff=1"), AAC
    ),
    Recipe("adpcm_avi", "avi", MPEG4, ("-c:a", "adpcm_ms"), ("-ar", "22050")),
    Recipe("avi_vbr_mp3", "avi", MPEG4, ("-c:a", "libmp3lame", "-q:a", "5")),
    Recipe(
        "amr_3gp",
        "3gp",
        ("-c:v", "h263", "-s", "128x96", "-b:v", "300k"),
        ("-c:a", "aac", "-ar", "8000"),
    ),
    Recipe("vorbis_mkv", "mkv", MPEG4, VORBIS),  # blocks of two lengths
    Recipe("flac_mkv_44100", "mkv", H264, (*FLAC, "-ar", "44100")),
    Recipe("flv_60_aac_22050", "flv", B_FRAMES, (*AAC, "-ar", "22050"), fps=Fraction(60)),
    Recipe(
        "mp4_fragmented_by_time",
        "mp4",
        B_FRAMES,
        AAC,
        (
            "-movflags",
            "frag_keyframe+empty_moov+default_base_moof+delay_moov",
            "-frag_duration",
            "300000",
        ),
    ),
    Recipe("mp4_negative_cts", "mp4", B_FRAMES, AAC, ("-movflags", "negative_cts_offsets")),
    Recipe("mkv_from_ts", "mkv", B_FRAMES, AAC, then=((*COPY, "-f", "mpegts"),)),
    Recipe("dv_in_mov", "mov", ("-c:v", "mjpeg"), ("-c:a", "alac")),
    Recipe("mxf", "mxf", (*MPEG2, "-bf", "0"), PCM),
    Recipe("nut", "nut", B_FRAMES, PCM),
    Recipe("asf_mp3", "asf", MPEG4, MP3),
    Recipe(  # every second packet is empty: the picture stays
        "ogv_repeated_frames", "ogv", ("-r", "50", "-c:v", "libtheora", "-b:v", "800k"), VORBIS
    ),
    Recipe("rm_one_time_for_all_sound", "rm", ("-c:v", "rv10", "-b:v", "500k"), REAL_144),
    Recipe("gop_of_one_ts", "ts", (*H264, "-g", "1"), AAC),
    Recipe(
        "jittered_flv", "flv", NO_B, AAC, then=((*COPY, "-bsf:a", "setts=ts='PTS+6*mod(N*7,3)'"),)
    ),
    Recipe(
        "drifting_flv", "flv", NO_B, AAC, then=((*COPY, "-bsf:a", "setts=ts='PTS+floor(N/40)'"),)
    ),
]


def without_every_second_time(data: bytes) -> bytes:
    """Return a transport stream in which every second picture carries no time."""
    changed, pictures = bytearray(data), 0
    for at in range(0, len(data) - 187, 188):
        begins, pid = data[at + 1] & 0x40, (data[at + 1] & 0x1F) << 8 | data[at + 2]
        field = data[at + 3] >> 4 & 3
        start = at + 4 + (1 + data[at + 4] if field & 2 else 0)
        if pid != 0x100 or not begins or data[start : start + 3] != b"\0\0\1":
            continue
        pictures += 1
        if pictures % 2 == 0:
            length = data[start + 8]
            changed[start + 7] &= 0x3F
            changed[start + 9 : start + 9 + length] = b"\xff" * length
    return bytes(changed)


def _write_patched(recipe: Recipe, folder: Path) -> Path:
    path = write_clip(recipe, folder)
    path.write_bytes(without_every_second_time(path.read_bytes()))
    return path


Case = tuple[str, Callable[[Path], Path]]
_RECIPES = [*PLAIN, *RATES, *VARIABLE, *LATE, *GAPS, *STAMPS, *CUTS, *STARTS, *ODD]
CASES: list[Case] = [(recipe.name, partial(write_clip, recipe)) for recipe in _RECIPES]
CASES += [
    (
        f"{name}_every_2nd_time",
        partial(_write_patched, Recipe(f"{name}_every_2nd_time", "ts", video)),
    )
    for name, video in (("ts_h264", NO_B), ("ts_h264_b", B_FRAMES), ("ts_mpeg2", MPEG2))
]
QUICK = (
    "mp4",
    "mp4_fragmented",
    "mp4_no_edit_list",
    "mkv",
    "webm",
    "flv",
    "avi_b_frames",
    "ts",
    "vob",
    "ogv",
    "wmv",
    "mp4_vfr",
    "flv_vfr",
    "mkv_late_picture_0.24",
    "ts_late_sound_0.30",
    "mp4_gap_0.5",
    "mkv_gap_0.15",
    "flv_vfr_double_stamps",
    "mkv_cut_0.16",
    "ts_cut_0.9",
    "mkv_starts_at_12.34",
    "ts_wraps",
    "ts_h264_b_every_2nd_time",
    "mkv_240_fps",
    "open_gop_cut_ts",
    "ts_refresh_cut",
    "flv_cut_0.16",
    "every_7th_packet_lost",
    "ogv_repeated_frames",
    "rm_one_time_for_all_sound",
)
