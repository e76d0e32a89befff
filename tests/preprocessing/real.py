"""Real sounds beside the checkout, where they are; generated tests stand by themselves without them."""

from pathlib import Path

_DATA = Path(__file__).parents[3] / "shared" / "data"


def real_sounds(n_each):
    """A few real WAV files (8 kHz speech) and Ogg files (44.1 kHz sounds), or none."""
    speech = sorted((_DATA / "fsdd").rglob("*.wav"))
    sounds = sorted((_DATA / "esc10").rglob("*.ogg"))
    return [files[i * len(files) // n_each] for files in (speech, sounds) if files for i in range(n_each)]
