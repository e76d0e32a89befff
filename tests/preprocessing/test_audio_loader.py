import io
import os
import shutil

import numpy as np
import pytest
import soundfile

from mmsk.encoders import WaveformEncoder
from mmsk.exceptions import BadInputError, UnreadableCellWarning
from mmsk.preprocessing import AudioLoader, MelSpectrogram
from tests.preprocessing.files import make_tone, write_sound

RATE = 8_000


def load(cell, sampling_rate=RATE, **parameters):
    return AudioLoader(sampling_rate, **parameters).fit_transform([cell])[0, 0]


def encoded(samples, sampling_rate=RATE, kind="WAV", **options):
    file = io.BytesIO()
    soundfile.write(file, samples, sampling_rate, format=kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "rf64"])
def test_lossless_files_keep_their_samples(suffix, tmp_path):
    cell = load(write_sound(tmp_path / f"tone.{suffix}", subtype="PCM_16"))
    assert cell.dtype == np.float32 and cell.shape == (4_000,)
    np.testing.assert_allclose(cell, make_tone(), atol=1 / 32768)


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_lossy_files_come_close(suffix, tmp_path):
    cell = load(write_sound(tmp_path / f"tone.{suffix}", sampling_rate=16_000), sampling_rate=16_000)
    spectrum = np.abs(np.fft.rfft(cell))
    assert abs(np.argmax(spectrum) * 16_000 / len(cell) - 440) < 3
    assert abs(np.abs(cell[1000:5000]).max() - 0.5) < 0.05


@pytest.mark.skipif(os.name != "posix", reason="names are text elsewhere")
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_names_that_are_no_utf8(suffix, tmp_path):
    plain = write_sound(tmp_path / f"tone.{suffix}", sampling_rate=16_000)
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9." + suffix.encode())
    try:
        shutil.copy(plain, odd)
    except OSError:
        pytest.skip("this file system takes no such names")
    np.testing.assert_array_equal(load(odd, 16_000), load(plain, 16_000))


def test_every_kind_of_cell_gives_the_same_samples(tmp_path):
    path = tmp_path / "tone.wav"
    write_sound(path, subtype="FLOAT")
    expected = make_tone().astype(np.float32)
    for cell in (path, str(path), path.read_bytes(), make_tone(), expected, expected[np.newaxis]):
        np.testing.assert_array_equal(load(cell), expected)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([-32768, 0, 16384], dtype=np.int16), [-1, 0, 0.5]),
        (np.array([-(2**31), 0, 2**30], dtype=np.int32), [-1, 0, 0.5]),
        (np.array([0, 128, 192], dtype=np.uint8), [-1, 0, 0.5]),
    ],
)
def test_integer_samples_are_scaled(samples, expected):
    assert load(samples).tolist() == expected


def test_files_are_resampled_as_librosa_does(tmp_path):
    librosa = pytest.importorskip("librosa")
    path = write_sound(tmp_path / "tone.wav", seconds=0.7, sampling_rate=44_100)
    samples, rate = soundfile.read(path, dtype="float32")
    np.testing.assert_array_equal(load(path, 16_000), librosa.resample(samples, orig_sr=rate, target_sr=16_000))


def test_resampling_keeps_the_pitch(tmp_path):
    cell = load(write_sound(tmp_path / "tone.wav", seconds=1.0, sampling_rate=11_025), 16_000)
    assert cell.shape == (16_000,)
    assert np.argmax(np.abs(np.fft.rfft(cell))) == 440


def test_length_follows_the_ratio_of_rates():
    # The resampler itself may give one sample more or less.
    for n_samples in range(1, 200, 7):
        cell = load(encoded(make_tone(n_samples / 44_100, sampling_rate=44_100), 44_100), 16_000)
        assert len(cell) == -(-n_samples * 16_000 // 44_100)


def test_fixed_duration_is_exact_where_rates_do_not_divide():
    cells = AudioLoader(8_000, duration=0.1001).fit_transform([encoded(make_tone(sampling_rate=11_025), 11_025), None])
    assert cells[0, 0].shape == (801,)


def test_duration_crops_and_pads():
    samples = np.arange(1, 101, dtype=np.float32) / 100
    start = load(samples, 10, duration=4.0)
    np.testing.assert_array_equal(start, samples[:40])
    centre = load(samples, 10, duration=4.0, position="center")
    np.testing.assert_array_equal(centre, samples[30:70])
    padded = load(samples, 10, duration=12.0, position="center")
    np.testing.assert_array_equal(padded, np.append(samples, np.zeros(20)))


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_files_are_cropped_like_samples(suffix, tmp_path):
    path = write_sound(tmp_path / f"tone.{suffix}", seconds=2.0)
    whole = load(path)
    for position, start in (("start", 0), ("center", 6_000)):
        part = load(path, duration=0.5, position=position)
        np.testing.assert_allclose(part, whole[start : start + 4_000], atol=1e-6)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize("duration", [None, 0.1, 30.0])
def test_int16_cells_are_what_a_file_stores(suffix, duration, tmp_path):
    path = write_sound(tmp_path / f"tone.{suffix}", seconds=20.0, subtype="PCM_16")
    stored = soundfile.read(path, dtype="int16")[0]
    cell = load(path, duration=duration, dtype="int16")
    length = min(len(cell), len(stored))
    assert cell.dtype == np.int16 and len(cell) == (len(stored) if duration is None else RATE * duration)
    np.testing.assert_array_equal(cell[:length], stored[:length])
    assert not cell[length:].any()


def test_int16_cells_are_the_rounded_float_ones(tmp_path):
    stereo = np.stack([make_tone(), make_tone(frequency=880)], axis=1)
    sounds = [
        make_tone(),
        (make_tone() * 32_000).astype(np.int16),
        encoded(make_tone(), subtype="FLOAT"),
        encoded(make_tone(sampling_rate=11_025), 11_025),
        encoded(stereo),
        write_sound(tmp_path / "tone.ogg"),
    ]
    for parameters in ({}, {"duration": 0.3}, {"mono": False}):
        for sound in sounds:
            expected = np.rint(load(sound, **parameters) * 32_768)
            cell = load(sound, dtype="int16", **parameters)
            assert cell.dtype == np.int16 and cell.shape == expected.shape
            np.testing.assert_array_equal(cell, expected)


def test_int16_cells_clip_what_overshoots_and_refuse_what_is_no_sound_from_minus_1_to_1():
    loud = np.array([1.5, -1.5, 1.0, -1.0, 0.25], dtype=np.float32)
    assert load(loud, dtype="int16").tolist() == [32_767, -32_768, 32_767, -32_768, 8_192]
    with pytest.raises(BadInputError, match=r"reach 3 where -1 to 1 was expected.*row 0"):
        load(2 * loud, dtype="int16")
    assert load(2 * loud).max() == 3


def test_features_of_int16_cells_are_those_of_the_file(tmp_path):
    path = write_sound(tmp_path / "tone.wav", subtype="PCM_16")
    features = MelSpectrogram(RATE, n_fft=512, n_mels=24)
    cells = AudioLoader(RATE, dtype="int16").fit_transform([path])
    np.testing.assert_array_equal(features.fit_transform(cells)[0, 0], features.fit_transform([path])[0, 0])


def test_encoders_learn_from_int16_cells_what_they_learn_from_float_ones(tmp_path):
    tones = [write_sound(tmp_path / f"{i}.wav", frequency=440 * (1 + i % 2), subtype="PCM_16") for i in range(8)]
    vectors = []
    for dtype in ("float32", "int16"):
        cells = AudioLoader(RATE, duration=0.2, dtype=dtype).fit_transform([*tones, None])
        encoder = WaveformEncoder(max_epochs=2, random_state=0).fit(cells, [0, 1] * 4 + [0])
        vectors.append(encoder.transform(cells))
    np.testing.assert_allclose(*vectors, rtol=1e-3, atol=1e-4)
    assert np.ptp(vectors[0][:2], axis=0).max() > 0.01


def test_cells_of_fixed_duration_are_views_of_one_block():
    cells = AudioLoader(RATE, duration=0.1).fit_transform([make_tone(), make_tone(0.01), None])[:, 0]
    assert cells[0].base is cells[1].base and cells[0].base.shape == (2, 800) and cells[2] is None


def test_channels_are_averaged_or_kept(tmp_path):
    stereo = np.column_stack([make_tone(), 0.5 * make_tone()])
    sound = encoded(stereo, subtype="FLOAT")
    np.testing.assert_allclose(load(sound), 0.75 * make_tone(), atol=1e-6)
    kept = load(sound, mono=False, duration=1.0)
    assert kept.shape == (2, RATE)
    np.testing.assert_allclose(kept[:, :4_000], stereo.T, atol=1e-6)
    resampled = load(sound, 16_000, mono=False)
    assert resampled.shape == (2, 8_000)


def test_mono_sound_keeps_its_channel_axis_without_mono():
    assert load(make_tone(), mono=False).shape == (1, 4_000)


def test_channels_in_antiphase_are_not_silenced():
    stereo = encoded(np.column_stack([make_tone(), -make_tone()]))
    with pytest.raises(BadInputError, match="cancel each other") as caught:
        load(stereo)
    assert "mono=False" in str(caught.value)
    assert np.abs(load(stereo, mono=False)).max() > 0.4
    assert not load(encoded(np.zeros((100, 2)))).any()


@pytest.mark.parametrize("cell", [encoded(np.zeros(0)), np.zeros(0), np.zeros((2, 0), "int16")])
def test_sound_without_samples(cell):
    for options in ({}, {"duration": 0.1}, {"sampling_rate": 16_000, "mono": False}):
        with pytest.raises(BadInputError, match=r"the sound holds no samples \(row 0"):
            AudioLoader(**{"sampling_rate": 8000, **options}).fit_transform([cell])
    with pytest.warns(UnreadableCellWarning):
        assert AudioLoader(8000, duration=0.1, on_error="missing").fit_transform([cell])[0, 0] is None


# ---- sounds that are not what they seem


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (np.array([0.0, np.nan]), "NaN or infinite"),
        (np.array([0.0, np.inf], dtype=np.float32), "NaN or infinite"),
        (np.array([0.0, 1e300]), "NaN or infinite"),
        (np.zeros((8, 2)), "(channels, T)"),
        (np.zeros((2, 2, 2)), "(channels, T)"),
        (np.array(3.0), "(channels, T)"),
        (np.zeros(5, dtype=np.int64), "how loud"),
        (np.array(["a"]), "how loud"),
        (3.5, "type float"),
        (b"no sound at all", "cannot be decoded"),
        (encoded(np.array([0.0, np.nan]), subtype="FLOAT"), "NaN or infinite"),
        (encoded(np.zeros(9), kind="MAT5"), "format MAT5"),
        (encoded(make_tone(2.0), kind="FLAC")[:-600], "cannot be decoded"),
        ("a dog barks at the sea", "no such file"),
    ],
)
def test_bad_cells_are_refused(cell, words):
    with pytest.raises(BadInputError) as caught:
        load(cell)
    assert words in str(caught.value) and caught.value.row == 0 and caught.value.step == "AudioLoader"


def hostile_files(directory):
    fine = {kind: encoded(make_tone(), kind=kind) for kind in ("WAV", "FLAC", "OGG", "AIFF", "MP3")}
    contents = {
        "missing.wav": None,
        "empty.wav": b"",
        "text.wav": b"this is no sound",
        "text.mp3": b"this is no sound",
        "samples.raw": bytes(200),
        "cut.wav": fine["WAV"][:-100],
        "cut.flac": fine["FLAC"][:-600],
        "cut.ogg": fine["OGG"][:-100],
        "cut.mp3": fine["MP3"][:-400],
        "cut.aiff": fine["AIFF"][:-100],
        "header.wav": fine["WAV"][:30],
    }
    for name, content in contents.items():
        if content is not None:
            (directory / name).write_bytes(content)
    (directory / "folder.wav").mkdir()
    os.mkfifo(directory / "pipe.wav")
    return [str(directory / name) for name in [*contents, "folder.wav", "pipe.wav"]] + ["zero\0byte.wav"]


def test_hostile_files_raise_with_their_place(tmp_path):
    whole = write_sound(tmp_path / "fine.wav")
    for path in hostile_files(tmp_path):
        with pytest.raises(BadInputError) as caught:
            AudioLoader(RATE).fit_transform([whole, path])
        assert caught.value.row == 1 and caught.value.column == 0 and caught.value.value == path
        assert caught.value.step == "AudioLoader" and caught.value.fix


def test_hostile_files_become_missing_with_one_warning(tmp_path):
    whole = write_sound(tmp_path / "fine.wav")
    bad = hostile_files(tmp_path)
    with pytest.warns(UnreadableCellWarning, match=f"{len(bad)} cells") as caught:
        cells = AudioLoader(RATE, on_error="missing").fit_transform([whole, *bad])[:, 0]
    assert len(caught) == 1
    assert [cell is not None for cell in cells] == [True] + [False] * len(bad)


def test_length_is_capped_from_the_header(monkeypatch):
    monkeypatch.setattr("mmsk.preprocessing._sound.MAX_SAMPLES", 1_000)
    sound = encoded(make_tone())
    with pytest.raises(BadInputError, match="at most 1000"):
        load(sound)
    assert load(sound, duration=0.1).shape == (800,)


def test_length_is_capped_before_resampling(monkeypatch):
    monkeypatch.setattr("mmsk.preprocessing._sound.MAX_SAMPLES", 10_000)
    slow = encoded(np.zeros((100, 2)), sampling_rate=1)
    with pytest.raises(BadInputError, match="800000 samples in 2 channels"):
        load(slow, mono=False)
    assert load(slow, duration=0.5).shape == (4_000,)


@pytest.mark.parametrize("parameters", [{"sampling_rate": 0}, {"duration": 0}, {"position": "end"}, {"mono": 2}])
def test_bad_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        AudioLoader(**parameters).fit_transform([make_tone()])


def test_samples_of_another_byte_order():
    samples = np.array([0, 1000, -2000], dtype=">i2")
    native = samples.astype("int16")
    np.testing.assert_array_equal(*(AudioLoader(8_000).fit_transform([cell])[0, 0] for cell in (samples, native)))
