import io

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from torchvision.transforms import functional as torchvision_functional

from mmsk import ImageLoader
from tests.augmentation.cells import STILL, generator
from tests.preprocessing.files import make_pixels

N = 64


def only(**parameters):
    """An augmentation with nothing but these changes."""
    return clone(STILL["image"]).set_params(**parameters)


def square(n=N, size=40, top=18, left=18, side=4, dtype=torch.uint8):
    photos = torch.zeros(n, 3, size, size, dtype=dtype)
    photos[:, :, top : top + side, left : left + side] = 200
    return photos


def centres(photos):
    """Centre of brightness of each photo, down and across."""
    weights = photos[:, 0].double()
    weights = weights / weights.sum((1, 2), keepdim=True)
    down = (weights.sum(2) * torch.arange(weights.shape[1])).sum(1)
    across = (weights.sum(1) * torch.arange(weights.shape[2])).sum(1)
    return torch.stack([down, across], 1)


def test_a_shift_moves_a_square_by_up_to_its_share():
    photos = square()
    moved = centres(only(shift=0.25, fill="zeros")(photos, generator())) - centres(photos)
    assert moved.abs().max() < 10.1
    for direction in moved.T:
        assert direction.min() < -8
        assert direction.max() > 8
    assert abs(np.corrcoef(moved.T.numpy())[0, 1]) < 0.4  # two draws a row
    sums = only(shift=0.25, fill="zeros")(photos, generator()).double().sum((1, 2, 3))
    torch.testing.assert_close(sums, photos.double().sum((1, 2, 3)), rtol=0.01, atol=0)


@pytest.mark.parametrize("shape", [(40, 40), (30, 60)])
def test_a_rotation_turns_without_bending(shape):
    photos = torch.zeros(N, 1, *shape)
    down, across = shape[0] // 2, shape[1] // 2
    photos[:, :, down - 1 : down + 1, across + 8 : across + 12] = 1.0
    start = torch.tensor([(shape[0] - 1) / 2, (shape[1] - 1) / 2])
    moved = centres(only(rotation=60, fill="zeros")(photos, generator())) - start
    torch.testing.assert_close(moved.norm(dim=1), torch.full((N,), 10.0).double(), atol=0.15, rtol=0)
    angles = torch.atan2(moved[:, 0], moved[:, 1]).rad2deg()
    assert angles.abs().max() < 61
    assert angles.min() < -50
    assert angles.max() > 50


def test_zoom_and_shear_change_what_they_say():
    photos = square(top=14, left=14, side=12, dtype=torch.float32)
    area = only(zoom=0.3, fill="zeros")(photos, generator()).sum((1, 2, 3)) / photos[0].sum()
    assert 0.45 < area.min() < 0.6  # 0.7 squared
    assert 1.5 < area.max() < 1.75  # 1.3 squared
    sheared = only(shear=30, fill="zeros")(photos, generator())
    torch.testing.assert_close(sheared.sum((1, 2, 3)), photos.sum((1, 2, 3)), rtol=0.03, atol=0)
    torch.testing.assert_close(sheared.sum((1, 3)), photos.sum((1, 3)), rtol=0.03, atol=1.0)  # rows stay rows
    slope = centres(sheared[:, :, 14:17])[:, 1] - centres(sheared[:, :, 23:26])[:, 1]
    assert 4.0 < slope.abs().max() < 5.4  # 9 rows, tan(30 degrees) = 0.58


@pytest.mark.parametrize(("parameter", "axis"), [("horizontal_flip", -1), ("vertical_flip", -2)])
def test_half_of_the_rows_are_flipped_exactly(parameter, axis):
    photos = torch.randint(0, 256, (N, 3, 8, 10), dtype=torch.uint8, generator=generator(1))
    changed = only(**{parameter: True})(photos, generator())
    same = (changed == photos).flatten(1).all(1)
    flipped = (changed == photos.flip(axis)).flatten(1).all(1)
    assert (same ^ flipped).all()
    assert 0.3 < flipped.float().mean() < 0.7


def test_a_crop_keeps_its_share_within_the_photo():
    size = 60
    across = torch.arange(size, dtype=torch.float32).repeat(N, 1, size, 1)
    photos = torch.cat([across, across.transpose(2, 3)], 1)
    cropped = only(crop=0.5)(photos, generator())
    assert cropped.min() >= 0.0
    assert cropped.max() <= size - 1
    # What is one pixel apart afterwards was `side / size` pixels apart: the sides of the window follow.
    width = (cropped[:, 0, 30, 40] - cropped[:, 0, 30, 20]) / 20
    height = (cropped[:, 1, 40, 30] - cropped[:, 1, 20, 30]) / 20
    area, ratio = width * height, height / width
    assert 0.5 - 1e-3 < area.min() < 0.56
    assert area.max() < 1.0 + 1e-3
    assert 0.75 - 1e-3 < ratio.min() < 0.9
    assert 1.1 < ratio.max() < 4 / 3 + 1e-3
    middle = cropped[:, :, 29:31, 29:31].mean((2, 3))
    assert middle.std(0).min() > 2.0  # windows lie anywhere


def test_brightness_contrast_and_channels_are_linear():
    photos = torch.randint(60, 180, (N, 3, 8, 8), generator=generator(1)).to(torch.uint8)
    values, flat = photos.double(), photos.double().flatten(1)
    bright = only(brightness=0.4)(photos, generator()).double()
    factor = bright.flatten(1).mean(1) / flat.mean(1)
    torch.testing.assert_close(bright, values * factor.reshape(-1, 1, 1, 1), atol=1.0, rtol=0)
    assert 0.6 - 0.01 < factor.min() < 0.7
    assert 1.3 < factor.max() < 1.4 + 0.01
    contrast = only(contrast=0.4)(photos, generator()).double().flatten(1)
    torch.testing.assert_close(contrast.mean(1), flat.mean(1), atol=0.3, rtol=0)
    spread = contrast.std(1) / flat.std(1)
    assert 0.6 - 0.01 < spread.min() < 0.7
    assert 1.3 < spread.max() < 1.4 + 0.01
    shifted = only(channel_shift=0.2)(photos, generator()).double() - values
    torch.testing.assert_close(shifted, shifted[:, :, :1, :1].expand_as(shifted), atol=1e-9, rtol=0)
    assert 40 < shifted.abs().max() <= 51
    assert (shifted[:, 0, 0, 0] - shifted[:, 1, 0, 0]).abs().max() > 30  # channels differ


def test_integers_keep_to_their_range_and_floats_to_the_rows():
    photos = torch.randint(0, 256, (N, 3, 8, 8), dtype=torch.uint8, generator=generator(1))
    changed = only(brightness=1.0, channel_shift=1.0)(photos, generator())
    assert changed.min() == 0
    assert changed.max() == 255
    floats = photos.float() / 255 - 0.4
    augmentation = only(brightness=1.0, channel_shift=1.0, contrast=1.0, erasing=1.0)
    changed = augmentation(floats, generator()).flatten(1)
    assert (changed.amin(1) >= floats.flatten(1).amin(1)).all()
    assert (changed.amax(1) <= floats.flatten(1).amax(1)).all()


def test_float_photos_change_as_integer_ones():
    photos = torch.randint(0, 256, (N, 3, 16, 16), dtype=torch.uint8, generator=generator(1))
    photos[:, :, 0, 0], photos[:, :, 0, 1] = 0, 255  # so that black and white are the same
    augmentation = only(rotation=20, brightness=0.3, channel_shift=0.1, contrast=0.3)
    integer = augmentation(photos, generator()).double()
    floating = augmentation(photos.double() / 255, generator()) * 255
    torch.testing.assert_close(integer, floating, atol=0.51, rtol=0)


def erased_boxes(before, after):
    changed = (before != after).any(1)
    for row in changed:
        rows, columns = row.any(1).nonzero()[:, 0], row.any(0).nonzero()[:, 0]
        if len(rows):
            yield row[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def test_erasing_fills_a_rectangle_of_its_area_and_ratio():
    photos = torch.full((200, 3, 60, 80), 7, dtype=torch.uint8)
    changed = only(erasing=0.5, erasing_area=(0.1, 0.3), erasing_ratio=(0.5, 2.0), erasing_value=99)(
        photos, generator()
    )
    boxes = list(erased_boxes(photos, changed))
    assert 70 < len(boxes) < 130
    assert all(box.all() for box in boxes)
    area = torch.tensor([box.numel() / (60 * 80) for box in boxes])
    ratio = torch.tensor([box.shape[0] / box.shape[1] for box in boxes])
    assert 0.09 < area.min() < 0.13
    assert 0.27 < area.max() < 0.31
    assert 0.45 < ratio.min() < 0.6
    assert 1.7 < ratio.max() < 2.1
    assert set(changed.unique().tolist()) == {7, 99}
    places = centres((changed != 7)[(changed != 7).any((1, 2, 3))])
    assert places.std(0).min() > 8.0 and (places.mean(0) - torch.tensor([29.5, 39.5])).abs().max() < 5.0


def test_erasing_takes_the_nearest_ratio_that_fits():
    photos = torch.zeros(20, 1, 30, 30)
    changed = only(erasing=1.0, erasing_area=(0.5, 0.5), erasing_ratio=(100.0, 100.0), erasing_value=1.0)(
        photos, generator()
    )
    torch.testing.assert_close(changed.mean((1, 2, 3)), torch.full((20,), 0.5))
    assert (changed.amax(3).sum(2) == 30).all()  # as high as the photo
    everything = only(erasing=1.0, erasing_area=(1.0, 1.0), erasing_value=1.0)(photos, generator())
    assert (everything == 1.0).all()


def test_noise_differs_between_pixels_channels_and_rows():
    photos = torch.full((8, 3, 40, 40), 128, dtype=torch.uint8)
    noise = only(erasing=1.0, erasing_area=(1.0, 1.0))(photos, generator()).float()
    assert abs(noise.mean() - 127.5) < 3
    assert abs(noise.std() - 73.9) < 3
    assert abs(np.corrcoef(noise[:, :2].transpose(0, 1).flatten(1).numpy())[0, 1]) < 0.05
    assert abs(np.corrcoef(noise[:2].flatten(1).numpy())[0, 1]) < 0.05


def test_fill_says_what_comes_from_outside():
    photos = torch.full((N, 1, 20, 20), 100, dtype=torch.uint8)
    photos[:, :, 0] = photos[:, :, -1] = photos[:, :, :, 0] = photos[:, :, :, -1] = 50
    changed = {fill: only(shift=0.4, fill=fill)(photos, generator()) for fill in ("zeros", "border", "reflect")}
    assert changed["zeros"].min() == 0
    assert changed["border"].min() == changed["reflect"].min() == 50
    assert changed["border"].double().mean() < changed["reflect"].double().mean() - 5


def test_all_frames_of_a_video_change_alike():
    frame = torch.randint(0, 256, (N, 1, 3, 16, 16), dtype=torch.uint8, generator=generator(1))
    augmentation = only(rotation=20, shift=0.1, horizontal_flip=True, brightness=0.3, channel_shift=0.2, crop=0.2)
    changed = augmentation(frame.repeat(1, 4, 1, 1, 1), generator())
    assert (changed == changed[:, :1]).all()
    erased = only(erasing=1.0, erasing_value=0)(frame.repeat(1, 4, 1, 1, 1), generator())
    assert (erased == erased[:, :1]).all()


def test_a_turn_agrees_with_torchvision(tmp_path):
    file = io.BytesIO()
    Image.fromarray(make_pixels(48, 64)).save(file, format="JPEG")
    photo = torch.from_numpy(ImageLoader(size=(48, 64)).fit_transform([file.getvalue()])[0, 0])
    changed = only(rotation=30, fill="zeros")(photo[None].float(), generator())[0]
    angle = 30 * float(torch.rand(1, generator=generator())) * 2 - 30
    errors = [
        (
            changed
            - torchvision_functional.rotate(photo.float(), turned, torchvision_functional.InterpolationMode.BILINEAR)
        )
        .abs()
        .mean()
        for turned in (angle, -angle)
    ]
    assert min(errors) < 0.2 < max(errors)
