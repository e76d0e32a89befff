import pytest

# librosa imports what Python 3.13 has dropped.
pytestmark = pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated:DeprecationWarning")


def test_transfer_fills_its_tables():
    from benchmarks import transfer

    text = transfer.measure(quick=True)
    for row in (
        "| torch loop | 1 |",
        "| mmsk, photos change |",
        "| mmsk, photos do not change |",
        "| waveform | mmsk |",
    ):
        assert row in text
    assert "| spectrogram | mmsk |" in text
