"""MP3 files that do not say how long they are: their frames are counted, as libsndfile guesses from the first few."""

import re
import struct

from mmsk.exceptions import BadInputError

# ISO/IEC 11172-3 and 13818-3, layer III: kilobits a second of MPEG 1, and of MPEG 2 and 2.5.
_BIT_RATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
# Samples a second of MPEG 1.
_RATES = (44_100, 48_000, 32_000)
_SYNC = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")  # a frame of layer III, of MPEG 2.5, 2 or 1
# A frame that states the length stands before the sound. Encoders say how much of the first and last frames is padding.
_TAGS = (b"Xing", b"Info", b"VBRI")
_MOST_PADDING = 4
_BIT_RATE = 5  # its frames have room for a tag at any sampling rate


def with_length(data, n_samples):
    r"""Give an MP3 file a header that states its length, where it has none or one that leaves sound out.

    Parameters
    ----------
    data : bytes
        The file.
    n_samples : int
        Samples of a channel that libsndfile expects in it: what the header states, or a guess from the first frames,
        beyond which it does not read.

    Returns
    -------
    bytes or None
        The same frames behind a header; None where `n_samples` is right, and where the frames do not say how long they
        are.

    Raises
    ------
    BadInputError
        If the header promises more frames than there are: the reader would play the others one after the other.

    Examples
    --------
    >>> from mmsk.preprocessing._mp3 import with_length
    >>> frame = b"\xff\xf3\x40\xc0" + bytes(100)
    >>> len(with_length(10 * frame, 1_000)), with_length(10 * frame, 5_760)
    (1170, None)
    """
    frames = list(_frames(data))
    # Where frames are few among the bytes, they are no frames: the file is of another layer, or states no bit rate.
    if not frames or 2 * sum(end - start for start, end in frames) < len(data) - frames[0][0]:
        return None
    start = frames[0][0]
    header = data[start : start + 4]
    is_mpeg_1 = header[1] & 0b1000 > 0
    samples_of_frame = 1152 if is_mpeg_1 else 576
    tagged = any(data.find(tag, start, start + 64) > 0 for tag in _TAGS)
    promised = _promised(data, start) if tagged else 0
    if len(frames) - tagged < promised:
        raise BadInputError(
            f"the sound is truncated: its header promises {promised} frames and {len(frames) - tagged} are there",
            fix="Fetch the file anew, or blank the cell.",
        )
    there = (len(frames) - tagged) * samples_of_frame
    if there == n_samples or (tagged and there <= n_samples + _MOST_PADDING * samples_of_frame):
        return None
    first = frames[min(tagged, len(frames) - 1)][0]
    return _tag(header, is_mpeg_1, there // samples_of_frame) + data[first:]


def _promised(data, start):
    """Read the number of frames in the header of Xing and LAME; 0 where it states none."""
    position = max(data.find(tag, start, start + 64) for tag in (b"Xing", b"Info"))
    flags, n_frames = struct.unpack_from(">II", data, position + 4) if position > 0 else (0, 0)
    return n_frames if flags & 1 else 0


def _frames(data):
    """Walk over whole frames, from where to where; what stands between them, such as titles, is passed over."""
    position = 0
    if data[:3] == b"ID3" and len(data) > 10:  # a title, its size in seven bits a byte
        position = 10 + sum((byte & 127) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    in_step = False
    while match := _SYNC.match(data, position) if in_step else _SYNC.search(data, position):
        position = match.start()
        length = _frame_length(data[position : position + 4])
        end = position + length
        # Two bytes may look like the start of a frame by chance, but hardly so twice in the distance of a frame.
        in_step = length > 0 and (in_step or end == len(data) or _SYNC.match(data, end) is not None)
        if not in_step:
            position += 1
        elif end > len(data):
            return
        else:
            yield position, end
            position = end
            in_step = _SYNC.match(data, position) is not None


def _frame_length(header):
    if len(header) < 4:
        return 0
    is_mpeg_1, is_mpeg_2 = header[1] & 0b1000 > 0, header[1] & 0b10000 > 0
    bit_rate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if bit_rate in (0, 15) or rate == 3:  # no length is stated, or none of the standard
        return 0
    samples_a_second = _RATES[rate] // (1 if is_mpeg_1 else 2 if is_mpeg_2 else 4)
    kilobits = _BIT_RATES[not is_mpeg_1][bit_rate]
    return (144_000 if is_mpeg_1 else 72_000) * kilobits // samples_a_second + padding


def _tag(header, is_mpeg_1, n_frames):
    """Make the frame that states the length, as the encoders Xing and LAME do."""
    is_mono = header[3] >> 6 == 3
    side = (17 if is_mono else 32) if is_mpeg_1 else (9 if is_mono else 17)
    # No checksum, and the sampling rate and channels of the others.
    start = bytes((header[0], header[1] | 1, _BIT_RATE << 4 | header[2] & 0b1100, header[3]))
    return (start + bytes(side) + b"Xing" + struct.pack(">II", 1, n_frames)).ljust(_frame_length(start), b"\0")
